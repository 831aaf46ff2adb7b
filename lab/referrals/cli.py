"""``cbtguard lab referrals``: the texts read against VERA-MH and WHO."""

from __future__ import annotations

from pathlib import Path

import click


@click.group("referrals")
def referrals_command() -> None:
    """Referral texts."""


@referrals_command.command("table")
@click.option(
    "--document",
    type=click.Path(path_type=Path, dir_okay=False),
    default=None,
    help="Put the table into this document, between its marks; print it when left out.",
)
def table_command(document: Path | None) -> int:
    """Read every referral text and tell what it holds.

    A cell is a tick or a quotation where every wording in every region holds the dimension, and a count
    where one falls short. The exit code is 1 when any does.
    """
    from cbtguard.lab.referrals.table import put_into, render, rows  # noqa: PLC0415 - keeps help fast

    every = list(rows())
    table = render(every)
    if document is None:
        click.echo(table)
    else:
        document.write_text(put_into(document.read_text(encoding="utf-8"), table), encoding="utf-8")
    short = [one for row in every for one in row.short]
    for one in short:
        click.echo(one, err=True)
    return 1 if short else 0
