"""Which questions are alike: exact Jaccard likeness of character trigrams, by a sparse product.

Every pair is compared, in blocks, so that no near-duplicate is missed by chance; 1,600 questions take about a
second, 20,000 a minute.
"""

from __future__ import annotations

import re
import unicodedata
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cbtguard.safety.language import to_simplified

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

_GRAM = 3
_ROWS = 256
"""Questions compared with all others at once."""
_FAINT = 0.05
"""Likeness below which two questions have nothing in common."""
_SIGNS = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Alike:
    """What is alike among texts, by their places in the order given.

    Attributes:
        repeats: For each text the first one it nearly repeats, which repeats none itself; -1 for most.
        groups: For each text the first of its group: texts that a chain of likeness connects.
    """

    repeats: tuple[int, ...]
    groups: tuple[int, ...]


def plain(text: str) -> str:
    """Return a text as it is compared: one width, one script, small letters, no signs and no spaces."""
    return _SIGNS.sub("", to_simplified(unicodedata.normalize("NFKC", text)).lower())


def likeness(first: str, second: str) -> float:
    """Return how alike two texts are, 0 to 1."""
    one, two = set(_grams(plain(first)).tolist()), set(_grams(plain(second)).tolist())
    return len(one & two) / len(one | two)


def find_alike(texts: Sequence[str], *, repeat: float = 0.8, group: float = 0.5) -> Alike:
    """Return what repeats what, and the groups that must stay together.

    Args:
        texts: The texts, in the order in which the first of several counts.
        repeat: Likeness from which a text is a near-duplicate, above 0 to 1.
        group: Likeness from which two texts belong together, above 0 to ``repeat``.
    """
    repeats = [-1] * len(texts)
    parents = list(range(len(texts)))

    def root(place: int) -> int:
        while parents[place] != place:
            parents[place] = place = parents[parents[place]]
        return place

    # In rising order of the later text: whether the earlier one is itself a repeat is known by then.
    for later, earlier, share in sorted(_pairs(texts, min(group, repeat))):
        first, second = sorted((root(later), root(earlier)))
        parents[second] = first
        if share >= repeat and repeats[later] < 0 and repeats[earlier] < 0:
            repeats[later] = earlier
    return Alike(repeats=tuple(repeats), groups=tuple(root(place) for place in range(len(texts))))


def _pairs(texts: Sequence[str], least: float) -> Iterator[tuple[int, int, float]]:
    """Yield later and earlier place and likeness of each pair that is at least so much alike."""
    from scipy import sparse  # type: ignore[import-untyped] # noqa: PLC0415 - for the lab only

    if len(texts) < 2:
        return
    grams = [_grams(plain(text)) for text in texts]
    _, columns = np.unique(np.concatenate(grams), return_inverse=True)
    ends = np.cumsum([0, *map(len, grams)])
    table = sparse.csr_matrix((np.ones(ends[-1], np.float32), columns, ends))
    turned = table.T.tocsc()
    sizes = np.diff(ends).astype(np.float64)
    for start in range(0, len(texts), _ROWS):
        both = (table[start : start + _ROWS] @ turned).toarray().astype(np.float64)
        rows = np.arange(start, start + len(both))
        shares = both / (sizes[rows, None] + sizes[None, :] - both)
        for row, column in zip(*np.nonzero(shares >= least), strict=True):
            if column < start + row:
                yield start + int(row), int(column), float(shares[row, column])


def _grams(text: str) -> NDArray[np.uint32]:
    runs = {text[place : place + _GRAM] for place in range(max(1, len(text) - _GRAM + 1))}
    return np.unique(np.array([zlib.crc32(run.encode("utf-8", "replace")) for run in runs], np.uint32))


def nearest_across(texts: Sequence[str], sides: Sequence[str]) -> float:
    """Return how alike the two most alike texts of different sides are; 0 where nothing is alike.

    Args:
        texts: The texts.
        sides: Where each belongs, such as the name of its split.
    """
    across = (share for later, earlier, share in _pairs(texts, _FAINT) if sides[later] != sides[earlier])
    return max(across, default=0.0)
