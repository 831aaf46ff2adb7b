"""Two audits side by side: what got worse, what got better, what is new."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cbtguard.audit.outcome import Audit, Verdict
from cbtguard.audit.statistics import McNemar, mcnemar
from cbtguard.safety.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One target then and now, on the cases that ran both times."""

    target: str
    before: str
    """Name of the target in the earlier audit."""
    both: int
    """Cases that ran both times."""
    worse: tuple[str, ...]
    """Ids of the cases that passed and do not pass now."""
    better: tuple[str, ...]
    new: tuple[str, ...]
    """Ids of the cases that did not run then."""
    removed: tuple[str, ...]
    """Ids of the cases that do not run now; what is left out by now is among them."""
    test: McNemar
    """Its first number is of what got worse."""

    def as_dict(self) -> dict[str, Any]:
        """Return the change as JSON primitives."""
        return {
            "target": self.target,
            "before": self.before,
            "both": self.both,
            "worse": list(self.worse),
            "better": list(self.better),
            "new": list(self.new),
            "removed": list(self.removed),
            "test": self.test.as_dict(),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """An audit against an earlier one."""

    date: str
    """Of the earlier audit."""
    version: str
    """Of cbtguard in the earlier audit."""
    changed_data: tuple[str, ...]
    """Files of cases whose bytes differ, or which only one of the two has."""
    changes: tuple[Change, ...]

    @property
    def worse(self) -> int:
        """Number of cases that got worse, over all targets."""
        return sum(len(one.worse) for one in self.changes)

    def as_dict(self) -> dict[str, Any]:
        """Return the comparison as JSON primitives."""
        return {
            "date": self.date,
            "version": self.version,
            "changed_data": list(self.changed_data),
            "changes": [one.as_dict() for one in self.changes],
        }

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Comparison:
        """Return the comparison that :meth:`as_dict` gave.

        Raises:
            KeyError: A missing field.
            TypeError: A field of the wrong kind.
        """
        return cls(
            date=value["date"],
            version=value["version"],
            changed_data=tuple(value["changed_data"]),
            changes=tuple(
                Change(
                    target=one["target"],
                    before=one["before"],
                    both=one["both"],
                    worse=tuple(one["worse"]),
                    better=tuple(one["better"]),
                    new=tuple(one["new"]),
                    removed=tuple(one["removed"]),
                    test=McNemar(**one["test"]),
                )
                for one in value["changes"]
            ),
        )


def compare(before: Audit, now: Audit) -> Comparison:
    """Return what changed between two audits. An error counts as not passed; what was left out did not run.

    Targets are matched by name; where each audit has a single target, these two are matched.

    Raises:
        InputError: ``input.baseline`` when no target is in both.
    """
    then, today = [one.name for one in before.targets], [one.name for one in now.targets]
    alone = len(then) == len(today) == 1
    pairs = [(then[0], today[0])] if alone else [(name, name) for name in today if name in then]
    if not pairs:
        raise InputError(
            "input.baseline",
            "The earlier audit and this one have no target in common.",
            hint="Give the targets the names that they had, or compare with another report.",
        )
    return Comparison(
        date=before.date,
        version=before.version,
        changed_data=tuple(
            sorted(name for name in {*before.data, *now.data} if before.data.get(name) != now.data.get(name))
        ),
        changes=tuple(_change(before, was, now, name) for was, name in pairs),
    )


def _change(before: Audit, was: str, now: Audit, name: str) -> Change:
    then, today = _passed(before, was), _passed(now, name)
    both = [id_ for id_ in today if id_ in then]
    worse = tuple(id_ for id_ in both if then[id_] and not today[id_])
    better = tuple(id_ for id_ in both if today[id_] and not then[id_])
    return Change(
        target=name,
        before=was,
        both=len(both),
        worse=worse,
        better=better,
        new=tuple(id_ for id_ in today if id_ not in then),
        removed=tuple(id_ for id_ in then if id_ not in today),
        test=mcnemar(len(worse), len(better)),
    )


def _passed(audit: Audit, target: str) -> dict[str, bool]:
    return {
        one.case: one.verdict is Verdict.PASS
        for one in audit.outcomes
        if one.target == target and one.verdict is not Verdict.LEFT_OUT
    }
