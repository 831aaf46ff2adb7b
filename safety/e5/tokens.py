"""Tokens: the unigram model of XLM-R, as the encoder was trained with it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cbtguard.safety.e5.weights import Vocabulary

_SPACES = re.compile(" {2,}")
_MARK = "\u2581"
_LONGEST = 17
"""Characters of the longest piece that is tried; the few longer ones are runs of signs."""
_UNKNOWN_PENALTY = 10.0


class Tokeniser:
    """Cuts text into the most probable pieces (Kudo, ACL 2018). Thread-safe.

    The ``tokenizers`` library does the same; with this vocabulary it takes a second and 280 MB to load.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self._unknown = min(vocabulary.scores) - _UNKNOWN_PENALTY

    def ids(self, text: str) -> list[int]:
        """Return the token ids of a text, without the marks of its start and end. Linear in its length."""
        known = self._vocabulary
        plain = _SPACES.sub(" ", text.translate(known.replaced))
        if not plain.startswith(" "):
            plain = " " + plain
        plain = plain.replace(" ", _MARK)
        length = len(plain)
        best = [float("-inf")] * (length + 1)
        best[0] = 0.0
        piece = [known.unknown] * (length + 1)
        origin = [0] * (length + 1)
        pieces, scores = known.pieces, known.scores
        for start in range(length):
            base = best[start]
            if base + self._unknown > best[start + 1]:
                best[start + 1], piece[start + 1], origin[start + 1] = (
                    base + self._unknown,
                    known.unknown,
                    start,
                )
            for end in range(start + 1, min(length, start + _LONGEST) + 1):
                found = pieces.get(plain[start:end])
                if found is not None and base + scores[found] > best[end]:
                    best[end], piece[end], origin[end] = base + scores[found], found, start
        out: list[int] = []
        place = length
        while place > 0:
            out.append(piece[place])
            place = origin[place]
        return out[::-1]
