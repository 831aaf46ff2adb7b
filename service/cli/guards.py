"""Each guard alone: screen, redact, retrieve, check. Lines in, lines out, no writer and no record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from cbtguard.safety.errors import CbtguardError
from cbtguard.safety.text import clean
from cbtguard.service.cli.common import settings_of
from cbtguard.service.lean import without_unused_imports
from cbtguard.service.lines import Row, run_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_LONGEST = 2_000_000
"""A guard alone reads long documents too; only an answer needs a bound that a person would keep."""


def _each(work: Callable[[Row], Row]) -> Callable[[Iterator[Row]], Iterator[Row | CbtguardError]]:
    def run(rows: Iterator[Row]) -> Iterator[Row | CbtguardError]:
        for row in rows:
            try:
                yield work(row)
            except CbtguardError as error:
                yield error

    return run


def _finish(source: str, target: str, fields: tuple[str, ...], work: Callable[[Row], Row], title: str) -> int:
    outcome = run_lines(source, target, fields, _each(work), title=title)
    click.echo(f"{outcome.done} done, {outcome.failed} failed", err=True)
    return 1 if outcome.failed else 0


@click.command("screen")
@click.argument("source", metavar="IN")
@click.argument("target", metavar="OUT")
@click.pass_context
def screen_command(ctx: click.Context, source: str, target: str) -> int:
    """Screen messages for crisis risk.

    \b
    IN   {"id", "text"}
    OUT  {"id", "risk": {"level", "kinds", "subject", "score", "signals"}}

    level is none, watch (answered, with a safety question added), crisis (referred) or emergency. Each
    signal names its rule, its evidence with offsets into the text, and a reason a person can read.
    """  # noqa: D301 - click reads the control character
    settings_of(ctx)
    from cbtguard.graph.assemble import default_detector  # noqa: PLC0415 - keeps help fast

    detector = default_detector()

    def work(row: Row) -> Row:
        risk = detector.assess(clean(row["text"], limit=_LONGEST)).as_dict()
        return {"risk": {key: value for key, value in risk.items() if key != "language"}}

    return _finish(source, target, ("text",), work, "screen")


@click.command("redact")
@click.argument("source", metavar="IN")
@click.argument("target", metavar="OUT")
@click.pass_context
def redact_command(ctx: click.Context, source: str, target: str) -> int:
    """Take personal data out of messages.

    \b
    IN   {"id", "text"}
    OUT  {"id", "text", "entities": [{"type", "start", "end", "score"}]}

    The text holds placeholders such as <人名1>; offsets are into the text that came in. Each line is a talk
    of its own.
    """  # noqa: D301 - click reads the control character
    settings = settings_of(ctx)
    with without_unused_imports():
        from cbtguard.safety.privacy import PresidioRedactor, Vault  # noqa: PLC0415 - imports Presidio

        redactor = PresidioRedactor(config=settings.privacy_file)

    def work(row: Row) -> Row:
        found = redactor.redact(clean(row["text"], limit=_LONGEST), Vault())
        entities = [
            {"type": e.type.value, "start": e.start, "end": e.end, "score": e.score} for e in found.entities
        ]
        return {"text": found.text, "entities": entities}

    return _finish(source, target, ("text",), work, "redact")


@click.command("retrieve")
@click.argument("source", metavar="IN")
@click.argument("target", metavar="OUT")
@click.option(
    "-k", "count", default=3, show_default=True, type=click.IntRange(1, 50), help="Most notes a line."
)
@click.pass_context
def retrieve_command(ctx: click.Context, source: str, target: str, count: int) -> int:
    """Find the technique notes that fit messages.

    \b
    IN   {"id", "text"}
    OUT  {"id", "notes": [{"note_id", "title", "title_en", "technique", "score"}]}

    The best comes first; no note means that nothing fits.
    """  # noqa: D301 - click reads the control character
    settings = settings_of(ctx)
    from cbtguard.graph.assemble import default_library, default_retriever  # noqa: PLC0415 - keeps help fast

    library = default_library(settings)
    retriever = default_retriever(settings, library)

    def note(hit: Any) -> Row:
        found = library[hit.note_id]
        return {
            "note_id": found.id,
            "title": found.title.zh,
            "title_en": found.title.en,
            "technique": found.technique,
            "score": hit.score,
        }

    def work(row: Row) -> Row:
        return {"notes": [note(hit) for hit in retriever.retrieve(clean(row["text"]), k=count)]}

    return _finish(source, target, ("text",), work, "retrieve")


@click.command("check")
@click.argument("source", metavar="IN")
@click.argument("target", metavar="OUT")
@click.pass_context
def check_command(ctx: click.Context, source: str, target: str) -> int:
    """Check answers, whoever wrote them.

    \b
    IN   {"id", "question", "answer"}
    OUT  {"id", "parts": {"validation", "key_thought", "challenge", "strategy", "encouragement"},
          "defects": [...], "passed"}

    Each part is {"present", "evidence"}; each defect {"code", "evidence", "reason", "reason_zh"}.
    """  # noqa: D301 - click reads the control character
    settings_of(ctx)
    from cbtguard.safety.structure import StructureChecker  # noqa: PLC0415 - keeps help fast

    checker = StructureChecker()

    def work(row: Row) -> Row:
        question = clean(row["question"], limit=_LONGEST)
        return checker.check(question, clean(row["answer"], limit=_LONGEST)).as_dict()

    return _finish(source, target, ("question", "answer"), work, "check")
