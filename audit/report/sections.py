"""The sections of the report, in the order in which they are read."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from cbtguard.audit.outcome import Verdict
from cbtguard.audit.report.blocks import Picture, Section, Sentences, Table
from cbtguard.audit.report.plots import curve_plot, threshold_plot
from cbtguard.audit.report.sentences import p_value, target_sentences, whole_sentences
from cbtguard.audit.report.suites import ORDER, confusion_table, suite_section
from cbtguard.audit.report.words import read_words

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cbtguard.audit.case import Suite
    from cbtguard.audit.report.document import Report


def sections_of(report: Report) -> tuple[Section, ...]:
    """Return the sections, those before the case cards first; ``files`` comes behind everything."""
    suites = {suite: suite_section(report, suite) for suite in ORDER}
    found: list[Section | None] = [_result(report), _tested(report), _gates(report), _baseline(report)]
    for suite, section in suites.items():
        found.append(section)
        if suite.value == "false_alarms":
            found += [_curve(report), _confusion(report)]
    found += [_side(report), _proof(report), _left_out(report), _files(report)]
    return tuple(one for one in found if one is not None)


def _section(name: str, *blocks: Table | Picture | Sentences | None) -> Section | None:
    words, kept = read_words(), tuple(one for one in blocks if one is not None)
    if not kept:
        return None
    return Section(id=name, title=words.sections[name], about=words.about.get(name, ""), blocks=kept)


def _tested(report: Report) -> Section | None:
    audit = report.audit
    by_suite = Counter(case.suite for case in audit.cases)
    targets = [
        Table(
            caption=f"{one.name}, a target of the kind {one.kind}; can {', '.join(one.can) or 'nothing'}",
            head=("part", "version or hash"),
            rows=tuple(one.parts.items()) or (("parts", "not told"),),
            words=True,
        )
        for one in audit.targets
    ]
    sources = Counter(case.source for case in audit.cases)
    return _section(
        "tested",
        Sentences(lines=(read_words().about["masked"],)) if report.masked else None,
        *targets,
        _table(
            "Cases by suite",
            ("suite", "cases"),
            ((read_words().suites[one]["title"], str(by_suite[one])) for one in ORDER if by_suite[one]),
        ),
        _table("Cases by source", ("source", "cases"), ((k, str(v)) for k, v in sorted(sources.items()))),
    )


def _files(report: Report) -> Section | None:
    audit = report.audit
    return _section(
        "files",
        _table("Files of cases", ("file", "SHA-256"), audit.data.items(), words=True),
        _table("Environment", ("part", "version"), audit.environment.items(), words=True),
    )


def _table(
    caption: str, head: tuple[str, ...], rows: Iterable[tuple[str, ...]], *, words: bool = False
) -> Table | None:
    kept = tuple(rows)
    return Table(caption=caption, head=head, rows=kept, words=words) if kept else None


def _result(report: Report) -> Section | None:
    return _section(
        "result",
        Sentences(lines=tuple(whole_sentences(report))),
        *(
            Sentences(heading=one.name, lines=tuple(target_sentences(report, one.name)))
            for one in report.audit.targets
        ),
    )


def _gates(report: Report) -> Section | None:
    if report.gates is None:
        return None
    rows = (
        (one.name, one.target or "-", one.asked, one.came, one.standing.value.replace("_", " "))
        for one in report.gates.verdicts
    )
    caption = f"Thresholds of {report.gates.source}"
    return _section(
        "gates", _table(caption, ("gate", "target", "asked", "came", "verdict"), rows, words=True)
    )


def _baseline(report: Report) -> Section | None:
    if report.comparison is None:
        return None
    found = report.comparison
    rows = (
        (f"{one.target}: {name}", str(len(ids)), ", ".join(ids) or "-")
        for one in found.changes
        for name, ids in (
            ("worse", one.worse),
            ("better", one.better),
            ("new", one.new),
            ("removed", one.removed),
        )
    )
    return _section(
        "baseline",
        _table(
            f"Against the audit of {found.date}, cbtguard {found.version}",
            ("what", "number", "cases"),
            rows,
            words=True,
        ),
        Sentences(lines=(f"Files of cases that differ: {', '.join(found.changed_data) or 'none'}.",)),
    )


def _curve(report: Report) -> Section | None:
    curves = report.summary.curves
    if not curves:
        return None
    names = [one.name for one in report.audit.targets]
    caption = "Each point is a threshold; chance is the grey line."
    return _section(
        "curve",
        Picture(svg=curve_plot("roc", curves, names), caption=caption),
        *(
            Picture(svg=threshold_plot(f"threshold-{number}", curves[name]), caption=f"{name}, by threshold")
            for number, name in enumerate(names)
            if name in curves
        ),
    )


def _confusion(report: Report) -> Section | None:
    return _section(
        "confusion", *(confusion_table(one) for one in report.summary.confusions if one.what != "advice")
    )


def _side(report: Report) -> Section | None:
    pairs = report.summary.pairs

    def name(suite: Suite | None) -> str:
        return read_words().suites[suite]["title"] if suite else "all suites"

    blocks: list[Table | Picture | Sentences | None] = []
    for first, second in dict.fromkeys((one.first, one.second) for one in pairs):
        here = [one for one in pairs if (one.first, one.second) == (first, second)]
        rows = (
            (
                name(one.suite),
                str(one.difference.of),
                (
                    f"{100 * one.difference.value:+.1f} ({100 * one.difference.low:+.1f} to "
                    f"{100 * one.difference.high:+.1f})"
                ),
                str(one.test.only_first),
                str(one.test.only_second),
                p_value(one.test.p),
                p_value(one.test.mid_p),
            )
            for one in here
        )
        head = ("suite", "cases", "difference in points", "only first", "only second", "p", "mid-p")
        blocks.append(_table(f"{first} (first) and {second} (second)", head, rows))
        whole = here[0]
        differ = (
            (f"only {first}", ", ".join(whole.only_first)),
            (f"only {second}", ", ".join(whole.only_second)),
        )
        blocks.append(
            _table("Cases in which they differ", ("passed", "cases"), (x for x in differ if x[1]), words=True)
        )
    return _section("side", *blocks)


def _proof(report: Report) -> Section | None:
    proof = report.audit.proof
    if proof is None:
        return None
    clauses = (
        (str(one["id"]), str(one["title"]), f"{int(one['checked']):,}", f"{int(one['violations']):,}")
        for one in proof.get("clauses", ())
    )
    violations = (
        (
            str(one["clause"]),
            str(one["what"]),
            " > ".join(map(str, one["path"])),
            " > ".join(map(str, one["trace"])),
        )
        for one in proof.get("violations", ())
    )
    counts = ", ".join(f"{int(proof.get(name, 0)):,} {name}" for name in ("paths", "talks", "acts"))
    return _section(
        "proof",
        _table(
            f"Clauses over {counts}",
            ("clause", "what it promises", "checked", "violations"),
            clauses,
            words=True,
        ),
        _table("Violations", ("clause", "what", "path", "trace"), violations, words=True),
    )


def _left_out(report: Report) -> Section | None:
    left_out = (
        (target, why, str(count))
        for target, found in report.summary.left_out.items()
        for why, count in found.items()
    )
    errors = (
        (one.target, one.case, one.why) for one in report.audit.outcomes if one.verdict is Verdict.ERROR
    )
    return _section(
        "left_out",
        _table("Left out", ("target", "why", "cases"), left_out, words=True),
        _table("Errors", ("target", "case", "what"), errors, words=True),
    )
