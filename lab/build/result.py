"""The rows of a data set, sorted into its files, from a plan and its outcomes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cbtguard.lab.build.plan import SPLITS, Plan, Planned

if TYPE_CHECKING:
    from collections.abc import Callable

    from cbtguard.lab.build.outcome import Outcome
    from cbtguard.lab.build.plan import Job

Row = dict[str, Any]


@dataclass(slots=True, kw_only=True)
class Result:
    """What a build came to; every row of the source is in exactly one of the lists.

    Attributes:
        splits: Name of a split to its rows.
        crisis: Rows at level crisis or emergency.
        refused: Rows without an answer, with the reason.
        errors: Rows that could not be read or whose turn failed.
        read: Tokens a model was given, estimated.
        written: Tokens a model wrote, estimated.
    """

    splits: dict[str, list[Row]] = field(default_factory=lambda: {name: [] for name in SPLITS})
    crisis: list[Row] = field(default_factory=list)
    refused: list[Row] = field(default_factory=list)
    errors: list[Row] = field(default_factory=list)
    read: int = 0
    written: int = 0

    @property
    def rows(self) -> list[Row]:
        """The rows of all splits."""
        return [row for rows in self.splits.values() for row in rows]

    @property
    def total(self) -> int:
        """Rows of the source."""
        return len(self.rows) + len(self.crisis) + len(self.refused) + len(self.errors)


def gather(plan: Plan, outcome_of: Callable[[Job], Outcome | None], *, watch: bool = True) -> Result:
    """Return the data set that a plan and its outcomes give, in the order of the source.

    Args:
        plan: What was to be done.
        outcome_of: What became of a job; None where it was not done, whose row is then in none of the lists.
        watch: Whether questions at level watch may be in the splits.
    """
    result = Result()
    for bad in plan.bad:
        result.errors.append({"id": bad.id, "row": bad.number, "error": bad.error.as_dict()})
    outcomes = [outcome_of(planned.job) for planned in plan.rows]
    # A question that differs from one in crisis by a few characters teaches what that one would.
    near = {
        planned.repeats
        for planned, outcome in zip(plan.rows, outcomes, strict=True)
        if outcome is not None and outcome.kind == "crisis"
    }
    for place, (planned, outcome) in enumerate(zip(plan.rows, outcomes, strict=True)):
        if outcome is None:
            continue
        result.read += outcome.read
        result.written += outcome.written
        head = {"id": planned.id, "row": planned.job.question.number}
        if outcome.kind == "crisis":
            result.crisis.append({**head, **outcome.data})
        elif outcome.kind == "error":
            result.errors.append({**head, **outcome.data})
        elif (reason := _left_out(place, planned, outcome, near, watch=watch)) is not None:
            of = {"of": plan.rows[planned.repeats].id} if planned.repeats >= 0 else {}
            result.refused.append({**head, "reason": reason, **of, **_why(outcome)})
        else:
            result.splits[planned.split].append({"id": planned.id, **outcome.data, "group": planned.group})
    result.errors.sort(key=lambda row: int(row["row"]))
    return result


def _left_out(place: int, planned: Planned, outcome: Outcome, near: set[int], *, watch: bool) -> str | None:
    """Why a row without crisis or error is not in the data set; None where it is."""
    if planned.repeats >= 0:
        return "duplicate"
    if outcome.kind == "refused":
        return str(outcome.data["reason"])
    if place in near:
        return "near_crisis"
    if not watch and outcome.data["checks"]["screen"]["level"] != "none":
        return "watch"
    return None


def _why(outcome: Outcome) -> Row:
    return {name: outcome.data[name] for name in ("language", "attempts", "defects") if name in outcome.data}
