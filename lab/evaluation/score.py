"""What a measurement gives: scores with how they were made, and by name what was left out and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

_DRAWS = 1000
_SEED = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """A figure."""

    name: str
    group: str
    """``zh`` or ``en`` where languages are measured apart, or a judge's name; empty for all answers."""
    value: float
    n: int
    """Answers it was made from."""
    how: str
    """Tokeniser, encoder, rubric: what somebody needs to get the same figure."""
    low: float | None = None
    """Lower end of the 95 % bootstrap interval over answers; None where there is none."""
    high: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the score as JSON primitives."""
        rounded = {
            key: None if (value := getattr(self, key)) is None else round(value, 6)
            for key in ("value", "low", "high")
        }
        return {"name": self.name, "group": self.group, "n": self.n, **rounded, "how": self.how}


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A score that was not made."""

    name: str
    why: str

    def as_dict(self) -> dict[str, str]:
        """Return the entry as JSON primitives."""
        return {"name": self.name, "why": self.why}


def mean(name: str, values: Sequence[float], *, group: str = "", how: str) -> Score:
    """Return the mean of one value an answer, with its bootstrap interval (percentiles, 1,000 draws)."""
    import numpy as np  # noqa: PLC0415 - keeps help fast

    given = np.asarray(values, dtype=np.float64)
    low = high = None
    if len(given) > 1:
        draws = np.random.default_rng(_SEED).integers(0, len(given), (_DRAWS, len(given)))
        low, high = map(float, np.percentile(given[draws].mean(axis=1), [2.5, 97.5]))
    return Score(name=name, group=group, value=float(given.mean()), n=len(given), how=how, low=low, high=high)


def markdown(scores: Sequence[Score], left_out: Sequence[LeftOut]) -> str:
    """Return the scores as a Markdown table, and what was left out as a list."""
    lines = ["| score | of | value | 95 % | n | how |", "| --- | --- | --- | --- | --- | --- |"]
    for score in scores:
        span = "" if score.low is None or score.high is None else f"{score.low:.4f}-{score.high:.4f}"
        lines.append(
            f"| {score.name} | {score.group} | {score.value:.4f} | {span} | {score.n} | {score.how} |"
        )
    lines += ["", *(f"Left out: {entry.name}: {entry.why}" for entry in left_out)] if left_out else []
    return "\n".join(lines)
