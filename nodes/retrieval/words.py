"""Words for lexical search: Chinese ones from LAC, English ones lower-cased, function words left out."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cbtguard.safety.language import to_simplified
from cbtguard.safety.segmenter import segmenter

if TYPE_CHECKING:
    from collections.abc import Iterable

_LATIN = re.compile(r"[a-z]+(?:['’][a-z]+)?")
_HAN = re.compile(r"[\u3400-\u9fff]")
# LAC tags of words that carry no topic: particles, pronouns, conjunctions, prepositions, marks, numbers...
_EMPTY_TAGS = frozenset({"u", "r", "c", "p", "w", "m", "q", "xc", "d", "f"})
_STOP = frozenset(
    [
        "a",
        "an",
        "the",
        "i",
        "i'm",
        "me",
        "my",
        "you",
        "your",
        "he",
        "she",
        "it",
        "we",
        "they",
        "is",
        "are",
        "was",
        "were",
        "be",
        "been",
        "am",
        "do",
        "does",
        "did",
        "don't",
        "can't",
        "not",
        "no",
        "and",
        "or",
        "but",
        "if",
        "so",
        "to",
        "of",
        "in",
        "on",
        "at",
        "for",
        "from",
        "with",
        "that",
        "this",
        "there",
        "when",
        "what",
        "how",
        "why",
        "just",
        "very",
        "really",
        "about",
        "have",
        "has",
        "had",
        "feel",
        "feeling",
        "like",
        "get",
        "got",
        "all",
        "always",
        "医生",
        "感觉",
        "觉得",
        "最近",
        "总是",
        "感到",
        "发现",
        "有时候",
        "时候",
        "问题",
        "时",
        "人",
        "有",
        "是",
        "会",
        "想",
        "让",
        "说",
        "自己",
    ]
)


def words(text: str) -> list[str]:
    """Return the words of a text that carry its topic, in order, repeats kept."""
    plain = to_simplified(text).lower()
    found: list[str] = []
    if _HAN.search(plain):
        for word, tag in segmenter().run(plain):
            if tag not in _EMPTY_TAGS and word not in _STOP and _HAN.search(word):
                found.append(word)
                # Long words also match by their halves: 考试焦虑 and 考试.
                if len(word) >= 4:
                    found += [word[:2], word[-2:]]
    found += [_stem(w) for w in _LATIN.findall(plain) if w not in _STOP and len(w) > 1]
    return found


class Terms:
    """The words of an index; finds them in a question without a segmenter, the longest first.

    A question's words only count where the notes hold them too, and looking those up takes a tenth of the
    time of cutting the question into words.

    Args:
        known: The words of the notes, as :func:`words` gives them.
    """

    def __init__(self, known: Iterable[str]) -> None:
        self._known = frozenset(word for word in known if len(word) > 1)
        self._longest = max((len(word) for word in self._known), default=0)

    def find(self, text: str) -> list[str]:
        """Return the known words of a text, in order, repeats kept. Linear in its length."""
        plain = to_simplified(text).lower()
        found: list[str] = []
        place = 0
        while place < len(plain):
            if not _HAN.match(plain, place):
                place += 1
                continue
            for end in range(min(len(plain), place + self._longest), place + 1, -1):
                word = plain[place:end]
                if word in self._known:
                    found.append(word)
                    if len(word) >= 4:
                        found += [half for half in (word[:2], word[-2:]) if half in self._known]
                    place = end
                    break
            else:
                place += 1
        return found + [_stem(w) for w in _LATIN.findall(plain) if w not in _STOP and len(w) > 1]


def _stem(word: str) -> str:
    """Cut the commonest English endings; enough for topic words."""
    word = re.sub(r"['’].*", "", word)
    for ending in ("ing", "ed", "es", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 4:
            return word[: -len(ending)]
    return word
