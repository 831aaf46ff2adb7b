"""Schools: which one in particular, not that somebody goes to one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from cbtguard.safety.files import read_yaml
from cbtguard.safety.privacy.entities import EntityType
from cbtguard.safety.privacy.reading import DATA, expression, mapping, strings
from cbtguard.safety.privacy.recognisers.base import Hit, Recogniser
from cbtguard.safety.privacy.script import has_han

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cbtguard.safety.privacy.lexer import Word, Words

_SCHOOL = 0.75
_STEM_WORDS, _STEM_LEAST = 2, 2
_STEM = frozenset({"n", "nz", "nw", "ORG", "LOC", "PER"})
_WINDOW = 8
_LATIN = re.compile("[A-Za-z]{2}")
_ORDINAL = re.compile("第?[一二三四五六七八九十0-9]{1,3}")
_NAMED = frozenset({"ORG", "LOC", "nz", "PER"})


class SchoolRecogniser(Recogniser):
    """Schools with a name of their own."""

    kind: ClassVar[EntityType] = EntityType.SCHOOL
    key: ClassVar[str] = "schools"

    def __init__(self, language: str, context: tuple[str, ...] = ()) -> None:
        super().__init__(language, context)
        path = DATA / "places.yaml"
        data = mapping(mapping(read_yaml(path), path, "(top)").get("school"), path, "school")

        def words(key: str) -> tuple[str, ...]:
            return strings(data.get(key), path, f"school.{key}")

        self._suffixes = words("suffixes")
        self._generic = frozenset(words("generic"))
        self._inner = re.compile(f".{{2,12}}(?:{'|'.join(map(re.escape, self._suffixes))})(?!生|城|路)")
        self._known = re.compile("|".join(map(re.escape, sorted(words("known"), key=len, reverse=True))))
        self._numbered = expression(data.get("numbered"), path, "school.numbered")
        self._prefix = expression(data.get("prefix"), path, "school.prefix")
        self._plain = frozenset(words("plain"))
        self._study_before = expression(data.get("study_before"), path, "school.study_before")
        self._study_after = expression(data.get("study_after"), path, "school.study_after")
        self._english = expression(data.get("english"), path, "school.english")
        self._english_lower = expression(data.get("english_lower"), path, "school.english_lower")
        self._english_known = expression(data.get("english_known"), path, "school.english_known")
        self._english_generic = frozenset(words("english_generic"))

    def hits(self, text: str, words: Words) -> Iterator[Hit]:
        """Yield Chinese and English school names."""
        if has_han(text):
            yield from self._chinese_hits(text, words)
        if _LATIN.search(text):
            yield from self._english_hits(text)

    def _chinese_hits(self, text: str, words: Words) -> Iterator[Hit]:
        for index, word in enumerate(words.words):
            end = word.end if word.text.endswith(self._suffixes) else self._inner_end(word)
            if end is None:
                continue
            start = self._start(words.words, index, word.text[: end - word.start])
            if start is None:
                start = self._studied(text, words.words, index, end)
            if start is not None:
                prefix = self._prefix.search(text[max(0, start - _WINDOW) : start])
                yield Hit(start - len(prefix.group()) if prefix else start, end, _SCHOOL, "named_school")
        for match in self._numbered.finditer(text):
            yield Hit(match.start(), match.end(), _SCHOOL, "named_school")
        for match in self._known.finditer(text):
            if self._studies(text, match.start(), match.end()):
                yield Hit(match.start(), match.end(), _SCHOOL, "named_school")

    def _english_hits(self, text: str) -> Iterator[Hit]:
        for match in self._english_known.finditer(text):
            group = "value" if match.group("value") else "first"
            yield Hit(match.start(group), match.end(group), _SCHOOL, "named_school")
        for match in self._english_lower.finditer(text):
            if match.group("value").split()[0].capitalize() not in self._english_generic:
                yield Hit(match.start("value"), match.end("value"), _SCHOOL, "named_school")
        for match in self._english.finditer(text):
            start = self._english_start(text, match)
            if start is not None:
                yield Hit(start, match.end(), _SCHOOL, "named_school")

    def _studied(self, text: str, words: tuple[Word, ...], index: int, end: int) -> int | None:
        """Return where a name of common words begins that stands beside a word of study: 读圣心书院."""
        first = index
        while first > 0 and index - first < _STEM_WORDS and words[first - 1].tag in _STEM:
            first -= 1
        start = words[first].start
        stem = text[start:end]
        for suffix in self._suffixes:
            stem = stem.removesuffix(suffix) if stem.endswith(suffix) and len(stem) > len(suffix) else stem
        plain = not {stem, words[first].text}.isdisjoint(self._plain) or stem in self._generic
        if plain or len(stem) < _STEM_LEAST or text[start:end] in self._generic:
            return None
        return start if self._studies(text, start, end) else None

    def _studies(self, text: str, start: int, end: int) -> bool:
        """Return whether words of study stand around a name."""
        before = self._study_before.search(text[max(0, start - _WINDOW) : start]) is not None
        return before or self._study_after.match(text, end) is not None

    def _inner_end(self, word: Word) -> int | None:
        """Return where a school's name ends in a longer name: 大学 in the name of a university's library."""
        if word.tag not in {"ORG", "LOC"}:
            return None
        inner = self._inner.match(word.text)
        return None if inner is None else word.start + inner.end()

    def _start(self, words: tuple[Word, ...], index: int, name: str) -> int | None:
        """Return where a school's name begins, or None when the words name no school in particular."""
        word = words[index]
        if name not in self._generic and word.tag in _NAMED and len(name) > 2:
            first = index
            while first > 0 and words[first - 1].tag == "LOC" and words[first - 1].end == words[first].start:
                first -= 1
            return words[first].start
        first, named = index, False
        while first > 0 and index - first < 3:
            before = words[first - 1]
            ordinal = _ORDINAL.fullmatch(before.text) is not None and before.text.startswith("第")
            if before.tag not in _NAMED and not ordinal:
                break
            named = named or ordinal or before.tag in {"LOC", "ORG", "nz"}
            first -= 1
        return words[first].start if named and first < index else None

    def _english_start(self, text: str, match: re.Match[str]) -> int | None:
        """Return where an English name begins once general words before it are gone, None for none left."""
        start = match.start()
        parts = match.group().split()
        while parts and parts[0].rstrip(".,") in self._english_generic:
            start += len(parts[0])
            while start < match.end() and text[start] == " ":
                start += 1
            parts = parts[1:]
        proper = [part for part in parts if part[0].isupper()]
        return start if len(proper) > 1 or (proper and proper[0].isupper() and len(proper[0]) > 2) else None
