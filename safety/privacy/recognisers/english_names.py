"""English names without a model: cues, forms of address, relations, and a list of given names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from cbtguard.safety.privacy.entities import EntityType
from cbtguard.safety.privacy.recognisers.base import Hit, Recogniser
from cbtguard.safety.privacy.recognisers.english_name_words import bare, english_name_words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cbtguard.safety.privacy.lexer import Words

_LATIN = re.compile("[A-Za-z]{2}")
_LETTERS = "A-Za-zÀ-ÖØ-öø-\u024f\u1e00-\u1eff"
_NAME = rf"[{_LETTERS}](?:[{_LETTERS}]|['’](?=[A-Z])|-(?=[A-Za-z])){{1,24}}"
_WORD = re.compile(rf"(?<![{_LETTERS}0-9'’-]){_NAME}(?![{_LETTERS}0-9])")
_NEXT = re.compile(rf" (?P<word>{_NAME})(?![{_LETTERS}0-9])")
_INITIAL = re.compile(rf" [A-Z]\. ?(?P<word>{_NAME})(?![{_LETTERS}0-9])")
_PARTNER = re.compile(rf" and (?P<word>(?=[A-Z]){_NAME})(?![{_LETTERS}0-9])")
_TEXT_BEFORE, _SURNAMES = 32, 2
_CUE, _RELATION, _GIVEN, _AMBIGUOUS, _UNKNOWN = 0.85, 0.8, 0.75, 0.65, 0.55
_SHORT = 3
_WITHIN = re.compile(r"(?:^| )([A-Za-z][a-z'’-]*),? $")


class EnglishNameRecogniser(Recogniser):
    """Names in Latin letters, in English texts and inside Chinese ones."""

    kind: ClassVar[EntityType] = EntityType.PERSON
    key: ClassVar[str] = "english_names"

    def __init__(self, language: str, context: tuple[str, ...] = ()) -> None:
        super().__init__(language, context)
        self._words = english_name_words()

    def hits(self, text: str, words: Words) -> Iterator[Hit]:
        """Yield names; each starts at a word that is a name by its company or by the list."""
        del words
        if not _LATIN.search(text):
            return
        past = 0
        for match in _WORD.finditer(text):
            if match.start() < past:
                continue
            verdict = self._judge(text, match)
            if verdict is not None:
                past = self._end(text, match.end(), capital=match.group()[0].isupper())
                if verdict[1] == "introduced_name" and match.group().islower():
                    past = self._small_surname(text, match.start(), past)
                yield Hit(match.start(), past, verdict[0], verdict[1])

    def _judge(self, text: str, match: re.Match[str]) -> tuple[float, str] | None:
        word = match.group()
        low = bare(word)
        ahead = text[max(0, match.start() - _TEXT_BEFORE) : match.start()]
        listed = low in self._words.given or low in self._words.ambiguous
        capital = word[0].isupper()
        # In a text in capitals every word has one: only listed names count.
        plain = not capital or word.isupper()
        if not capital and low not in self._words.cue_stops and self._words.my_name.search(ahead):
            return _CUE, "introduced_name"
        if (plain and not listed) or (
            capital and low in self._words.never and low not in self._words.ambiguous
        ):
            return None
        introduced = self._introduced(ahead, low, capital=capital, listed=listed)
        if introduced is not None:
            return introduced
        if not capital:
            return self._small(low, ahead)
        return self._capital(text, match, low, ahead)

    def _capital(self, text: str, match: re.Match[str], low: str, ahead: str) -> tuple[float, str] | None:
        """Judge a capitalised word that nothing introduces."""
        if low in self._words.given:
            return _GIVEN, "given_name"
        if low in self._words.pinyin or low in self._words.ambiguous:
            return self._in_company(text, match, low, ahead)
        return self._reversed_pinyin(text, match) or self._unknown(text, match, low, ahead)

    def _small_surname(self, text: str, start: int, end: int) -> int:
        """Return where a name in small letters ends after "my name is": a family name may follow."""
        follower = _NEXT.match(text, end)
        if follower is None or not self._words.my_name.search(text[max(0, start - _TEXT_BEFORE) : start]):
            return end
        word = follower.group("word")
        known = (
            self._words.is_known(word)
            or word in self._words.cue_stops
            or len(word) <= _SHORT
            or not word.islower()
        )
        return end if known or self._words.is_word(word) else follower.end()

    def _small(self, low: str, ahead: str) -> tuple[float, str] | None:
        """Judge a listed name in small letters: alone when it is no word, else by the verb before it."""
        if low not in self._words.given:
            return None
        if len(low) > _SHORT and low not in self._words.also_words:
            return _AMBIGUOUS, "given_name"
        return (_AMBIGUOUS, "ambiguous_name") if self._words.before.search(ahead) else None

    def _unknown(self, text: str, match: re.Match[str], low: str, ahead: str) -> tuple[float, str] | None:
        """Judge a capitalised word that is on no list by its place: where persons stand, it is a name."""
        word = match.group()
        if word.isupper() or low in self._words.others or any(char.isupper() for char in word[1:3]):
            return None
        if not word.isascii():
            return None if self._words.place_before.search(ahead) else (_UNKNOWN, "unknown_name")
        within = self._is_within(ahead)
        if not within:
            starts = not ahead.strip() or ahead.rstrip()[-1:] in ".!?\n"
            sure = starts and self._words.after_first.match(text, match.end()) and len(word) > _SHORT
            return (_UNKNOWN, "unknown_name") if sure and not self._words.is_word(low) else None
        if self._words.place_before.search(ahead):
            return None
        follower = _NEXT.match(text, match.end())
        second = follower.group("word") if follower else ""
        if second[:1].isupper() and not second.isupper() and not self._words.is_known(second):
            return _UNKNOWN, "unknown_name"
        placed = self._words.before_unknown.search(ahead) or self._words.after_unknown.match(
            text, match.end()
        )
        return (_UNKNOWN, "unknown_name") if placed else None

    def _is_within(self, ahead: str) -> bool:
        """Return whether a word stands inside a sentence: after a small word or one that is on a list."""
        before = _WITHIN.search(ahead)
        return before is not None and (before.group(1)[0].islower() or self._words.is_known(before.group(1)))

    def _introduced(self, ahead: str, low: str, *, capital: bool, listed: bool) -> tuple[float, str] | None:
        """Judge by what stands before; small letters need a listed name and a plain introduction."""
        sure = low in self._words.given or capital
        if sure and self._words.cue.search(ahead):
            return _CUE, "introduced_name"
        if capital and self._words.honorific.search(ahead):
            return _CUE, "honorific"
        if capital and self._words.zh_relation.search(ahead) and len(low) > 2:
            return _RELATION, "relation"
        known = low in self._words.never and not (capital and low in self._words.ambiguous)
        if sure and not known and self._words.relation.search(ahead):
            return _RELATION, "relation"
        if sure and listed and low not in self._words.never and self._words.being.search(ahead):
            return _CUE, "introduced_name"
        return None

    def _in_company(self, text: str, match: re.Match[str], low: str, ahead: str) -> tuple[float, str] | None:
        """Judge a family name in pinyin by its given name, an ambiguous name by the verbs beside it."""
        follower = _NEXT.match(text, match.end())
        second = follower.group("word") if follower else ""
        proper = second[:1].isupper() and second.lower() not in self._words.never
        if low in self._words.pinyin and proper and not second.isupper():
            return _GIVEN, "pinyin_name"
        if low not in self._words.ambiguous or match.group().isupper():
            return None
        if self._words.before.search(ahead) or self._words.after.match(text, match.end()):
            return _AMBIGUOUS, "ambiguous_name"
        partner = _PARTNER.match(text, match.end())
        paired = partner is not None and not self._words.is_known(partner.group("word"))
        named = proper and second.lower() not in self._words.others
        return (_AMBIGUOUS, "ambiguous_name") if paired or named else None

    def _reversed_pinyin(self, text: str, match: re.Match[str]) -> tuple[float, str] | None:
        """Judge a given name in pinyin by the family name after it: Xiaoming Wang."""
        follower = _NEXT.match(text, match.end())
        if follower is None or not follower.group("word")[0].isupper() or match.group().isupper():
            return None
        return (_AMBIGUOUS, "pinyin_name") if follower.group("word").lower() in self._words.pinyin else None

    def _end(self, text: str, end: int, *, capital: bool) -> int:
        """Return where the name ends: family names may follow a capitalised one."""
        if not capital:
            return end
        for _ in range(_SURNAMES):
            follower = _NEXT.match(text, end) or _INITIAL.match(text, end)
            if follower is None:
                break
            word = follower.group("word")
            if not word[0].isupper() or word.lower() in self._words.never:
                break
            end = follower.end()
        return end
