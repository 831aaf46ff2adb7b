"""A help line, a referral, and the words for where, whom and why."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from cbtguard.safety.referral.hours import is_open

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date, datetime

ELSEWHERE = "ZZ"
"""Region code for everywhere the directory has no entry of its own (user-assigned in ISO 3166)."""


class Channel(StrEnum):
    """How a line is reached."""

    CALL = "call"
    TEXT = "text"
    CHAT = "chat"
    WHATSAPP = "whatsapp"
    WEB = "web"


class Service(StrEnum):
    """What a line does."""

    PSYCHOLOGICAL = "psychological"
    POLICE = "police"
    AMBULANCE = "ambulance"
    FIRE = "fire"
    DOMESTIC_VIOLENCE = "domestic_violence"
    CHILD_PROTECTION = "child_protection"
    WEB_DIRECTORY = "web_directory"


class Audience(StrEnum):
    """Whom a line is for."""

    EVERYONE = "everyone"
    YOUTH = "youth"
    WOMEN = "women"
    LGBT = "lgbt"
    BEREAVED = "bereaved"
    VETERANS = "veterans"


class Reason(StrEnum):
    """Why an ordinary question gets a vetted text in place of an answer."""

    FAULT = "fault"
    """A stop of the flow failed."""
    CHECKED_OUT = "checked_out"
    """No draft passed the checks."""
    NO_NOTE = "no_note"
    """Nothing fits, or too little was said."""
    LANGUAGE = "language"
    """The language is not one the guards know."""
    TOO_LONG = "too_long"
    """The text is longer than one turn may be."""
    HELD = "held"
    """A checked answer waits for a reviewer."""
    TAKEN_OVER = "taken_over"
    """A person has taken the talk over; the flow stays out of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One way to reach help."""

    id: str
    """Region and name in lower case, such as ``cn-12356``."""
    region: str
    """ISO 3166 code of two letters, or :data:`ELSEWHERE`."""
    name: Mapping[str, str]
    """Language tag to name."""
    contact: str
    """What to dial or open. Empty only for the elsewhere entry "local emergency number"."""
    channels: tuple[str, ...]
    """Values of :class:`Channel`."""
    hours: str
    """``24/7``, ``Mo-Su 08:00-02:00`` (local time; may pass midnight; several joined by ``; ``) or ``varies``."""
    hours_text: Mapping[str, str]
    """Language tag to the hours in words."""
    timezone: str
    """IANA name the hours are in."""
    languages: tuple[str, ...]
    """Language subtags that are answered, such as ``zh``, ``yue``, ``en``; empty when it differs."""
    audience: tuple[str, ...]
    """Values of :class:`Audience`."""
    serves: tuple[str, ...]
    """Values of :class:`Service`."""
    source: str
    """Who publishes the number."""
    verified_on: date | None
    """First day of the month in which the entry was last checked against its source; None: never."""
    caution: Mapping[str, str] | None
    """Language tag to what to know before relying on the line. Always there when never verified."""
    withheld: bool = False
    """Kept in the file for completeness, shown to nobody."""
    stale: bool = False
    """Last checked longer ago than the directory allows; replies ask the person to check the number."""

    def is_open(self, at: datetime) -> bool | None:
        """Return whether the line is staffed at a moment with a time zone; None where nobody knows."""
        return is_open(self.hours, self.timezone, at)

    def as_dict(self) -> dict[str, Any]:
        """Return the line as JSON primitives."""
        return {
            "id": self.id,
            "region": self.region,
            "name": dict(self.name),
            "contact": self.contact,
            "channels": list(self.channels),
            "hours": self.hours,
            "hours_text": dict(self.hours_text),
            "timezone": self.timezone,
            "languages": list(self.languages),
            "audience": list(self.audience),
            "serves": list(self.serves),
            "source": self.source,
            "verified_on": self.verified_on.isoformat() if self.verified_on else None,
            "caution": dict(self.caution) if self.caution else None,
            "stale": self.stale,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Referral:
    """A vetted text that leads to people."""

    text: str
    """All that the person reads, lines included; paragraphs are parted by an empty line."""
    lines: tuple[Line, ...]
    """The lines the text names, in order; never empty."""
    region: str
    """Region whose lines are named."""
    language: str
    """``zh-Hans``, ``zh-Hant`` or ``en``."""
    template: str
    """Id of the texts used, such as ``crisis/self/suicide+abuse``; holds nothing personal."""
    variant: int
    """Which of the wordings was used, from 0."""
