"""English names without a model: cues, forms of address, relations, and a list of given names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar

from cbtguard.safety.files import read_yaml
from cbtguard.safety.privacy.entities import EntityType
from cbtguard.safety.privacy.reading import DATA, mapping, strings
from cbtguard.safety.privacy.recognisers.base import Hit, Recogniser

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cbtguard.safety.privacy.lexer import Words

_LATIN = re.compile("[A-Za-z]{2}")
_LETTERS = "A-Za-zÀ-ÖØ-öø-ÿ"
_NAME = rf"[{_LETTERS}](?:[{_LETTERS}]|['’](?=[A-Z])|-(?=[A-Z])){{1,24}}"
_WORD = re.compile(rf"(?<![{_LETTERS}0-9'’-]){_NAME}(?![{_LETTERS}0-9])")
_NEXT = re.compile(rf" (?P<word>{_NAME})(?![{_LETTERS}0-9])")
_INITIAL = re.compile(rf" [A-Z]\. ?(?P<word>{_NAME})(?![{_LETTERS}0-9])")
_TEXT_BEFORE, _SURNAMES = 32, 2
_CUE, _RELATION, _GIVEN, _AMBIGUOUS = 0.85, 0.8, 0.75, 0.65


def _any(words: Iterable[str]) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


class EnglishNameRecogniser(Recogniser):
    """Names in Latin letters, in English texts and inside Chinese ones."""

    kind: ClassVar[EntityType] = EntityType.PERSON
    key: ClassVar[str] = "english_names"

    def __init__(self, language: str, context: tuple[str, ...] = ()) -> None:
        super().__init__(language, context)
        path = DATA / "names.yaml"
        data: dict[str, Any] = mapping(
            mapping(read_yaml(path), path, "(top)").get("english"), path, "english"
        )

        def words(key: str) -> tuple[str, ...]:
            return strings(data.get(key), path, f"english.{key}")

        self._given = frozenset(word.lower() for word in words("given"))
        self._ambiguous = frozenset(word.lower() for word in words("ambiguous")) - self._given
        self._pinyin = frozenset(word.lower() for word in words("pinyin"))
        self._never = frozenset(word.lower() for word in words("not_names"))
        edge = "(?<![A-Za-z'’-])"
        self._cue = re.compile(rf"{edge}(?:{_any(words('cues'))})[:,]? ?$", re.IGNORECASE)
        self._being = re.compile(rf"{edge}(?:{_any(words('being'))}) $", re.IGNORECASE)
        self._honorific = re.compile(rf"{edge}(?:{_any(words('honorifics'))})\.? $")
        relation = _any(words("relations"))
        self._relation = re.compile(
            rf"{edge}(?:{relation})(?:,| is| was|'s name is| called| named)? $", re.IGNORECASE
        )
        self._zh_relation = re.compile(rf"(?:{_any(words('zh_relations'))})[是:： ]?$")
        self._before = re.compile(rf"{edge}(?:{_any(words('before'))}),? $", re.IGNORECASE)
        self._after = re.compile(rf" (?:{_any(words('after'))})(?![A-Za-z])|['’]s (?!a |an |the )[a-z]")

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
                yield Hit(match.start(), past, verdict[0], verdict[1])

    def _judge(self, text: str, match: re.Match[str]) -> tuple[float, str] | None:
        word = match.group()
        low = word.lower()
        ahead = text[max(0, match.start() - _TEXT_BEFORE) : match.start()]
        listed = low in self._given or low in self._ambiguous
        capital = word[0].isupper()
        # In a text in capitals every word has one: only listed names count.
        plain = not capital or word.isupper()
        if (plain and not listed) or (capital and low in self._never and low not in self._ambiguous):
            return None
        introduced = self._introduced(ahead, low, capital=capital, listed=listed)
        if introduced is not None or not capital:
            return introduced
        if low in self._given:
            return _GIVEN, "given_name"
        if low in self._pinyin or low in self._ambiguous:
            return self._in_company(text, match, low, ahead)
        return self._reversed_pinyin(text, match)

    def _introduced(self, ahead: str, low: str, *, capital: bool, listed: bool) -> tuple[float, str] | None:
        """Judge by what stands before; small letters need a listed name and a plain introduction."""
        sure = low in self._given or capital
        if sure and self._cue.search(ahead):
            return _CUE, "introduced_name"
        if capital and self._honorific.search(ahead):
            return _CUE, "honorific"
        if capital and self._zh_relation.search(ahead) and len(low) > 2:
            return _RELATION, "relation"
        if sure and low not in self._never and self._relation.search(ahead):
            return _RELATION, "relation"
        if sure and listed and self._being.search(ahead):
            return _CUE, "introduced_name"
        return None

    def _in_company(self, text: str, match: re.Match[str], low: str, ahead: str) -> tuple[float, str] | None:
        """Judge a family name in pinyin by its given name, an ambiguous name by the verbs beside it."""
        follower = _NEXT.match(text, match.end())
        second = follower.group("word") if follower else ""
        proper = second[:1].isupper() and second.lower() not in self._never
        if low in self._pinyin and proper and not second.isupper():
            return _GIVEN, "pinyin_name"
        if low not in self._ambiguous or match.group().isupper():
            return None
        if self._before.search(ahead) or self._after.match(text, match.end()):
            return _AMBIGUOUS, "ambiguous_name"
        return None

    def _reversed_pinyin(self, text: str, match: re.Match[str]) -> tuple[float, str] | None:
        """Judge a given name in pinyin by the family name after it: Xiaoming Wang."""
        follower = _NEXT.match(text, match.end())
        if follower is None or not follower.group("word")[0].isupper() or match.group().isupper():
            return None
        return (_AMBIGUOUS, "pinyin_name") if follower.group("word").lower() in self._pinyin else None

    def _end(self, text: str, end: int, *, capital: bool) -> int:
        """Return where the name ends: family names may follow a capitalised one."""
        if not capital:
            return end
        for _ in range(_SURNAMES):
            follower = _NEXT.match(text, end) or _INITIAL.match(text, end)
            if follower is None:
                break
            word = follower.group("word")
            if not word[0].isupper() or word.lower() in self._never:
                break
            end = follower.end()
        return end
