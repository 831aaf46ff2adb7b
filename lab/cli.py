"""``cbtguard lab``: notes linted, indexes built, benchmarks run."""

from __future__ import annotations

from pathlib import Path

import click

from cbtguard.lab.bench_cli import bench_group
from cbtguard.lab.build.cli import build_command
from cbtguard.lab.evaluate.composer import composer_command
from cbtguard.lab.evaluate.distortions import distortions_command
from cbtguard.lab.evaluate.privacy import privacy_command
from cbtguard.lab.evaluate.retrieval import retrieval_command
from cbtguard.lab.evaluate.structure import structure_command
from cbtguard.lab.evaluation.answers import answers_command
from cbtguard.lab.finetune.cli import finetune_command
from cbtguard.lab.referrals.cli import referrals_command
from cbtguard.lab.risk.cli import risk_command
from cbtguard.lab.structure.cli import structure_group
from cbtguard.safety.errors import DataError
from cbtguard.service.cli.common import settings_of


@click.group("lab")
def lab_command() -> None:
    """Notes, indexes and benchmarks."""


lab_command.add_command(bench_group)
lab_command.add_command(build_command)
lab_command.add_command(risk_command)
lab_command.add_command(structure_group)
lab_command.add_command(referrals_command)
lab_command.add_command(finetune_command)


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
evaluate.add_command(answers_command)


@lab_command.command("encoder")
def encoder() -> int:
    """Write the graph and the smoothing factors of the embedded encoder anew; needs the package onnx."""
    from cbtguard.lab.encoder import write_all  # noqa: PLC0415 - keeps help fast

    click.echo(write_all())
    return 0
