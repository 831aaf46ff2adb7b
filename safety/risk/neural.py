"""The reading model: half of the text encoder and one layer trained on danger, for what is said sideways."""

from __future__ import annotations

import io
import json
import re
import zipfile
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from cbtguard.safety.e5.engine import DIMENSIONS, GRAPHS, Layers, engine, quantised, smoothing
from cbtguard.safety.errors import DataError
from cbtguard.safety.risk.weights import HEADS, LEVEL_HEADS
from cbtguard.safety.text import sentences

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from cbtguard.safety.e5.engine import Engine

PREFIX = "query: "
"""What the encoder was trained to see before a question."""
_SENTENCE_COST = 0.5
"""Taken off the logit of a sentence of a longer text: many sentences are many chances to err."""
_FEWEST_TOKENS = 4
"""Of a sentence that is judged by itself."""
_POINTS = re.compile(r"[.,;:…]+(?=\s|$)|(?<=\s)[-\u2013\u2014]+(?=\s)")
_SPACES = re.compile(r"\s+")
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
        """Return one logit a head for each normalised text, shape ``(len(texts), len(HEADS))``.

        A text of several sentences is judged as a whole and sentence by sentence; the gravest counts.
        """
        plain = [unpointed(text) for text in texts]
        out = np.full((len(texts), len(HEADS)), -np.inf)
        for owners, states, mask in self._encoder.halfway([PREFIX + text for text in plain]):
            seen = self._layer.run(states, mask)
            np.maximum.at(out, owners, self._judged(seen, mask))
            for row, owner in enumerate(owners.tolist()):
                masks = self._sentence_masks(texts[owner], int(mask[row].sum()), mask.shape[1])
                if len(masks):
                    parts = self._judged(np.broadcast_to(seen[row], (len(masks), *seen[row].shape)), masks)
                    parts[:, : len(LEVEL_HEADS)] -= _SENTENCE_COST
                    grave = parts[int(parts[:, 0].argmax())]
                    if grave[0] > out[owner, 0]:
                        out[owner, len(LEVEL_HEADS) :] = grave[len(LEVEL_HEADS) :]
                    levels = slice(0, len(LEVEL_HEADS))
                    out[owner, levels] = np.maximum(out[owner, levels], parts[:, levels].max(axis=0))
        return out

    def _judged(self, states: Any, mask: Any) -> NDArray[np.float64]:
        values: NDArray[np.float64] = (pooled(states, mask) @ self._heads.T + self._biases).astype(np.float64)
        return values

    def _sentence_masks(self, text: str, tokens: int, width: int) -> NDArray[np.int32]:
        """Return which tokens belong to which sentence, shape ``(sentences, width)``; none for a single one."""
        spans = sentences(text)
        if len(spans) < 2:
            return np.zeros((0, width), np.int32)
        held = [len(self._encoder.ids(unpointed(text[span.start : span.end]))) for span in spans]
        first = tokens - 1 - sum(held)
        # The mark of the start, the prefix, the sentences, the mark of the end: else it was read in pieces.
        if first != 1 + len(self._encoder.ids(PREFIX.strip())):
            return np.zeros((0, width), np.int32)
        masks = np.zeros((len(spans), width), np.int32)
        for row, (count, end) in enumerate(zip(held, np.cumsum(held), strict=True)):
            masks[row, first + end - count : first + end] = 1
        return masks[np.array(held) >= _FEWEST_TOKENS]


def unpointed(text: str) -> str:
    """Return a text without stops and commas: how somebody points says nothing of danger."""
    return _SPACES.sub(" ", _POINTS.sub(" ", text)).strip()


def pooled(states: Any, mask: Any) -> Any:
    """Return mean and maximum of the token states side by side, shape ``(texts, 768)``."""
    weight = mask[..., None]
    mean = (states * weight).sum(axis=1) / weight.sum(axis=1)
    highest = np.where(weight > 0, states, -1e4).max(axis=1)
    return np.concatenate([mean, highest], axis=1)
