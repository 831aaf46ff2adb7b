"""The weights of the learned detector: one small file, read without pickle, same data same bytes."""

from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from cbtguard.safety.errors import DataError
from cbtguard.safety.risk.features import pieces
from cbtguard.safety.risk.model import Kind

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

LEVEL_HEADS = ("crisis", "watch", "emergency")
OTHER_HEAD = "other"
HEADS = (*LEVEL_HEADS, *(kind.value for kind in Kind), OTHER_HEAD)
"""Columns of the table: how grave, what about, and whether somebody else is in danger."""
THRESHOLDS = ("crisis", "crisis_softened", "crisis_hinted", "watch", "watch_softened", "emergency")
"""Probabilities from which the detectors speak; see :mod:`cbtguard.safety.risk.fusion`."""
ALONE = (1.0, 0.0, 0.0)
"""A mix in which the reading model has no say."""
READ_FOR_SENSE = frozenset({"latin"})
"""Scripts for which the reading model is asked. In Chinese it gained a point of recall on unseen lines and cost
four fifths of the time; in English it gained sixteen."""
SCRIPTS = ("han", "latin")
"""What a text is written in; each has thresholds of its own, since the model knows one better than the other."""
_FORMAT = 2
_HAN = re.compile(r"[\u3400-\u9fff]")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Weights:
    """A linear model over the pieces of :func:`cbtguard.safety.risk.features.pieces`."""

    keys: NDArray[np.uint32]
    """Known pieces, ascending, shape ``(n,)``."""
    table: NDArray[np.int8]
    """Weight of each piece for each head, shape ``(n, len(HEADS))``; times ``scales``."""
    scales: NDArray[np.float32]
    biases: NDArray[np.float32]
    thresholds: dict[str, dict[str, float]]
    """For each of ``SCRIPTS``, probabilities, one for each of ``THRESHOLDS``."""
    window_cost: float
    """Taken off the logit of a window of a longer text: many windows are many chances to err."""
    mix: dict[str, dict[str, tuple[float, float, float]]]
    """For each of ``SCRIPTS`` and ``LEVEL_HEADS``: what the logits of this model and of the reading model
    weigh in a calibrated probability, and what is added to their sum."""
    card: dict[str, Any]
    """What it was trained on and how well it did; for people to read."""

    def logits(self, text: str) -> NDArray[np.float64]:
        """Return one logit a head, in the order of ``HEADS``, for a normalised text."""
        found = pieces(text)
        if not len(found) or not len(self.keys):
            return self.biases.astype(np.float64)
        places = np.searchsorted(self.keys, found)
        places[places == len(self.keys)] = 0
        known = places[self.keys[places] == found]
        summed = self.table[known].sum(axis=0, dtype=np.int64)
        logits: NDArray[np.float64] = (
            summed * self.scales.astype(np.float64) / len(found) ** 0.5 + self.biases
        )
        return logits

    def dump(self) -> bytes:
        """Return the file's content."""
        about = {
            "format": _FORMAT,
            "heads": HEADS,
            "thresholds": self.thresholds,
            "window_cost": self.window_cost,
            "mix": self.mix,
            "card": self.card,
        }
        memory = io.BytesIO()
        np.savez_compressed(
            memory,
            keys=self.keys,
            # Column by column the bytes of one head lie together and pack better.
            table=np.ascontiguousarray(self.table.T),
            scales=self.scales,
            biases=self.biases,
            about=np.frombuffer(
                json.dumps(about, ensure_ascii=False, sort_keys=True).encode(), dtype=np.uint8
            ),
        )
        return memory.getvalue()


def script_of(text: str) -> str:
    """Return which of ``SCRIPTS`` a normalised text is read as: Han when it holds any Han character."""
    return "han" if _HAN.search(text) else "latin"


def load(path: Path) -> tuple[Weights, str]:
    """Return the weights in a file and the hash of the file (12 hex digits).

    Raises:
        DataError: ``data.unreadable`` when the file cannot be opened, ``data.malformed`` when it is not what
            :meth:`Weights.dump` writes.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(
            "data.unreadable",
            f"The model file {path} cannot be read ({type(error).__name__}).",
            hint="Check the path and its permissions, or install the package again.",
        ) from error
    try:
        weights = _parse(content)
    except (ValueError, KeyError, TypeError, EOFError, OSError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(
            "data.malformed",
            f"The model file {path.name} is damaged or of another release ({type(error).__name__}).",
            hint="Install the package again, or train the model with `python -m cbtguard.lab.risk.train`.",
        ) from error
    return weights, hashlib.sha256(content).hexdigest()[:12]


def _three(numbers: Any) -> tuple[float, float, float]:
    own, other, shift = (float(number) for number in numbers)
    return own, other, shift


def _parse(content: bytes) -> Weights:
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
        about = json.loads(file["about"].tobytes())
        weights = Weights(
            keys=file["keys"],
            table=np.ascontiguousarray(file["table"].T),
            scales=file["scales"],
            biases=file["biases"],
            thresholds={
                script: {name: float(about["thresholds"][script][name]) for name in THRESHOLDS}
                for script in SCRIPTS
            },
            window_cost=float(about["window_cost"]),
            mix={
                script: {head: _three(about["mix"][script][head]) for head in LEVEL_HEADS}
                for script in SCRIPTS
            },
            card=dict(about["card"]),
        )
    if about["format"] != _FORMAT or tuple(about["heads"]) != HEADS:
        raise ValueError("another format")
    if weights.keys.dtype != np.dtype(np.uint32) or weights.table.dtype != np.dtype(np.int8):
        raise ValueError("another number format")
    size = (len(weights.keys), len(HEADS))
    if weights.table.shape != size or weights.scales.shape != size[1:] or weights.biases.shape != size[1:]:
        raise ValueError("the parts do not fit together")
    if not (np.isfinite(weights.scales).all() and np.isfinite(weights.biases).all()):
        raise ValueError("a weight is not a number")
    if len(weights.keys) > 1 and not (weights.keys[1:] > weights.keys[:-1]).all():
        raise ValueError("the pieces are not in order")
    return weights
