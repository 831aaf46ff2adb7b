"""``cbtguard lab finetune``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cbtguard.lab.finetune.options import Options

if TYPE_CHECKING:
    from collections.abc import Callable

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_DEFAULT = Options()


def _number(name: str, flag: str, kind: Any, text: str) -> Callable[[Any], Any]:
    default = getattr(_DEFAULT, name)
    return click.option(flag, name, type=kind, default=default, show_default=default is not None, help=text)


_OPTIONS = (
    _number("length", "--length", int, "Most tokens of an example; longer ones are left out."),
    _number("rank", "--rank", int, "Rank of the adapter."),
    _number("alpha", "--alpha", int, "Weight of the adapter, over the rank."),
    _number("dropout", "--dropout", float, "Dropout in the adapter."),
    _number("targets", "--targets", str, "Layers that are adapted, with commas."),
    _number("rate", "--rate", float, "Learning rate."),
    _number("epochs", "--epochs", float, "Passes over the data."),
    _number("steps", "--steps", int, "Most steps; -1 for as many as the epochs have."),
    _number("minutes", "--minutes", float, "Most minutes of training."),
    _number("batch", "--batch", int, "Rows a device and step."),
    _number("accumulate", "--accumulate", int, "Batches to a step."),
    _number("warmup", "--warmup", int, "Steps in which the rate rises."),
    _number("every", "--every", int, "Steps between measurements and checkpoints."),
    _number("patience", "--patience", int, "Measurements without a better value before training ends."),
    _number("watched", "--watched", int, "Held-out questions answered at each measurement."),
    _number("asked", "--asked", int, "Questions answered before and after."),
    _number("answer", "--answer", int, "Most tokens of a measured answer."),
    _number("notes", "--notes", int, "Technique notes in the prompt, as the flow gives them."),
    _number("seed", "--seed", int, "Of data order and new weights."),
)


def _all(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@click.command("finetune")
@click.option("--data", type=_FOLDER, required=True, help="Folder with train, valid and test .jsonl.")
@click.option("--model", required=True, metavar="PATH", help="Folder, GGUF file, or hub name in the cache.")
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="Folder of the adapter."
)
@click.option("--prompt", type=click.Choice(["chat", "cbt-llm"]), default="chat", show_default=True)
@click.option("--packing", is_flag=True, help="Several examples to a row.")
@click.option("--four-bit", is_flag=True, help="QLoRA: the base in 4 bit; needs CUDA and bitsandbytes.")
@click.option(
    "--dtype", type=click.Choice(["auto", "float32", "bfloat16"]), default="auto", show_default=True
)
@click.option("--checkpointing", is_flag=True, help="Less memory, a third more time.")
@click.option("--trust-remote-code", is_flag=True, help="Run code that lies beside the weights.")
@click.option("--resume", is_flag=True, help="Go on from the last checkpoint in --out.")
@click.option("--licence", default="other", show_default=True, help="Of the adapter, for its card.")
@_all
def finetune_command(
    data: Path,
    model: str,
    out: Path,
    prompt: str,
    trust_remote_code: bool,
    resume: bool,
    licence: str,
    **chosen: Any,
) -> int:
    """Tune a model on question and answer pairs; leaves an adapter that loads as a writer."""
    from cbtguard.lab.finetune.card import measures  # noqa: PLC0415 - keeps help fast
    from cbtguard.lab.finetune.encoding import PromptStyle  # noqa: PLC0415 - the same
    from cbtguard.lab.finetune.examples import read_examples  # noqa: PLC0415 - the same
    from cbtguard.lab.finetune.train import finetune  # noqa: PLC0415 - the same

    # Under accelerate every process runs this command; one of them talks.
    first = os.environ.get("RANK", "0") == "0"
    tuned = finetune(
        read_examples(data),
        model,
        out,
        Options(prompt=PromptStyle(prompt), **chosen),
        trust_remote_code=trust_remote_code,
        resume=resume,
        licence=licence,
        say=lambda line: click.echo(line, err=True) if first else None,
    )
    if first:
        for name, before, after in measures(tuned):
            click.echo(f"{name:<24} {before:>8} -> {after:>8}")
        click.echo(f"{tuned.steps} of {tuned.planned} steps in {tuned.minutes:.1f} minutes ({tuned.ended})")
        click.echo(f'{out}: use it with writer = "transformers:{out.resolve()}"')
    return 0
