"""Words for lexical search: Chinese ones from LAC, English ones lower-cased, function words left out."""

from __future__ import annotations

import re

from cbtguard.safety.language import to_simplified
from cbtguard.safety.segmenter import segmenter

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


def _stem(word: str) -> str:
    """Cut the commonest English endings; enough for topic words."""
    word = re.sub(r"['’].*", "", word)
    for ending in ("ing", "ed", "es", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 4:
            return word[: -len(ending)]
    return word
