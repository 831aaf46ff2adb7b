"""Several examples in one row of tokens, and rows in a batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cbtguard.lab.finetune.encoding import IGNORED, Encoded
from cbtguard.safety.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Sequence

Row = dict[str, list[int]]
"""``input_ids``, ``labels`` and, in packed rows, ``position_ids``: lists of one length."""

_TOLERANCE = 0.05
"""Largest difference of logits between packed and lone examples that is rounding, in bfloat16, too."""


def bins(lengths: Sequence[int], size: int) -> list[list[int]]:
    """Return the numbers of items by bin, first fit decreasing.

    Each item is in one bin, no bin holds more than ``size``, and never more bins than 11/9 of the fewest
    possible and one. An item longer than ``size`` is an error of the caller.
    """
    held: list[list[int]] = []
    left: list[int] = []
    for number in sorted(range(len(lengths)), key=lambda n: (-lengths[n], n)):
        length = lengths[number]
        if length > size:
            raise ValueError(f"item {number} is longer than a bin")
        place = next((n for n, room in enumerate(left) if room >= length), None)
        if place is None:
            held.append([])
            left.append(size)
            place = -1
        held[place].append(number)
        left[place] -= length
    return held


def pack(examples: Sequence[Encoded], size: int) -> list[Row]:
    """Return rows of at most ``size`` tokens that hold the examples, whole, each with positions from 0.

    transformers sees from positions that begin anew, where no attention mask is given, that a row holds
    several texts, and lets none look at another.
    """
    rows: list[Row] = []
    for numbers in bins([len(one.input_ids) for one in examples], size):
        row: Row = {"input_ids": [], "labels": [], "position_ids": []}
        for one in (examples[number] for number in numbers):
            row["input_ids"] += one.input_ids
            # Its first token follows another text: nothing is to be learned from that step.
            row["labels"] += [IGNORED, *one.labels[1:]]
            row["position_ids"] += range(len(one.input_ids))
        rows.append(row)
    return rows


def apart(examples: Sequence[Encoded]) -> list[Row]:
    """Return one row an example."""
    return [{"input_ids": one.input_ids, "labels": one.labels} for one in examples]


@dataclass(frozen=True, slots=True, kw_only=True)
class Collator:
    """Makes a batch of rows: tensors of one length, filled up on the right."""

    pad: int
    """Token that fills up; it bears no loss and is not looked at."""

    def __call__(self, rows: Sequence[Row]) -> dict[str, Any]:
        """Return the batch; packed rows have ``position_ids`` and no ``attention_mask``."""
        import torch  # noqa: PLC0415 - takes seconds

        most = max(len(row["input_ids"]) for row in rows)
        short = [most - len(row["input_ids"]) for row in rows]
        fill = list(zip(rows, short, strict=True))
        batch = {
            "input_ids": [row["input_ids"] + [self.pad] * less for row, less in fill],
            "labels": [row["labels"] + [IGNORED] * less for row, less in fill],
        }
        if "position_ids" in rows[0]:
            # What fills up is one more text of the row.
            batch["position_ids"] = [[*row["position_ids"], *range(less)] for row, less in fill]
        else:
            batch["attention_mask"] = [[1] * len(row["input_ids"]) + [0] * less for row, less in fill]
        return {name: torch.tensor(values) for name, values in batch.items()}


def refuse_leaks(model: Any, examples: Sequence[Encoded]) -> None:
    """Raise unless the model keeps the texts of a packed row apart: it is tried on two examples.

    Raises:
        SettingsError: ``settings.invalid``.
    """
    import torch  # noqa: PLC0415 - takes seconds

    first, second = (
        Encoded(input_ids=e.input_ids[:24], labels=e.labels[:24]) for e in (examples[0], examples[-1])
    )
    both = [*first.input_ids, *second.input_ids]
    places = [*range(len(first.input_ids)), *range(len(second.input_ids))]
    device = model.device
    was = model.training
    model.eval()
    try:
        with torch.no_grad():
            alone = model(input_ids=torch.tensor([second.input_ids], device=device)).logits[0]
            packed = model(
                input_ids=torch.tensor([both], device=device),
                position_ids=torch.tensor([places], device=device),
            ).logits[0, len(first.input_ids) :]
    except TypeError as error:
        raise _unpackable() from error
    finally:
        model.train(was)
    scale = float(alone.abs().max()) or 1.0
    if float((alone - packed).abs().max()) > _TOLERANCE * scale:
        raise _unpackable()


def _unpackable() -> SettingsError:
    return SettingsError(
        "settings.invalid",
        "This model does not keep the texts of a packed row apart.",
        hint="Tune it without --packing.",
    )
