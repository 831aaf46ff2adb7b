"""The learned detector: a linear model that knows the wording of danger where no rule fits."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cbtguard.safety.errors import DataError
from cbtguard.safety.files import read_yaml
from cbtguard.safety.risk import weights as weights_file
from cbtguard.safety.risk.features import windows
from cbtguard.safety.risk.model import Kind, Level, Signal, Subject
from cbtguard.safety.risk.normalise import Normalised, normalise
from cbtguard.safety.risk.verdict import verdict
from cbtguard.safety.risk.weights import HEADS, LEVEL_HEADS, OTHER_HEAD, Weights, script_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cbtguard.safety.risk.model import PastTurn, Risk

DATA = Path(__file__).parent / "data"
MODEL = DATA / "model.npz"
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
    """A linear model over short pieces of text, both languages, numpy only, under a millisecond a sentence.

    Args:
        path: Model file; None for the one that is shipped.

    Raises:
        DataError: ``data.unreadable`` or ``data.malformed``.
    """

    name = "learned"

    def __init__(self, path: Path | None = None) -> None:
        self._weights, digest = _load(path or MODEL)
        self.version = f"learned-{digest}"

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
        return read(self._weights, plain.text)

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


def read(weights: Weights, text: str) -> Reading:
    """Return the probabilities of ``weights`` for a normalised text; its gravest window counts."""
    spans = windows(text)
    rows = np.stack([weights.logits(text[span.start : span.end]) for span in spans])
    levels = len(LEVEL_HEADS)
    # The last window is the whole text.
    rows[:-1, :levels] -= weights.window_cost
    grave = int(rows[:, 0].argmax())
    # A reader is better shown the place than the whole letter.
    shown = int(rows[:-1, 0].argmax()) if len(rows) > 1 else 0
    crisis, watch, emergency = (_sigmoid(float(value)) for value in rows[:, :levels].max(axis=0))
    chances = {head: _sigmoid(float(rows[grave, place])) for place, head in enumerate(HEADS)}
    kinds = sorted(((kind, chances[kind.value]) for kind in Kind), key=lambda pair: -pair[1])
    return Reading(
        crisis=crisis,
        watch=max(watch, crisis),
        emergency=emergency,
        kinds=tuple(kinds),
        other=chances[OTHER_HEAD],
        start=spans[shown].start,
        end=spans[shown].end,
    )


def _sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-max(-40.0, min(40.0, value))))


@cache
def _load(path: Path) -> tuple[Weights, str]:
    return weights_file.load(path)


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
