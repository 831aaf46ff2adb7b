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
_WINDOW = 12
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
        before = "|".join(map(re.escape, words("work_before")))
        self._before = re.compile(f"(?:{before})[了到在 ]?$")
        self._english = expression(data.get("english"), path, "employer.english")
        self._company = expression(data.get("english_company"), path, "employer.english_company")
        self._english_generic = frozenset(words("english_generic"))

    def hits(self, text: str, words: Words) -> Iterator[Hit]:
        """Yield organisations beside words for working there; others stay below the threshold."""
        if has_han(text):
            for index, word in enumerate(words.words):
                hit = self._chinese(text, words.words, index, word)
                if hit is not None:
                    yield hit
            for match in self._known.finditer(text):
                if self._works(text, *match.span()):
                    yield Hit(match.start(), match.end(), _WORK, "workplace")
        for match in self._english.finditer(text):
            name = match.group("value")
            if name.split()[0] not in self._english_generic:
                end = match.start("value") + len(name if _ABBREVIATED.search(name) else name.rstrip(".-'’&"))
                yield Hit(match.start("value"), end, _WORK, "workplace")
        for match in self._company.finditer(text):
            yield Hit(match.start(), match.end(), _COMPANY, "organisation")

    def _chinese(self, text: str, words: tuple[Word, ...], index: int, word: Word) -> Hit | None:
        start = word.start
        if word.text in self._generic:
            # 腾讯 + 公司: the name stands in the word before the general one.
            before = words[index - 1] if index else None
            if before is None or before.tag not in {"ORG", "nz"} or before.text in self._generic:
                return None
            start = before.start
        elif word.tag not in {"ORG", "nz", "LOC"} or len(word.text) < 2:
            return None
        particular = word.tag == "ORG" or start != word.start
        if word.tag == "nz" and word.text.endswith(self._suffixes):
            particular = True
        if particular and self._works(text, start, word.end):
            return Hit(start, word.end, _WORK, "workplace")
        if word.tag == "ORG" and word.text.endswith(("公司", "集团")):
            return Hit(start, word.end, _ORGANISATION, "organisation")
        return None

    def _works(self, text: str, start: int, end: int) -> bool:
        """Return whether the words around a name say that somebody works there."""
        if self._after.match(text, end) and "在" in text[max(0, start - 3) : start]:
            return True
        return self._before.search(text[max(0, start - _WINDOW) : start]) is not None
