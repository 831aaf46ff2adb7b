"""Features: hashed pieces of normalised text, the same on every machine and in every release.

Characters in runs of one to five, words (one Han character counts as a word) alone, in runs and in pairs with a
gap. Each piece falls into one of ``2 ** bits`` buckets; what counts is which buckets a text touches, not how often.
"""

from __future__ import annotations

import re
import zlib
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from cbtguard.safety.text import Span, sentences

BITS = 18
"""Buckets are counted as a power of two; more of them did not lower the error (docs/risk.md)."""
_CHARACTERS = 5
_GAP = 6
"""Farthest second word of a pair, in words."""
_ORDER = 1_000_003
_SPREAD = 0x9E3779B97F4A7C15
_SPACE = re.compile(r"\s+")
_DIGIT = re.compile(r"\d+")
_WORD = re.compile(r"[a-z]+(?:'[a-z]+)?|\S")
_LONG = 90
"""Characters of a sentence without punctuation that are read at once."""
_STEP = 45
_BREAK = re.compile(r"[，,、：: ]")

Buckets = NDArray[np.int64]


def buckets(text: str, bits: int = BITS) -> Buckets:
    """Return the sorted, distinct buckets (``0 <= b < 2 ** bits``) that a normalised text touches."""
    plain = _DIGIT.sub("0", _SPACE.sub(" ", text.strip()))
    if not plain:
        return np.zeros(0, dtype=np.int64)
    codes = np.frombuffer(f"\x02{plain}\x03".encode("utf-32-le", "surrogatepass"), dtype=np.uint32).astype(np.uint64)
    found = [_mix(run, length) for length, run in enumerate(_runs(codes, _CHARACTERS), 1)]
    words = np.fromiter((_word(word) for word in _WORD.findall(plain)), dtype=np.uint64)
    found += [_mix(run, 10 + length) for length, run in enumerate(_runs(words, 3), 1)]
    found += [
        _mix(words[:-gap] * np.uint64(_ORDER) + words[gap:], 20) for gap in range(1, min(_GAP, len(words) - 1) + 1)
    ]
    return np.unique(np.concatenate(found) >> np.uint64(64 - bits)).astype(np.int64)


def _runs(codes: NDArray[np.uint64], longest: int) -> list[NDArray[np.uint64]]:
    """Return the polynomial hashes of all runs of 1 to ``longest`` codes; arithmetic wraps at 64 bits."""
    runs = [codes]
    for length in range(2, min(longest, len(codes)) + 1):
        runs.append(runs[-1][:-1] * np.uint64(_ORDER) + codes[length - 1 :])
    return runs


def _mix(values: NDArray[np.uint64], salt: int) -> NDArray[np.uint64]:
    """Spread hashes over 64 bits, so that their upper bits can be used."""
    mixed = (values + np.uint64(salt)) * np.uint64(_SPREAD)
    mixed ^= mixed >> np.uint64(29)
    return mixed * np.uint64(0xBF58476D1CE4E5B9)


@lru_cache(maxsize=16384)
def _word(word: str) -> int:
    return zlib.crc32(word.encode("utf-8", "surrogatepass"))


def windows(text: str) -> tuple[Span, ...]:
    """Return what is read at once: every two neighbouring sentences, and the whole when there are more.

    A sentence of more than 90 characters is read in overlapping halves. Each character lies in at most a
    handful of windows, so reading all of them is linear in the length.
    """
    pieces = [piece for span in sentences(text) for piece in _pieces(text, span)]
    if len(pieces) <= 2:
        return (Span(start=0, end=len(text)),)
    pairs = [Span(start=a.start, end=b.end) for a, b in zip(pieces, pieces[1:], strict=False)]
    return (*pairs, Span(start=0, end=len(text)))


def _pieces(text: str, span: Span) -> list[Span]:
    if span.end - span.start <= _LONG:
        return [span]
    cuts = [span.start]
    while span.end - cuts[-1] > _LONG:
        target = cuts[-1] + _STEP
        found = _BREAK.search(text, target, target + _STEP // 2)
        cuts.append(found.end() if found else target)
    return [Span(start=a, end=b) for a, b in zip(cuts, [*cuts[1:], span.end], strict=True)]
