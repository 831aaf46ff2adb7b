"""Chinese names: the segmenter's tags, forms of address, familiar forms, parts of other peoples' names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from cbtguard.safety.privacy.entities import EntityType
from cbtguard.safety.privacy.recognisers.base import Hit, Recogniser
from cbtguard.safety.privacy.recognisers.chinese_name_cues import ChineseNameCues
from cbtguard.safety.privacy.recognisers.chinese_name_words import (
    COUNTS,
    FAMILIAR,
    GRAMMAR,
    NAMING,
    chinese_name_words,
)
from cbtguard.safety.privacy.script import has_han

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cbtguard.safety.privacy.lexer import Word, Words

_HAN_NAME = re.compile("[\u3400-\u4dbf\u4e00-\u9fff]+(?:[·•・][\u3400-\u4dbf\u4e00-\u9fff]+)*")
_DOT = re.compile("[·•・]")
_TAGGED, _WEAK, _TITLE, _DIMINUTIVE = 0.85, 0.6, 0.8, 0.6
_LEAST = 2


class ChineseNameRecogniser(Recogniser):
    """Names in Chinese characters; looks at the Simplified shadow, so Traditional ones too."""

    kind: ClassVar[EntityType] = EntityType.PERSON
    key: ClassVar[str] = "chinese_names"

    def __init__(self, language: str, context: tuple[str, ...] = ()) -> None:
        super().__init__(language, context)
        self._words = chinese_name_words()
        self._cues = ChineseNameCues()

    def hits(self, text: str, words: Words) -> Iterator[Hit]:
        """Yield names from five kinds of evidence; overlaps are settled later."""
        if not has_han(text):
            return
        for word in words.words:
            hit = self._tagged(text, word) or self._diminutive(word)
            if hit is not None:
                yield self._completed(text, words, hit)
        yield from self._titled(text, words)
        for match in self._words.peoples.finditer(text):
            yield Hit(match.start(), match.end(), _TAGGED, "name_elements")
        if _DOT.search(text):
            for match in self._words.dotted.finditer(text):
                yield Hit(match.start(), match.end(), _TAGGED, "name_elements")
        yield from self._cues.hits(text, words)

    def _tagged(self, text: str, word: Word) -> Hit | None:
        if word.tag == "TIME" and self._words.weekday.fullmatch(word.text):
            return Hit(word.start, word.end, _WEAK, "tagged_name")
        if word.tag != "PER" or not _HAN_NAME.fullmatch(word.text):
            return None
        name = word.text
        while len(name) > 2 and name[-1] in self._words.never_last:
            name = name[:-1]
        if len(name) > 2 and name[0] in self._words.not_first and self._words.family(name[1:]):
            name = name[1:]
        start = word.start + word.text.index(name)
        if start == word.start and text[max(0, start - 1) : start + 1] in self._words.compound:
            name = text[start - 1] + name
            start -= 1
        if len(name) < 2 or self._words.is_role(name) or not self._words.is_likely(name, text[:start]):
            return None
        sure = bool(self._words.family(name)) or name[0] in FAMILIAR or "·" in name
        return Hit(start, start + len(name), _TAGGED if sure else _WEAK, "tagged_name")

    def _completed(self, text: str, words: Words, hit: Hit) -> Hit:
        """Return a hit with the part of the name that the segmenter left outside: 赵咏 + 诗."""
        name = text[hit.start : hit.end]
        index = words.at.get(hit.end)
        if index is None or len(name) != _LEAST or name[0] in FAMILIAR:
            return hit
        rest = words.words[index]
        if name in self._words.compound:
            given = len(rest.text) <= _LEAST and self._words.not_in_names.isdisjoint(rest.text)
            return Hit(hit.start, rest.end, hit.score, hit.reason) if given and rest.tag in NAMING else hit
        if self._words.family(name) != 1:
            return hit
        ends = rest.end == len(text) or text[rest.end] in "，,。.！!？?、；; \n"
        if len(rest.text) == 1 and rest.text in self._words.given and ends and rest.tag in NAMING:
            return Hit(hit.start, rest.end, hit.score, hit.reason)
        return hit

    def _diminutive(self, word: Word) -> Hit | None:
        name = word.text
        if len(name) != 2 or word.tag not in {"n", "nz", "nr"} or name[0] not in "小老":
            return None
        if (
            name[1] not in self._words.single
            or name in self._words.not_diminutives
            or name in self._words.not_names
        ):
            return None
        return Hit(word.start, word.end, _DIMINUTIVE, "diminutive")

    def _titled(self, text: str, words: Words) -> Iterator[Hit]:
        """Yield a family name with the form of address after it, when both stand on word boundaries."""
        for match in self._words.titles.finditer(text):
            for length in (2, 1):
                start = match.start() - length
                index = words.at.get(start) if start >= 0 else None
                if index is None or self._words.family(text[start : match.start()]) != length:
                    continue
                word = words.words[index]
                inside = word.end in {match.start(), match.end()}
                family = text[start : match.start()]
                counted = family in self._words.measures and text[start - 1 : start] in COUNTS
                if family in self._words.role_prefixes or (counted and start):
                    continue
                if inside and word.tag not in GRAMMAR and word.text not in self._words.not_names:
                    yield Hit(start, match.end(), _TITLE, "family_name_and_title")
                    break
