"""``cbtguard audit``: what an operator looks over now and then."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import click

from cbtguard.audit.command import run_command
from cbtguard.audit.commands import compare_command, pdf_command, report_command
from cbtguard.audit.inventory.command import inventory_command
from cbtguard.audit.mutants.command import mutants_command
from cbtguard.service.cli.common import settings_of


@click.group("audit")
def audit_command() -> None:
    """Safety audits of a flow or a model, and the help lines and how old their checks are."""


audit_command.add_command(run_command)
audit_command.add_command(inventory_command)
audit_command.add_command(mutants_command)


@audit_command.command("referrals")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option(
    "--at",
    "moment",
    default=None,
    metavar="TIME",
    help="The moment for opening hours and ages, such as 2026-11-23T22:30+08:00; now when left out.",
)
@click.option(
    "--days", default=None, type=click.IntRange(min=1), help="In place of the setting directory_age_days."
)
@click.pass_context
def referrals_command(ctx: click.Context, as_json: bool, moment: str | None, days: int | None) -> int:
    """Look the directory of help lines over.

    Prints each line with the month of its last check, its age in days, whether it is fresh, stale, never
    checked or withheld, and whether it is open at the moment; then what a region lacks. No number is called.
    The exit code is 1 when a line that people may read is stale or was never checked.
    """
    settings = settings_of(ctx, directory_age_days=days)
    from cbtguard.audit.referrals import audit_directory  # noqa: PLC0415 - keeps help fast
    from cbtguard.graph.assemble import default_directory  # noqa: PLC0415 - the same

    at = _moment(moment)
    directory = default_directory(settings, today=at.date())
    found = audit_directory(directory, at, age_days=settings.directory_age_days)
    if as_json:
        click.echo(json.dumps(found.as_dict(), ensure_ascii=False, indent=2))
        return 1 if found.due else 0
    click.echo(f"{'line':<20} {'contact':<20} {'checked':<8} {'days':>5}  {'status':<9} {'now':<8} from")
    for line in found.lines:
        age = "-" if line.age_days is None else str(line.age_days)
        whose = "operator" if line.own else "shipped"
        seen = "" if line.shown or line.status == "withheld" else ", shown to its group only"
        click.echo(
            f"{line.id:<20} {line.contact or '-':<20} {line.verified_on or '-':<8} {age:>5}  "
            f"{line.status:<9} {line.opening:<8} {whose}{seen}"
        )
    for one in found.regions:
        for gap in one.gaps:
            click.echo(f"{one.region}: {gap}")
    click.echo(
        f"{len(found.due)} of {len(found.lines)} lines to check, older than {found.age_days} days or never"
    )
    return 1 if found.due else 0


def _moment(text: str | None) -> datetime:
    if text is None:
        return datetime.now(UTC)
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise click.BadParameter("give a time such as 2026-11-23T22:30+08:00", param_hint="--at") from error
    if at.tzinfo is None:
        raise click.BadParameter("add the distance to UTC, such as +08:00", param_hint="--at")
    return at.astimezone(UTC)


audit_command.add_command(report_command)
audit_command.add_command(compare_command)
audit_command.add_command(pdf_command)
