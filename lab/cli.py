"""``cbtguard lab``: notes linted, indexes built, benchmarks run."""

from __future__ import annotations

from pathlib import Path

import click

from cbtguard.lab.evaluate.composer import composer_command
from cbtguard.lab.evaluate.distortions import distortions_command
from cbtguard.lab.evaluate.privacy import privacy_command
from cbtguard.lab.evaluate.retrieval import retrieval_command
from cbtguard.lab.evaluate.structure import structure_command
from cbtguard.lab.referrals.cli import referrals_command
from cbtguard.lab.risk.cli import risk_command
from cbtguard.lab.structure.cli import structure_group
from cbtguard.safety.errors import DataError
from cbtguard.service.cli.common import settings_of


@click.group("lab")
def lab_command() -> None:
    """Notes, indexes and benchmarks."""


lab_command.add_command(risk_command)
lab_command.add_command(structure_group)
lab_command.add_command(referrals_command)


@lab_command.group("notes")
def notes() -> None:
    """Technique notes."""


@notes.command("lint")
@click.argument("folder", required=False, type=click.Path(path_type=Path))
def lint(folder: Path | None) -> int:
    """Check every note of FOLDER (default: the shipped ones) and report all problems at once."""
    from cbtguard.nodes.retrieval.note import NOTES, read_note  # noqa: PLC0415 - keeps help fast

    folder = folder or NOTES
    paths = sorted(folder.glob("*.yaml"))
    if not paths:
        raise DataError(
            "data.empty", f"There are no notes in {folder}.", hint="Give a folder of *.yaml notes."
        )
    problems = 0
    for path in paths:
        try:
            read_note(path)
        except DataError as error:
            problems += 1
            click.echo(error.message)
    click.echo(f"{len(paths)} notes, {problems} with problems")
    return 1 if problems else 0


@notes.command("index")
@click.pass_context
def index(ctx: click.Context) -> int:
    """Encode the shipped notes anew and store the vectors that come with the package."""
    from cbtguard.nodes.retrieval.encoder import load_encoder  # noqa: PLC0415 - loads a model
    from cbtguard.nodes.retrieval.index import store_shipped  # noqa: PLC0415 - the same
    from cbtguard.nodes.retrieval.note import NoteLibrary  # noqa: PLC0415 - the same

    path = store_shipped(NoteLibrary(), load_encoder(settings_of(ctx).encoder))
    click.echo(f"{path} ({path.stat().st_size / 1e6:.2f} MB)")
    return 0


@notes.command("train", add_help_option=False, context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def notes_train(arguments: tuple[str, ...]) -> int:
    """Train which notes fit a question, and say how well it does."""
    from cbtguard.lab.retrieval.train import train_command  # noqa: PLC0415 - keeps help fast

    return int(train_command.main(list(arguments), standalone_mode=False) or 0)


@lab_command.group("distortions")
def distortions() -> None:
    """The reading of thinking habits."""


@distortions.command("train", add_help_option=False, context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def distortions_train(arguments: tuple[str, ...]) -> int:
    """Train which thinking habits a text shows, and say how well it does."""
    from cbtguard.lab.reading.train import train_command  # noqa: PLC0415 - keeps help fast

    return int(train_command.main(list(arguments), standalone_mode=False) or 0)


@lab_command.group("evaluate")
def evaluate() -> None:
    """Guards measured on labelled files."""


evaluate.add_command(privacy_command)
evaluate.add_command(retrieval_command)
evaluate.add_command(structure_command)
evaluate.add_command(distortions_command)
evaluate.add_command(composer_command)


@lab_command.command("encoder")
def encoder() -> int:
    """Write the graph and the smoothing factors of the embedded encoder anew; needs the package onnx."""
    from cbtguard.lab.encoder import write_all  # noqa: PLC0415 - keeps help fast

    click.echo(write_all())
    return 0


@lab_command.command("bench")
@click.argument(
    "name",
    type=click.Choice(["turn", "ask", "batch", "screen", "record", "writer", "retrieval", "check", "stream"]),
)
@click.option(
    "--data",
    type=click.Path(exists=True, dir_okay=False),
    default=None,
    metavar="FILE",
    help="JSON Lines with a field text, for batch.",
)
@click.option(
    "--rounds",
    default=300,
    show_default=True,
    type=click.IntRange(5),
    help="Repetitions, for turn, screen, retrieval, check and stream.",
)
@click.option(
    "--entries",
    default=1_000_000,
    show_default=True,
    type=click.IntRange(10),
    help="Length of the chain, for record.",
)
@click.option(
    "--notes",
    "notes_",
    default=100_000,
    show_default=True,
    type=click.IntRange(86),
    help="Largest library, for retrieval.",
)
@click.option(
    "--plots",
    type=click.Path(file_okay=False, path_type=Path),
    default=None,
    metavar="FOLDER",
    help="Where plots are written, for retrieval, check and stream (default: none).",
)
@click.option("--writer", default=None, metavar="NAME", help="As the setting writer, for writer.")
@click.option(
    "--questions",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    default=None,
    metavar="FILE",
    help="YAML file with lists of questions by language, for writer (default: the shipped ones).",
)
@click.option(
    "--most",
    default=None,
    type=click.IntRange(1),
    help="Most questions a language, for writer.",
)
@click.pass_context
def bench(
    ctx: click.Context,
    name: str,
    data: str | None,
    rounds: int,
    entries: int,
    notes_: int,
    plots: Path | None,
    writer: str | None,
    questions: Path | None,
    most: int | None,
) -> int:
    """Measure and print: a turn, a cold ask, a batch, screen, record, writer, retrieval, check or stream."""
    from cbtguard.lab import bench as benches  # noqa: PLC0415 - keeps help fast

    if name == "turn":
        lines = benches.turn(rounds)
    elif name == "screen":
        lines = benches.screen(rounds)
    elif name == "ask":
        lines = benches.cold_ask()
    elif name == "record":
        from cbtguard.lab.record_bench import record  # noqa: PLC0415 - keeps help fast

        lines = record(entries)
    elif name == "retrieval":
        from cbtguard.lab.retrieval.scale import run  # noqa: PLC0415 - keeps help fast

        lines = run(benches.MESSAGES, most=notes_, rounds=rounds, plots=plots)
    elif name in {"check", "stream"}:
        from cbtguard.lab import answer_bench  # noqa: PLC0415 - keeps help fast

        lines = getattr(answer_bench, name)(benches.MESSAGES, rounds, plots)
    elif name == "writer":
        from cbtguard.lab import writer_bench  # noqa: PLC0415 - keeps help fast

        asked = writer_bench.read_questions(questions or writer_bench.QUESTIONS)
        lines = writer_bench.run(
            settings_of(ctx, writer=writer),
            {language: texts[:most] for language, texts in asked.items()},
            tell=lambda line: click.echo(line, err=True),
        )
    else:
        if data is None:
            raise click.UsageError("batch needs --data FILE")
        lines = benches.batch(Path(data))
    for line in lines:
        click.echo(line)
    return 0
