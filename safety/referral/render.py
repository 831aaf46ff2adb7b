"""Filling a referral text with lines and numbers, in one language."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cbtguard.safety.language import Language
from cbtguard.safety.referral.fitting import PLAIN, Circumstance
from cbtguard.safety.referral.model import Channel, Line, Service

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_TALK = frozenset({Service.PSYCHOLOGICAL, Service.WEB_DIRECTORY, Service.DOMESTIC_VIOLENCE})
_COME = frozenset({Service.POLICE, Service.AMBULANCE})
_READS: dict[str, frozenset[str]] = {
    Language.ZH_HANS: frozenset({"zh"}),
    Language.ZH_HANT: frozenset({"zh", "yue"}),
    Language.EN: frozenset({"en"}),
}
# Chinese sets a blank between a number and a character, but none beside punctuation or a line's edge.
_PAD = "\x00"
_NO_PAD = re.compile(r"\x00(?=[\s，。；：、！？）”」]|$)|(?:(?<=[\s，。；：、（“「])|^)\x00", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shown:
    """The lines of one reply: those of the list, in order, and where the named numbers come from."""

    lines: tuple[Line, ...]
    talk: Line
    ambulance: Line
    police: Line

    @classmethod
    def of(
        cls, lines: Iterable[Line], spare: Iterable[Line], circumstance: Circumstance = PLAIN
    ) -> Shown | None:
        """Return what a reply names, or None when no line talks or none comes.

        Args:
            lines: The lines of the list.
            spare: More lines of the region, for a number that the list does not hold.
            circumstance: For whom and when.
        """
        lines = tuple(lines)
        every = (*lines, *spare)
        talk = [line for line in every if _TALK.intersection(line.serves)]
        talk.sort(key=lambda line: (line.id in circumstance.closed, not circumstance.fits(line)))
        ambulance = [line for line in every if Service.AMBULANCE in line.serves]
        police = [line for line in every if Service.POLICE in line.serves]
        if not (lines and talk and ambulance and police):
            return None
        return cls(lines=lines, talk=talk[0], ambulance=ambulance[0], police=police[0])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Shown) and self._ids() == other._ids()

    def __hash__(self) -> int:
        return hash(self._ids())

    def _ids(self) -> tuple[str, ...]:
        # Lines hold mappings and cannot be hashed; within one directory an id stands for its line.
        return tuple(line.id for line in (self.talk, self.ambulance, self.police, *self.lines))

    @property
    def come(self) -> tuple[Line, ...]:
        """Ambulance and police, in the order of the list; one line where one number is for both."""
        first, second = self.ambulance, self.police
        order = {line.id: place for place, line in enumerate(self.lines)}
        if order.get(second.id, len(order)) < order.get(first.id, len(order)):
            first, second = second, first
        return (first,) if first.id == second.id else (first, second)

    def named(self, fields: Iterable[str]) -> tuple[Line, ...]:
        """Return the lines that a text with these fields names, each once."""
        fields = set(fields)
        found: dict[str, Line] = {}
        for field, lines in {
            "lines": self.lines,
            "line": (self.talk,),
            "ambulance": (self.ambulance,),
            "police": (self.police,),
            "emergency": self.come,
        }.items():
            if field in fields:
                found |= {line.id: line for line in lines if line.id not in found}
        return tuple(found.values())


class Renderer:
    """Writes lines the way one language writes them."""

    def __init__(self, language: str, words: Mapping[str, Any]) -> None:
        self._language = language
        self._words = words
        self._pad = "" if language == Language.EN else _PAD

    def fill(self, text: str, shown: Shown) -> str:
        """Return the text with its fields filled in."""
        filled = text.format_map(
            {
                "lines": "\n".join(self.bullet(line) for line in shown.lines),
                "line": self._inline(shown.talk),
                "ambulance": self._label(shown.ambulance),
                "police": self._label(shown.police),
                "emergency": f"{self._words['or']}".join(self._label(line) for line in shown.come),
            }
        )
        return _NO_PAD.sub("", filled).replace(_PAD, " ") if self._pad else filled

    def bullet(self, line: Line) -> str:
        """Return the line as one row of a list: contact, name, how and when, language, caution."""
        notes: list[str] = []
        if line.channels != (Channel.CALL,):
            notes.append(self._between().join(self._words["channels"][channel] for channel in line.channels))
        if not _COME.intersection(line.serves):
            notes.append(line.hours_text[self._language])
        if line.languages and not _READS[self._language].intersection(line.languages):
            named = self._words["languages"]
            notes.append(self._between().join(named.get(tag, tag) for tag in line.languages))
        notes.extend(self._cautions(line))
        joined = self._words["notes_between"].join(notes)
        return str(self._words["bullet" if line.contact else "bullet_without_contact"]).format(
            contact=line.contact,
            name=line.name[self._language],
            notes=self._words["notes"].format(notes=joined) if joined else "",
        )

    def _cautions(self, line: Line) -> list[str]:
        """Return what to know before relying on a line.

        Nobody is asked to check the number of police or ambulance: in an emergency that costs time, and
        such numbers do not change unnoticed. The audit names them when they are stale.
        """
        found = [line.caution[self._language]] if line.caution else []
        check = str(self._words["check_number"])
        if line.stale and not _COME.intersection(line.serves) and check not in found:
            found.append(check)
        return found

    def _between(self) -> str:
        return ", " if self._language == Language.EN else "、"

    def _label(self, line: Line) -> str:
        if not line.contact:
            return line.name[self._language]
        return f"{self._pad}{line.contact}{self._pad}"

    def _inline(self, line: Line) -> str:
        parts = [line.name[self._language], *self._cautions(line)]
        contact = f"{self._pad}{line.contact}"
        return str(self._words["inline"]).format(
            contact=contact, name=self._words["notes_between"].join(parts)
        )
