"""``cbtguard log``: the record, verified, shown, exported."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cbtguard.safety.errors import RecordError
from cbtguard.service.cli.common import settings_of

if TYPE_CHECKING:
    from cbtguard.safety.record import SqliteRecord


@click.group("log")
def log_command() -> None:
    """The record: one entry a turn, hash-chained, without a word that anybody wrote."""


def _open(ctx: click.Context) -> SqliteRecord:
    from cbtguard.safety.record import SqliteRecord  # noqa: PLC0415 - keeps help fast

    settings = settings_of(ctx)
    path = (
        settings.path("record.sqlite") if settings.record == "sqlite" else Path(settings.record).expanduser()
    )
    if settings.record == "memory" or not path.exists():
        raise RecordError(
            "record.missing",
            f"There is no record at {path}.",
            hint="Ask something first, or point CBTGUARD_HOME or the setting record at it.",
        )
    return SqliteRecord(path)


@log_command.command("verify")
@click.option(
    "--head",
    default=None,
    metavar="HASH",
    help="A head noted earlier; finds a record that was cut or written anew.",
)
@click.pass_context
def verify(ctx: click.Context, head: str | None) -> int:
    """Walk the chain; name the first bad entry and exit with 1 if there is one."""
    report = _open(ctx).verify(expected_head=head)
    if report.ok:
        click.echo(f"{report.entries} entries, the chain holds. Head {report.head}")
        return 0
    click.echo(
        f"The chain breaks at entry {report.first_bad}: {report.reason}. Head of the good part {report.head}"
    )
    return 1


@log_command.command("show")
@click.option(
    "--last", default=20, show_default=True, type=click.IntRange(1), help="How many of the newest entries."
)
@click.pass_context
def show(ctx: click.Context, last: int) -> int:
    """Show the newest entries, one a line."""
    store = _open(ctx)
    total = store.verify().entries
    for stored in store.entries(start=max(1, total - last + 1)):
        entry = stored.entry
        rules = ",".join(entry.rules) or "-"
        click.echo(
            f"{stored.record_id}  {entry.at}  {entry.route:<9} {entry.reason:<12} {entry.level:<10} {rules}"
        )
    return 0


@log_command.command("export")
@click.argument("target", metavar="OUT")
@click.option("--format", "form", type=click.Choice(["jsonl", "csv"]), default="jsonl", show_default=True)
@click.pass_context
def export(ctx: click.Context, target: str, form: str) -> int:
    """Write all entries to OUT ("-" for standard output)."""
    from cbtguard.safety.record import to_csv, to_jsonl  # noqa: PLC0415 - keeps help fast

    write = to_csv if form == "csv" else to_jsonl
    entries = _open(ctx).entries()
    if target == "-":
        write(entries, sys.stdout)
        return 0
    with Path(target).open("w", encoding="utf-8", newline="") as stream:
        write(entries, stream)
    return 0
