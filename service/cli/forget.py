"""``cbtguard forget``: delete what is kept of a talk, or of all talks that were not used for long."""

from __future__ import annotations

import json

import click

from cbtguard.safety.errors import SettingsError
from cbtguard.service.cli.common import settings_of


@click.command("forget")
@click.option("--thread", default=None, metavar="ID", help="The talk, by the id that was given to ask.")
@click.option(
    "--older-than",
    "days",
    default=None,
    type=float,
    metavar="DAYS",
    help="All talks that were last used longer ago than this. Default: the setting retention_days.",
)
@click.option("--json", "as_json", is_flag=True, help="Print what was removed as JSON.")
@click.pass_context
def forget_command(ctx: click.Context, thread: str | None, days: float | None, as_json: bool) -> int:
    """Forget a talk, or talks that were not used for long.

    Deletes checkpoints, writes and vault. The record stays: its entries hold no text, and removing one would
    break its chain. The same id then begins a new talk. A key that does not fit is no hindrance.

    \b
    Examples
      cbtguard forget --thread demo
      cbtguard forget --older-than 30
    """  # noqa: D301 - click reads the control character
    if thread is not None and days is not None:
        raise click.UsageError("Give --thread or --older-than, not both.")
    settings = settings_of(ctx)
    if settings.threads == "memory":
        # Where `ask --thread` keeps them.
        settings = settings_of(ctx, threads="sqlite")
    if thread is None and days is None and settings.retention_days is None:
        raise SettingsError(
            "settings.retention_days",
            "Nothing says which talks to forget.",
            hint="Give --thread ID or --older-than DAYS, or set retention_days.",
        )
    from cbtguard.graph.guard import Guard  # noqa: PLC0415 - keeps help fast

    with Guard(settings) as guard:
        if thread is not None:
            one = guard.forget(thread)
            found, told = one.as_dict(), one.describe()
        else:
            many = guard.sweep(days)
            found, told = many.as_dict(), many.describe()
    click.echo(json.dumps(found) if as_json else told)
    return 0
