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

from cbtguard.nodes.retrieval.grams import grams
from cbtguard.safety.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

MODEL = Path(__file__).parent / "data" / "affinity.npz"
"""Written by ``cbtguard lab notes train``."""
_FORMAT = 2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Affinity:
    """A linear model over the words of a question and its half-way state, one output a note and one for none.

    Attributes:
        ids: The notes, in the order of the outputs; the last output says that none fits.
        encoder: Name of the encoder whose states it was trained on.
        keys: Known runs of words, ascending, shape ``(n,)``.
        table: Weight of each run for each output, 8 bit, shape ``(n, notes + 1)``; times ``scales``.
        scales: Shape ``(notes + 1,)``.
        states: Weight of each dimension of the mean state, shape ``(notes + 1, dimensions)``.
        centre: Taken off a state first.
        spread: A state is then divided by it, and made of unit length.
        slopes: What turns the outputs for a note, and the one for none, into a logit, shape ``(2,)``.
        biases: Added to those, shape ``(2,)``.
    """

    ids: tuple[str, ...]
    encoder: str
    keys: NDArray[np.uint32]
    table: NDArray[np.int8]
    scales: NDArray[np.float32]
    states: NDArray[np.float32]
    centre: NDArray[np.float32]
    spread: NDArray[np.float32]
    slopes: NDArray[np.float32]
    biases: NDArray[np.float32]

    def outputs(self, text: str, state: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the outputs, shape ``(notes + 1,)``: about 1 for a note that fits, 0 for another.

        Args:
            text: The question, normalised.
            state: Its mean half-way state.
        """
        moved = (state - self.centre) / self.spread
        moved /= max(float(np.linalg.norm(moved)), 1e-9)
        # einsum stays off BLAS, whose threads would fight with those of the flow for the cores.
        total: NDArray[np.float64] = np.einsum("ij,j->i", self.states, moved).astype(np.float64)
        found = grams(text)
        if len(found) and len(self.keys):
            places = np.searchsorted(self.keys, found)
            places[places == len(self.keys)] = 0
            known = places[self.keys[places] == found]
            total += self.table[known].sum(axis=0, dtype=np.int64) * self.scales / len(found) ** 0.5
        return total

    def probabilities(self, text: str, state: NDArray[np.float32]) -> tuple[NDArray[np.float64], float]:
        """Return how probable it is that each note fits, shape ``(notes,)``, and that none does.

        Args:
            text: The question, normalised.
            state: Its mean half-way state.
        """
        outputs = self.outputs(text, state)
        logits = np.append(
            outputs[:-1] * self.slopes[0] + self.biases[0], outputs[-1] * self.slopes[1] + self.biases[1]
        )
        chances: NDArray[np.float64] = 1 / (1 + np.exp(-np.clip(logits, -40, 40)))
        return chances[:-1], float(chances[-1])

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
            states=self.states.astype(np.float16),
            centre=self.centre,
            spread=self.spread,
            slopes=self.slopes,
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
            states=file["states"].astype(np.float32),
            centre=file["centre"],
            spread=file["spread"],
            slopes=file["slopes"],
            biases=file["biases"],
        )
    outputs = len(made.ids) + 1
    shapes = (made.table.shape[1], *made.scales.shape, made.states.shape[0])
    if about["format"] != _FORMAT or any(size != outputs for size in shapes):
        raise ValueError("the parts do not fit together")
    if len(made.keys) != len(made.table) or made.slopes.shape != (2,) or made.biases.shape != (2,):
        raise ValueError("the parts do not fit together")
    if not np.isfinite(made.states).all() or not (made.spread > 0).all():
        raise ValueError("weights")
    return made
