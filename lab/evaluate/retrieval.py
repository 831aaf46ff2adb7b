"""How often the retriever finds a note that fits, and how often it says that nothing does."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cbtguard.lab.evaluate.lines import read_rows
from cbtguard.lab.risk.measure import Share

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cbtguard.nodes.retrieval.hybrid import Retriever

_HINT = (
    "A row has id, language, text, fits (ids of notes; empty when nothing fits), and may have best and set."
)
TOP = 3
"""Notes that a writer is given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question and the notes that fit it."""

    id: str
    language: str
    text: str
    fits: tuple[str, ...]
    best: str | None
    set: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrievalReport:
    """A measurement.

    Attributes:
        recall: Questions of which a fitting note is among the first three, by language; ``all`` for all.
        best: Those of which the one best note is.
        first: Those whose first note fits.
        nothing: Questions that nothing fits for which nothing was returned.
        missed: Id of each question without a fitting note, and what was returned.
        times_ms: Milliseconds a question.
    """

    recall: dict[str, Share]
    best: Share
    first: Share
    nothing: Share
    missed: tuple[tuple[str, tuple[str, ...]], ...]
    times_ms: tuple[float, ...]


def read_questions(path: Path) -> tuple[Question, ...]:
    """Return the questions of a file.

    Raises:
        DataError: As :func:`cbtguard.lab.evaluate.lines.read_rows`.
    """
    return read_rows(path, _question, hint=_HINT)


def _question(row: dict[str, Any]) -> Question:
    return Question(
        id=str(row["id"]),
        language=str(row["language"]),
        text=str(row["text"]),
        fits=tuple(row["fits"]),
        best=row.get("best"),
        set=str(row.get("set", "")),
    )


def measure(retriever: Retriever, questions: Sequence[Question]) -> RetrievalReport:
    """Return how well a retriever does on questions."""
    times, found = [], []
    for question in questions:
        start = time.perf_counter()
        hits = retriever.retrieve(question.text, k=TOP)
        times.append((time.perf_counter() - start) * 1000)
        found.append((question, tuple(hit.note_id for hit in hits)))
    wanted = [(q, got, bool(set(got) & set(q.fits))) for q, got in found if q.fits]
    languages = sorted({q.language for q, _, _ in wanted})
    return RetrievalReport(
        recall={
            name: Share.of([hit for q, _, hit in wanted if name in {q.language, "all"}])
            for name in (*languages, "all")
        },
        best=Share.of([q.best in got for q, got, _ in wanted]),
        first=Share.of([bool(got) and got[0] in q.fits for q, got, _ in wanted]),
        nothing=Share.of([not got for q, got in found if not q.fits]),
        missed=tuple((q.id, got) for q, got, hit in wanted if not hit),
        times_ms=tuple(times),
    )


@click.command("retrieval")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--set", "part", default=None, help="Only the questions of this set.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--misses", is_flag=True, help="Name each question for which no fitting note was found.")
@click.pass_context
def retrieval_command(ctx: click.Context, file: Path, part: str | None, as_json: bool, misses: bool) -> int:
    """Measure the retriever on FILE: questions (YAML or JSON Lines) with the notes that fit."""
    import numpy as np  # noqa: PLC0415 - keeps help fast

    from cbtguard.graph.assemble import default_library, default_retriever  # noqa: PLC0415 - the same
    from cbtguard.service.cli.common import settings_of  # noqa: PLC0415 - the same

    settings = settings_of(ctx)
    questions = [q for q in read_questions(file) if part is None or q.set == part]
    report = measure(default_retriever(settings, default_library(settings)), questions)
    p50, p95 = (float(np.quantile(report.times_ms, share)) for share in (0.5, 0.95))
    shares = {
        **{f"recall@{TOP} {name}": share for name, share in report.recall.items()},
        f"best note in {TOP}": report.best,
        "first note fits": report.first,
        "nothing fits": report.nothing,
    }
    if as_json:
        rows: dict[str, Any] = {name: share.as_dict() for name, share in shares.items()}
        times = {"p50_ms": round(p50, 2), "p95_ms": round(p95, 2)}
        click.echo(json.dumps({**rows, **times, "missed": [name for name, _ in report.missed]}))
        return 0
    for name, share in shares.items():
        click.echo(f"{name:<22} {share}")
    click.echo(f"{'time':<22} p50 {p50:.1f} ms   p95 {p95:.1f} ms")
    if misses:
        for name, got in report.missed:
            click.echo(f"missed {name}: got {', '.join(got) or 'nothing'}")
    return 0
