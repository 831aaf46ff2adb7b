"""``cbtguard lab``: notes linted, indexes built, benchmarks run."""

from __future__ import annotations

from pathlib import Path

import click

from cbtguard.lab.evaluate.distortions import distortions_command
from cbtguard.lab.evaluate.privacy import privacy_command
from cbtguard.lab.evaluate.retrieval import retrieval_command
from cbtguard.lab.evaluate.structure import structure_command
from cbtguard.lab.risk.cli import risk_command
from cbtguard.safety.errors import DataError
from cbtguard.service.cli.common import settings_of


@click.group("lab")
def lab_command() -> None:
    """Notes, indexes and benchmarks."""


lab_command.add_command(risk_command)


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


@lab_command.group("evaluate")
def evaluate() -> None:
    """Guards measured on labelled files."""


evaluate.add_command(privacy_command)
evaluate.add_command(retrieval_command)
evaluate.add_command(structure_command)
evaluate.add_command(distortions_command)


@lab_command.command("encoder")
def encoder() -> int:
    """Write the graph and the smoothing factors of the embedded encoder anew; needs the package onnx."""
    from cbtguard.lab.encoder import write_all  # noqa: PLC0415 - keeps help fast

    click.echo(write_all())
    return 0


@lab_command.command("bench")
@click.argument("name", type=click.Choice(["turn", "ask", "batch", "screen", "record", "writer", "serve"]))
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
    help="Repetitions, for turn and screen.",
)
@click.option(
    "--entries",
    default=1_000_000,
    show_default=True,
    type=click.IntRange(10),
    help="Length of the chain, for record.",
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
@click.option("--clients", default=64, show_default=True, type=click.IntRange(1), help="At once, for serve.")
@click.option(
    "--seconds", default=10.0, show_default=True, type=click.FloatRange(1), help="How long, for serve."
)
@click.pass_context
def bench(
    ctx: click.Context,
    name: str,
    data: str | None,
    rounds: int,
    entries: int,
    writer: str | None,
    questions: Path | None,
    most: int | None,
    clients: int,
    seconds: float,
) -> int:
    """Measure and print: a turn of the guards, a cold ask, a batch, the screen, the record, a writer, the service."""
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
    elif name == "serve":
        from cbtguard.lab.serve_bench import serve_bench  # noqa: PLC0415 - keeps help fast

        lines = serve_bench(clients, seconds)
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
