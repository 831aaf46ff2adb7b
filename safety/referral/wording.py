"""The referral texts of one language, in parts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

VARIANTS = 3
"""Wordings of each part that changes from turn to turn."""
CARE_VARIANTS = 6
"""Fewest care texts."""
ANY = "any"
"""Key of the note for no kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The parts of the text for one level, subject and kind."""

    opening: tuple[str, ...]
    ask: str
    now: str
    help: tuple[str, ...]
    people: tuple[str, ...]
    grounding: tuple[str, ...]
    closing: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """All referral texts of one language."""

    language: str
    words: Mapping[str, Any]
    disclosure: str
    disclosure_again: str
    """The reminder later in a talk; the disclosure itself where a file has none."""
    last_resort: str
    plans: Mapping[tuple[str, str, str], Plan]
    """By level, subject, kind."""
    also: Mapping[tuple[str, str], str]
    """By subject, kind: one sentence, for a kind that does not lead."""
    care: tuple[str, ...]
    fallback: Mapping[str, tuple[str, ...]]
    tail: tuple[str, ...]
    safety_note: Mapping[str, str]
