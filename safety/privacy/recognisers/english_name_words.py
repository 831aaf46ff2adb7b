"""What English names are made of: lists, cues, and the company names keep."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import TYPE_CHECKING, Any

from cbtguard.safety.files import read_yaml
from cbtguard.safety.privacy.reading import DATA, mapping, strings

if TYPE_CHECKING:
    from collections.abc import Iterable

_ENDINGS = (
    *("ing", "ed", "ly", "tion", "ment", "ness", "ity", "ers", "ies", "ism", "ist", "ous"),
    *("ful", "less", "able"),
)


def bare(word: str) -> str:
    """Return a word in small letters without accents: josé as jose."""
    low = word.lower()
    if low.isascii():
        return low
    return "".join(char for char in unicodedata.normalize("NFD", low) if not unicodedata.combining(char))


def _any(words: Iterable[str]) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


class EnglishNameWords:
    """The English lists of ``names.yaml`` as sets and expressions.

    Raises:
        DataError: ``data.unreadable`` or ``data.malformed``.
    """

    def __init__(self) -> None:
        path = DATA / "names.yaml"
        data: dict[str, Any] = mapping(
            mapping(read_yaml(path), path, "(top)").get("english"), path, "english"
        )

        def words(key: str) -> tuple[str, ...]:
            return strings(data.get(key), path, f"english.{key}")

        self.given = frozenset(bare(word) for word in words("given"))
        self.ambiguous = frozenset(word.lower() for word in words("ambiguous")) - self.given
        self.pinyin = frozenset(word.lower() for word in words("pinyin"))
        self.never = frozenset(word.lower() for word in words("not_names"))
        self.others = frozenset(bare(word) for word in (*words("capitalised"), *words("honorifics")))
        self.also_words = frozenset(words("also_words"))
        self.cue_stops = frozenset(words("cue_stops"))
        edge = "(?<![A-Za-z'’-])"
        self.cue = re.compile(rf"{edge}(?:{_any(words('cues'))})[:,]? ?$", re.IGNORECASE)
        self.being = re.compile(rf"{edge}(?:{_any(words('being'))}) $", re.IGNORECASE)
        self.honorific = re.compile(rf"{edge}(?:{_any(words('honorifics'))})\.? $")
        relation = _any(words("relations"))
        self.relation = re.compile(
            rf"{edge}(?:{relation})(?:,| is| was|'s name is| called| named)? $", re.IGNORECASE
        )
        self.zh_relation = re.compile(rf"(?:{_any(words('zh_relations'))})[是:： ]?$")
        self.before = re.compile(rf"{edge}(?:{_any(words('before'))}),? $", re.IGNORECASE)
        self.before_unknown = re.compile(rf"{edge}(?:{_any(words('before_unknown'))}),? $", re.IGNORECASE)
        self.place_before = re.compile(rf"{edge}(?:{_any(words('place_before'))}) $", re.IGNORECASE)
        after = _any((*words("after"), *words("after_unknown")))
        self.after_unknown = re.compile(rf" (?:{after})(?![A-Za-z])|['’]s (?!a |an |the )[a-z]")
        self.after_first = re.compile(rf" (?:{_any(words('after_first'))})(?![A-Za-z])")
        self.my_name = re.compile(
            rf"{edge}(?:my|his|her|their)(?: \w+)? name(?:['’]s| is|:) $", re.IGNORECASE
        )
        self.after = re.compile(rf" (?:{_any(words('after'))})(?![A-Za-z])|['’]s (?!a |an |the )[a-z]")

    def is_known(self, word: str) -> bool:
        """Return whether a capitalised word is on a list of those that are no persons."""
        low = bare(word)
        return low in self.never or low in self.others

    @staticmethod
    def is_word(low: str) -> bool:
        """Return whether a word has the ending of an English one: it may begin a sentence."""
        return low.endswith(_ENDINGS)


@cache
def english_name_words() -> EnglishNameWords:
    """Return the lists, read once."""
    return EnglishNameWords()
