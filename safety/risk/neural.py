"""The reading model: half of the text encoder and one layer trained on danger, for what is said sideways."""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from cbtguard.safety.e5.engine import DIMENSIONS, GRAPHS, Layers, engine, quantised, smoothing
from cbtguard.safety.errors import DataError
from cbtguard.safety.risk.weights import HEADS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from cbtguard.safety.e5.engine import Engine

PREFIX = "query: "
"""What the encoder was trained to see before a question."""
_FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tuned:
    """The trained layer and its heads, as the model file holds them.

    Attributes:
        layer: Number of the encoder's layer it was trained from; its states are those of the layers before.
        matrices: 16-bit matrices by short name (``q.w``...), shape ``(rows, columns)``.
        vectors: 16-bit vectors by short name.
        heads: From mean and maximum of the token states to a logit a head; float32,
            shape ``(len(HEADS), 768)``.
        biases: Shape ``(len(HEADS),)``.
    """

    layer: int
    matrices: Mapping[str, NDArray[np.float16]]
    vectors: Mapping[str, NDArray[np.float16]]
    heads: NDArray[np.float32]
    biases: NDArray[np.float32]

    def matrix(self, name: str, columns: int) -> NDArray[np.float32]:
        """Return a matrix of the layer by its name in the encoder, such as ``l6.q.w``."""
        del columns
        return self.matrices[name.partition(".")[2]].astype(np.float32)

    def vector(self, name: str) -> NDArray[np.float32]:
        """Return a vector of the layer by its name in the encoder."""
        return self.vectors[name.partition(".")[2]].astype(np.float32)

    def dump(self) -> bytes:
        """Return the file's content; the same numbers give the same bytes."""
        memory = io.BytesIO()
        about = json.dumps({"format": _FORMAT, "layer": self.layer, "heads": HEADS}, sort_keys=True)
        arrays: dict[str, Any] = {
            "about": np.frombuffer(about.encode(), np.uint8),
            "heads": self.heads,
            "biases": self.biases,
            **{f"m.{name}": value for name, value in self.matrices.items()},
            **{f"v.{name}": value for name, value in self.vectors.items()},
        }
        np.savez_compressed(memory, **arrays)
        return memory.getvalue()


def parse(content: bytes) -> Tuned:
    """Return what :meth:`Tuned.dump` wrote.

    Raises:
        DataError: ``data.malformed``.
    """
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            about = json.loads(file["about"].tobytes())
            tuned = Tuned(
                layer=int(about["layer"]),
                matrices={name[2:]: file[name] for name in file.files if name.startswith("m.")},
                vectors={name[2:]: file[name] for name in file.files if name.startswith("v.")},
                heads=file["heads"],
                biases=file["biases"],
            )
        _hold(about, tuned)
    except (ValueError, KeyError, TypeError, EOFError, OSError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(
            "data.malformed",
            f"The reading model is damaged or of another release ({type(error).__name__}).",
            hint="Install the package again, or train it with `cbtguard lab risk train`.",
        ) from error
    return tuned


def _hold(about: Mapping[str, Any], tuned: Tuned) -> None:
    if about["format"] != _FORMAT or tuple(about["heads"]) != HEADS:
        raise ValueError("another format")
    if tuned.heads.shape != (len(HEADS), 2 * DIMENSIONS) or not np.isfinite(tuned.heads).all():
        raise ValueError("heads")


class Reader:
    """Gives logits for texts. Thread-safe; about 0.15 ms a token on one core.

    Args:
        tuned: The trained layer.
        encoder: The engine below it; None for the installed one.

    Raises:
        DependencyError: ``dependency.encoder`` when the encoder is not installed.
    """

    def __init__(self, tuned: Tuned, encoder: Engine | None = None) -> None:
        self._encoder = encoder or engine()
        named = quantised(tuned, smoothing(), tuned.layer, 1)
        self._layer = Layers(GRAPHS[1], named)
        self._heads, self._biases = tuned.heads, tuned.biases

    def logits(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Return one logit a head for each normalised text, shape ``(len(texts), len(HEADS))``."""
        out = np.full((len(texts), len(HEADS)), -np.inf)
        for owners, states, mask in self._encoder.halfway([PREFIX + text for text in texts]):
            values = pooled(self._layer.run(states, mask), mask) @ self._heads.T + self._biases
            # A long text comes in several pieces; the gravest counts.
            np.maximum.at(out, owners, values.astype(np.float64))
        return out


def pooled(states: Any, mask: Any) -> Any:
    """Return mean and maximum of the token states side by side, shape ``(texts, 768)``."""
    weight = mask[..., None]
    mean = (states * weight).sum(axis=1) / weight.sum(axis=1)
    highest = np.where(weight > 0, states, -1e4).max(axis=1)
    return np.concatenate([mean, highest], axis=1)
