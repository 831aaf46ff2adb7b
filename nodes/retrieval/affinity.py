"""Affinity: how well each shipped note fits a question, learned from questions written for the notes."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
import zlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cbtguard.safety.errors import DataError
from cbtguard.safety.risk.features import pieces

if TYPE_CHECKING:
    from numpy.typing import NDArray

MODEL = Path(__file__).parent / "data" / "affinity.npz"
"""Written by ``cbtguard lab notes train``."""
_FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Affinity:
    """A linear model over the pieces of a question and its vector, one output a note.

    Attributes:
        ids: The notes, in the order of the outputs.
        encoder: Name of the encoder whose vectors it was trained on.
        keys: Known pieces, ascending, shape ``(n,)``.
        table: Weight of each piece for each note, 8 bit, shape ``(n, notes)``; times ``scales``.
        scales: Shape ``(notes,)``.
        vectors: Weight of each dimension of the centred vector, shape ``(notes, dimensions)``.
        centre: Taken off a vector first.
        biases: Shape ``(notes,)``.
    """

    ids: tuple[str, ...]
    encoder: str
    keys: NDArray[np.uint32]
    table: NDArray[np.int8]
    scales: NDArray[np.float32]
    vectors: NDArray[np.float32]
    centre: NDArray[np.float32]
    biases: NDArray[np.float32]

    def probabilities(self, text: str, vector: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return, for each note, how probable it is that it fits, shape ``(notes,)``.

        Args:
            text: The question, normalised.
            vector: Its vector, of unit length, not centred.
        """
        logits = self.biases.astype(np.float64)
        found = pieces(text)
        if len(found) and len(self.keys):
            places = np.searchsorted(self.keys, found)
            places[places == len(self.keys)] = 0
            known = places[self.keys[places] == found]
            logits += self.table[known].sum(axis=0, dtype=np.int64) * self.scales / len(found) ** 0.5
        moved = vector - self.centre
        moved /= max(float(np.linalg.norm(moved)), 1e-9)
        # einsum stays off BLAS, whose threads would fight with those of the flow for the cores.
        logits += np.einsum("ij,j->i", self.vectors, moved)
        chances: NDArray[np.float64] = 1 / (1 + np.exp(-np.clip(logits, -40, 40)))
        return chances

    def dump(self) -> bytes:
        """Return the file's content; the same numbers give the same bytes."""
        memory = io.BytesIO()
        about = json.dumps({"format": _FORMAT, "ids": self.ids, "encoder": self.encoder}, sort_keys=True)
        np.savez_compressed(
            memory,
            about=np.frombuffer(about.encode(), np.uint8),
            keys=self.keys,
            table=np.ascontiguousarray(self.table.T),
            scales=self.scales,
            vectors=self.vectors.astype(np.float16),
            centre=self.centre,
            biases=self.biases,
        )
        return memory.getvalue()


@cache
def affinity(path: Path = MODEL) -> Affinity:
    """Return the model in a file.

    Raises:
        DataError: ``data.unreadable`` or ``data.malformed``.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(
            "data.unreadable",
            f"The model file {path.name} cannot be read ({type(error).__name__}).",
            hint="Install the package again.",
        ) from error
    try:
        return _parse(content)
    except (ValueError, KeyError, TypeError, EOFError, OSError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(
            "data.malformed",
            f"The model file {path.name} is damaged or of another release ({type(error).__name__}).",
            hint="Install the package again, or train it with `cbtguard lab notes train`.",
        ) from error


def version(path: Path = MODEL) -> str:
    """Return the hash of the model file, 12 hex digits; empty when there is none."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12] if path.is_file() else ""


def _parse(content: bytes) -> Affinity:
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
        about: dict[str, Any] = json.loads(file["about"].tobytes())
        made = Affinity(
            ids=tuple(str(name) for name in about["ids"]),
            encoder=str(about["encoder"]),
            keys=file["keys"],
            table=np.ascontiguousarray(file["table"].T),
            scales=file["scales"],
            vectors=file["vectors"].astype(np.float32),
            centre=file["centre"],
            biases=file["biases"],
        )
    notes = len(made.ids)
    shapes = (made.table.shape[1], *made.scales.shape, made.vectors.shape[0], *made.biases.shape)
    if about["format"] != _FORMAT or any(size != notes for size in shapes):
        raise ValueError("the parts do not fit together")
    if len(made.keys) != len(made.table) or not np.isfinite(made.vectors).all():
        raise ValueError("weights")
    return made
