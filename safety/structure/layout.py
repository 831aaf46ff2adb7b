"""How an answer is laid out: its sentences, its paragraphs, and what can be seen of each without reading it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cbtguard.safety.errors import DataError
from cbtguard.safety.files import read_yaml
from cbtguard.safety.language import to_simplified
from cbtguard.safety.structure.pieces import words
from cbtguard.safety.text import Span, lowered, sentences

if TYPE_CHECKING:
    from numpy.typing import NDArray

HEADINGS = Path(__file__).parent / "data" / "headings.yaml"
# Bounded and possessive: a model that loops on stars or spaces must not make the search explode.
_LINE = (
    r"(?m)^(?:[#*>\- \t]|【|\[|（|\(|第?[一二三四五六\d]{1,2}[、.．)）:：步])*+(?:"
    r"(?:%s)[^\n。！？]{0,24}?(?:\*\*|】|\])?[ \t]{0,4}[:：]?[ \t]{0,4}(?:\*\*)?[ \t]{0,4}(?:\n|$|(?<=[:：*】]))"
    r"|[^\n。！？!?；;]{1,28}(?:\*\*|】|[:：])[:： \t*]{0,4}$)"
    r"|^[一二三四五六七八九十]{1,2}、[^\n。！？!?；;，,：:…]{1,12}$"
)
_QUOTED = re.compile("[“\"「『]([^“”\"「」『』\n]{2,60})[”\"」』]|'([^'\n]{4,60})'(?![a-z])")
_ITEM = re.compile(
    r"\s*(?:[-*•]|\(?\d{1,2}[.、)）:]|[（(]?[一二三四五六七八九十甲乙丙丁][、）).]|其[一二三四])"
)
_ASKED = ("?", "？")
_CLOSERS = "”’」』\"') \n"
_FAR, _LONG, _MANY = 400, 60, 8
"""Characters, words and sentences from which it no longer matters how many more there are."""
SHAPE = 24
"""Number of columns of :attr:`Layout.shape`."""
LATER = slice(0, 9)
"""Columns of the shape that depend on what comes after a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Layout:
    """The sentences of an answer, headings left out."""

    plain: str
    """The answer in lower case and Simplified script, headings blanked, as long as the answer."""
    spans: tuple[Span, ...]
    words: tuple[tuple[str, ...], ...]
    """The words of each sentence."""
    first: NDArray[np.int64]
    """Index of the first sentence of each sentence's paragraph."""
    shape: NDArray[np.float64]
    """What can be seen of each sentence from afar, between 0 and 1, shape ``(sentences, SHAPE)``."""


def normalised(text: str) -> str:
    """Return a text in lower case and Simplified script; the length never changes."""
    return lowered(to_simplified(text))


def lay_out(question: str, answer: str) -> Layout:
    """Return the layout of an answer to a question."""
    plain = _headings().sub(_blank, normalised(answer))
    spans = sentences(plain)
    texts = [plain[span.start : span.end] for span in spans]
    held = tuple(tuple(words(text)) for text in texts)
    first = _paragraphs(texts)
    shape = _shape(texts, spans, held, first, _pairs(words(normalised(question))))
    return Layout(plain=plain, spans=spans, words=held, first=first, shape=shape)


def _blank(match: re.Match[str]) -> str:
    return "".join("\n" if char == "\n" else " " for char in match.group())


def _paragraphs(texts: list[str]) -> NDArray[np.int64]:
    first = np.zeros(len(texts), dtype=np.int64)
    for place in range(1, len(texts)):
        broken = texts[place - 1].endswith("\n") or "\n" in texts[place][: -len(texts[place].lstrip())]
        first[place] = place if broken else first[place - 1]
    return first


def _shape(
    texts: list[str],
    spans: tuple[Span, ...],
    held: tuple[tuple[str, ...], ...],
    first: NDArray[np.int64],
    asked: frozenset[tuple[str, str]],
) -> NDArray[np.float64]:
    count = len(texts)
    if not count:
        return np.zeros((0, SHAPE))
    length = spans[-1].end
    number = np.unique(first, return_inverse=True)[1]
    last = int(number[-1])
    rows = []
    for place, (text, span) in enumerate(zip(texts, spans, strict=True)):
        quotes = [_pairs(words(a or b)) for a, b in _QUOTED.findall(text)]
        shared = [len(quote & asked) for quote in quotes]
        pairs = _pairs(held[place])
        rows.append(
            (
                span.start / length,
                1 - span.end / length,
                place / max(1, count - 1),
                number[place] == last,
                number[place] / max(1, last),
                last == 0,
                last >= 3,
                place == count - 1,
                place == count - 1 or first[place + 1] != first[place],
                min(span.start / _FAR, 1),
                min(place / _MANY, 1),
                min(number[place] / 4, 1),
                place == 0,
                number[place] == 0,
                first[place] == place,
                any(mark in text for mark in _ASKED),
                text.rstrip(_CLOSERS).endswith(_ASKED),
                bool(quotes),
                max((n / max(1, len(quote)) for n, quote in zip(shared, quotes, strict=True)), default=0),
                min(max(shared, default=0), _MANY) / _MANY,
                len(pairs & asked) / max(3, len(pairs)),
                min(len(held[place]), _LONG) / _LONG,
                _ITEM.match(text) is not None,
                1,
            )
        )
    return np.array(rows, dtype=np.float64)


def _pairs(held: list[str] | tuple[str, ...]) -> frozenset[tuple[str, str]]:
    """Return the pairs of neighbouring words, signs left out."""
    return frozenset(pairwise([word for word in held if word.isalnum()]))


@cache
def _headings() -> re.Pattern[str]:
    names = read_yaml(HEADINGS)
    try:
        return re.compile(_LINE % "|".join(name for part in names.values() for name in part.values()))
    except (AttributeError, TypeError, re.error) as error:
        raise DataError(
            "data.malformed",
            f"{HEADINGS.name} cannot be used ({error}).",
            hint="Each part has a pattern for each language.",
        ) from error
