"""Predictions as text: the tables of ``measure``, and each miss and false alarm."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cbtguard.lab.risk.measure import Share, false_alarms, recall, table
from cbtguard.safety.risk.model import Level

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cbtguard.lab.risk.predictions import Prediction

TARGET_RECALL = 0.97
TARGET_ALARMS = 0.03
"""What the screen is to reach on labelled messages."""


def measured(predictions: Sequence[Prediction]) -> Iterator[str]:
    """Yield the report: recall and false alarms whole and by part, kinds, subject."""
    lines, levels = [p.line for p in predictions], [p.level for p in predictions]
    yield from table(lines, levels)
    for name, share in (
        ("kind right", kinds_right(predictions)),
        ("subject right", subject_right(predictions)),
    ):
        if share.total:
            yield f"{name} on alarms with a kind: {share}"
    hints = false_alarms(lines, levels, Level.WATCH)
    if hints.total:
        yield f"watch or more on lines without danger: {hints}"
    found, alarms = recall(lines, levels), false_alarms(lines, levels)
    if found.total:
        yield _against("recall", found, TARGET_RECALL, reached=found.value >= TARGET_RECALL)
    if alarms.total:
        yield _against("false alarms", alarms, TARGET_ALARMS, reached=alarms.value <= TARGET_ALARMS)


def missed(predictions: Sequence[Prediction]) -> Iterator[str]:
    """Yield each miss and each false alarm."""
    for title, wrong in (("missed", misses(predictions)), ("false alarm", mistakes(predictions))):
        for p in wrong:
            kinds = ",".join(p.line.kinds) or "-"
            yield f"{title}  {p.line.level.value} -> {p.level.value}  {kinds}  {p.line.type}  {p.line.text}"


def misses(predictions: Sequence[Prediction]) -> list[Prediction]:
    """Return those that should have been referred and were not, the surest mistake first."""
    return sorted(
        (p for p in predictions if p.line.level.refers and not p.level.refers), key=lambda p: p.probability
    )


def mistakes(predictions: Sequence[Prediction]) -> list[Prediction]:
    """Return those without danger that were referred, the surest mistake first."""
    return sorted(
        (p for p in predictions if p.line.level is Level.NONE and p.level.refers),
        key=lambda p: -p.probability,
    )


def kinds_right(predictions: Sequence[Prediction]) -> Share:
    """Return how many alarms on lines with a kind name one of its kinds first."""
    some = [p for p in predictions if p.line.kinds and p.line.level.refers and p.level.refers]
    return Share(hits=sum(bool(p.kinds) and p.kinds[0] in p.line.kinds for p in some), total=len(some))


def subject_right(predictions: Sequence[Prediction]) -> Share:
    """Return how many alarms on lines with a kind name who is in danger."""
    some = [p for p in predictions if p.line.kinds and p.line.level.refers and p.level.refers]
    return Share(hits=sum(p.subject is p.line.subject for p in some), total=len(some))


def _against(what: str, share: Share, target: float, *, reached: bool) -> str:
    return f"{what} {share}; {target:.0%} {'reached' if reached else 'NOT reached'}"
