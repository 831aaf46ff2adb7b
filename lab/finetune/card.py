"""The card of an adapter: what it was made from, how, and what it does."""

from __future__ import annotations

import platform
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from cbtguard.lab.finetune.texts import texts

if TYPE_CHECKING:
    from cbtguard.lab.finetune.examples import Examples
    from cbtguard.lab.finetune.options import Options
    from cbtguard.lab.finetune.rates import Rates
    from cbtguard.lab.finetune.train import Tuned

_SOFTWARE = ("cbtguard", "torch", "transformers", "peft", "accelerate")


def write_card(out: Path, base: str, data: Examples, options: Options, tuned: Tuned, *, licence: str) -> Path:
    """Write ``README.md`` of an adapter into its folder and return its path."""
    languages = sorted({example.language for example in data.train})
    slots = {
        "name": out.resolve().name,
        # The card travels; the folder in which a base lay on one machine does not.
        "base": Path(base).name if Path(base).exists() else base,
        "licence": licence,
        "languages": ", ".join(languages),
        "train": len(data.train) - tuned.long,
        "valid": len(data.valid),
        "test": len(data.test),
        "long": tuned.long,
        "digest": data.digest,
        "steps": tuned.steps,
        "planned": tuned.planned,
        "ended": tuned.ended,
        "minutes": f"{tuned.minutes:.1f}",
        "software": ", ".join(f"{name} {version(name)}" for name in _SOFTWARE)
        + f", Python {platform.python_version()}",
        "options": _table(
            ("option", "value"), [(name, str(value)) for name, value in options.as_dict().items()]
        ),
        "asked": 0 if tuned.after.rates is None else tuned.after.rates.questions,
        "measures": "\n".join(f"| {a} | {b} | {c} |" for a, b, c in measures(tuned)),
        "history": _history(tuned),
    }
    text = texts().card
    for name, value in slots.items():
        text = text.replace("{{" + name + "}}", str(value))
    path = out / "README.md"
    path.write_text(text, encoding="utf-8")
    return path


def measures(tuned: Tuned) -> list[tuple[str, str, str]]:
    """Return name, value before and value after of all that was measured."""
    rows = [("held-out loss", f"{tuned.before.loss:.3f}", f"{tuned.after.loss:.3f}")]
    if tuned.before.rates is None or tuned.after.rates is None:
        return rows
    both = _rates(tuned.before.rates), _rates(tuned.after.rates)
    return rows + [(name, f"{value:.2f}", f"{both[1][name]:.2f}") for name, value in both[0].items()]


def _rates(found: Rates) -> dict[str, float]:
    return {
        "part rate": found.part_rate,
        **{f"part {name}": share for name, share in found.parts.items()},
        "all five parts": found.whole,
        "no defect": found.passed,
    }


def _history(tuned: Tuned) -> str:
    rows = [
        (
            str(row["step"]),
            f"{row['eval_loss']:.3f}",
            f"{row['eval_part_rate']:.2f}" if "eval_part_rate" in row else "",
        )
        for row in tuned.history
        if "eval_loss" in row
    ]
    return _table(("step", "held-out loss", "part rate, watched questions"), rows) if rows else ""


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
