"""Agreement of ratings: weighted kappa of two raters, Krippendorff's alpha of any number with gaps."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    _Floats = NDArray[np.float64]

_POWERS = {"linear": 1, "quadratic": 2}


def weighted_kappa(
    first: Sequence[int], second: Sequence[int], *, labels: Sequence[int], weights: str = "quadratic"
) -> float | None:
    """Return Cohen's weighted kappa (1968), 1 for full agreement, 0 for that of chance.

    Args:
        first: Ratings of one rater.
        second: Those of another, of the same texts.
        labels: All ratings of the scale, in order: distances are counted in steps of it.
        weights: ``linear`` or ``quadratic``.

    Returns:
        None where chance alone would agree fully, or nothing was rated.
    """
    import numpy as np  # noqa: PLC0415 - heavy

    if len(first) != len(second):
        raise ValueError("both rate the same texts")
    places = {label: number for number, label in enumerate(labels)}
    seen = np.zeros((len(labels), len(labels)))
    for a, b in zip(first, second, strict=True):
        seen[places[a], places[b]] += 1
    total = seen.sum()
    if not total:
        return None
    steps = np.abs(np.subtract.outer(np.arange(len(labels)), np.arange(len(labels)))) ** _POWERS[weights]
    expected = np.outer(seen.sum(axis=1), seen.sum(axis=0)) / total
    chance = float((steps * expected).sum())
    return None if chance == 0 else 1.0 - float((steps * seen).sum()) / chance


def krippendorff_alpha(table: Sequence[Sequence[float | None]], *, level: str = "ordinal") -> float | None:
    """Return Krippendorff's alpha (2011, "Computing Krippendorff's Alpha-Reliability").

    Args:
        table: A row for each rater, a column for each text; None where a rater gave nothing.
        level: ``nominal``, ``ordinal`` or ``interval``.

    Returns:
        None where no text has two ratings, or all ratings are the same.
    """
    import numpy as np  # noqa: PLC0415 - heavy

    units = [[v for v in column if v is not None] for column in zip(*table, strict=True)]
    units = [unit for unit in units if len(unit) > 1]
    values = sorted({value for unit in units for value in unit})
    if len(values) < 2:
        return None
    places = {value: number for number, value in enumerate(values)}
    seen = np.zeros((len(values), len(values)))
    for unit in units:
        for a, b in itertools.permutations(unit, 2):
            seen[places[a], places[b]] += 1 / (len(unit) - 1)
    counts = seen.sum(axis=1)
    total = counts.sum()
    distance = _distance(np.asarray(values, dtype=float), counts, level)
    expected = (np.outer(counts, counts) - np.diag(counts)) / (total - 1)
    return 1.0 - float((seen * distance).sum() / (expected * distance).sum())


def _distance(marks: _Floats, sizes: _Floats, level: str) -> _Floats:
    import numpy as np  # noqa: PLC0415 - heavy

    if level == "nominal":
        apart: _Floats = 1.0 - np.eye(len(marks))
        return apart
    if level == "interval":
        return _squares(marks)
    if level == "ordinal":
        # Ratings between two, and half of those of the two themselves.
        return _squares(np.cumsum(sizes) - sizes / 2)
    raise ValueError(level)


def _squares(places: _Floats) -> _Floats:
    import numpy as np  # noqa: PLC0415 - heavy

    found: _Floats = np.subtract.outer(places, places) ** 2
    return found
