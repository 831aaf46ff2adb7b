"""What a referral text is read for, and whether it holds it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cbtguard.safety.errors import DataError
from cbtguard.safety.files import read_yaml
from cbtguard.safety.language import Language
from cbtguard.safety.referral import Service
from cbtguard.safety.risk import Kind, Subject

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cbtguard.safety.referral import Referral

FILE = Path(__file__).parent / "data" / "dimensions.yaml"
WORDED = ("asks", "next", "professional", "trusted", "grounding", "supportive", "boundary", "helps", "never")
TALK = frozenset({Service.PSYCHOLOGICAL, Service.WEB_DIRECTORY, Service.DOMESTIC_VIOLENCE})
_QUESTION = re.compile(r"[^。？！.?!\n]*(?:[，,][^。？！.?!\n]*)*[？?]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What one text was read for: dimension to the words found, or None where it falls short."""

    found: Mapping[str, str | None]

    @property
    def short(self) -> tuple[str, ...]:
        """The dimensions the text falls short of."""
        return tuple(name for name, words in self.found.items() if words is None)


class Dimensions:
    """The patterns of one language.

    Args:
        language: A value of :class:`~cbtguard.safety.language.Language`.
        data: The part of the file for that language.

    Raises:
        DataError: ``data.malformed``.
    """

    def __init__(self, language: str, data: Any) -> None:
        try:
            self._heard = {kind: _compile(data["heard"][kind]) for kind in Kind}
            self._worded = {name: _compile(data[name]) for name in WORDED}
        except (KeyError, TypeError, re.error) as error:
            raise DataError(
                "data.malformed",
                f"The data file {FILE}, entry {language!r}, lacks a dimension or has a broken pattern.",
                hint="Each language gives heard by kind, and the other dimensions.",
            ) from error

    def read(
        self, referral: Referral, wanted: tuple[str, ...], *, kind: str = "", subject: str = ""
    ) -> Reading:
        """Return what a text holds.

        Args:
            referral: The text with its lines.
            wanted: Names of dimensions; ``line`` is one whose contact must stand in the text, ``promise``
                stands for everything that no text may say.
            kind: For ``heard``.
            subject: ``other`` adds ``helps``: how to help that person.
        """
        # The name of a line must not pass for what the text says.
        text = referral.text
        for line in sorted(referral.lines, key=lambda one: -len(one.name[referral.language])):
            text = text.replace(line.name[referral.language], "") if line.contact else text
        names = (*wanted, "helps") if subject == Subject.OTHER else wanted
        return Reading(found={name: self._find(name, text, referral, kind) for name in names})

    def _find(self, name: str, text: str, referral: Referral, kind: str) -> str | None:
        if name == "heard":
            return _first(self._heard[Kind(kind)], text)
        if name == "asks":
            asked = (
                q.group().strip() for q in _QUESTION.finditer(text) if self._worded["asks"].search(q.group())
            )
            return next(asked, None)
        if name == "line":
            spoken = (line for line in referral.lines if TALK.intersection(line.serves))
            named = (line.contact or line.name[referral.language] for line in spoken)
            return next((contact for contact in named if contact in text), None)
        if name == "never":
            return None if self._worded["never"].search(text) else "✓"
        return _first(self._worded[name], text)


def read_dimensions() -> dict[str, Dimensions]:
    """Return the dimensions by language.

    Raises:
        DataError: ``data.unreadable`` or ``data.malformed``.
    """
    data = read_yaml(FILE)
    return {language: Dimensions(language, data.get(language)) for language in Language}


def _compile(patterns: list[str]) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{one})" for one in patterns), re.IGNORECASE)


def _first(pattern: re.Pattern[str], text: str) -> str | None:
    match = pattern.search(text)
    return match.group() if match else None
