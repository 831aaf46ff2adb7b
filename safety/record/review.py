"""What a reviewer did with a turn: the act, by whom as a hash, and when; never a comment or a name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cbtguard.safety.errors import RecordError
from cbtguard.safety.record.shapes import digest, identifier, moment

REVIEW_FIELDS: Final = ("act", "at", "reviewer")
"""Keys of a reviewer's act as JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """A reviewer's act on one turn.

    Attributes:
        act: What was done, an identifier such as ``approved``, ``edited``, ``replaced`` or ``released``.
        reviewer: Keyed hash of the reviewer's id, 16 to 64 lower-case hex digits; never the id itself.
        at: UTC time of the act in ISO 8601 with milliseconds.

    Raises:
        RecordError: ``record.text`` where a value has another shape.
    """

    act: str
    reviewer: str
    at: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "act", identifier("review.act", self.act, least=1))
        object.__setattr__(self, "reviewer", digest("review.reviewer", self.reviewer))
        object.__setattr__(self, "at", moment("review.at", self.at))

    def as_dict(self) -> dict[str, str]:
        """Return the act as JSON primitives."""
        return {"act": self.act, "at": self.at, "reviewer": self.reviewer}

    @classmethod
    def from_dict(cls, whole: object) -> Review:
        """Return the act of a mapping that `as_dict` or JSON gave.

        Raises:
            RecordError: ``record.value`` when a field is missing or unknown; as for the constructor else.
        """
        if not isinstance(whole, dict) or whole.keys() != set(REVIEW_FIELDS):
            raise RecordError(
                "record.value",
                "The record field 'review' does not have exactly the fields of a reviewer's act.",
                hint="Build it with Review; it names the fields.",
            )
        return cls(**whole)
