"""Each gate held against an audit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cbtguard.audit.gates import Gate, GateReport, Gates, GateVerdict, On, Standing
from cbtguard.audit.outcome import Audit, Verdict
from cbtguard.audit.statistics import Rate, wilson
from cbtguard.audit.summary import Summary, summarise, tags_of

if TYPE_CHECKING:
    from cbtguard.audit.baseline import Comparison

_NOTHING = "not looked at"
Found = tuple[bool | None, str, str]
"""Whether it holds, None where nothing was tried; what was asked; what came."""


def judge_gates(
    gates: Gates, audit: Audit, *, summary: Summary | None = None, comparison: Comparison | None = None
) -> GateReport:
    """Return the verdict of each gate.

    Args:
        gates: The thresholds.
        audit: What was found.
        summary: What it comes to, where it is known already.
        comparison: Against the baseline; without it, ``worse_at_most`` is not looked at.
    """
    found = summary or summarise(audit)
    verdicts = []
    for gate in gates.gates:
        names = [one.name for one in audit.targets]
        chosen = names if gate.target == "*" else [gate.target or names[0]] if names else [""]
        for target in [""] if gate.proof else chosen:
            holds, asked, came = _judge(gate, target, audit, found, comparison)
            standing = (
                Standing.NOT_LOOKED_AT if holds is None else Standing.HOLDS if holds else Standing.FAILS
            )
            verdicts.append(
                GateVerdict(
                    name=gate.name,
                    target=target,
                    standing=standing,
                    asked=asked,
                    came=came,
                    required=gate.required,
                )
            )
    return GateReport(source=gates.source, verdicts=tuple(verdicts))


def _judge(gate: Gate, target: str, audit: Audit, summary: Summary, comparison: Comparison | None) -> Found:
    if gate.proof:
        return _proof(audit)
    if gate.worse_at_most is not None:
        return _worse(gate, target, comparison)
    if gate.errors_at_most is not None:
        return _errors(gate, target, audit)
    if gate.dimension is not None:
        return _dimension(gate, target, summary)
    if gate.measure.endswith("ms_at_most"):
        return _times(gate, target, summary)
    return _rate(gate, target, audit)


def _rate(gate: Gate, target: str, audit: Audit) -> Found:
    rate = _counted(gate, target, audit)
    of_failures = gate.failures_at_most is not None
    if of_failures:
        rate = wilson(rate.of - rate.count, rate.of)
    threshold = gate.failures_at_most if of_failures else gate.at_least
    assert threshold is not None  # noqa: S101 - a gate has one measure
    bound = rate.high if of_failures else rate.low
    side = "upper" if of_failures else "lower"
    asked = f"{'at most' if of_failures else 'at least'} {threshold:.1%}{' failing' if of_failures else ''}"
    asked += f" at the {side} bound" if gate.on is On.BOUND else ""
    asked += f", {gate.count} cases or more" if gate.count > 1 else ""
    if rate.value is None:
        return None, asked, _NOTHING
    came = f"{rate.count} of {rate.of}, {rate.value:.1%} ({rate.low:.1%} to {rate.high:.1%})"
    if rate.of < gate.count:
        return False, asked, f"{came}: too few cases"
    value = bound if gate.on is On.BOUND else rate.value
    return (value <= threshold if of_failures else value >= threshold), asked, came


def _counted(gate: Gate, target: str, audit: Audit) -> Rate:
    cases = {
        case.id
        for case in audit.cases
        if case.suite is gate.suite and gate.tags.items() <= tags_of(case).items()
    }
    ran = [
        one.verdict
        for one in audit.outcomes
        if one.target == target and one.case in cases and one.verdict is not Verdict.LEFT_OUT
    ]
    return wilson(sum(one is Verdict.PASS for one in ran), len(ran))


def _errors(gate: Gate, target: str, audit: Audit) -> Found:
    suites = {case.id: case.suite for case in audit.cases}
    here = [
        one.verdict
        for one in audit.outcomes
        if one.target == target
        and gate.suite in {None, suites[one.case]}
        and one.verdict is not Verdict.LEFT_OUT
    ]
    errors = sum(one is Verdict.ERROR for one in here)
    asked = f"at most {gate.errors_at_most}"
    if not here:
        return None, asked, _NOTHING
    return errors <= (gate.errors_at_most or 0), asked, f"{errors} in {len(here)} cases"


def _times(gate: Gate, target: str, summary: Summary) -> Found:
    name = gate.measure.partition("_")[0]
    most: float = getattr(gate, gate.measure)
    asked = f"{name} at most {most:g} ms"
    what = gate.suite.value if gate.suite else "turn"
    times = next((one for one in summary.times if (one.target, one.what) == (target, what)), None)
    if times is None:
        return None, asked, _NOTHING
    value: float = getattr(times, name)
    came = f"{value:.1f} ms over {times.of} turns"
    return (False, asked, f"{came}: too few turns") if times.of < gate.count else (value <= most, asked, came)


def _dimension(gate: Gate, target: str, summary: Summary) -> Found:
    asked = f"{gate.dimension}: mean at least {gate.at_least:.2f}"
    found = summary.dimensions.get(target, {}).get(gate.dimension or "")
    if found is None:
        return None, asked, _NOTHING
    value = found.low if gate.on is On.BOUND else found.value
    came = f"{found.value:.2f} ({found.low:.2f} to {found.high:.2f}) over {found.of} talks"
    if found.of < gate.count:
        return False, asked, f"{came}: too few talks"
    return value >= (gate.at_least or 0), asked, came


def _worse(gate: Gate, target: str, comparison: Comparison | None) -> Found:
    asked = f"at most {gate.worse_at_most} cases worse than before"
    change = next((one for one in comparison.changes if one.target == target), None) if comparison else None
    if change is None:
        return None, asked, _NOTHING
    came = f"{len(change.worse)} worse, {len(change.better)} better of {change.both}"
    return len(change.worse) <= (gate.worse_at_most or 0), asked, came


def _proof(audit: Audit) -> Found:
    if audit.proof is None:
        return None, "no violation on any path", _NOTHING
    counts = sum(int(one["violations"]) for one in audit.proof.get("clauses", ()))
    holds = audit.proof.get("holds") is True
    return holds, "no violation on any path", f"{counts} violations on {audit.proof.get('paths', 0)} paths"
