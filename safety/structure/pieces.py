"""Pieces of sentences: hashed runs of words, all sentences of a text at once, the same on every machine.

A Han character, a Latin word, a number and a sign each count as one word. The pieces of a sentence are its runs
of one to four words and its pairs of words with a few others between them; Latin words count as they are
and, once more, without their endings. A sentence has a beginning and an end that count as words too.
"""

from __future__ import annotations

import re
import zlib
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Sequence

_RUN = 4
"""Longest run, in words."""
_GAPS = (2, 3, 4, 5)
"""Distances of the words of a pair."""
_ORDER = np.uint64(1_000_003)
_SPREAD = np.uint64(0x9E3779B97F4A7C15)
_SPREAD_AGAIN = np.uint64(0xBF58476D1CE4E5B9)
_SALT_PAIR, _SALT_STEM = 50, 100
_WORD = re.compile(r"[a-z]+(?:'[a-z]+)?|\d+|\S")
_ENDINGS = ("ingly", "ings", "ing", "edly", "ed", "ies", "es", "ly", "'s", "s", "e")
_BEGIN, _END = "\x02", "\x03"

Codes = NDArray[np.uint64]
Grid = NDArray[np.uint32]
"""Pieces by sort and by the word they begin with; 0 where a sentence has none of the sort there."""


def words(sentence: str) -> list[str]:
    """Return the words of a lower-cased sentence; all numbers are the same word."""
    return ["0" if word[0].isdigit() else word for word in _WORD.findall(sentence.replace("’", "'"))]


def pieces(sentences: Sequence[Sequence[str]]) -> tuple[Grid, NDArray[np.int64]]:
    """Return the pieces of sentences, given as words, and where each sentence begins in the grid's columns."""
    flat: list[str] = []
    starts: list[int] = []
    for sentence in sentences:
        starts.append(len(flat))
        flat += (_BEGIN, *sentence, _END)
    if not flat:
        return np.zeros((0, 0), dtype=np.uint32), np.zeros(0, dtype=np.int64)
    begins = np.array(starts)
    owner = np.repeat(np.arange(len(starts)), np.diff([*starts, len(flat)]))
    runs = _runs(_coded(flat), owner, 0, None)
    stems = [_stem(word) for word in flat]
    changed = np.array([stem != word for stem, word in zip(stems, flat, strict=True)])
    if changed.any():
        runs += _runs(_coded(stems), owner, _SALT_STEM, changed)
    grid = np.zeros((len(runs), len(flat)), dtype=np.uint64)
    for row, hashes in zip(grid, runs, strict=True):
        row[: len(hashes)] = hashes
    none = grid == 0
    grid *= _SPREAD
    grid ^= grid >> np.uint64(29)
    grid *= _SPREAD_AGAIN
    spread = (grid >> np.uint64(32)).astype(np.uint32) | np.uint32(1)
    spread[none] = 0
    return spread, begins


def _coded(flat: list[str]) -> Codes:
    return np.fromiter(map(_code, flat), dtype=np.uint64, count=len(flat))


def _runs(
    codes: Codes, owner: NDArray[np.int64], salt: int, changed: NDArray[np.bool_] | None
) -> list[Codes]:
    """Return the polynomial hashes of each sort of piece, 0 where there is none; arithmetic wraps at 64 bits.

    With ``changed`` only the pieces that hold such a word.
    """
    rows = []
    run = codes
    held = changed
    for length in range(1, min(_RUN, len(codes)) + 1):
        if length > 1:
            run = run[:-1] * _ORDER + codes[length - 1 :]
        kept = owner[: len(run)] == owner[length - 1 :]
        if changed is not None and held is not None:
            held = held[: len(run)] | changed[length - 1 :]
            kept &= held
        rows.append((run + np.uint64(length + salt)) * kept)
    for gap in _GAPS:
        if gap >= len(codes):
            break
        pair = (codes[:-gap] * _ORDER + codes[gap:]) * _ORDER + np.uint64(_SALT_PAIR + salt)
        kept = owner[:-gap] == owner[gap:]
        if changed is not None:
            kept &= changed[:-gap] | changed[gap:]
        rows.append(pair * kept)
    return rows


@lru_cache(maxsize=16384)
def _code(word: str) -> int:
    return zlib.crc32(word.encode("utf-8", "surrogatepass"))


@lru_cache(maxsize=16384)
def _stem(word: str) -> str:
    """Return a Latin word without its commonest endings, any other word as it is."""
    if not word.isascii() or len(word) < 4:
        return word
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word
