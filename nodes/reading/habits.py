"""Thinking habits, learned from sentences written for them: how strongly a text shows each."""

from __future__ import annotations

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

if TYPE_CHECKING:
    from collections.abc import Collection

    from numpy.typing import NDArray

MODEL = Path(__file__).parent / "data" / "habits.npz"
"""Written by ``cbtguard lab distortions train``."""
_FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Habits:
    """A linear model over the pieces of a text, the patterns that matched and half-way states of the encoder.

    Attributes:
        labels: The distortions, in the order of the outputs.
        keys: Known pieces, ascending, shape ``(n,)``.
        table: Weight of each piece for each label, 8 bit, shape ``(n, labels)``; times ``scales``.
        scales: Shape ``(labels,)``.
        patterns: What it adds to each label (column) that a label's own pattern matched (row).
        states: Weight of each dimension of the mean state, shape ``(labels, dimensions)``.
        centre: Taken off a mean state first.
        spread: A mean state is then divided by it.
        biases: Shape ``(labels,)``.
        thresholds: Logit from which a text is said to show the label, shape ``(2, labels)``: where the encoder
            read it, and where it did not.
    """

    labels: tuple[str, ...]
    keys: NDArray[np.uint32]
    table: NDArray[np.int8]
    scales: NDArray[np.float32]
    patterns: NDArray[np.float32]
    states: NDArray[np.float32]
    centre: NDArray[np.float32]
    spread: NDArray[np.float32]
    biases: NDArray[np.float32]
    thresholds: NDArray[np.float32]

    def margins(
        self, found: NDArray[np.uint32], matched: Collection[str], state: NDArray[np.float32] | None
    ) -> NDArray[np.float64]:
        """Return, for each label, how far its logit lies above its threshold, shape ``(labels,)``.

        Args:
            found: The pieces of the text.
            matched: Labels whose pattern matched.
            state: The mean half-way state of the text; None for a text that the encoder did not read.
        """
        logits: NDArray[np.float64] = (
            self.biases + self.pieces(found) - self.thresholds[0 if state is not None else 1]
        )
        for label in matched:
            if label in self.labels:
                logits += self.patterns[self.labels.index(label)]
        if state is not None:
            moved = (state - self.centre) / self.spread
            logits += self.states @ (moved / max(float(np.linalg.norm(moved)), 1e-9))
        return logits

    def pieces(self, found: NDArray[np.uint32]) -> NDArray[np.float64]:
        """Return what the pieces of a text add to each label, shape ``(labels,)``."""
        if not len(found):
            return np.zeros(len(self.labels))
        places = np.searchsorted(self.keys, found)
        places[places == len(self.keys)] = 0
        known = places[self.keys[places] == found]
        total: NDArray[np.float64] = self.table[known].sum(axis=0, dtype=np.int64) * self.scales
        total /= len(found) ** 0.5
        return total

    def dump(self) -> bytes:
        """Return the file's content; the same numbers give the same bytes."""
        memory = io.BytesIO()
        about = json.dumps({"format": _FORMAT, "labels": self.labels}, sort_keys=True)
        np.savez_compressed(
            memory,
            about=np.frombuffer(about.encode(), np.uint8),
            keys=self.keys,
            table=np.ascontiguousarray(self.table.T),
            scales=self.scales,
            patterns=self.patterns,
            states=self.states.astype(np.float16),
            centre=self.centre.astype(np.float16),
            spread=self.spread.astype(np.float16),
            biases=self.biases,
            thresholds=self.thresholds,
        )
        return memory.getvalue()


@cache
def habits(path: Path = MODEL) -> Habits:
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
            hint="Install the package again, or train it with `cbtguard lab distortions train`.",
        ) from error


def _parse(content: bytes) -> Habits:
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
        about: dict[str, Any] = json.loads(file["about"].tobytes())
        made = Habits(
            labels=tuple(str(label) for label in about["labels"]),
            keys=file["keys"],
            table=np.ascontiguousarray(file["table"].T),
            scales=file["scales"],
            patterns=file["patterns"],
            states=file["states"].astype(np.float32),
            centre=file["centre"].astype(np.float32),
            spread=file["spread"].astype(np.float32),
            biases=file["biases"],
            thresholds=file["thresholds"],
        )
    count = len(made.labels)
    shapes = (
        made.table.shape[1],
        *made.scales.shape,
        *made.patterns.shape,
        made.states.shape[0],
        *made.biases.shape,
        *made.thresholds.shape[1:],
    )
    if about["format"] != _FORMAT or any(size != count for size in shapes):
        raise ValueError("the parts do not fit together")
    if len(made.keys) != len(made.table) or not np.isfinite(made.states).all() or len(made.thresholds) != 2:
        raise ValueError("weights")
    return made
