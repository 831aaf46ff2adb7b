"""summary.md: what a merge request shows of an audit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cbtguard.audit.outcome import Verdict
from cbtguard.audit.report.sentences import percent, whole_sentences
from cbtguard.audit.report.suites import ORDER
from cbtguard.audit.report.words import read_words

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cbtguard.audit.baseline import Comparison
    from cbtguard.audit.case import Suite
    from cbtguard.audit.report.document import Report

_MOST = 50
"""Failures that are named; the report has all of them."""


def to_markdown(report: Report) -> str:
    """Return the summary in GitHub's Markdown."""
    words = read_words()
    lines = [f"# {words.title}", "", f"{report.audit.date}, cbtguard {report.audit.version}", ""]
    lines += [f"- {_cell(one)}" for one in whole_sentences(report)]
    if report.gates:
        mark = {"holds": "✅ holds", "fails": "❌ fails", "not_looked_at": "➖ not looked at"}
        lines += ["", f"## {words.sections['gates']}", ""]
        lines += _table(
            ("gate", "target", "asked", "came", "verdict"),
            (
                (one.name, one.target or "-", one.asked, one.came, mark[one.standing.value])
                for one in report.gates.verdicts
            ),
        )
    lines += ["", "## Rates", "", "Passed of tried, with 95 % intervals.", ""]
    targets = [one.name for one in report.audit.targets]
    lines += _table(
        ("suite", *targets),
        (
            (words.suites[suite]["title"], *(_rate(report, target, suite) for target in targets))
            for suite in ORDER
            if any(case.suite is suite for case in report.audit.cases)
        ),
    )
    if report.comparison:
        lines += ["", f"## {words.sections['baseline']}", "", *comparison_lines(report.comparison)]
    failures = [one for one in report.audit.outcomes if one.verdict in {Verdict.FAIL, Verdict.ERROR}]
    if failures:
        lines += ["", "## Cases that failed", ""]
        lines += _table(
            ("case", "target", "what came"),
            ((f"`{one.case}`", one.target, one.why) for one in failures[:_MOST]),
        )
        if len(failures) > _MOST:
            lines += ["", f"And {len(failures) - _MOST} more, in report.html."]
    return "\n".join(lines) + "\n"


def comparison_lines(found: Comparison) -> list[str]:
    """Return a comparison as a table."""
    return list(
        _table(
            ("target", "worse", "better", "new", "removed", "p", "cases that got worse"),
            (
                (
                    one.target,
                    *(str(len(ids)) for ids in (one.worse, one.better, one.new, one.removed)),
                    f"{one.test.p:.3f}",
                    ", ".join(one.worse[:_MOST]) or "-",
                )
                for one in found.changes
            ),
        )
    )


def _rate(report: Report, target: str, suite: Suite) -> str:
    group = report.summary.of(target, suite)
    if group is None or not group.rate.of:
        return "-"
    rate = group.rate
    return f"{rate.count} of {rate.of}, {percent(rate.value)} ({percent(rate.low)} to {percent(rate.high)})"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterable[str]:
    yield "| " + " | ".join(map(_cell, head)) + " |"
    yield "|" + " --- |" * len(head)
    for row in rows:
        yield "| " + " | ".join(map(_cell, row)) + " |"


def _cell(text: str) -> str:
    shown = " ".join(text.split()).replace("\\", "\\\\").replace("|", "\\|")
    return shown.replace("<", "&lt;")
