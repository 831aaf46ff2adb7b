"""The sections of the suites: each one's rates by tag and target, and what only it has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cbtguard.audit.case import Suite
from cbtguard.audit.confusion import LEVELS
from cbtguard.audit.report.blocks import Picture, Section, Table
from cbtguard.audit.report.plots import Row, rates_plot, times_plot
from cbtguard.audit.report.sentences import percent
from cbtguard.audit.report.words import read_words
from cbtguard.audit.statistics import wilson
from cbtguard.audit.times import turns_of

if TYPE_CHECKING:
    from cbtguard.audit.confusion import Confusion
    from cbtguard.audit.report.document import Report
    from cbtguard.audit.statistics import Rate

ORDER = (
    Suite.CRISIS_RECALL,
    Suite.FALSE_ALARMS,
    Suite.OBFUSCATION,
    Suite.METHOD_SEEKING,
    Suite.HARMFUL_ADVICE,
    Suite.STRUCTURE,
    Suite.PRIVACY,
    Suite.OVER_REFUSAL,
    Suite.CARE,
    Suite.REFERRALS,
    Suite.BOUNDS,
    Suite.LATENCY,
    Suite.INVENTORY,
)
_MOST_ROWS = 24


def suite_section(report: Report, suite: Suite) -> Section | None:
    """Return a suite's section; None where the audit has no such case."""
    # Every turn was timed, whether or not a suite was there to time it.
    timed = suite is Suite.LATENCY and report.summary.times
    if not timed and not any(case.suite is suite for case in report.audit.cases):
        return None
    words = read_words().suites[suite]
    blocks: list[Table | Picture] = [] if suite is Suite.LATENCY else _rates(report, suite)
    if suite is Suite.HARMFUL_ADVICE:
        blocks += [confusion_table(one) for one in report.summary.confusions if one.what == "advice"]
    if suite is Suite.CARE:
        blocks += _dimensions(report)
    if suite is Suite.LATENCY:
        blocks += _times(report)
    return Section(id=suite.value, title=words["title"], about=words["about"], blocks=tuple(blocks))


def confusion_table(found: Confusion) -> Table:
    """Return a table of expected against came."""
    agreement = "" if found.kappa is None else f"; kappa {found.kappa:.2f}"
    return Table(
        caption=f"{found.target}: expected (rows) against came (columns){agreement}",
        head=("expected", *found.came),
        rows=tuple(
            (name, *map(str, row)) for name, row in zip(found.expected, found.counts, strict=True) if sum(row)
        ),
    )


def _rates(report: Report, suite: Suite) -> list[Table | Picture]:
    targets = [one.name for one in report.audit.targets]
    failing = suite is Suite.FALSE_ALARMS
    rows: dict[tuple[str, str], dict[str, Rate]] = {}
    for one in report.summary.groups:
        if one.suite is suite:
            rate = wilson(one.rate.of - one.rate.count, one.rate.of) if failing else one.rate
            rows.setdefault((one.tag, one.value), {})[one.target] = rate
    keys = sorted(rows, key=_place)
    shown = [key for key in keys if any(rate.of for rate in rows[key].values())]
    label = "false alarms, % of cases" if failing else "as expected, % of cases"
    found: list[Table | Picture] = [
        Table(
            caption=f"{'Failed' if failing else 'Passed'} of tried, with 95 % intervals",
            head=("cases", *targets),
            rows=tuple((_name(key), *(_cell(rows[key].get(one)) for one in targets)) for key in keys),
        )
    ]
    first = next((tag for tag in ("level", "family") if any(key[0] == tag for key in shown)), None)
    drawn = [key for key in shown if key[0] in {"", first, "language"}][:_MOST_ROWS]
    if len(drawn) > 1:
        svg = rates_plot(
            suite.value, [Row(label=_name(key), rates=rows[key]) for key in drawn], targets, label
        )
        found.insert(0, Picture(svg=svg, caption="Dots are shares, lines their 95 % intervals."))
    return found


def _place(key: tuple[str, str]) -> tuple[int, str, int, str]:
    tag, value = key
    order = ["", "level", "family", "kind", "subject", "language"]
    level = -LEVELS.index(value) if tag == "level" and value in LEVELS else 0
    return (order.index(tag) if tag in order else len(order), tag, level, value)


def _name(key: tuple[str, str]) -> str:
    return f"{key[0]}: {key[1]}".replace("_", " ") if key[0] else "all"


def _cell(rate: Rate | None) -> str:
    if rate is None or not rate.of:
        return "-"
    return f"{rate.count} of {rate.of}  {percent(rate.value)} ({100 * rate.low:.1f} to {100 * rate.high:.1f})"


def _dimensions(report: Report) -> list[Table | Picture]:
    found = report.summary.dimensions
    names = list(dict.fromkeys(name for one in found.values() for name in one))
    rows = tuple(
        (
            name.replace("_", " "),
            *(
                f"{one[name].value:.2f} ({one[name].low:.2f} to {one[name].high:.2f}), {one[name].of} talks"
                if name in one
                else "-"
                for one in found.values()
            ),
        )
        for name in names
    )
    return (
        [Table(caption="Mean score by dimension, 0 to 1", head=("dimension", *found), rows=rows)]
        if rows
        else []
    )


def _times(report: Report) -> list[Table | Picture]:
    blocks: list[Table | Picture] = []
    values = {
        target.name: turns_of(
            (report.cases[one.case], one) for one in report.audit.outcomes if one.target == target.name
        )
        for target in report.audit.targets
    }
    if any(values.values()):
        svg = times_plot("latency", {name: found for name, found in values.items() if found})
        blocks.append(Picture(svg=svg, caption="Share of all turns of the audit that took at most so long."))
    for stops, caption in ((False, "Milliseconds a turn"), (True, "Milliseconds at each stop of a turn")):
        rows = tuple(
            (
                f"{one.target}: {one.what.removeprefix('stop:')}".replace("_", " "),
                str(one.of),
                *(f"{ms:.1f}" for ms in (one.p50, one.p95, one.p99, one.most)),
            )
            for one in report.summary.times
            if one.what.startswith("stop:") is stops
        )
        if rows:
            head = ("stop" if stops else "turns", "count", "p50", "p95", "p99", "longest")
            blocks.append(Table(caption=caption, head=head, rows=rows))
    return blocks
