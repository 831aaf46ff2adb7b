"""Grams: hashed runs of one to three words of a question, the same on every machine and in every release."""

from __future__ import annotations

import re
import zlib
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LONGEST = 3
_ORDER = np.uint64(1_000_003)
_SPREAD = np.uint64(0x9E3779B97F4A7C15)
_DIGITS = re.compile(r"\d+")
_WORD = re.compile(r"[a-z]+(?:'[a-z]+)?|[^\W_]")
_ENDINGS = ("ingly", "ings", "ing", "edly", "ed", "ies", "es", "ly", "'s", "s", "e")
_SHORTEST_STEM = 3


def grams(text: str) -> NDArray[np.uint32]:
    """Return the sorted, distinct hashes of the runs of words in a normalised text. Linear in its length.

    A Han character and a Latin word without its ending count as one word; signs do not count.
    """
    codes = np.array([_code(word) for word in _WORD.findall(_DIGITS.sub("0", text))], dtype=np.uint64)
    runs = [codes]
    for length in range(2, min(_LONGEST, len(codes)) + 1):
        runs.append(runs[-1][:-1] * _ORDER + codes[length - 1 :])
    whole = np.concatenate([run + np.uint64(salt) for salt, run in enumerate(runs)])
    whole *= _SPREAD
    return np.unique((whole >> np.uint64(32)).astype(np.uint32))


@lru_cache(maxsize=16384)
def _code(word: str) -> int:
    return zlib.crc32(_stem(word).encode("utf-8", "surrogatepass"))


def _stem(word: str) -> str:
    for ending in _ENDINGS:
        if word.isascii() and word.endswith(ending) and len(word) - len(ending) >= _SHORTEST_STEM:
            return word[: -len(ending)]
    return word
