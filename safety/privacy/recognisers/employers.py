"""Workplaces: for whom in particular somebody works, not that somebody works."""

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

_WORK, _ORGANISATION, _COMPANY = 0.75, 0.3, 0.65
_LATIN = re.compile("[A-Za-z]{2}")
_WINDOW, _STEM_WORDS = 12, 3
_PROPER = frozenset({"nz", "nw"})
_NOUNS = frozenset({"n", "nz", "ORG", "nw", "vn", "an", "LOC"})
_STEM = frozenset({"n", "nz", "ORG", "nw", "PER", "LOC", "a", "q", "vn", "s"})
_SENTENCE = re.compile(r"(?<!\bSt)(?<!\bInc)(?<!\bLtd)(?<!\bCo)(?<!\bMr)(?<!\bDr)\. ")
_ABBREVIATED = re.compile(r"\b(?:Inc|Ltd|Corp|Co)\.$")


class EmployerRecogniser(Recogniser):
    """Organisations somebody works for."""

    kind: ClassVar[EntityType] = EntityType.EMPLOYER
    key: ClassVar[str] = "employers"

    def __init__(self, language: str, context: tuple[str, ...] = ()) -> None:
        super().__init__(language, context)
        path = DATA / "places.yaml"
        data = mapping(mapping(read_yaml(path), path, "(top)").get("employer"), path, "employer")

        def words(key: str) -> tuple[str, ...]:
            return strings(data.get(key), path, f"employer.{key}")

        self._suffixes = words("suffixes")
        self._generic = frozenset(words("generic"))
        self._known = re.compile("|".join(map(re.escape, words("known"))))
        self._after = expression(data.get("work_after"), path, "employer.work_after")
        self._verbs = words("verbs")
        self._not_stems = frozenset(words("not_stems"))
        before = "|".join(map(re.escape, words("work_before")))
        self._before = re.compile(f"(?:{before})[了到在 ]?$")
        self._called = expression(data.get("called"), path, "employer.called")
        self._words = expression(data.get("work_words"), path, "employer.work_words")
        self._in_or_from = expression(data.get("in_or_from"), path, "employer.in_or_from")
        self._person_at = expression(data.get("person_at"), path, "employer.person_at")
        self._visited = words("visited")
        self._plain = frozenset(words("plain_stems")) | frozenset(self._suffixes) | self._generic
        self._english = tuple(
            expression(data.get(key), path, f"employer.{key}")
            for key in ("english", "english_lower", "english_after")
        )
        self._company = expression(data.get("english_company"), path, "employer.english_company")
        self._english_generic = frozenset(words("english_generic"))

    def hits(self, text: str, words: Words) -> Iterator[Hit]:
        """Yield organisations beside words for working there; others stay below the threshold."""
        if has_han(text):
            for match in self._called.finditer(text):
                yield Hit(match.start("value"), match.end("value"), _WORK, "workplace")
            for start, end, full in self._names(text, words.words):
                hit = self._judge(text, start, end, full=full)
                if hit is not None:
                    yield hit
        if not _LATIN.search(text):
            return
        for rule in self._english:
            for match in rule.finditer(text):
                name = _SENTENCE.split(match.group("value"))[0]
                if name.split()[0] not in self._english_generic:
                    kept = name if _ABBREVIATED.search(name) else name.rstrip(".-'’&")
                    yield Hit(match.start("value"), match.start("value") + len(kept), _WORK, "workplace")
        for match in self._company.finditer(text):
            yield Hit(match.start(), match.end(), _COMPANY, "organisation")

    def _names(self, text: str, words: tuple[Word, ...]) -> Iterator[tuple[int, int, bool]]:
        """Yield where names of organisations stand, and whether each is one by itself."""
        for match in self._known.finditer(text):
            yield match.start(), match.end(), False
        for index, word in enumerate(words):
            if word.tag == "ORG" and len(word.text) > 1 and not self._is_plain(word.text):
                start = word.start + self._verb(word.text)
                yield start, self._tail(words, index), word.text.endswith(self._suffixes)
                continue
            if not word.text.endswith(self._suffixes):
                if word.tag in _PROPER and len(word.text) > 1 and not self._is_plain(word.text):
                    yield word.start, word.end, False
                continue
            first = index
            while first > 0 and index - first < _STEM_WORDS and self._joins(words[first - 1]):
                first -= 1
            stem = [w.text for w in words[first : index + 1]]
            if first == index:
                name = word.text
                ending = next(s for s in sorted(self._suffixes, key=len, reverse=True) if name.endswith(s))
                if word.tag not in _NOUNS or name.removesuffix(ending) in {"", *self._plain}:
                    continue
                yield word.start, self._tail(words, index), True
            elif any(part not in self._plain for part in stem[:-1]) and word.tag in _NOUNS:
                yield words[first].start, self._tail(words, index), words[index - 1].tag != "LOC"

    def _is_plain(self, name: str) -> bool:
        """Return whether a name says only what kind of organisation it is: 电子厂."""
        if name in self._generic:
            return True
        endings = [ending for ending in self._suffixes if name.endswith(ending)]
        return any(name.removesuffix(ending) in self._plain or name == ending for ending in endings)

    def _verb(self, name: str) -> int:
        """Return how long a verb is that the segmenter took for the beginning of a name: 入职."""
        return next(
            (len(verb) for verb in self._verbs if name.startswith(verb) and len(name) > len(verb) + 1), 0
        )

    def _joins(self, word: Word) -> bool:
        """Return whether a word can be part of a firm's name."""
        return word.tag in _STEM and word.text not in self._not_stems

    def _tail(self, words: tuple[Word, ...], index: int) -> int:
        """Return where a name ends: 网络 in 云途网络 may be a word of its own."""
        while index + 1 < len(words) and words[index + 1].tag in _NOUNS:
            if words[index + 1].text not in self._suffixes:
                break
            index += 1
        return words[index].end

    def _judge(self, text: str, start: int, end: int, *, full: bool) -> Hit | None:
        """Judge a name by the words for working there that stand around it."""
        ahead = text[max(0, start - _WINDOW) : start]
        if self._before.search(ahead):
            return Hit(start, end, _WORK, "workplace")
        beside = self._words.match(text, end)
        if self._in_or_from.search(ahead) and (beside or self._after.match(text, end)):
            return Hit(start, end, _WORK, "workplace")
        if full:
            name = text[start:end]
            if beside:
                return Hit(start, end, _WORK, "workplace")
            if self._person_at.search(ahead) and not name.endswith(self._visited):
                return Hit(start, end, _WORK, "workplace")
            if name.endswith(("公司", "集团")):
                return Hit(start, end, _ORGANISATION, "organisation")
        return None
