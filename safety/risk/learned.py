"""The learned detector: a linear model that knows the wording of danger where no rule fits."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cbtguard.safety.errors import DataError
from cbtguard.safety.files import read_yaml
from cbtguard.safety.risk import weights as weights_file
from cbtguard.safety.risk.features import passages, windows
from cbtguard.safety.risk.model import Kind, Level, Signal, Subject
from cbtguard.safety.risk.neural import Reader, parse
from cbtguard.safety.risk.normalise import Normalised, normalise
from cbtguard.safety.risk.verdict import verdict
from cbtguard.safety.risk.weights import HEADS, LEVEL_HEADS, OTHER_HEAD, READ_FOR_SENSE, Weights, script_of
from cbtguard.safety.text import sentences

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from cbtguard.safety.risk.model import PastTurn, Risk

DATA = Path(__file__).parent / "data"
MODEL = DATA / "model.npz"
SENSE = "reader.npz"
"""Name of the reading model's file, beside the weights."""
_FEWEST_WORDS = 3
"""Words a text must have to be read for sense; what a settled idiom leaves over often has fewer."""
_SENTENCE_COST = 0.5
"""Taken off the logits of a sentence of a longer text that is read by itself."""
_SECOND_KIND = 0.5
"""Probability from which a second kind is named too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What the model makes of one text. Probabilities of the gravest window, 0 to 1."""

    crisis: float
    watch: float
    emergency: float
    kinds: tuple[tuple[Kind, float], ...]
    """Most probable first; meaningful when there is danger at all."""
    other: float
    """That somebody else than the writer is in danger."""
    start: int
    """The gravest window, in the normalised text."""
    end: int


