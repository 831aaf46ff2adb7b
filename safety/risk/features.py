"""Features: hashed pieces of normalised text, the same on every machine and in every release.

A Han character, a Latin word and a sign each count as one word. The pieces are runs of one to five words,
pairs of words with a gap between them, and triples of two neighbours and a third. Each piece is a 32-bit
number; what counts is which numbers a text holds, not how often. Latin words count as they are
and, once more, without their endings.
"""

from __future__ import annotations

import re
import zlib
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cbtguard.safety.text import Span, sentences

if TYPE_CHECKING:
    from collections.abc import Iterator

_RUN = 5
_PAIR = 12
"""Farthest second word of a pair, in words."""
_TRIPLE = 6
"""Farthest third word of a triple, in words."""
_ORDER = np.uint64(1_000_003)
_SPREAD = np.uint64(0x9E3779B97F4A7C15)
_SPREAD_AGAIN = np.uint64(0xBF58476D1CE4E5B9)
_DIGITS = re.compile(r"\d+")
_WORD = re.compile(r"[a-z]+(?:'[a-z]+)?|\S")
_AROUND = " 。．.!！~～…,，;；\n\t"
_BREAK = re.compile(r"[，,、：: ]")
_ENDINGS = ("ingly", "ings", "ing", "edly", "ed", "ies", "es", "ly", "'s", "s", "e")
_LONG = 90
"""Characters of a sentence that are read at once."""
_STEP = 45
_PASSAGE = 140
"""Characters of a passage in Han script; about as many tokens. Three times as many Latin letters."""

Pieces = NDArray[np.uint32]
_Hashes = NDArray[np.uint64]


def pieces(text: str) -> Pieces:
    """Return the sorted, distinct hashes of the pieces of a normalised text. Linear in its length."""
    # Whether somebody ends with a full stop says nothing, but would weigh in every pair of words.
    words = _WORD.findall(_DIGITS.sub("0", text.strip(_AROUND)))
    if not words:
        return np.zeros(0, dtype=np.uint32)
    readings = [words]
    stems = [_stem(word) for word in words]
    if stems != words:
        readings.append(stems)
    codes = [np.array([_code(word) for word in reading], dtype=np.uint64) for reading in readings]
    whole = np.concatenate([hashes for reading in codes for hashes in _hashes(reading)])
    whole *= _SPREAD
    whole ^= whole >> np.uint64(29)
    whole *= _SPREAD_AGAIN
    return np.unique((whole >> np.uint64(32)).astype(np.uint32))


def _hashes(codes: _Hashes) -> Iterator[_Hashes]:
    """Yield polynomial hashes, every sort of piece with a salt of its own; arithmetic wraps at 64 bits."""
    runs = [codes]
    for length in range(2, min(_RUN, len(codes)) + 1):
        runs.append(runs[-1][:-1] * _ORDER + codes[length - 1 :])
    for salt, run in enumerate(runs, 1):
        yield run + np.uint64(salt)
    first = codes * _ORDER
    for gap in range(1, min(_PAIR + 1, len(codes))):
        yield first[:-gap] + codes[gap:] + np.uint64(11)
    if len(runs) < 2:
        return
    two = runs[1] * _ORDER
    for gap in range(2, min(_TRIPLE + 1, len(two))):
        yield two[: len(codes) - gap - 1] + codes[gap + 1 :] + np.uint64(12)
    for gap in range(1, min(_TRIPLE + 1, len(two))):
        yield two[gap:] + codes[: len(two) - gap] + np.uint64(13)


@lru_cache(maxsize=16384)
def _code(word: str) -> int:
    return zlib.crc32(word.encode("utf-8", "surrogatepass"))


@lru_cache(maxsize=16384)
def _stem(word: str) -> str:
    """Return a Latin word without its commonest endings, so that cut, cuts and cutting share pieces."""
    if not word.isascii() or len(word) < 4:
        return word
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            stem = word[: -len(ending)]
            doubled = stem[-1] == stem[-2] and stem[-1] not in "lsz" and len(stem) > 3
            return stem[:-1] if doubled else stem
    return word


def windows(text: str) -> tuple[Span, ...]:
    """Return what is read at once: every sentence, every two neighbouring ones, and last the whole.

    A sentence of more than 90 characters is read in overlapping parts. Every character lies in four windows
    at most, so reading all of them is linear in the length. A sentence is also read by itself, so that what
    stands around it cannot hide it.
    """
    parts = [part for span in sentences(text) for part in _parts(text, span)]
    if len(parts) < 2:
        return (Span(start=0, end=len(text)),)
    pairs = [Span(start=a.start, end=b.end) for a, b in pairwise(parts)] if len(parts) > 2 else []
    return (*parts, *pairs, Span(start=0, end=len(text)))


def passages(text: str) -> tuple[Span, ...]:
    """Return what the reading model reads at once: the whole of a short text, overlapping halves of a long one.

    Every sentence lies in two passages at most, so reading all of them is linear in the length.
    """
    limit = _PASSAGE if re.search(r"[\u3400-\u9fff]", text) else 3 * _PASSAGE
    if len(text) <= limit:
        return (Span(start=0, end=len(text)),)
    parts = [part for span in sentences(text) for part in _parts(text, span)]
    found: list[Span] = []
    start = 0
    while start < len(parts):
        end = start + 1
        while end < len(parts) and parts[end].end - parts[start].start <= limit:
            end += 1
        found.append(Span(start=parts[start].start, end=parts[end - 1].end))
        if end == len(parts):
            break
        middle = (parts[start].start + parts[end - 1].end) / 2
        start = max(start + 1, next((n for n in range(start + 1, end) if parts[n].start >= middle), end))
    return tuple(found)


def _parts(text: str, span: Span) -> list[Span]:
    if span.end - span.start <= _LONG:
        return [span]
    cuts = [span.start]
    while span.end - cuts[-1] > _LONG:
        target = cuts[-1] + _STEP
        found = _BREAK.search(text, target, target + _STEP // 2)
        cuts.append(found.end() if found else target)
    return [Span(start=a, end=b) for a, b in pairwise([*cuts, span.end])]
