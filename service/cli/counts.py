"""``cbtguard log counts``: what a year of the record adds up to."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from cbtguard.safety.record import YearCounts


@click.command("counts")
@click.option("--year", required=True, type=click.IntRange(1, 9999), help="Calendar year.")
@click.option(
    "--zone", default="UTC", show_default=True, help="Time zone of the year, such as America/Los_Angeles."
)
@click.option(
    "--format", "form", type=click.Choice(["table", "json", "csv"]), default="table", show_default=True
)
@click.pass_context
def counts(ctx: click.Context, year: int, zone: str, form: str) -> int:
    """Count a year's turns and referrals by level and kind, without personal data, once the chain holds."""
    from cbtguard.safety.record import count_year  # noqa: PLC0415 - keeps help fast
    from cbtguard.service.cli.log import open_to_read  # noqa: PLC0415 - it lists this command

    with open_to_read(ctx) as store:
        report = store.verify()
        if not report.ok:
            click.echo(f"The chain breaks at entry {report.first_bad}: {report.reason}.", err=True)
            return 1
        found = count_year(store.entries(limit=report.entries), year, zone=zone)
    if form == "json":
        click.echo(json.dumps({**found.as_dict(), "head": report.head}, indent=2))
    elif form == "csv":
        click.echo(_csv(found), nl=False)
    else:
        click.echo(f"{year} ({zone}), counted from {report.entries} entries up to head {report.head}")
        for measure, level, kind, n in found.rows():
            click.echo(f"{measure:<18} {level:<10} {kind:<20} {n:>9}".rstrip())
    return 0


def _csv(found: YearCounts) -> str:
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(("year", "measure", "level", "kind", "count"))
    writer.writerows((found.year, *row) for row in found.rows())
    return stream.getvalue()
