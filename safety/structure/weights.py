"""The weights of the sentence model: one small file, read without pickle, same training data same bytes."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from cbtguard.safety.errors import DataError
from cbtguard.safety.structure.layout import SHAPE
from cbtguard.safety.structure.model import Part
from cbtguard.safety.structure.sense import WIDTH as SENSE_WIDTH
from cbtguard.safety.structure.sense import Sense

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from cbtguard.safety.structure.pieces import Grid

HARMS = (
    "diagnosis",
    "drug_advice",
    "cure_promise",
    "blame",
    "belittling",
    "means",
    "romance",
    "human_claim",
    "against_help",
    "bad_advice",
)
"""Defects whose wording is open, so that a model looks for them beside the patterns."""
HEADS = (*(part.value for part in Part), *HARMS)
"""Columns of the table."""
SCRIPTS = ("han", "latin")
"""What an answer is written in; each has thresholds of its own."""
GROUPS = 8
"""How many times the parts' logits stand in the context of a sentence; see
:func:`cbtguard.safety.structure.reading.context`."""
WIDTH = GROUPS * len(Part) + SHAPE + 1
"""Length of the context of a sentence."""
_MASK = np.uint32(2**20 - 1)
_FORMAT = 3
_NET = ("mean", "spread", "inner", "inner_bias", "outer", "outer_bias", "straight", "shift")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Net:
    """Corrects what is thought of a sentence by what stands around it: one hidden layer beside a linear one."""

    mean: NDArray[np.float32]
    """Of the context in training, shape ``(WIDTH,)``."""
    spread: NDArray[np.float32]
    inner: NDArray[np.float32]
    """Shape ``(WIDTH, hidden)``."""
    inner_bias: NDArray[np.float32]
    outer: NDArray[np.float32]
    """Shape ``(hidden, 5)``."""
    outer_bias: NDArray[np.float32]
    straight: NDArray[np.float32]
    """Shape ``(WIDTH, 5)``."""
    shift: NDArray[np.float32]
    """Added to the pooled logit of an answer, shape ``(5,)``."""

    def logits(self, context: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return one logit a part for each sentence, shape ``(sentences, 5)``."""
        seen = (context - self.mean) / self.spread
        hidden = np.tanh(seen @ self.inner + self.inner_bias)
        logits: NDArray[np.float64] = hidden @ self.outer + self.outer_bias + seen @ self.straight
        return logits


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Weights:
    """A linear model over the pieces of a sentence, and a small network over the sentences of an answer."""

    keys: NDArray[np.uint32]
    """Known pieces, ascending, shape ``(n,)``."""
    table: NDArray[np.int8]
    """Weight of each piece for each head, shape ``(n + 1, len(HEADS))``; the last row is zero."""
    scales: NDArray[np.float32]
    biases: NDArray[np.float32]
    net: Net
    sense: Sense
    """What is added to the logits of harm where a sentence is read for sense."""
    thresholds: dict[str, dict[str, float]]
    """For each of ``SCRIPTS``: the logit from which each head speaks."""
    doubts: dict[str, dict[str, float]]
    """For each of ``SCRIPTS`` and ``HARMS``: below which logit of its sense a sentence is harmless though the words
    of a rule stand in it."""
    card: dict[str, Any]
    """What it was trained on and how well it did; for people to read."""
    slots: NDArray[np.int32] = field(init=False)
    """Where the piece is that ends in these bits, shape ``(_MASK + 1,)``; of two such, only one is found."""
    padded: NDArray[np.uint32] = field(init=False)
    """The keys and a last one for the row of zeros."""

    def __post_init__(self) -> None:
        slots = np.full(int(_MASK) + 1, len(self.keys), dtype=np.int32)
        slots[self.keys & _MASK] = np.arange(len(self.keys), dtype=np.int32)
        object.__setattr__(self, "slots", slots)
        object.__setattr__(self, "padded", np.append(self.keys, np.uint32(0)))

    def logits(self, grid: Grid, begins: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return one logit a head for each sentence, shape ``(sentences, len(HEADS))``."""
        if not len(begins) or not len(self.keys):
            return np.tile(self.biases.astype(np.float64), (len(begins), 1))
        places = self.slots[grid & _MASK]
        places[self.padded[places] != grid] = len(self.keys)
        columns = self.table[places].sum(axis=0, dtype=np.int32)
        summed = np.add.reduceat(columns, begins, axis=0)
        held = np.add.reduceat((grid != 0).sum(axis=0), begins)
        logits: NDArray[np.float64] = summed * self.scales / np.sqrt(held)[:, None] + self.biases
        return logits

    def dump(self) -> bytes:
        """Return the file's content."""
        about = {
            "format": _FORMAT,
            "heads": HEADS,
            "thresholds": self.thresholds,
            "doubts": self.doubts,
            "gates": self.sense.gates,
            "words": self.sense.words,
            "card": self.card,
        }
        memory = io.BytesIO()
        np.savez_compressed(
            memory,
            keys=self.keys,
            # Column by column the bytes of one head lie together and pack better.
            table=np.ascontiguousarray(self.table[:-1].T),
            scales=self.scales,
            biases=self.biases,
            sense_table=self.sense.table.astype(np.float16),
            sense_biases=self.sense.biases,
            about=np.frombuffer(
                json.dumps(about, ensure_ascii=False, sort_keys=True).encode(), dtype=np.uint8
            ),
            **{f"net_{name}": getattr(self.net, name) for name in _NET},
        )
        return memory.getvalue()


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
            hint="Install the package again, or train the model with `cbtguard lab structure train`.",
        ) from error
    return weights, hashlib.sha256(content).hexdigest()[:12]


