"""The words in which risk is spoken of: level, kind, subject, signal, risk."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Sequence


class Level(StrEnum):
    """How grave a risk is. Compare with :attr:`rank`.

    ``watch`` is answered, with a safety question and the way to help added; ``crisis`` is referred;
    ``emergency`` (means in hand, attempt under way, overdose) is referred with ambulance or police first.
    """

    NONE = "none"
    WATCH = "watch"
    CRISIS = "crisis"
    EMERGENCY = "emergency"

    @property
    def rank(self) -> int:
        """0 for none to 3 for emergency."""
        return _RANK[self]

    @property
    def refers(self) -> bool:
        """Whether this level must end in people, not in an answer."""
        return self.rank >= Level.CRISIS.rank


_RANK = {level: rank for rank, level in enumerate(Level)}


class Kind(StrEnum):
    """What the risk is about."""

    SUICIDE = "suicide"
    SELF_HARM = "self_harm"
    HARM_TO_OTHERS = "harm_to_others"
    ABUSE = "abuse"
    MEDICAL_EMERGENCY = "medical_emergency"
    PSYCHOSIS = "psychosis"


class Subject(StrEnum):
    """Who is in danger: the person who writes, or someone they write about."""

    SELF = "self"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """One reason why a text was given a level."""

    detector: str
    """Name of the detector that saw it, such as ``rules``."""
    rule: str
    """Rule id or model version."""
    kind: Kind | None
    """None for a signal about the text itself, such as a language that is not known."""
    level: Level
    subject: Subject = Subject.SELF
    start: int
    """First character of the evidence in the text that was assessed."""
    end: int
    """One past the last character of the evidence."""
    evidence: str
    """The words themselves."""
    score: float
    """0 to 1."""
    reason: str
    """A sentence a person can read, in English."""
    reason_zh: str
    """The same sentence in Chinese."""

    def __post_init__(self) -> None:
        if not (math.isfinite(self.score) and 0 <= self.score <= 1):
            raise ValueError("a signal's score lies between 0 and 1")
        if not 0 <= self.start <= self.end:
            raise ValueError("a signal's span must not be negative")

    def as_dict(self) -> dict[str, Any]:
        """Return the signal as JSON primitives."""
        return {
            "detector": self.detector,
            "rule": self.rule,
            "kind": self.kind.value if self.kind else None,
            "level": self.level.value,
            "subject": self.subject.value,
            "start": self.start,
            "end": self.end,
            "evidence": self.evidence,
            "score": round(self.score, 4),
            "reason": self.reason,
            "reason_zh": self.reason_zh,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Risk:
    """The verdict on one message."""

    level: Level
    kinds: tuple[Kind, ...] = ()
    """Gravest first."""
    subject: Subject = Subject.SELF
    score: float
    """0 to 1, higher is graver; thresholds on it order messages, :attr:`level` decides."""
    signals: tuple[Signal, ...] = ()
    language: str = "und"
    """As :func:`cbtguard.safety.language.detect` names it."""

    def __post_init__(self) -> None:
        if not (math.isfinite(self.score) and 0 <= self.score <= 1):
            raise ValueError("a risk's score lies between 0 and 1")
        if self.level.refers and not self.kinds:
            raise ValueError("a crisis must name its kind")

    def as_dict(self) -> dict[str, Any]:
        """Return ``level``, ``kinds``, ``subject``, ``score``, ``signals``, ``language`` as JSON primitives."""
        return {
            "level": self.level.value,
            "kinds": [kind.value for kind in self.kinds],
            "subject": self.subject.value,
            "score": round(self.score, 4),
            "signals": [signal.as_dict() for signal in self.signals],
            "language": self.language,
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Risk:
        """Build a risk from :meth:`as_dict`'s result.

        Raises:
            KeyError, ValueError: When a field is missing or holds a value outside its range.
        """
        signals = tuple(
            Signal(
                detector=s["detector"],
                rule=s["rule"],
                kind=Kind(s["kind"]) if s["kind"] else None,
                level=Level(s["level"]),
                subject=Subject(s["subject"]),
                start=s["start"],
                end=s["end"],
                evidence=s["evidence"],
                score=s["score"],
                reason=s["reason"],
                reason_zh=s["reason_zh"],
            )
            for s in data["signals"]
        )
        return cls(
            level=Level(data["level"]),
            kinds=tuple(Kind(kind) for kind in data["kinds"]),
            subject=Subject(data["subject"]),
            score=data["score"],
            signals=signals,
            language=data["language"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PastTurn:
    """An earlier message of the same talk, with personal data taken out."""

    text: str
    level: Level = field(default=Level.NONE)


@runtime_checkable
class RiskDetector(Protocol):
    """Finds crisis risk in one message. Implementations must be thread-safe and deterministic.

    ``assess`` may also be a coroutine function; the flow awaits it.
    """

    @property
    def name(self) -> str:
        """Short identifier that ends up in the record."""
        ...

    @property
    def version(self) -> str:
        """Changes whenever a verdict can change."""
        ...

    def assess(self, text: str, *, history: Sequence[PastTurn] = ()) -> Risk:
        """Return the verdict on ``text``; ``history`` holds the last few messages, oldest first."""
        ...
