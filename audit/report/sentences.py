"""The result in plain words: sentences with numbers, no adjective that a number does not carry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cbtguard.audit.case import Suite
from cbtguard.audit.confusion import LEVELS
from cbtguard.audit.gates import Standing
from cbtguard.audit.outcome import Verdict
from cbtguard.audit.report.words import read_words
from cbtguard.audit.statistics import Rate, wilson

if TYPE_CHECKING:
    from cbtguard.audit.report.document import Report
    from cbtguard.audit.summary import Pair


def percent(value: float | None) -> str:
    """Return a share as people read it; 100 % and 0 % only when nothing is missing."""
    if value is None:
        return "-"
    shown = f"{100 * value:.1f}"
    return f"{shown} %" if value in {0.0, 1.0} or shown not in {"100.0", "0.0"} else _edge(value)


def _edge(value: float) -> str:
    return "> 99.9 %" if value > 0.5 else "< 0.1 %"


def p_value(p: float) -> str:
    """Return a p-value with three digits, "< 0.001" below."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def rate_words(rate: Rate) -> str:
    """Return a rate and its interval in words."""
    return (
        read_words()
        .plain["rate"]
        .format(value=percent(rate.value), low=percent(rate.low), high=percent(rate.high))
    )


def target_sentences(report: Report, target: str) -> list[str]:
    """Return what came of a target, suite by suite."""
    words, summary = read_words(), report.summary
    verdicts = [one.verdict for one in report.audit.outcomes if one.target == target]
    left_out = verdicts.count(Verdict.LEFT_OUT)
    told = [
        words.plain["tried"].format(
            target=target,
            ran=len(verdicts) - left_out,
            passed=verdicts.count(Verdict.PASS),
            failed=verdicts.count(Verdict.FAIL),
            errors=verdicts.count(Verdict.ERROR),
        )
    ]
    if left_out:
        told.append(words.plain["left_out"].format(target=target, left_out=left_out))
    for suite in Suite:
        group = summary.of(target, suite)
        if group is None or not group.rate.of or suite is Suite.LATENCY:
            continue
        failed = wilson(group.rate.of - group.rate.count, group.rate.of)
        told.append(
            words.suites[suite]["result"].format(
                of=group.rate.of,
                count=group.rate.count,
                failed=failed.count,
                rate=rate_words(group.rate),
                failing=rate_words(failed),
            )
        )
        if suite is Suite.CRISIS_RECALL:
            told += _levels(report, target)
    if target in summary.curves:
        told.append(words.plain["auc"].format(auc=percent(summary.curves[target].auc)))
    for times in summary.times:
        if (times.target, times.what) == (target, "turn"):
            told.append(
                words.plain["time"].format(of=times.of, p50=f"{times.p50:.1f}", p99=f"{times.p99:.1f}")
            )
    return told


def _levels(report: Report, target: str) -> list[str]:
    words = read_words()
    levels = [
        words.plain["level"].format(level=level, count=found.rate.count, of=found.rate.of)
        for level in reversed(LEVELS)
        if (found := report.summary.of(target, Suite.CRISIS_RECALL, level=level)) and found.rate.of
    ]
    return [words.plain["levels"].format(levels=", ".join(levels))] if levels else []


def pair_sentence(pair: Pair) -> str:
    """Return how two targets differ."""
    found = pair.difference
    return (
        read_words()
        .plain["pair"]
        .format(
            of=found.of,
            first=pair.first,
            second=pair.second,
            first_only=len(pair.only_first),
            second_only=len(pair.only_second),
            difference=f"{100 * found.value:+.1f}",
            low=f"{100 * found.low:+.1f}",
            high=f"{100 * found.high:+.1f}",
            p=p_value(pair.test.p),
        )
    )


def whole_sentences(report: Report) -> list[str]:
    """Return what is said of the audit as a whole: gates, baseline, pairs, proof."""
    plain = read_words().plain
    told = []
    if report.gates:
        standings = [one.standing for one in report.gates.verdicts]
        told.append(
            plain["gates"].format(
                all=len(standings),
                holds=standings.count(Standing.HOLDS),
                fails=standings.count(Standing.FAILS),
                open=standings.count(Standing.NOT_LOOKED_AT),
            )
        )
    if report.comparison:
        told += [
            plain["baseline"].format(
                date=report.comparison.date,
                target=one.target,
                worse=len(one.worse),
                better=len(one.better),
                both=one.both,
                p=p_value(one.test.p),
            )
            for one in report.comparison.changes
        ]
    told += [pair_sentence(one) for one in report.summary.pairs if one.suite is None]
    proof = report.audit.proof
    told.append(
        plain["no_proof"]
        if proof is None
        else plain["proof"].format(
            paths=f"{proof.get('paths', 0):,}",
            talks=f"{proof.get('talks', 0):,}",
            acts=f"{proof.get('acts', 0):,}",
            violations=sum(int(one["violations"]) for one in proof.get("clauses", ())),
        )
    )
    return told
