"""The report as one document: report.json, which everything else can be made of again."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from cbtguard.audit.baseline import Comparison
from cbtguard.audit.gates import GateReport
from cbtguard.audit.outcome import Audit
from cbtguard.audit.summary import Summary, summarise
from cbtguard.safety.errors import DataError
from cbtguard.safety.files import read_text

if TYPE_CHECKING:
    from pathlib import Path

    from cbtguard.audit.case import Case

SCHEMA = "cbtguard.audit.report/1"


@dataclass(frozen=True, kw_only=True)
class Report:
    """What is written."""

    audit: Audit
    masked: bool = False
    gates: GateReport | None = None
    comparison: Comparison | None = None

    @cached_property
    def summary(self) -> Summary:
        """What the audit comes to."""
        return summarise(self.audit)

    @cached_property
    def cases(self) -> dict[str, Case]:
        """Id to case."""
        return {case.id: case for case in self.audit.cases}

    def as_dict(self) -> dict[str, Any]:
        """Return the report as JSON primitives."""
        return {
            "schema": SCHEMA,
            "masked": self.masked,
            "gates": self.gates and self.gates.as_dict(),
            "comparison": self.comparison and self.comparison.as_dict(),
            "summary": self.summary.as_dict(),
            "audit": self.audit.as_dict(),
        }


def to_json(report: Report) -> str:
    """Return report.json."""
    # Lone surrogates, which a case of broken text may hold, are escaped; all else stays readable.
    text = json.dumps(report.as_dict(), ensure_ascii=False, indent=1)
    return "".join(f"\\u{ord(c):04x}" if "\ud800" <= c <= "\udfff" else c for c in text) + "\n"


def read_report(path: Path) -> Report:
    """Return the report that report.json holds.

    Args:
        path: The file, or the folder that it lies in.

    Raises:
        DataError: ``data.unreadable`` or ``data.malformed``, naming the file.
    """
    path = path / "report.json" if path.is_dir() else path
    text = read_text(path)
    try:
        read = json.loads(text)
        return Report(
            # Another schema is a missing key.
            audit=Audit.from_dict({SCHEMA: read["audit"]}[read["schema"]]),
            masked=bool(read["masked"]),
            gates=GateReport.from_dict(read["gates"]) if read["gates"] else None,
            comparison=Comparison.from_dict(read["comparison"]) if read["comparison"] else None,
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DataError(
            "data.malformed",
            f"{path} is no report of an audit ({type(error).__name__}).",
            hint="Name the report.json, or its folder, that `cbtguard audit run` wrote with this version.",
        ) from error
