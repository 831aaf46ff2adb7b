"""``cbtguard batch``: many messages through the whole flow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cbtguard.safety.errors import CbtguardError
from cbtguard.service.cli.common import guard_of, settings_of
from cbtguard.service.lines import Row, run_lines

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cbtguard.graph.answer import Answer


@click.command("batch")
@click.argument("source", metavar="IN")
@click.argument("target", metavar="OUT")
@click.option("--region", default=None, metavar="CODE", help="Region whose help lines to show.")
@click.option(
    "--lang", default=None, metavar="TAG", help="Language of the replies: auto, zh-Hans, zh-Hant, en."
)
@click.pass_context
def batch_command(ctx: click.Context, source: str, target: str, region: str | None, lang: str | None) -> int:
    """Answer many messages.

    \b
    IN   {"id", "text"}
    OUT  {"id", "route", "risk", "reply", "parts", "citations", "writer", "record_id"}
    """  # noqa: D301 - click reads the control character
    with guard_of(settings_of(ctx)) as guard:

        def work(rows: Iterator[Row]) -> Iterator[Row | CbtguardError]:
            for outcome in guard.batch((row["text"] for row in rows), region=region, language=lang):
                yield outcome if isinstance(outcome, CbtguardError) else _row(outcome)

        if region is not None:
            guard.region(region)
        outcome = run_lines(source, target, ("text",), work, title="batch")
    click.echo(f"{outcome.done} done, {outcome.failed} failed", err=True)
    return 1 if outcome.failed else 0


def _row(answer: Answer) -> Row:
    whole = answer.as_dict()
    risk = {key: value for key, value in whole["risk"].items() if key != "language"}
    return {
        "route": whole["route"],
        "risk": risk,
        "reply": whole["reply"],
        "parts": whole["parts"],
        "citations": whole["citations"],
        "writer": whole["writer"],
        "record_id": whole["record_id"],
    }
