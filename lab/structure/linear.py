"""The linear part: what a sentence's pieces say of it. The same sentences give the same weights."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from cbtguard.safety.structure.model import Part
from cbtguard.safety.structure.weights import HARMS, HEADS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from cbtguard.lab.structure.documents import Document

_MIN_SENTENCES = 2
"""A piece must occur in this many sentences; those that occur once only teach the sentence by heart."""
_STRENGTH = 20.0
"""Inverse of the regularisation."""
_ALIKE = {"blame": "belittling", "belittling": "blame"}
"""Codes that one sentence may well deserve both; the one is no example against the other."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Harmful:
    """A document of one sentence, and its code; None for a harmless one."""

    document: Document
    code: str | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Linear:
    """Weights in full precision."""

    keys: NDArray[np.uint32]
    table: NDArray[np.float64]
    biases: NDArray[np.float64]

    def logits(self, document: Document) -> NDArray[np.float64]:
        """Return one logit a head for each sentence."""
        matrix = _matrix([document], self.keys)
        logits: NDArray[np.float64] = matrix @ self.table + self.biases
        return logits


def fit(
    documents: Sequence[Document], harmful: Sequence[Harmful], *, heads: Sequence[int] = range(len(HEADS))
) -> Linear:
    """Return a logistic regression for each head, solved in one thread with a fixed seed.

    Args:
        documents: Answers and sentences with labels.
        harmful: Sentences that do harm, or are harmless and sound alike.
        heads: Which heads to fit; the others stay empty.
    """
    everything = [*documents, *(one.document for one in harmful)]
    keys, rarity = _known(everything)
    matrix = _matrix(everything, keys)
    weighted = matrix.multiply(rarity).tocsr()
    wanted = np.concatenate(
        [
            *(targets(document) for document in documents),
            *(harm_targets(one) for one in harmful),
        ]
    )
    columns, biases = [], []
    for head in range(len(HEADS)):
        slopes, bias = np.zeros(matrix.shape[1]), 0.0
        if head in heads:
            slopes, bias = _solve(weighted, wanted[:, head])
        columns.append(slopes * rarity)
        biases.append(bias)
    return Linear(keys=keys, table=np.stack(columns, axis=1), biases=np.array(biases))


def targets(document: Document) -> NDArray[np.float64]:
    """Return what is wanted of each head for each sentence, NaN where that is not known.

    A sentence of an answer shows its parts and does no harm, unless the answer is a harmful one.
    """
    harms = np.full((len(document.labels), len(HARMS)), 0.0 if document.harmless else np.nan)
    return np.hstack([document.labels, harms])


def harm_targets(one: Harmful) -> NDArray[np.float64]:
    """Return what is wanted of each head for each sentence of a harmful text, or of one that sounds so."""
    row = np.full(len(HEADS), np.nan)
    for place, code in enumerate(HARMS, len(Part)):
        if one.code is None or _ALIKE.get(one.code) != code:
            row[place] = one.code == code
    return np.tile(row, (len(one.document.labels), 1))


def _known(documents: Sequence[Document]) -> tuple[NDArray[np.uint32], NDArray[np.float64]]:
    """Return the pieces worth a weight, ascending, and how much their rarity makes them count."""
    found, total = [], 0
    for document in documents:
        for begin, end in _bounds(document):
            found.append(np.unique(document.grid[:, begin:end]))
            total += 1
    keys, counts = np.unique(np.concatenate(found), return_counts=True)
    kept = (counts >= _MIN_SENTENCES) & (keys > 0)
    rarity: NDArray[np.float64] = np.log((total + 1) / (counts[kept] + 1)) + 1
    return keys[kept], rarity


def _bounds(document: Document) -> list[tuple[int, int]]:
    edges = [*document.begins.tolist(), document.grid.shape[1]]
    return list(pairwise(edges))


def _matrix(documents: Sequence[Document], keys: NDArray[np.uint32]) -> Any:
    from scipy import sparse  # type: ignore[import-untyped] # noqa: PLC0415 - for training only

    rows, columns, values, count = [], [], [], 0
    for document in documents:
        owner = np.repeat(
            np.arange(len(document.begins)), np.diff([*document.begins, document.grid.shape[1]])
        )
        places = np.searchsorted(keys, document.grid)
        places[places == len(keys)] = 0
        known = keys[places] == document.grid
        held = np.add.reduceat((document.grid != 0).sum(axis=0), document.begins) if len(owner) else owner
        sort, word = np.nonzero(known)
        rows.append(owner[word] + count)
        columns.append(places[sort, word])
        values.append(1 / np.sqrt(held[owner[word]]))
        count += len(document.begins)
    return sparse.csr_matrix(
        (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))), shape=(count, len(keys))
    )


def _solve(matrix: Any, target: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    from sklearn.exceptions import ConvergenceWarning  # type: ignore[import-untyped] # noqa: PLC0415
    from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped] # noqa: PLC0415

    given = ~np.isnan(target)
    if not (target[given] > 0.5).any():
        return np.zeros(matrix.shape[1]), 0.0
    model = LogisticRegression(
        C=_STRENGTH, solver="liblinear", dual=True, random_state=0, max_iter=300, intercept_scaling=5
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(matrix[given], target[given] > 0.5)
    return model.coef_[0], float(model.intercept_[0])