class LearnedDetector:
    """A linear model over short pieces of text and, beside it for Latin script, a small encoder read for sense.

    Under a millisecond for a Chinese sentence, some four for an English one, on one core.

    Args:
        path: Model file; None for the one that is shipped.

    Raises:
        DataError: ``data.unreadable`` or ``data.malformed``.
    """

    name = "learned"

    def __init__(self, path: Path | None = None) -> None:
        self._weights, digest = _load(path or MODEL)
        self._reader, sense = _reader((path or MODEL).with_name(SENSE))
        self.version = f"learned-{digest}{sense}"

    def thresholds(self, plain: Normalised) -> dict[str, float]:
        """Return the probabilities from which the model speaks, by name, for a text in this script."""
        return dict(self._weights.thresholds[script_of(plain.text)])

    @property
    def card(self) -> dict[str, object]:
        """What the model was trained on and how well it did."""
        return dict(self._weights.card)

    def assess(self, text: str, *, history: Sequence[PastTurn] = ()) -> Risk:
        """Return the model's own verdict; see :class:`cbtguard.safety.risk.model.RiskDetector`."""
        plain = normalise(text)
        reading = self.read(plain)
        thresholds = self.thresholds(plain)
        level = Level.NONE
        if reading.crisis >= thresholds["crisis"]:
            level = Level.EMERGENCY if reading.emergency >= thresholds["emergency"] else Level.CRISIS
        elif reading.watch >= thresholds["watch"]:
            level = Level.WATCH
        return verdict(text, self.signals(reading, level, plain, text), history)

    def read(self, plain: Normalised) -> Reading:
        """Return the probabilities for a normalised text. Linear in its length."""
        return mixed(raw(self._weights, plain.text, self._reader), self._weights.mix)

    def signals(
        self, reading: Reading, level: Level, plain: Normalised, text: str, *, known: Signal | None = None
    ) -> tuple[Signal, ...]:
        """Return the reading as signals of a level, one for each kind that is likely; none for no level.

        Args:
            reading: What :meth:`read` saw in ``plain``.
            level: What it amounts to.
            plain: The normalised text.
            text: The original.
            known: A signal that already says what kind of danger it is and whose; the model then only adds
                weight to it.
        """
        if level is Level.NONE:
            return ()
        start, end = plain.original(reading.start, reading.end)
        reason = _reasons()[level]
        subject = Subject.OTHER if reading.other >= 0.5 else Subject.SELF
        kinds = [kind for kind, probability in reading.kinds[:2] if probability >= _SECOND_KIND]
        if known and known.kind:
            subject, kinds = known.subject, [known.kind]
        return tuple(
            Signal(
                detector=self.name,
                rule=self.version,
                kind=kind,
                level=level,
                subject=subject,
                start=start,
                end=end,
                evidence=text[start:end],
                score=round(reading.watch if level is Level.WATCH else reading.crisis, 4),
                reason=reason["en"],
                reason_zh=reason["zh"],
            )
            for kind in kinds or [reading.kinds[0][0]]
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Raw:
    """Logits of one text, before the two models are weighed against each other."""

    script: str
    words: NDArray[np.float64]
    """Of the model of pieces: gravest window for the levels, that window's for the others; ``len(HEADS)``."""
    sense: NDArray[np.float64] | None
    """Of the reading model, the same; None where there is none."""
    start: int
    end: int


def raw(weights: Weights, text: str, reader: Reader | None = None) -> Raw:
    """Return the logits of both models for a normalised text. Linear in its length."""
    spans = windows(text)
    rows = np.stack([weights.logits(text[span.start : span.end]) for span in spans])
    levels = len(LEVEL_HEADS)
    # The last window is the whole text.
    rows[:-1, :levels] -= weights.window_cost
    # A person is better shown the place than the whole letter.
    shown = spans[int(rows[:-1, 0].argmax()) if len(rows) > 1 else 0]
    sense = None
    script = script_of(text)
    if reader is not None and script in READ_FOR_SENSE and len(text.split()) >= _FEWEST_WORDS:
        sense = _gravest(_senses(reader, text))
    return Raw(script=script, words=_gravest(rows), sense=sense, start=shown.start, end=shown.end)


def _senses(reader: Reader, text: str) -> NDArray[np.float64]:
    """Return what the reading model makes of a text's passages and, where there are several, of its sentences."""
    whole = [text[span.start : span.end] for span in passages(text)]
    single = [text[span.start : span.end].strip() for span in sentences(text)]
    single = [one for one in single if len(one.split()) >= _FEWEST_WORDS] if len(single) > 1 else []
    rows = reader.logits([*whole, *single])
    # Many sentences are many chances to err.
    rows[len(whole) :, : len(LEVEL_HEADS)] -= _SENTENCE_COST
    return rows


def mixed(found: Raw, mix: Mapping[str, Mapping[str, tuple[float, float, float]]]) -> Reading:
    """Return the probabilities that two models give together."""
    levels = len(LEVEL_HEADS)
    sense = found.words if found.sense is None else found.sense
    chances = []
    for place, head in enumerate(LEVEL_HEADS):
        own, other, shift = mix[found.script][head]
        chances.append(_sigmoid(float(own * found.words[place] + other * sense[place] + shift)))
    crisis, watch, emergency = chances
    others = [_sigmoid(float(v)) for v in (found.words[levels:] + sense[levels:]) / 2]
    named = dict(zip(HEADS[levels:], others, strict=True))
    kinds = sorted(((kind, named[kind.value]) for kind in Kind), key=lambda pair: -pair[1])
    return Reading(
        crisis=crisis,
        watch=max(watch, crisis),
        emergency=emergency,
        kinds=tuple(kinds),
        other=named[OTHER_HEAD],
        start=found.start,
        end=found.end,
    )


def _gravest(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """The highest logit of each level, and the other heads of the gravest row."""
    out: NDArray[np.float64] = rows[int(rows[:, 0].argmax())].copy()
    out[: len(LEVEL_HEADS)] = rows[:, : len(LEVEL_HEADS)].max(axis=0)
    return out


def _sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-max(-40.0, min(40.0, value))))


@cache
def _load(path: Path) -> tuple[Weights, str]:
    return weights_file.load(path)


@cache
def _reader(path: Path) -> tuple[Reader | None, str]:
    """The reading model beside the weights, where there is one."""
    if not path.is_file():
        return None, ""
    content = path.read_bytes()
    return Reader(parse(content)), f"-{hashlib.sha256(content).hexdigest()[:12]}"


@cache
def _reasons() -> dict[Level, dict[str, str]]:
    path = DATA / "reasons.yaml"
    data = read_yaml(path)
    reasons: dict[Level, dict[str, str]] = {}
    for level in (Level.WATCH, Level.CRISIS, Level.EMERGENCY):
        try:
            entry = data["learned"][level.value]
            reasons[level] = {"en": str(entry["en"]), "zh": str(entry["zh"])}
        except (KeyError, TypeError) as error:
            raise DataError(
                "data.malformed",
                f"{path.name} has no reason in both languages for learned.{level.value}.",
                hint="Give `en` and `zh`, a sentence each.",
            ) from error
    return reasons
