"""From judgements to scores: each judge apart, and with several judges the mean of them."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from cbtguard.lab.evaluation.score import LeftOut, Score, mean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cbtguard.lab.evaluation.judge import Judgement
    from cbtguard.lab.evaluation.rubric import Rubric

NO_JUDGE = "no judge was named (--judge SPEC)"


def without_judge(rubric: Rubric) -> Iterator[LeftOut]:
    """Yield the items of a rubric as left out."""
    for item in rubric.items:
        yield LeftOut(name=f"{rubric.name} {item.name}", why=NO_JUDGE)


def judged(judgement: Judgement, rubric: Rubric) -> Iterator[Score | LeftOut]:
    """Yield for each item what each judge gave on average, the spread of its samples, and the judges' mean."""
    judges = sorted({rating.judge for rating in judgement.ratings})
    for item in rubric.items:
        name = f"{rubric.name} {item.name}"
        of_item = [rating for rating in judgement.ratings if rating.item == item.name]
        if not of_item:
            yield LeftOut(name=name, why="no judge gave an answer that can be read")
            continue
        how = f"{item.low} to {item.high}, rubric {rubric.version}, median of samples"
        for judge in judges:
            own = [rating for rating in of_item if rating.judge == judge]
            if own:
                spread = statistics.fmean(rating.spread for rating in own)
                yield mean(name, [r.median for r in own], group=judge, how=f"{how}, mean spread {spread:.2f}")
        if len(judges) > 1:
            by_text: dict[str, list[float]] = {}
            for rating in of_item:
                by_text.setdefault(rating.id, []).append(rating.median)
            values = [statistics.fmean(given) for given in by_text.values()]
            yield mean(name, values, group="all judges", how=how)
    wrong = judgement.malformed + judgement.failed
    if wrong:
        why = f"{judgement.malformed} malformed, {judgement.failed} failed, of {judgement.asked}"
        yield LeftOut(name=f"{rubric.name}: {wrong} samples", why=why)
