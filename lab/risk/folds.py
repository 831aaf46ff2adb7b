"""Folds for cross-validation in which near-duplicates stay together."""

from __future__ import annotations

import zlib
from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from cbtguard.safety.risk.normalise import normalise

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

_SHINGLE = 4
_SIMILAR = 0.5
"""Jaccard index of two texts' shingles from which they count as near-duplicates."""
_COMMON = 40
"""Shingles in more texts than this say nothing about a copy."""


def folds(texts: Sequence[str], count: int) -> NDArray[np.int64]:
    """Return the fold of each text, shape ``(len(texts),)``, 0 to ``count - 1``.

    A group of near-duplicates falls into one fold, chosen by the hash of its first text, so a text keeps its
    fold when others are added after it.
    """
    plain = ["".join(char for char in normalise(text).text if char.isalnum()) for text in texts]
    groups = _groups(plain)
    return np.array([zlib.crc32(plain[group].encode("utf-8", "surrogatepass")) % count for group in groups])


def _groups(plain: Sequence[str]) -> list[int]:
    """Return for each text the first text of its group."""
    shingles = [
        frozenset(text[i : i + _SHINGLE] for i in range(max(1, len(text) - _SHINGLE + 1))) for text in plain
    ]
    holders: dict[str, list[int]] = defaultdict(list)
    for number, found in enumerate(shingles):
        for shingle in found:
            holders[shingle].append(number)
    first = list(range(len(plain)))
    for number, found in enumerate(shingles):
        near = {earlier for shingle in found for earlier in _earlier(holders[shingle], number)}
        for earlier in sorted(near):
            both = len(found & shingles[earlier])
            if both >= _SIMILAR * (len(found) + len(shingles[earlier]) - both):
                low, high = sorted((_root(first, earlier), _root(first, number)))
                first[high] = low
    return [_root(first, number) for number in range(len(plain))]


def _earlier(holders: Sequence[int], number: int) -> Iterator[int]:
    if len(holders) <= _COMMON:
        yield from (holder for holder in holders if holder < number)


def _root(first: list[int], number: int) -> int:
    while first[number] != number:
        first[number] = first[first[number]]
        number = first[number]
    return number
