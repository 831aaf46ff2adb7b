"""The referral texts of one language, in parts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cbtguard.safety.risk.model import Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

VARIANTS = 3
"""Wordings of each part that changes from turn to turn."""
CARE_VARIANTS = 6
"""Fewest care texts."""
AGAIN_OPENINGS = 3
"""Fewest openings of a text for danger that is said again."""
AGAIN_BODIES = 4
"""Fewest bodies of such a text that kinds share; prime to the openings, so that a pair returns late."""
AGAIN_OWN = 2
"""Fewest bodies of a kind that has its own."""
AGAIN_KINDS = frozenset(Kind) - {Kind.MEDICAL_EMERGENCY}
"""Kinds with such texts; a body in acute danger gets the whole text every time."""
LEAD_VARIANTS = 2
"""Fewest sentences before a care text that answer a mood."""
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
    again: Mapping[tuple[str, str], tuple[str, ...]]
    """By subject, kind: the openings of a text for danger that was met before in this talk."""
    again_body: Mapping[tuple[str, str], tuple[str, ...]]
    """By subject, kind: what follows such an opening."""
    care: tuple[str, ...]
    care_lead: Mapping[str, tuple[str, ...]]
    """By :class:`~cbtguard.safety.referral.mood.Mood`: what may come before a care text."""
    fallback: Mapping[str, tuple[str, ...]]
    tail: tuple[str, ...]
    safety_note: Mapping[str, str]
