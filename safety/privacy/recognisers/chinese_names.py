"""Chinese names: the segmenter's tags, introductions, forms of address, familiar forms."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar

from cbtguard.safety.files import read_yaml
from cbtguard.safety.privacy.entities import EntityType
from cbtguard.safety.privacy.reading import DATA, expression, mapping, strings
from cbtguard.safety.privacy.recognisers.base import Hit, Recogniser
from cbtguard.safety.privacy.script import has_han

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cbtguard.safety.privacy.lexer import Word, Words

_HAN_RUN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff]{1,5}")
_HAN_NAME = re.compile("[\u3400-\u4dbf\u4e00-\u9fff]+(?:[·•・][\u3400-\u4dbf\u4e00-\u9fff]+)*")
_GRAMMAR = frozenset({"p", "c", "d", "u", "xc", "r", "m", "q", "f", "w", "TIME"})
_PROPER = frozenset({"PER", "nz", "nr", "nw"})
_NAMING = _PROPER | {"n", "LOC"}
_TAGGED, _WEAK, _INTRODUCED, _TITLE, _DIMINUTIVE = 0.85, 0.6, 0.8, 0.8, 0.6
_LONGEST = 4


class ChineseNameRecogniser(Recogniser):
    """Names in Chinese characters; looks at the Simplified shadow, so Traditional ones too."""

    kind: ClassVar[EntityType] = EntityType.PERSON
    key: ClassVar[str] = "chinese_names"

    def __init__(self, language: str, context: tuple[str, ...] = ()) -> None:
        super().__init__(language, context)
        path = DATA / "names.yaml"
        data: dict[str, Any] = mapping(read_yaml(path), path, "(top)")

        def words(key: str) -> tuple[str, ...]:
            return strings(data.get(key), path, key)

        self._single = frozenset("".join(words("surnames")))
        self._compound = frozenset(words("compound_surnames"))
        self._not_names = frozenset(words("not_names"))
        self._not_diminutives = frozenset(words("not_diminutives"))
        self._not_first = frozenset("".join(words("not_first")))
        self._never_last = frozenset("".join(words("never_last")))
        self._weekday = expression(data.get("weekday_names"), path, "weekday_names")
        self._role_prefixes = frozenset(words("role_prefixes"))
        titles = sorted(words("titles"), key=len, reverse=True)
        self._titles = re.compile("|".join(map(re.escape, titles)))
        self._title_words = tuple(titles)
        self._strong = re.compile(
            "|".join(map(re.escape, sorted(words("strong_cues"), key=len, reverse=True)))
        )
        self._weak = re.compile("|".join(map(re.escape, sorted(words("weak_cues"), key=len, reverse=True))))

    def hits(self, text: str, words: Words) -> Iterator[Hit]:
        """Yield names from four kinds of evidence; overlaps are settled later."""
        if not has_han(text):
            return
        for word in words.words:
            hit = self._tagged(word) or self._diminutive(word)
            if hit is not None:
                yield hit
        yield from self._titled(text, words)
        for cue, strong in ((self._strong, True), (self._weak, False)):
            for match in cue.finditer(text):
                hit = self._introduced(text, match.end(), words, strong=strong)
                if hit is not None:
                    yield hit

    def _family(self, name: str) -> int:
        """Return the length of the family name a word begins with, 0 for none."""
        if name[:2] in self._compound:
            return 2
        return 1 if name[:1] in self._single else 0

    def _tagged(self, word: Word) -> Hit | None:
        if word.tag == "TIME" and self._weekday.fullmatch(word.text):
            return Hit(word.start, word.end, _WEAK, "tagged_name")
        if word.tag != "PER" or not _HAN_NAME.fullmatch(word.text):
            return None
        name = word.text
        while len(name) > 2 and name[-1] in self._never_last:
            name = name[:-1]
        if len(name) > 2 and name[0] in self._not_first and self._family(name[1:]):
            name = name[1:]
        start = word.start + word.text.index(name)
        if len(name) < 2 or self._is_role(name):
            return None
        sure = bool(self._family(name)) or name[0] in "小老阿大" or "·" in name
        return Hit(start, start + len(name), _TAGGED if sure else _WEAK, "tagged_name")

    def _is_role(self, name: str) -> bool:
        if name in self._not_names or (name[0] in self._not_first and name[1:] in self._not_names):
            return True
        if name[:1] in "小老阿大" and name[1:] in self._title_words:
            return True
        if name in self._role_prefixes:
            return True
        title = next((word for word in self._title_words if name.endswith(word)), None)
        return title is not None and name.removesuffix(title) in self._role_prefixes

    def _diminutive(self, word: Word) -> Hit | None:
        name = word.text
        if len(name) != 2 or word.tag not in {"n", "nz", "nr"} or name[0] not in "小老":
            return None
        if name[1] not in self._single or name in self._not_diminutives or name in self._not_names:
            return None
        return Hit(word.start, word.end, _DIMINUTIVE, "diminutive")

    def _titled(self, text: str, words: Words) -> Iterator[Hit]:
        """Yield a family name with the form of address after it, when both stand on word boundaries."""
        for match in self._titles.finditer(text):
            for length in (2, 1):
                start = match.start() - length
                index = words.at.get(start) if start >= 0 else None
                if index is None or self._family(text[start : match.start()]) != length:
                    continue
                word = words.words[index]
                inside = word.end in {match.start(), match.end()}
                if inside and word.tag not in _GRAMMAR and word.text not in self._not_names:
                    yield Hit(start, match.end(), _TITLE, "family_name_and_title")
                    break

    def _introduced(self, text: str, place: int, words: Words, *, strong: bool) -> Hit | None:
        while place < len(text) and text[place] in " “\"'「":
            place += 1
        run = _HAN_RUN.match(text, place)
        index = words.at.get(place)
        if run is None or index is None or text[place] in self._not_first:
            return None
        word = words.words[index]
        name = run.group() if len(run.group()) <= _LONGEST else word.text
        doubled = len(name) == 2 and name[0] == name[1] and word.tag != "ORG"
        if self._family(name) and word.tag not in {"p", "c", "d", "u", "r"}:
            end = self._with_family(words, index, len(name), clause=len(run.group()) <= _LONGEST)
        elif word.text == name and (doubled or (strong and word.tag in _PROPER)):
            end = word.end
        else:
            return None
        found = text[place:end]
        if not 2 <= len(found) <= _LONGEST or found in self._not_names:
            return None
        return Hit(place, end, _INTRODUCED, "introduced_name")

    def _with_family(self, words: Words, index: int, length: int, *, clause: bool) -> int:
        """Return where a name that begins with a family name ends; 0 when nothing fits."""
        word = words.words[index]
        if word.tag in _NAMING and 2 <= len(word.text) <= _LONGEST:
            return word.end if not clause or len(word.text) == length else self._rest(words, index, length)
        if clause and length <= 3:
            return word.start + length
        if index + 1 < len(words.words) and len(word.text) <= 2:
            following = words.words[index + 1]
            if len(word.text) + len(following.text) <= 3 and following.tag not in _GRAMMAR:
                return following.end
        return 0

    @staticmethod
    def _rest(words: Words, index: int, length: int) -> int:
        """Return the end of a short clause when one more character belongs to the name."""
        word = words.words[index]
        if index + 1 == len(words.words):
            return word.end
        following = words.words[index + 1]
        if length == 3 and len(following.text) == 1 and following.tag not in _GRAMMAR:
            return following.end
        return word.end
