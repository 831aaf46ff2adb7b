"""How long turns took, and what of it each stop took."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cbtguard.audit.case import Suite
from cbtguard.audit.outcome import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cbtguard.audit.case import Case
    from cbtguard.audit.outcome import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """Percentiles of milliseconds."""

    target: str
    what: str
    """``turn`` for all turns that were judged, a suite's name for its turns, ``stop:NAME`` for a stop's share."""
    of: int
    p50: float
    p95: float
    p99: float
    most: float


def turns_of(rows: Iterable[tuple[Case, Outcome]]) -> list[float]:
    """Return the milliseconds of the judged turns, in the order of the cases; a planted fault is no such turn."""
    return [
        one.ms
        for case, one in rows
        if one.ms > 0
        and case.suite is not Suite.BOUNDS
        and one.verdict not in {Verdict.ERROR, Verdict.LEFT_OUT}
    ]


def times_of(target: str, rows: Sequence[tuple[Case, Outcome]]) -> Iterable[Times]:
    """Yield the times of all turns, of each suite's turns and of each stop, in that order."""
    parts: dict[str, list[float]] = {"turn": turns_of(rows)}
    for suite in Suite:
        parts[suite.value] = turns_of(row for row in rows if row[0].suite is suite)
    for case, one in rows:
        if one.replies and case.suite is not Suite.BOUNDS:
            for stop, ms in one.replies[-1].get("timings_ms", {}).items():
                parts.setdefault(f"stop:{stop}", []).append(float(ms))
    for what, values in parts.items():
        if values:
            yield _times(target, what, values)


def _times(target: str, what: str, values: list[float]) -> Times:
    import numpy as np  # noqa: PLC0415 - keeps help fast

    p50, p95, p99 = (float(one) for one in np.percentile(values, [50, 95, 99]))
    return Times(target=target, what=what, of=len(values), p50=p50, p95=p95, p99=p99, most=max(values))
