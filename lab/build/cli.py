"""``cbtguard lab build``: a CBT question and answer data set from any questions."""

from __future__ import annotations

import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cbtguard.service.cli.common import guard_of, settings_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from cbtguard.lab.build.run import Report

_REMOTE = 8
"""Questions in work at once where a server writes."""


@click.command("build")
@click.argument("source", metavar="IN")
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--map",
    "columns",
    multiple=True,
    metavar="FIELD=COLUMN",
    help="Column of question, description, keywords, language or id; may be given again.",
)
@click.option("--writer", default=None, metavar="NAME", help="As the setting writer.")
@click.option("--lang", default="auto", metavar="TAG", help="Language of the answers.", show_default=True)
@click.option(
    "--prompt",
    type=click.Choice(["chat", "plain", "cbt_llm"]),
    default="chat",
    show_default=True,
    help="Form of the prompt kept with each row.",
)
@click.option("--split", default="90,5,5", show_default=True, metavar="A,B,C", help="Train, valid, test.")
@click.option("--seed", default=0, show_default=True, help="Another one gives other splits.")
@click.option("--repeat", default=0.8, show_default=True, help="Likeness from which a question is left out.")
@click.option("--group", default=0.5, show_default=True, help="Likeness that keeps questions in one split.")
@click.option("--no-watch", is_flag=True, help="Leave out questions at level watch, too.")
@click.option("--limit", type=click.IntRange(1), default=None, metavar="N", help="Only the first N rows.")
@click.option("--licence", default="not stated", metavar="TEXT", help="Of the data set, for its card.")
@click.option("--about", default="not stated", metavar="TEXT", help="About the source, for the card.")
@click.option(
    "--processes",
    type=click.IntRange(1, 64),
    default=None,
    metavar="N",
    help="Processes that answer (default: one a core, at most four; one where a model writes).",
)
@click.option(
    "--concurrency",
    type=click.IntRange(1, 1024),
    default=None,
    metavar="N",
    help="Questions in work at once in a process (default: 8 where a server writes).",
)
@click.option("--price-in", type=click.FloatRange(0), default=0.0, help="Of a million tokens given.")
@click.option("--price-out", type=click.FloatRange(0), default=0.0, help="Of a million tokens written.")
@click.option("--retry", is_flag=True, help="Try rows in error again.")
@click.option("--fresh", is_flag=True, help="Forget an earlier build in DIR.")
@click.option("--no-plots", is_flag=True, help="Draw none.")
@click.pass_context
def build_command(
    ctx: click.Context,
    source: str,
    folder: Path,
    columns: tuple[str, ...],
    writer: str | None,
    lang: str,
    prompt: str,
    split: str,
    seed: int,
    repeat: float,
    group: float,
    no_watch: bool,
    limit: int | None,
    licence: str,
    about: str,
    processes: int | None,
    concurrency: int | None,
    price_in: float,
    price_out: float,
    retry: bool,
    fresh: bool,
    no_plots: bool,
) -> int:
    """Build a CBT data set from questions.

    Each is screened, redacted, answered and checked. What was done is kept: run the same command again to go on
    after any end.

    \b
    IN   FILE.jsonl, FILE.json (PsyQA), FILE.csv, FILE.tsv, or datasets:NAME[:SPLIT]
    DIR  train, valid and test (.jsonl, .chat.jsonl), crisis, refused and errors (.jsonl), card.md, manifest.json
    """  # noqa: D301 - click reads the control character
    from cbtguard.lab.build.builder import Wish  # noqa: PLC0415 - keeps help fast
    from cbtguard.lab.build.card import Price  # noqa: PLC0415 - the same
    from cbtguard.lab.build.crew import processes_for  # noqa: PLC0415 - the same
    from cbtguard.lab.build.plan import sharing_of  # noqa: PLC0415 - the same
    from cbtguard.lab.build.question import columns_of  # noqa: PLC0415 - the same
    from cbtguard.lab.build.run import Order, build, quiet_settings  # noqa: PLC0415 - the same
    from cbtguard.nodes.writers.prompt import PromptForm  # noqa: PLC0415 - the same
    from cbtguard.safety.language import normalise_language  # noqa: PLC0415 - the same

    settings = quiet_settings(settings_of(ctx, writer=writer))
    if concurrency is None:
        concurrency = _REMOTE if settings.writer == "openai" else settings.concurrency
    order = Order(
        source=source,
        folder=folder,
        columns=columns_of(columns),
        wish=Wish(
            language="auto" if lang.strip().lower() == "auto" else normalise_language(lang).value,
            form=PromptForm(prompt),
            concurrency=concurrency,
        ),
        sharing=sharing_of(split, seed, repeat, group),
        price=Price(read=price_in, written=price_out),
        licence=licence,
        about=about,
        most=limit,
        watch=not no_watch,
        processes=processes or processes_for(settings),
        fresh=fresh,
        retry=retry,
        plots=not no_plots,
    )
    with ExitStack() as stack:
        guard = stack.enter_context(guard_of(settings))
        if guard.problems:
            # A flow without one of its parts refers everybody; nothing would come of a build.
            raise guard.problems[0]
        clock = _Clock()
        started, advance = _progress(stack, clock)
        report = build(order, guard, started=started, advance=advance)
    for line in _told(report, clock, order.price.of(report.result)):
        click.echo(line, err=True)
    return 1 if report.result.errors else 0


class _Clock:
    """Since when rows are worked off."""

    def __init__(self) -> None:
        self.start = time.monotonic()

    def rate(self, rows: int) -> float:
        """Return rows a second since the start."""
        return rows / max(1e-9, time.monotonic() - self.start)


def _told(report: Report, clock: _Clock, cost: float) -> list[str]:
    result = report.result
    splits = ", ".join(f"{len(rows)} {name}" for name, rows in result.splits.items())
    others = f"{len(result.crisis)} crisis, {len(result.refused)} refused, {len(result.errors)} in error"
    lines = [
        f"{result.total} rows: {splits}; {others}",
        f"{report.done} done now, {clock.rate(report.done):.1f} rows/s; cost {cost:,.4g}",
    ]
    if report.lost:
        lines.append(f"{report.lost} of the processes died; their rows were done again.")
    return lines


def _progress(stack: ExitStack, clock: _Clock) -> tuple[Callable[[int, int], None], Callable[[], None]]:
    """Return what tells a terminal of the start and of each row; no terminal is told nothing."""
    if not sys.stderr.isatty():
        return lambda _total, _left: setattr(clock, "start", time.monotonic()), lambda: None
    from rich.console import Console  # noqa: PLC0415 - only on a terminal
    from rich.progress import (  # noqa: PLC0415 - the same
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    bar = stack.enter_context(
        Progress(
            TextColumn("build"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]:.1f} rows/s"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        )
    )
    task = bar.add_task("build", total=None, rate=0.0)
    done = 0

    def started(total: int, left: int) -> None:
        clock.start = time.monotonic()
        bar.update(task, total=total, completed=total - left)

    def advance() -> None:
        nonlocal done
        done += 1
        bar.update(task, advance=1, rate=clock.rate(done))

    return started, advance
