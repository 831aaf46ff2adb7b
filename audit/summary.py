"""What the outcomes of an audit come to: rates, confusion, times, dimensions, comparisons."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from itertools import combinations
from typing import TYPE_CHECKING, Any

from cbtguard.audit.case import Expect, Suite
from cbtguard.audit.confusion import Confusion, confusion_of
from cbtguard.audit.curves import Curve, curve
from cbtguard.audit.outcome import Verdict
from cbtguard.audit.statistics import Estimate, McNemar, Rate, mcnemar, mean, paired_difference, wilson
from cbtguard.audit.times import Times, times_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cbtguard.audit.case import Case
    from cbtguard.audit.outcome import Audit, Outcome

TAGS = ("level", "kind", "subject", "family")
"""What rates are broken down by, besides the language; other tags of the cases follow in their order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Cases of one suite on one target that share a tag; with no tag, the whole suite."""

    target: str
    suite: Suite
    tag: str = ""
    value: str = ""
    rate: Rate
    """Passed, of passed, failed and errors."""
    errors: int
    left_out: int

    def as_dict(self) -> dict[str, Any]:
        """Return the group as JSON primitives."""
        return {
            "target": self.target,
            "suite": self.suite.value,
            "tag": self.tag,
            "value": self.value,
            **self.rate.as_dict(),
            "errors": self.errors,
            "left_out": self.left_out,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two targets on the cases of a suite that both ran."""

    first: str
    second: str
    suite: Suite | None
    """None for all suites together."""
    difference: Estimate
    """Rate of the first less rate of the second."""
    test: McNemar
    only_first: tuple[str, ...]
    """Ids of the cases that only the first passed."""
    only_second: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the comparison as JSON primitives."""
        return {
            "first": self.first,
            "second": self.second,
            "suite": self.suite and self.suite.value,
            "difference": self.difference.as_dict(),
            "test": self.test.as_dict(),
            "only_first": list(self.only_first),
            "only_second": list(self.only_second),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """All that a report counts."""

    groups: tuple[Group, ...]
    confusions: tuple[Confusion, ...]
    curves: dict[str, Curve] = field(default_factory=dict)
    """Target to the curve over the threshold of its screen, where scores are told."""
    times: tuple[Times, ...]
    dimensions: dict[str, dict[str, Estimate]] = field(default_factory=dict)
    """Target to dimension of care to its mean."""
    pairs: tuple[Pair, ...]
    left_out: dict[str, dict[str, int]] = field(default_factory=dict)
    """Target to reason to number of cases."""

    def of(self, target: str, suite: Suite, **tag: str) -> Group | None:
        """Return a group, with no tag the whole suite; None where no such case was tried."""
        name, value = next(iter(tag.items()), ("", ""))
        return next(
            (
                one
                for one in self.groups
                if (one.target, one.suite, one.tag, one.value) == (target, suite, name, value)
            ),
            None,
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the summary as JSON primitives."""
        return {
            "groups": [one.as_dict() for one in self.groups],
            "confusions": [one.as_dict() for one in self.confusions],
            "curves": {name: one.as_dict() for name, one in self.curves.items()},
            "times": [asdict(one) for one in self.times],
            "dimensions": {
                target: {name: one.as_dict() for name, one in found.items()}
                for target, found in self.dimensions.items()
            },
            "pairs": [one.as_dict() for one in self.pairs],
            "left_out": self.left_out,
        }


