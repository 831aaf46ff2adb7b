"""The commands of ``cbtguard audit`` that work on a finished report."""

from __future__ import annotations

import json
from pathlib import Path

import click

_FOLDER = click.Path(exists=True, path_type=Path)


@click.command("report")
@click.argument("folder", type=_FOLDER, metavar="DIR")
@click.option("--out", type=click.Path(path_type=Path), default=None, help="Another folder for the files.")
@click.option("--mask", is_flag=True, help="Replace every text by its length and the start of a hash.")
def report_command(folder: Path, out: Path | None, mask: bool) -> int:
    """Make the files of a report again from its report.json.

    Gates and baseline stay as they were judged. The exit code is 1 when a gate failed.
    """
    from cbtguard.audit.report.writing import rewrite  # noqa: PLC0415 - keeps help fast

    written = rewrite(folder, out, mask=mask)
    for path in written.files:
        click.echo(str(path))
    return written.exit_code


@click.command("compare")
@click.argument("old", type=_FOLDER)
@click.argument("new", type=_FOLDER)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--worse-at-most", type=click.IntRange(min=0), default=0, show_default=True, metavar="N")
def compare_command(old: Path, new: Path, as_json: bool, worse_at_most: int) -> int:
    """Compare two reports: which cases got worse, better, are new or gone.

    OLD and NEW are folders with a report.json. The exit code is 1 when more than N cases of a target got worse.
    """
    from cbtguard.audit.baseline import compare  # noqa: PLC0415 - keeps help fast
    from cbtguard.audit.report.document import read_report  # noqa: PLC0415 - the same
    from cbtguard.audit.report.markdown import comparison_lines  # noqa: PLC0415 - the same

    found = compare(read_report(old).audit, read_report(new).audit)
    if as_json:
        click.echo(json.dumps(found.as_dict(), ensure_ascii=False, indent=2))
    else:
        for line in comparison_lines(found):
            click.echo(line)
        for name in found.changed_data:
            click.echo(f"the file of cases differs: {name}")
    return 1 if any(len(one.worse) > worse_at_most for one in found.changes) else 0


@click.command("pdf")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path), metavar="DIR")
def pdf_command(folder: Path) -> int:
    """Print report.html to report.pdf with a Chromium, without network."""
    from cbtguard.audit.report.pdf import print_pdf  # noqa: PLC0415 - keeps help fast

    click.echo(str(print_pdf(folder)))
    return 0
