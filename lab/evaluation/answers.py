"""``cbtguard lab evaluate answers``: answers measured against references, by the checker, and by judges."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cbtguard.lab.evaluation.score import LeftOut, Score, markdown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from cbtguard.graph.settings import Settings
    from cbtguard.lab.evaluation.chat import Chat
    from cbtguard.lab.evaluation.pairs import Pair

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


def measure(
    pairs: Sequence[Pair],
    settings: Settings,
    *,
    encoder: str,
    layer: int | None,
    checkpoint: Path | None,
) -> Iterator[Score | LeftOut]:
    """Yield all that needs no judge; see the modules of each score for ranges and errors."""
    from cbtguard.graph.assemble import default_library  # noqa: PLC0415 - keeps help fast
    from cbtguard.lab.evaluation.bertscore import bertscore  # noqa: PLC0415 - the same
    from cbtguard.lab.evaluation.bleurt import bleurt  # noqa: PLC0415 - the same
    from cbtguard.lab.evaluation.grounding import grounding  # noqa: PLC0415 - the same
    from cbtguard.lab.evaluation.overlap import overlap  # noqa: PLC0415 - the same
    from cbtguard.lab.evaluation.states import load_states  # noqa: PLC0415 - the same
    from cbtguard.lab.evaluation.variety import structure, variety  # noqa: PLC0415 - the same
    from cbtguard.nodes.retrieval.encoder import EmbeddedEncoder  # noqa: PLC0415 - the same
    from cbtguard.safety.structure import StructureChecker  # noqa: PLC0415 - the same

    yield from overlap(pairs)
    yield from bertscore(pairs, load_states(encoder, layer=layer))
    yield from bleurt(pairs, checkpoint)
    yield from variety(pairs)
    yield from structure(pairs, StructureChecker())
    yield from grounding(pairs, default_library(settings), EmbeddedEncoder())


def by_judges(
    pairs: Sequence[Pair],
    judges: Sequence[Chat],
    rubrics: Sequence[str],
    *,
    samples: int,
    raw: Path | None,
    human: Path | None,
) -> Iterator[Score | LeftOut]:
    """Yield what judges gave, and how far they agree with people; left out by name without a judge.

    Raises:
        SettingsError: ``settings.invalid`` for a rubric nobody knows, or one for whole sessions.
        DataError: For a file of ratings in another form.
    """
    from cbtguard.lab.evaluation.human import agreement, read_human  # noqa: PLC0415 - keeps help fast
    from cbtguard.lab.evaluation.judge import judge  # noqa: PLC0415 - the same
    from cbtguard.lab.evaluation.judged import judged, without_judge  # noqa: PLC0415 - the same
    from cbtguard.lab.evaluation.rubric import rubric  # noqa: PLC0415 - the same

    rated = read_human(human) if human is not None else ()
    for name in rubrics:
        asked = rubric(name)
        if not judges:
            yield from without_judge(asked)
            continue
        # A rubric of sessions reads a question and its answer as a session of one exchange.
        texts = {
            pair.id: {
                "question": pair.question,
                "answer": pair.answer,
                "session": f"client: {pair.question}\ncounsellor: {pair.answer}",
            }
            for pair in pairs
        }
        judgement = asyncio.run(judge(texts, asked, judges, samples=samples, raw=raw))
        yield from judged(judgement, asked)
        if human is not None:
            yield from agreement(rated, judgement.ratings, asked)


@click.command("answers")
@click.argument("files", nargs=-1, required=True, type=_FILE)
@click.option("--encoder", default="embedded", show_default=True, metavar="NAME", help="For BERTScore.")
@click.option("--layer", default=None, type=click.IntRange(1), help="Of the encoder.")
@click.option(
    "--bleurt",
    "checkpoint",
    default=None,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="BLEURT checkpoint.",
)
@click.option(
    "--judge", "judges", multiple=True, metavar="SPEC", help="chat:MODEL@URL or transformers:FOLDER."
)
@click.option("--judge-key-env", default=None, metavar="NAME", help="Variable with the judges' key.")
@click.option(
    "--rubric",
    "rubrics",
    multiple=True,
    default=("cbt_llm", "six_dimensions"),
    show_default=True,
    metavar="NAME",
    help="What judges are asked.",
)
@click.option("--samples", default=1, show_default=True, type=click.IntRange(1, 50), help="Of each judge.")
@click.option("--raw", default=None, type=click.Path(dir_okay=False, path_type=Path), help="Judges' answers.")
@click.option("--human", default=None, type=_FILE, metavar="FILE", help="Ratings by people.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def answers_command(
    ctx: click.Context,
    files: tuple[Path, ...],
    encoder: str,
    layer: int | None,
    checkpoint: Path | None,
    judges: tuple[str, ...],
    judge_key_env: str | None,
    rubrics: tuple[str, ...],
    samples: int,
    raw: Path | None,
    human: Path | None,
    as_json: bool,
) -> int:
    """Measure answers: lines of id, question, answer, and optionally reference, language, citations."""
    from cbtguard.lab.evaluation.chat import load_chat  # noqa: PLC0415 - keeps help fast
    from cbtguard.lab.evaluation.pairs import read_pairs  # noqa: PLC0415 - the same
    from cbtguard.service.cli.common import settings_of  # noqa: PLC0415 - the same

    pairs = read_pairs(files)
    models = [load_chat(name, key_env=judge_key_env) for name in judges]
    found = [
        *measure(pairs, settings_of(ctx), encoder=encoder, layer=layer, checkpoint=checkpoint),
        *by_judges(pairs, models, rubrics, samples=samples, raw=raw, human=human),
    ]
    scores, left_out = split(found)
    if as_json:
        rows = {
            "scores": [score.as_dict() for score in scores],
            "left_out": [entry.as_dict() for entry in left_out],
        }
        click.echo(json.dumps(rows, ensure_ascii=False))
    else:
        click.echo(markdown(scores, left_out))
    return 0


def split(found: Iterable[Score | LeftOut]) -> tuple[list[Score], list[LeftOut]]:
    """Return the scores, and what was left out."""
    listed = list(found)
    return (
        [entry for entry in listed if isinstance(entry, Score)],
        [entry for entry in listed if isinstance(entry, LeftOut)],
    )
