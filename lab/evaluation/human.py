"""Ratings by people from a file, and how far judges agree with them."""

from __future__ import annotations

import statistics
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cbtguard.lab.evaluate.lines import read_rows
from cbtguard.lab.evaluation.agreement import krippendorff_alpha, weighted_kappa
from cbtguard.lab.evaluation.score import LeftOut, Score

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from cbtguard.lab.evaluation.judge import Rating
    from cbtguard.lab.evaluation.rubric import Item, Rubric

_HINT = "A row has id, item, rater and rating, a number."


@dataclass(frozen=True, slots=True, kw_only=True)
class HumanRating:
    """What one person gave one text for one item."""

    id: str
    item: str
    rater: str
    rating: float


def read_human(path: Path) -> tuple[HumanRating, ...]:
    """Return the ratings of a file.

    Raises:
        DataError: As :func:`cbtguard.lab.evaluate.lines.read_rows`.
    """
    return read_rows(path, _rating, hint=_HINT)


def _rating(row: dict[str, Any]) -> HumanRating:
    if isinstance(row["rating"], bool) or not isinstance(row["rating"], int | float):
        raise TypeError("rating")
    return HumanRating(
        id=str(row["id"]), item=str(row["item"]), rater=str(row["rater"]), rating=float(row["rating"])
    )


def agreement(
    human: Sequence[HumanRating], ratings: Sequence[Rating], rubric: Rubric
) -> Iterator[Score | LeftOut]:
    """Yield for each judge and item the quadratic kappa with the people's median, and alpha with all of them.

    A median between two ratings goes to the higher one. Where several people rated, their own alpha stands
    beside: a judge is not asked to agree more than they do.
    """
    for item in rubric.items:
        by_rater: dict[str, dict[str, float]] = defaultdict(dict)
        for given in human:
            if given.item == item.name:
                by_rater[given.rater][given.id] = given.rating
        name = f"{rubric.name} {item.name}"
        if not by_rater:
            yield LeftOut(name=f"agreement on {name}", why="no person rated it")
            continue
        ids = sorted({text for row in by_rater.values() for text in row})
        people = [[row.get(text) for text in ids] for row in by_rater.values()]
        if len(people) > 1:
            how = f"{len(people)} people, ordinal"
            yield _made(f"alpha {name}", "people", krippendorff_alpha(people), len(ids), how)
        for judge in sorted({rating.judge for rating in ratings}):
            own = {r.id: r.median for r in ratings if r.judge == judge and r.item == item.name}
            both = [text for text in ids if text in own]
            kappa = _kappa(item, [own[text] for text in both], [_middle(by_rater, text) for text in both])
            yield _made(f"kappa {name}", judge, kappa, len(both), "quadratic, with the people's median")
            alpha = krippendorff_alpha([*people, [own.get(text) for text in ids]])
            yield _made(f"alpha {name}", judge, alpha, len(both), f"with {len(people)} people, ordinal")


def _middle(by_rater: dict[str, dict[str, float]], text: str) -> float:
    return statistics.median(row[text] for row in by_rater.values() if text in row)


def _kappa(item: Item, first: Sequence[float], second: Sequence[float]) -> float | None:
    labels = range(item.low, item.high + 1)
    if not all(item.low <= value <= item.high for value in second):
        return None
    return weighted_kappa([_up(v) for v in first], [_up(v) for v in second], labels=labels)


def _up(value: float) -> int:
    return int(value + 0.5)


def _made(name: str, group: str, value: float | None, n: int, how: str) -> Score | LeftOut:
    if value is None:
        return LeftOut(
            name=f"{name} ({group})", why="not defined: all ratings the same, none, or off the scale"
        )
    return Score(name=name, group=group, value=value, n=n, how=how)
