"""Words of a text: Chinese cut by LAC, English by letters and digits."""

from __future__ import annotations

import re

from cbtguard.safety.segmenter import segmenter

_ENGLISH = re.compile(r"[a-z0-9]+(?:['’][a-z]+)*|[^\sa-z0-9]")
_PRONOUNCED = re.compile(r"\w")

HOW = {"zh": "words by LAC", "en": "lower-cased words and signs"}


def words(text: str, language: str) -> list[str]:
    """Return the words and signs of a text, lower-cased, in order, for ``zh`` or ``en``."""
    lowered = text.lower()
    if language == "en":
        return _ENGLISH.findall(lowered)
    # LAC reads sentence by sentence; a line break is no word.
    return [
        word.strip() for line in lowered.splitlines() if line.strip() for word in _cut(line) if word.strip()
    ]


def spoken(listed: list[str]) -> list[str]:
    """Return the words of a list, without signs."""
    return [word for word in listed if _PRONOUNCED.search(word)]


def _cut(line: str) -> list[str]:
    return [str(word) for word, _ in segmenter().run(line)]
