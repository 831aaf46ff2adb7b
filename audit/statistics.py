"""The arithmetic of a report: intervals of rates, paired comparisons, agreement."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, Literal

from cbtguard.safety.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

CONFIDENCE = 0.95
DRAWS = 10_000
_SEED = 20_240_229


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """A share of cases with its Wilson score interval (Wilson, JASA 22, 1927)."""

    count: int
    of: int
    low: float
    """Lower bound, 0 to 1; 0 where there are no cases."""
    high: float
    """Upper bound, 0 to 1; 1 where there are no cases."""
    confidence: float = CONFIDENCE

    @property
    def value(self) -> float | None:
        """The share, 0 to 1; None where there are no cases."""
        return self.count / self.of if self.of else None

    def as_dict(self) -> dict[str, Any]:
        """Return the rate as JSON primitives."""
        return {"count": self.count, "of": self.of, "value": self.value, "low": self.low, "high": self.high}


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A mean or a difference with its bootstrap interval."""

    value: float
    low: float
    high: float
    of: int
    """Number of cases."""
    confidence: float = CONFIDENCE

    def as_dict(self) -> dict[str, Any]:
        """Return the estimate as JSON primitives."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class McNemar:
    """McNemar's exact test of two targets on the same cases (McNemar 1947; mid-p: Fagerland et al. 2013)."""

    only_first: int
    """Cases that only the first target passed."""
    only_second: int
    p: float
    """Two-sided exact p-value; 1 where no case differs."""
    mid_p: float
    """The mid-p variant, less conservative."""

    def as_dict(self) -> dict[str, Any]:
        """Return the test as JSON primitives."""
        return asdict(self)


def wilson(count: int, of: int, *, confidence: float = CONFIDENCE) -> Rate:
    """Return a rate with its Wilson score interval.

    Args:
        count: Cases that count, 0 to ``of``.
        of: All cases; with 0 the interval is 0 to 1: nothing is known.
        confidence: Of the interval, between 0 and 1.

    Raises:
        InputError: ``input.statistics`` for numbers that cannot be.
    """
    if not 0 <= count <= of or not 0 < confidence < 1:
        raise _wrong("a rate needs 0 <= count <= of and a confidence between 0 and 1")
    if not of:
        return Rate(count=0, of=0, low=0.0, high=1.0, confidence=confidence)
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share, spread = count / of, z * z / of
    centre = (share + spread / 2) / (1 + spread)
    half = z / (1 + spread) * math.sqrt(share * (1 - share) / of + spread / (4 * of))
    return Rate(
        count=count,
        of=of,
        # At the edges the interval touches the edge; rounding must not take that away.
        low=0.0 if count == 0 else max(0.0, centre - half),
        high=1.0 if count == of else min(1.0, centre + half),
        confidence=confidence,
    )


def mcnemar(only_first: int, only_second: int) -> McNemar:
    """Return McNemar's exact test for the numbers of cases in which two targets differ.

    Raises:
        InputError: ``input.statistics`` for a negative number.
    """
    if only_first < 0 or only_second < 0:
        raise _wrong("McNemar's test needs two numbers of cases")
    total, least = only_first + only_second, min(only_first, only_second)
    if only_first == only_second:
        half = math.comb(total, least) / (1 << total) / 2 if total else 0.0
        return McNemar(only_first=only_first, only_second=only_second, p=1.0, mid_p=1.0 - half)
    # Whole numbers up to the division: exact for any count.
    tail = at = 1
    for k in range(least):
        at = at * (total - k) // (k + 1)
        tail += at
    whole = 1 << total
    return McNemar(
        only_first=only_first,
        only_second=only_second,
        p=min(1.0, 2 * tail / whole),
        mid_p=(2 * tail - at) / whole,
    )


def paired_difference(
    first: Sequence[bool],
    second: Sequence[bool],
    *,
    confidence: float = CONFIDENCE,
    draws: int = DRAWS,
    seed: int = _SEED,
) -> Estimate:
    """Return the difference of two rates on the same cases with a percentile bootstrap interval over cases.

    Where no case differs, the interval has no width; it then says nothing of cases that were not tried.

    Args:
        first: Whether the first target passed, case by case.
        second: The same of the second target, in the same order.
        confidence: Of the interval.
        draws: Number of resamples.
        seed: Of the resamples; equal input gives equal output.

    Raises:
        InputError: ``input.statistics`` without cases or with sequences of unequal length.
    """
    if not first or len(first) != len(second):
        raise _wrong("a paired difference needs the same cases, at least one, of both targets")
    import numpy as np  # noqa: PLC0415 - keeps help fast

    size = len(first)
    better = sum(a and not b for a, b in zip(first, second, strict=True))
    worse = sum(b and not a for a, b in zip(first, second, strict=True))
    # To draw cases with replacement is to draw how many of each sort there are.
    drawn = np.random.default_rng(seed).multinomial(
        size, [better / size, worse / size, (size - better - worse) / size], size=draws
    )
    low, high = np.quantile((drawn[:, 0] - drawn[:, 1]) / size, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Estimate(
        value=(better - worse) / size, low=float(low), high=float(high), of=size, confidence=confidence
    )


def mean(
    values: Sequence[float], *, confidence: float = CONFIDENCE, draws: int = DRAWS, seed: int = _SEED
) -> Estimate:
    """Return a mean with a percentile bootstrap interval.

    Raises:
        InputError: ``input.statistics`` without values.
    """
    if not values:
        raise _wrong("a mean needs values")
    import numpy as np  # noqa: PLC0415 - keeps help fast

    given = np.asarray(values, dtype=np.float64)
    drawn = np.random.default_rng(seed).integers(0, len(given), size=(draws, len(given)))
    low, high = np.quantile(given[drawn].mean(axis=1), [(1 - confidence) / 2, (1 + confidence) / 2])
    return Estimate(
        value=float(given.mean()), low=float(low), high=float(high), of=len(given), confidence=confidence
    )


def kappa(
    table: Sequence[Sequence[int]], *, weights: Literal["linear", "quadratic"] | None = None
) -> float | None:
    """Return Cohen's kappa of a square table of counts; None where chance alone gives full agreement.

    Args:
        table: Rows are one judge's classes, columns the other's, both in order.
        weights: How far apart two classes are; None counts every disagreement as one.

    Raises:
        InputError: ``input.statistics`` for a table that is not square.
    """
    size = len(table)
    if any(len(row) != size for row in table):
        raise _wrong("kappa needs a square table")
    power = {None: 0, "linear": 1, "quadratic": 2}[weights]
    total = sum(map(sum, table))
    rows = [sum(row) for row in table]
    columns = [sum(row[j] for row in table) for j in range(size)]
    seen = chance = 0.0
    for i in range(size):
        for j in range(size):
            far = float(i != j) * abs(i - j) ** power
            seen += far * table[i][j]
            chance += far * rows[i] * columns[j] / total if total else 0.0
    return 1 - seen / chance if chance else None


def _wrong(what: str) -> InputError:
    return InputError(
        "input.statistics", f"The numbers do not fit: {what}.", hint="Check the table of counts."
    )
