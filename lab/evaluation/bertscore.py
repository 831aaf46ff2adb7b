"""BERTScore (Zhang et al., ICLR 2020, arXiv 1904.09675): greedy matching of token vectors, no idf, not rescaled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cbtguard.lab.evaluation.score import LeftOut, Score, mean

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from cbtguard.lab.evaluation.pairs import Pair
    from cbtguard.lab.evaluation.states import TokenEncoder

_MARKS = 2
"""Tokens of a text without words: its start and its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """How two texts match, each value -1 to 1."""

    precision: float
    recall: float
    f1: float


def matched(answer: NDArray[np.float32], reference: NDArray[np.float32]) -> Match:
    """Return the greedy match of two texts' token vectors, shape ``(tokens, hidden)``.

    As bert-score counts: the marks of start and end may be matched with, but have no weight of their own, and
    a text without words scores 0.
    """
    import numpy as np  # noqa: PLC0415 - heavy

    if len(answer) <= _MARKS or len(reference) <= _MARKS:
        return Match(precision=0.0, recall=0.0, f1=0.0)
    likeness = _unit(answer) @ _unit(reference).T
    precision = float(np.mean(likeness.max(axis=1)[1:-1], dtype=np.float64))
    recall = float(np.mean(likeness.max(axis=0)[1:-1], dtype=np.float64))
    both = precision + recall
    return Match(precision=precision, recall=recall, f1=2 * precision * recall / both if both else 0.0)


def bertscore(pairs: Sequence[Pair], encoder: TokenEncoder) -> Iterator[Score | LeftOut]:
    """Yield precision, recall and F1 of each language, over answers with a reference."""
    held = [pair for pair in pairs if pair.reference.strip()]
    if not held:
        yield LeftOut(name="BERTScore", why="no answer has a reference")
        return
    answers = encoder.states([pair.answer for pair in held])
    references = encoder.states([pair.reference for pair in held])
    found = [matched(a, b) for a, b in zip(answers, references, strict=True)]
    how = f"{encoder.name}, no idf, not rescaled"
    for language in sorted({pair.language for pair in held}):
        own = [match for pair, match in zip(held, found, strict=True) if pair.language == language]
        yield mean("BERTScore F1", [match.f1 for match in own], group=language, how=how)
        yield mean("BERTScore precision", [match.precision for match in own], group=language, how=how)
        yield mean("BERTScore recall", [match.recall for match in own], group=language, how=how)


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    import numpy as np  # noqa: PLC0415 - heavy

    scaled: NDArray[np.float32] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return scaled
