"""What is looked at while a model learns, and what ends it: loss, parts, time. Imported when a run begins."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from transformers import TrainerCallback

if TYPE_CHECKING:
    from collections.abc import Callable

    from cbtguard.lab.finetune.rates import Rates

_LEAST = 1e-4
"""A loss that falls by less does not fall."""


class Watch(TrainerCallback):  # type: ignore[misc, unused-ignore]
    """Reads answers at each measurement, and ends training when nothing gets better.

    Training ends when for ``patience`` measurements neither the held-out loss fell nor, where questions are
    watched, the part rate rose. All it decides by stands in the trainer's log, so that a run which goes on
    from a checkpoint ends where one in one piece would.

    Args:
        patience: Measurements.
        answer: Gives the rates of the model as it is; None where nothing is watched.
        say: Told how it goes.
    """

    def __init__(
        self, *, patience: int, answer: Callable[[], Rates | None] | None, say: Callable[[str], None]
    ) -> None:
        self._patience, self._answer, self._say = patience, answer, say
        self.ended: str | None = None
        """``held_out`` when this ended the training."""

    def on_evaluate(self, args: Any, state: Any, control: Any, **others: Any) -> None:
        """Add the rates to the log and see whether to go on."""
        del args
        entry = next((row for row in reversed(state.log_history) if "eval_loss" in row), None)
        if entry is None:
            return
        if self._answer is not None and (found := self._answer()) is not None:
            measured = {"eval_part_rate": found.part_rate, "eval_passed": found.passed}
            entry.update(measured)
            if "metrics" in others:
                others["metrics"].update(measured)
        self._say(_line(entry, state))
        if self.idle(state.log_history) >= self._patience:
            self.ended = "held_out"
            control.should_training_stop = True

    def idle(self, history: list[dict[str, Any]]) -> int:
        """Return after how many measurements in a row nothing was better."""
        rows = [row for row in history if "eval_loss" in row]
        best_loss, best_rate, idle = float("inf"), -1.0, 0
        for row in rows:
            rate = row.get("eval_part_rate", -1.0)
            better = row["eval_loss"] < best_loss - _LEAST or rate > best_rate
            idle = 0 if better else idle + 1
            best_loss, best_rate = min(best_loss, row["eval_loss"]), max(best_rate, rate)
        return idle


class TimeLimit(TrainerCallback):  # type: ignore[misc, unused-ignore]
    """Ends training after some minutes, with a last measurement and a checkpoint.

    Args:
        minutes: From the first step; None for no limit.
    """

    def __init__(self, minutes: float | None) -> None:
        self._seconds = None if minutes is None else minutes * 60
        self._start = time.monotonic()
        self.ended = False

    def on_train_begin(self, args: Any, state: Any, control: Any, **others: Any) -> None:
        """Start the clock."""
        del args, state, control, others
        self._start = time.monotonic()

    def on_step_end(self, args: Any, state: Any, control: Any, **others: Any) -> None:
        """Look at the clock."""
        del args, state, others
        if self._seconds is not None and time.monotonic() - self._start >= self._seconds:
            self.ended = True
            control.should_evaluate = control.should_save = control.should_training_stop = True


def _line(entry: dict[str, Any], state: Any) -> str:
    said = f"step {state.global_step:>5} of {state.max_steps}   held-out loss {entry['eval_loss']:.3f}"
    if "eval_part_rate" in entry:
        said += f"   part rate {entry['eval_part_rate']:.2f}   passed {entry['eval_passed']:.2f}"
    return said
