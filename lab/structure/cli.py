"""``cbtguard lab structure``: the sentence model of the structure checker."""

from __future__ import annotations

from pathlib import Path

import click


@click.group("structure")
def structure_group() -> None:
    """The sentence model of the structure checker."""


@structure_group.command("train")
@click.option(
    "--corpus",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder of .tsv files (default: the one beside the code).",
)
@click.option(
    "--answers",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    multiple=True,
    required=True,
    help="JSON Lines of labelled answers; the half `tune` of them is learned from. May be given twice.",
)
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), help="Default: the file of the package."
)
@click.option("--size", default=60_000, show_default=True, help="Pieces that are kept.")
def train_command(corpus: Path | None, answers: tuple[Path, ...], out: Path | None, size: int) -> int:
    """Train the sentence model and say how well it does on answers it has not seen."""
    from cbtguard.lab.structure.corpus import CORPUS  # noqa: PLC0415 - keeps help fast
    from cbtguard.lab.structure.train import run  # noqa: PLC0415 - the same
    from cbtguard.safety.structure.reading import MODEL  # noqa: PLC0415 - the same

    for line in run(corpus or CORPUS, answers, out or MODEL, size):
        click.echo(line)
    return 0
