"""What a redactor finds and what it hands back."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from cbtguard.safety.privacy.vault import Vault


class EntityType(StrEnum):
    """Kinds of personal data; the value is the name itself."""

    PERSON = "PERSON"
    PHONE = "PHONE"
    RESIDENT_ID = "RESIDENT_ID"
    EMAIL = "EMAIL"
    ADDRESS = "ADDRESS"
    PASSPORT = "PASSPORT"
    BANK_CARD = "BANK_CARD"
    WECHAT = "WECHAT"
    QQ = "QQ"
    PLATE = "PLATE"
    SCHOOL = "SCHOOL"
    EMPLOYER = "EMPLOYER"
    STUDENT_NUMBER = "STUDENT_NUMBER"
    IP_ADDRESS = "IP_ADDRESS"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """One piece of personal data in a text.

    Attributes:
        type: What it is.
        start: Offset of its first character in the original text, from 0.
        end: Offset after its last character; ``start < end``.
        score: How sure the recogniser is, 0 to 1.
        explanation: One sentence: which recogniser, and why. Never the value itself.
    """

    type: EntityType
    start: int
    end: int
    score: float
    explanation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Redaction:
    """A text without the personal data that was found.

    Attributes:
        text: The text with placeholders.
        entities: What was replaced, sorted by offset in the original text, not overlapping.
        placeholders: What stands there now, one per entity, in the same order.
    """

    text: str
    entities: tuple[Entity, ...]
    placeholders: tuple[str, ...]


@runtime_checkable
class Redactor(Protocol):
    """Takes personal data out of a text; one instance serves many threads."""

    @property
    def name(self) -> str:
        """Short stable name, for records."""
        ...

    @property
    def version(self) -> str:
        """Version of the code and data behind it, for records."""
        ...

    def redact(self, text: str, vault: Vault) -> Redaction:
        """Return the text with placeholders; the originals go into the vault of this talk."""
        ...
