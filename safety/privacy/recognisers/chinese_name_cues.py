"""Cues of Chinese names: words that introduce one, and places where almost only persons stand."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from cbtguard.safety.files import read_yaml
from cbtguard.safety.privacy.reading import DATA, expression, mapping, strings
from cbtguard.safety.privacy.recognisers.base import Hit
from cbtguard.safety.privacy.recognisers.chinese_name_words import (
    GRAMMAR,
    HAN_RUN,
    NAMING,
    PROPER,
    any_of,
    chinese_name_words,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cbtguard.safety.privacy.lexer import Word, Words

# Above the score of a tag, so that the reason stays: an introduced namesake of a figure goes.
_INTRODUCED, _PLACED = 0.9, 0.6
_LONGEST, _GIVEN_LONGEST = 4, 2


class ChineseNameCues:
    """Finds names by what stands around them.

    Raises:
        DataError: ``data.unreadable`` or ``data.malformed``.
    """

    def __init__(self) -> None:
        path = DATA / "names.yaml"
        data: dict[str, Any] = mapping(read_yaml(path), path, "(top)")
        self._words = chinese_name_words()
        self._frames = tuple(self._frame(pair, path) for pair in data.get("frames") or ())
        self._named_by = expression(data.get("named_by"), path, "named_by")
        surnamed = expression(data.get("surnamed_by"), path, "surnamed_by").pattern
        family = any_of((*self._words.compound, *sorted(self._words.single)))
        self._surnamed_by = re.compile(surnamed.replace("{family}", f"(?:{family})"))
        self._strong = re.compile(any_of(strings(data.get("strong_cues"), path, "strong_cues")))
        self._weak = re.compile(any_of(strings(data.get("weak_cues"), path, "weak_cues")))

    def hits(self, text: str, words: Words) -> Iterator[Hit]:
        """Yield names; overlaps are settled later."""
        yield from self._framed(text, words)
        for match in self._surnamed_by.finditer(text):
            yield Hit(*match.span("name"), _INTRODUCED, "introduced_name")
        for match in self._named_by.finditer(text):
            hit = self._between_marks(text, match.end())
            if hit is not None:
                yield hit
        for cue, strong in ((self._strong, True), (self._weak, False)):
            for match in cue.finditer(text):
                hit = self._introduced(text, match.end(), words, strong=strong)
                if hit is not None:
                    yield hit

    @staticmethod
    def _frame(pair: Any, path: Path) -> tuple[re.Pattern[str], bool]:
        before, after, *free = strings(pair, path, "frames")
        name = "[\u3400-\u4dbf\u4e00-\u9fff]{2,4}?"
        return expression(f"(?:{before})(?P<name>{name}){after}", path, "frames"), bool(free)

    def _framed(self, text: str, words: Words) -> Iterator[Hit]:
        """Yield words that look like names where almost only persons stand."""
        for frame, free in self._frames:
            for match in frame.finditer(text):
                start, end = match.span("name")
                index = words.at.get(start)
                if index is None or (end < len(text) and end not in words.at):
                    continue
                inside = [word for word in words.words[index : index + 3] if word.start < end]
                if self._fits(match.group("name"), inside, free=free):
                    yield Hit(start, end, _PLACED, "person_place")

    def _fits(self, name: str, inside: list[Word], *, free: bool) -> bool:
        """Return whether words where a person stands may be a name; a free frame needs no family name."""
        tags = {word.tag for word in inside}
        if tags & GRAMMAR or self._words.is_role(name):
            return False
        if free and len(inside) == 1 and tags <= PROPER | {"LOC"}:
            return set(name) <= self._words.given | self._words.foreign
        family = self._words.family(name)
        if not family or not family < len(name) <= family + _GIVEN_LONGEST:
            return False
        plain = tags <= NAMING or len(inside) > 1 or (free and tags == {"a"})
        return plain and set(name[family:]) <= self._words.given

    def _introduced(self, text: str, place: int, words: Words, *, strong: bool) -> Hit | None:
        """Return the name that stands right after a cue; a strong one needs no family name."""
        while place < len(text) and text[place] in " “\"'「":
            place += 1
        run = HAN_RUN.match(text, place)
        index = words.at.get(place)
        if run is None or index is None or text[place] in self._words.not_first:
            return None
        word = words.words[index]
        name = run.group() if len(run.group()) <= _LONGEST else word.text
        doubled = len(name) == 2 and name[0] == name[1] and word.tag != "ORG"
        if self._words.family(name) and word.tag not in {"p", "c", "d", "u", "r"}:
            clause = len(run.group()) <= _LONGEST
            end = self._with_family(words, index, len(name), clause=clause)
            if clause and end < place + len(name) and self._is_whole(name, strict=not strong):
                end = place + len(name)
        elif word.text == name and (doubled or (strong and word.tag in PROPER | {"q", "LOC"})):
            end = word.end
        else:
            return None
        found = text[place:end]
        if (
            not 2 <= len(found) <= _LONGEST
            or found in self._words.not_names
            or found[1:] in self._words.not_names
        ):
            return None
        return Hit(place, end, _INTRODUCED, "introduced_name")

    def _is_whole(self, name: str, *, strict: bool = True) -> bool:
        """Return whether a clause is nothing but a family name and a given name of one or two characters.

        Strictly, both must be on the list of characters of given names; else on no list of others.
        """
        given = name[self._words.family(name) :]
        if not 1 <= len(given) <= _GIVEN_LONGEST:
            return False
        return set(given) <= self._words.given if strict else self._words.not_in_names.isdisjoint(given)

    def _between_marks(self, text: str, place: int) -> Hit | None:
        """Return a name that fills the clause after 叫: family name and characters of given names."""
        run = HAN_RUN.match(text, place)
        name = "" if run is None else run.group()
        if not self._words.family(name) or not self._is_whole(name):
            return None
        return (
            None
            if name in self._words.not_names
            else Hit(place, place + len(name), _INTRODUCED, "introduced_name")
        )

    def _with_family(self, words: Words, index: int, length: int, *, clause: bool) -> int:
        """Return where a name that begins with a family name ends; 0 when nothing fits."""
        word = words.words[index]
        if word.tag in NAMING and 2 <= len(word.text) <= _LONGEST:
            return word.end if not clause or len(word.text) == length else self._rest(words, index, length)
        if clause and length <= 3:
            return word.start + length
        if index + 1 < len(words.words) and len(word.text) <= 2:
            following = words.words[index + 1]
            if len(word.text) + len(following.text) <= 3 and following.tag not in GRAMMAR:
                return following.end
        return 0

    @staticmethod
    def _rest(words: Words, index: int, length: int) -> int:
        """Return the end of a short clause when one more character belongs to the name."""
        word = words.words[index]
        if index + 1 == len(words.words):
            return word.end
        following = words.words[index + 1]
        if length == 3 and len(following.text) == 1 and following.tag not in GRAMMAR:
            return following.end
        return word.end
