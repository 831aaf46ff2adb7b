"""report.html: one file that loads nothing and needs no script."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Any

from cbtguard.audit.outcome import Verdict
from cbtguard.audit.report.sections import sections_of
from cbtguard.audit.report.words import DATA, read_words
from cbtguard.safety.errors import DependencyError
from cbtguard.safety.files import read_text

if TYPE_CHECKING:
    from cbtguard.audit.report.document import Report

_TEMPLATE = "report.html.j2"
_TOLD = ("route", "level", "subject", "score", "reason", "writer", "record_id")
_LISTS = ("kinds", "defects", "citations", "faults")


def to_html(report: Report) -> str:
    """Return the page.

    Raises:
        DependencyError: ``dependency.missing`` without jinja2 or matplotlib.
    """
    try:
        import jinja2  # noqa: PLC0415 - keeps help fast
        import markupsafe  # noqa: PLC0415 - the same
        import matplotlib as mpl  # noqa: PLC0415 - the same
    except ImportError as error:
        raise DependencyError(
            "dependency.missing",
            "The report needs jinja2 and matplotlib, and one of them is not installed.",
            hint='Install them: pip install "cbtguard[audit]".',
        ) from error
    del mpl
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(DATA),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["svg"] = markupsafe.Markup
    environment.filters["visible"] = lambda text: markupsafe.Markup(_visible(text, markupsafe.escape))  # noqa: S704 - every piece is escaped
    page = environment.get_template(_TEMPLATE).render(
        report=report,
        audit=report.audit,
        words=read_words(),
        css=markupsafe.Markup(read_text(DATA / "report.css")),  # noqa: S704 - our own file
        sections=sections_of(report),
        cards=cards_of(report),
    )
    return re.sub(r"\n\s*\n+", "\n", page)


def cards_of(report: Report) -> list[dict[str, Any]]:
    """Return what the card of each failure shows, in the order of targets and cases."""
    found = []
    for one in report.audit.outcomes:
        if one.verdict not in {Verdict.FAIL, Verdict.ERROR}:
            continue
        case = report.cases[one.case]
        last = one.replies[-1] if one.replies else {}
        facts = [
            (name.replace("_", " "), str(last[name])) for name in _TOLD if last.get(name) not in {None, ""}
        ]
        facts += [(name, ", ".join(map(str, last[name]))) for name in _LISTS if last.get(name)]
        if last.get("parts"):
            parts = last["parts"]
            facts.append(("parts", ", ".join(f"{k} {'yes' if v else 'no'}" for k, v in parts.items())))
        found.append(
            {
                "case": case,
                "outcome": one,
                "talk": _talk(case.turns, [str(reply.get("text", "")) for reply in one.replies]),
                "facts": facts,
                "dimensions": [(name.replace("_", " "), f"{v:.2f}") for name, v in one.dimensions.items()],
                "signals": [dict(signal) for signal in last.get("signals", ())],
                "stops": [(name, float(ms)) for name, ms in last.get("timings_ms", {}).items()],
                "lang": case.language if case.language != "zh" else "zh-Hans",
            }
        )
    return found


def _talk(turns: tuple[str, ...], replies: list[str]) -> list[tuple[str, str]]:
    """Return who said what. Fewer replies than turns are those of the last turns."""
    missing = len(turns) - len(replies)
    lines: list[tuple[str, str]] = []
    for number, turn in enumerate(turns):
        lines.append(("person", turn))
        if number >= missing and replies[number - missing]:
            lines.append(("reply", replies[number - missing]))
    return lines


def _visible(text: str, escape: Any) -> str:
    """Return escaped text in which what nobody sees (zero width, controls, broken halves) is named."""
    return "".join(
        f'<span class="unseen">U+{ord(c):04X}</span>'
        if unicodedata.category(c) in {"Cf", "Cc", "Cs", "Co"} and c not in "\n\t"
        else str(escape(c))
        for c in text
    )