def with_blank(table: NDArray[np.int8]) -> NDArray[np.int8]:
    """Return a table with a last row of zeros, which unknown pieces point to."""
    return np.vstack([table, np.zeros((1, table.shape[1]), dtype=np.int8)])


def _parse(content: bytes) -> Weights:
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
        about = json.loads(file["about"].tobytes())
        weights = Weights(
            keys=file["keys"],
            table=with_blank(file["table"].T),
            scales=file["scales"],
            biases=file["biases"],
            net=Net(**{name: file[f"net_{name}"] for name in _NET}),
            sense=Sense(
                table=file["sense_table"].astype(np.float32),
                biases=file["sense_biases"],
                gates={script: float(about["gates"][script]) for script in SCRIPTS},
                words={script: float(about["words"][script]) for script in SCRIPTS},
            ),
            thresholds={
                script: {head: float(about["thresholds"][script][head]) for head in HEADS}
                for script in SCRIPTS
            },
            doubts={
                script: {code: float(about["doubts"][script][code]) for code in HARMS} for script in SCRIPTS
            },
            card=dict(about["card"]),
        )
    if about["format"] != _FORMAT or tuple(about["heads"]) != HEADS:
        raise ValueError("another format")
    if weights.keys.dtype != np.dtype(np.uint32) or weights.table.dtype != np.dtype(np.int8):
        raise ValueError("another number format")
    net = weights.net
    hidden = len(net.inner_bias)
    shapes = {
        "table": (weights.table.shape, (len(weights.keys) + 1, len(HEADS))),
        "scales": (weights.scales.shape, (len(HEADS),)),
        "biases": (weights.biases.shape, (len(HEADS),)),
        "mean": (net.mean.shape, (WIDTH,)),
        "spread": (net.spread.shape, (WIDTH,)),
        "inner": (net.inner.shape, (WIDTH, hidden)),
        "outer": (net.outer.shape, (hidden, len(Part))),
        "outer_bias": (net.outer_bias.shape, (len(Part),)),
        "straight": (net.straight.shape, (WIDTH, len(Part))),
        "shift": (net.shift.shape, (len(Part),)),
        "sense_table": (weights.sense.table.shape, (SENSE_WIDTH, len(HARMS))),
        "sense_biases": (weights.sense.biases.shape, (len(HARMS),)),
    }
    for name, (found, wanted) in shapes.items():
        if found != wanted:
            raise ValueError(f"{name} does not fit")
    sense = weights.sense
    numbers = [
        weights.scales,
        weights.biases,
        *(getattr(net, name) for name in _NET),
        sense.table,
        sense.biases,
    ]
    if not all(np.isfinite(array).all() for array in numbers) or not (net.spread > 0).all():
        raise ValueError("a weight is not a number")
    if len(weights.keys) > 1 and not (weights.keys[1:] > weights.keys[:-1]).all():
        raise ValueError("the pieces are not in order")
    return weights
