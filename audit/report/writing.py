"""Writing a report: all files from one audit, and again from its report.json."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cbtguard.audit.baseline import compare
from cbtguard.audit.judging_gates import judge_gates
from cbtguard.audit.report.document import Report, read_report, to_json
from cbtguard.audit.report.html import to_html
from cbtguard.audit.report.machine import to_junit, to_sarif
from cbtguard.audit.report.markdown import to_markdown
from cbtguard.audit.report.masking import mask_audit
from cbtguard.safety.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from cbtguard.audit.baseline import Comparison
    from cbtguard.audit.gates import GateReport, Gates
    from cbtguard.audit.outcome import Audit

FILES = {
    "report.html": to_html,
    "report.json": to_json,
    "junit.xml": to_junit,
    "report.sarif": to_sarif,
    "summary.md": to_markdown,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What was written."""

    files: tuple[Path, ...]
    gates: GateReport | None
    comparison: Comparison | None

    @property
    def exit_code(self) -> int:
        """1 when a gate fails, else 0."""
        return self.gates.exit_code if self.gates else 0


def write(
    audit: Audit, out: Path, *, mask: bool = False, gates: Gates | None = None, baseline: Audit | None = None
) -> Written:
    """Write report.html, report.json, junit.xml, report.sarif and summary.md. Equal audits give equal bytes.

    Args:
        audit: What was found.
        out: Folder, made when it is missing; files of these names in it are replaced.
        mask: Replace every text of a case, a reply and an evidence by its length and the start of a hash.
        gates: Thresholds to judge the audit by.
        baseline: An earlier audit to compare with.

    Raises:
        InputError: ``input.baseline`` when the baseline has no target in common with the audit;
            ``input.output`` when a file cannot be written.
        DependencyError: ``dependency.missing`` without jinja2 or matplotlib.
    """
    comparison = None if baseline is None else compare(baseline, audit)
    judged = None if gates is None else judge_gates(gates, audit, comparison=comparison)
    shown = mask_audit(audit) if mask else audit
    return _write(Report(audit=shown, masked=mask, gates=judged, comparison=comparison), out)


def rewrite(folder: Path, out: Path | None = None, *, mask: bool = False) -> Written:
    """Make the files of a folder again from its report.json, gates and comparison as they were judged.

    Args:
        folder: Folder with report.json, or that file.
        out: Where the files go; the same folder when left out.
        mask: Mask the texts, as in :func:`write`; what is masked already stays so.

    Raises:
        DataError: ``data.unreadable`` or ``data.malformed`` for report.json.
        InputError: ``input.output`` when a file cannot be written.
    """
    report = read_report(folder)
    if mask and not report.masked:
        report = Report(
            audit=mask_audit(report.audit), masked=True, gates=report.gates, comparison=report.comparison
        )
    return _write(report, out or (folder if folder.is_dir() else folder.parent))


def _write(report: Report, out: Path) -> Written:
    # All are made before any is written: an old report is not left beside half of a new one.
    made = {name: make(report).encode("utf-8", "backslashreplace") for name, make in FILES.items()}
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, content in made.items():
            (out / name).write_bytes(content)
    except OSError as error:
        raise InputError(
            "input.output",
            f"The report cannot be written to {out} ({type(error).__name__}).",
            hint="Name a folder that can be written to.",
        ) from error
    return Written(files=tuple(out / name for name in made), gates=report.gates, comparison=report.comparison)
