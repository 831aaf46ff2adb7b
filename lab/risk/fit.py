"""Fitting: labelled lines become weights, the same weights every time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from cbtguard.safety.risk.features import pieces, windows
from cbtguard.safety.risk.model import Kind, Level, Subject
from cbtguard.safety.risk.normalise import normalise
from cbtguard.safety.risk.weights import ALONE, HEADS, LEVEL_HEADS, OTHER_HEAD, SCRIPTS, THRESHOLDS, Weights

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from cbtguard.lab.risk.lines import Line

_MIN_LINES = 2
"""A piece must occur in this many lines; those that occur once only teach the line by heart."""
_STRENGTH = 30.0
"""Inverse of the regularisation; recall changes by less than a point between 10 and 100."""
_HINT_WEIGHT = 0.2
"""What a watch line counts when crisis is learned: it is no crisis, but no false alarm either."""
_WINDOW_WEIGHT = 0.3
"""What each window of a harmless longer text counts; the text itself counts 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a training run can change."""

    size: int = 200_000
    """Pieces that are kept, those that weigh most."""
    sense: bool = True
    """Whether to train the reading model too."""
    epochs: int = 4
    """Passes of the reading model over the lines."""
    window_cost: float = 0.75
    """Taken off the logit of a window of a longer text, before calibration."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Instances:
    """All windows of all lines: their pieces, the line of each, and which of them is the whole line."""

    found: list[NDArray[np.uint32]]
    line: NDArray[np.int64]
    whole: NDArray[np.bool_]


def fit(lines: Sequence[Line], options: Options) -> Weights:
    """Return weights trained on ``lines``; not yet calibrated, thresholds all at one half.

    Every head is a logistic regression, solved by coordinate descent in one thread with a fixed seed.
    """
    instances = _instances(lines)
    keys, commonness = _known(instances)
    matrix = _matrix(instances, keys, commonness)
    level = np.array([line.level.rank for line in lines])[instances.line]
    weight = np.where(instances.whole, 1.0, _WINDOW_WEIGHT)
    # A part of a grave text may be harmless, so only the whole of it is an example.
    used = instances.whole | (level == 0)
    columns, biases = [], []
    for head in HEADS:
        if head in LEVEL_HEADS:
            hint = (level == Level.WATCH.rank) & (head == "crisis")
            chosen, target, share = (
                used,
                level >= Level(head).rank,
                np.where(hint, _HINT_WEIGHT * weight, weight),
            )
        else:
            marked = np.array([_marked(line, head) for line in lines])[instances.line]
            stated = np.array([bool(line.kinds) for line in lines])[instances.line]
            chosen, target, share = instances.whole & (level > 0) & stated, marked, weight
        slopes, bias = _solve(matrix[chosen], target[chosen], share[chosen])
        columns.append(slopes * commonness)
        biases.append(bias)
    return _pack(keys, np.stack(columns, axis=1), biases, options)


def _marked(line: Line, head: str) -> bool:
    return line.subject is Subject.OTHER if head == OTHER_HEAD else Kind(head) in line.kinds


def _instances(lines: Sequence[Line]) -> _Instances:
    found: list[NDArray[np.uint32]] = []
    owners: list[int] = []
    whole: list[bool] = []
    for number, line in enumerate(lines):
        text = normalise(line.text).text
        spans = windows(text)
        for place, span in enumerate(spans, 1):
            found.append(pieces(text[span.start : span.end]))
            owners.append(number)
            whole.append(place == len(spans))
    return _Instances(found=found, line=np.array(owners), whole=np.array(whole))


def _known(instances: _Instances) -> tuple[NDArray[np.uint32], NDArray[np.float64]]:
    """Return the pieces worth a weight, ascending, and how much their rarity makes them count."""
    texts = [found for found, whole in zip(instances.found, instances.whole, strict=True) if whole]
    keys, counts = np.unique(np.concatenate(texts), return_counts=True)
    often = counts >= _MIN_LINES
    rarity: NDArray[np.float64] = np.log((len(texts) + 1) / (counts[often] + 1)) + 1
    return keys[often], rarity


def _matrix(instances: _Instances, keys: NDArray[np.uint32], rarity: NDArray[np.float64]) -> Any:
    from scipy import sparse  # type: ignore[import-untyped] # noqa: PLC0415 - for training only

    columns, values, ends = [], [], [0]
    for found in instances.found:
        places = np.searchsorted(keys, found)
        places[places == len(keys)] = 0
        places = places[keys[places] == found]
        columns.append(places)
        values.append(rarity[places] / max(1, len(found)) ** 0.5)
        ends.append(ends[-1] + len(places))
    shape = (len(instances.found), len(keys))
    return sparse.csr_matrix((np.concatenate(values), np.concatenate(columns), ends), shape=shape)


def _solve(
    matrix: Any, target: NDArray[np.bool_], share: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float]:
    from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped] # noqa: PLC0415 - slow

    if target.all() or not target.any():
        return np.zeros(matrix.shape[1]), 6.0 if len(target) and target.all() else -6.0
    model = LogisticRegression(C=_STRENGTH, solver="liblinear", dual=True, random_state=0, max_iter=400)
    model.fit(matrix, target, sample_weight=share)
    return model.coef_[0], float(model.intercept_[0])


def _pack(
    keys: NDArray[np.uint32], table: NDArray[np.float64], biases: Sequence[float], options: Options
) -> Weights:
    """Keep the pieces that weigh most and round the weights to 8 bits, a scale for each head."""
    heavy = np.abs(table[:, : len(LEVEL_HEADS)]).max(axis=1)
    kept = np.sort(np.argsort(-heavy, kind="stable")[: options.size])
    table = table[kept]
    scales = np.maximum(np.abs(table).max(axis=0, initial=0.0), 1e-9) / 127
    return Weights(
        keys=keys[kept],
        table=np.rint(table / scales).astype(np.int8),
        scales=scales.astype(np.float32),
        biases=np.array(biases, dtype=np.float32),
        thresholds={script: dict.fromkeys(THRESHOLDS, 0.5) for script in SCRIPTS},
        window_cost=options.window_cost,
        mix={script: dict.fromkeys(LEVEL_HEADS, ALONE) for script in SCRIPTS},
        card={},
    )
