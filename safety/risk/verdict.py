"""The verdict: all signals of one message, with the messages before it, become one risk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cbtguard.safety.language import OTHER, detect
from cbtguard.safety.risk.model import Kind, Level, PastTurn, Risk, Signal, Subject

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_GRAVITY = (
    Kind.MEDICAL_EMERGENCY,
    Kind.SUICIDE,
    Kind.HARM_TO_OTHERS,
    Kind.ABUSE,
    Kind.PSYCHOSIS,
    Kind.SELF_HARM,
)
_WATCH_TURNS = 2
"""Watch turns among the last four that turn one more into a crisis: hints that add up are not hints."""


def verdict(text: str, found: Iterable[Signal], history: Sequence[PastTurn]) -> Risk:
    """Return what the signals found in ``text`` amount to after ``history`` (oldest message first)."""
    language = detect(text)
    signals = list(found)
    if language == OTHER:
        signals.append(_unknown_language(text))
    return _weighed(signals, language, history)


def raised(risk: Risk, found: Iterable[Signal], history: Sequence[PastTurn]) -> Risk:
    """Return ``risk`` with further signals weighed in; it never gets lower by them."""
    return _weighed([*risk.signals, *found], risk.language, history)


def _weighed(signals: list[Signal], language: str, history: Sequence[PastTurn]) -> Risk:
    level = max((signal.level for signal in signals), key=lambda level: level.rank, default=Level.NONE)
    if level is Level.WATCH and any(signal.kind for signal in signals):
        recent = sum(turn.level is Level.WATCH for turn in history[-4:])
        if recent >= _WATCH_TURNS:
            level = Level.CRISIS
            signals.append(_added_up(signals))
    return _fuse(level, signals, language)


def _unknown_language(text: str) -> Signal:
    return Signal(
        detector="language",
        rule="language.unknown",
        kind=None,
        level=Level.WATCH,
        start=0,
        end=len(text),
        evidence="",
        score=0.3,
        reason="The text is in a language the screen does not know, so it cannot be called safe.",
        reason_zh="这段文字用的语言不在筛查能力之内，不能当作安全。",
    )


def _added_up(signals: Sequence[Signal]) -> Signal:
    last = max((s for s in signals if s.kind), key=lambda signal: signal.score)
    return Signal(
        detector="rules",
        rule="context.added_up",
        kind=last.kind,
        level=Level.CRISIS,
        subject=last.subject,
        start=last.start,
        end=last.end,
        evidence=last.evidence,
        score=0.6,
        reason="Hints of danger came in several of the last messages; together they count as a crisis.",
        reason_zh="最近几条消息接连出现危险的苗头，合在一起按危机处理。",
    )


def _fuse(level: Level, signals: Sequence[Signal], language: str) -> Risk:
    """Level of the gravest signal; kinds of all that weigh; the writer's own danger goes before another's."""
    weighty = [s for s in signals if s.kind and s.level.rank >= min(level.rank, Level.CRISIS.rank)]
    kinds = {s.kind for s in weighty if s.kind}
    subject = Subject.OTHER if weighty and all(s.subject is Subject.OTHER for s in weighty) else Subject.SELF
    missing = 1.0
    for signal in signals:
        missing *= 1 - signal.score
    ordered = sorted(signals, key=lambda s: (-s.level.rank, -s.score, s.start, s.rule))
    return Risk(
        level=level,
        kinds=tuple(kind for kind in _GRAVITY if kind in kinds),
        subject=subject,
        score=round(1 - missing, 4),
        signals=tuple(ordered),
        language=language,
    )
