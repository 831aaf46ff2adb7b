"""``cbtguard batch``: many messages through the whole flow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cbtguard.service.cli.common import guard_of, settings_of
from cbtguard.service.crew import Crew, Wish, helpers_for
from cbtguard.service.lines import Row, run_lines

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cbtguard.graph.answer import Answer
    from cbtguard.safety.errors import CbtguardError


@click.command("batch")
@click.argument("source", metavar="IN")
@click.argument("target", metavar="OUT")
@click.option("--region", default=None, metavar="CODE", help="Region whose help lines to show.")
@click.option(
    "--lang", default=None, metavar="TAG", help="Language of the replies: auto, zh-Hans, zh-Hant, en."
)
@click.option(
    "--processes",
    type=click.IntRange(1, 64),
    default=None,
    metavar="N",
    help="Processes that answer (default: one a core, at most four; one where the writer is a local model).",
)
@click.pass_context
def batch_command(
    ctx: click.Context,
    source: str,
    target: str,
    region: str | None,
    lang: str | None,
    processes: int | None,
) -> int:
    """Answer many messages.

    \b
    IN   {"id", "text"}
    OUT  {"id", "route", "risk", "reply", "parts", "citations", "writer", "record_id"}
    """  # noqa: D301 - click reads the control character
    settings = settings_of(ctx)
    helpers = helpers_for(settings) if processes is None else processes - 1
    with guard_of(settings) as guard:
        crew = Crew(guard, settings, helpers, Wish(region, lang), row_of)

        def work(rows: Iterator[Row]) -> Iterator[Row | CbtguardError]:
            return crew.answer(row["text"] for row in rows)

        if region is not None:
            guard.region(region)
        outcome = run_lines(source, target, ("text",), work, title="batch")
    if crew.lost:
        click.echo(f"{crew.lost} of the processes died; their rows were done again.", err=True)
    click.echo(f"{outcome.done} done, {outcome.failed} failed", err=True)
    return 1 if outcome.failed else 0


def row_of(answer: Answer) -> Row:
    """Return the fields of a line of OUT, but for its id."""
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
