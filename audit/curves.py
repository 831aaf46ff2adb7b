"""Curves over the threshold of a score: what is found against what is falsely taken for danger."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from cbtguard.safety.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """What a threshold gives: a score at or above it is taken for danger."""

    threshold: float
    recall: float
    """Share of the cases of danger that are found."""
    false_alarms: float
    """Share of the other cases that are taken for danger."""
    precision: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """Every threshold that makes a difference, from the highest to the lowest."""

    points: tuple[Point, ...]
    positives: int
    negatives: int
    auc: float
    """Area under the ROC curve: how often a case of danger scores above another case, ties counted half."""
    average_precision: float
    """Area under the steps of the precision-recall curve."""

    def as_dict(self) -> dict[str, Any]:
        """Return the curve as JSON primitives."""
        return {
            "positives": self.positives,
            "negatives": self.negatives,
            "auc": self.auc,
            "average_precision": self.average_precision,
            "points": [[one.threshold, one.recall, one.false_alarms, one.precision] for one in self.points],
        }


def curve(scores: Sequence[float], danger: Sequence[bool]) -> Curve:
    """Return the curve of scores against what is danger.

    Args:
        scores: One of each case, higher for more danger.
        danger: Whether the case is one of danger, in the same order.

    Raises:
        InputError: ``input.statistics`` unless there are cases of both sorts.
    """
    positives = sum(danger)
    negatives = len(danger) - positives
    if len(scores) != len(danger) or not positives or not negatives:
        raise InputError(
            "input.statistics",
            "The numbers do not fit: a curve needs scores of cases of danger and of other cases.",
            hint="Run the suites crisis_recall and false_alarms together.",
        )
    ranked = sorted(zip(scores, danger, strict=True), key=lambda one: -one[0])
    points: list[Point] = []
    found = false = 0
    area = precise = 0.0
    for threshold, group in groupby(ranked, key=lambda one: one[0]):
        here = [is_danger for _, is_danger in group]
        more = sum(here)
        fewer = len(here) - more
        # The trapezium of a tie counts half, as the rank statistic does.
        area += fewer * (found + more / 2)
        found, false = found + more, false + fewer
        precision = found / (found + false)
        precise += more * precision
        points.append(
            Point(
                threshold=threshold,
                recall=found / positives,
                false_alarms=false / negatives,
                precision=precision,
            )
        )
    return Curve(
        points=tuple(points),
        positives=positives,
        negatives=negatives,
        auc=area / (positives * negatives),
        average_precision=precise / positives,
    )