def summarise(audit: Audit) -> Summary:
    """Return what an audit comes to. Errors count as failures; what was left out is in no rate."""
    cases = {case.id: case for case in audit.cases}
    tried = {
        target.name: [(cases[one.case], one) for one in audit.outcomes if one.target == target.name]
        for target in audit.targets
    }
    groups: list[Group] = []
    for name, rows in tried.items():
        for suite in Suite:
            of_suite = [row for row in rows if row[0].suite is suite]
            if of_suite:
                groups.append(_group(name, suite, of_suite))
                groups += _by_tag(name, suite, of_suite)
    return Summary(
        groups=tuple(groups),
        confusions=tuple(one for name, rows in tried.items() for one in confusion_of(name, rows)),
        curves={name: found for name, rows in tried.items() if (found := _curve(rows)) is not None},
        times=tuple(one for name, rows in tried.items() for one in times_of(name, rows)),
        dimensions={name: means for name, rows in tried.items() if (means := _dimensions(rows))},
        pairs=tuple(one for a, b in combinations(tried, 2) for one in _pairs(a, b, tried[a], tried[b])),
        left_out={
            name: dict(sorted(whys.items()))
            for name, rows in tried.items()
            if (whys := Counter(one.why for _, one in rows if one.verdict is Verdict.LEFT_OUT))
        },
    )


def tags_of(case: Case) -> dict[str, str]:
    """Return all that a case is broken down by: its tags and the language."""
    known = {name: case.tags[name] for name in TAGS if name in case.tags}
    return known | {"language": case.language} | {k: v for k, v in case.tags.items() if k not in known}


def _group(
    target: str, suite: Suite, rows: list[tuple[Case, Outcome]], tag: str = "", value: str = ""
) -> Group:
    found = Counter(one.verdict for _, one in rows)
    out = found[Verdict.LEFT_OUT]
    return Group(
        target=target,
        suite=suite,
        tag=tag,
        value=value,
        rate=wilson(found[Verdict.PASS], len(rows) - out),
        errors=found[Verdict.ERROR],
        left_out=out,
    )


def _by_tag(target: str, suite: Suite, rows: list[tuple[Case, Outcome]]) -> Iterable[Group]:
    parts: dict[str, dict[str, list[tuple[Case, Outcome]]]] = {}
    for row in rows:
        for tag, value in tags_of(row[0]).items():
            parts.setdefault(tag, {}).setdefault(value, []).append(row)
    for tag, values in parts.items():
        for value in sorted(values):
            yield _group(target, suite, values[value], tag, value)


def _curve(rows: list[tuple[Case, Outcome]]) -> Curve | None:
    told = [
        (one.score, case.expect is Expect.HELP)
        for case, one in rows
        if one.score is not None and case.expect in {Expect.HELP, Expect.NO_ALARM}
    ]
    danger = [is_danger for _, is_danger in told]
    return curve([score for score, _ in told], danger) if len(set(danger)) == 2 else None


def _dimensions(rows: list[tuple[Case, Outcome]]) -> dict[str, Estimate]:
    values: dict[str, list[float]] = {}
    for _, one in rows:
        for name, score in one.dimensions.items():
            values.setdefault(name, []).append(score)
    return {name: mean(scores) for name, scores in values.items()}


def _pairs(
    first: str, second: str, rows_a: list[tuple[Case, Outcome]], rows_b: list[tuple[Case, Outcome]]
) -> Iterable[Pair]:
    a = {case.id: (case, one) for case, one in rows_a if one.verdict is not Verdict.LEFT_OUT}
    b = {case.id: one for case, one in rows_b if one.verdict is not Verdict.LEFT_OUT}
    both = [(case, one.verdict, b[id_].verdict) for id_, (case, one) in a.items() if id_ in b]
    for suite in (None, *Suite):
        here = [
            (case.id, x is Verdict.PASS, y is Verdict.PASS)
            for case, x, y in both
            if suite in {None, case.suite}
        ]
        if not here:
            continue
        only_first = tuple(id_ for id_, x, y in here if x and not y)
        only_second = tuple(id_ for id_, x, y in here if y and not x)
        yield Pair(
            first=first,
            second=second,
            suite=suite,
            difference=paired_difference([x for _, x, _ in here], [y for _, _, y in here]),
            test=mcnemar(len(only_first), len(only_second)),
            only_first=only_first,
            only_second=only_second,
        )
