"""What a reviewer sends: one act, checked before anything of it is kept anywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from cbtguard.nodes.reviewer import Act
from cbtguard.safety.errors import ReviewError

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_TEXT = 4_000
"""Longest text of a reviewer, in characters."""


class ReviewAct(BaseModel):
    """One act of a reviewer on one item."""

    # What a reviewer wrote must not be quoted in an error.
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    act: Act
    """``approve``, ``replace``, ``take_over``, ``release`` or ``hand_back``."""
    reviewer: str = Field(min_length=1, max_length=200)
    """Who acts, in the platform's own terms; only a keyed hash of it is kept."""
    text: str | None = Field(default=None, max_length=MAX_TEXT)
    """The reviewer's own words for the person; with ``replace`` and with nothing else."""
    note: str = Field(default="", max_length=2_000)
    """For colleagues: shown with the item, never to the person, never in the record."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.act is Act.EXPIRE:
            raise ValueError("only the clock lets an item expire")
        if (self.act is Act.REPLACE) != bool((self.text or "").strip()):
            raise ValueError("an act has a text if it is replace, and only then")
        if not self.reviewer.strip():
            raise ValueError("a reviewer has an id")
        return self


def act_of(given: ReviewAct | Mapping[str, Any]) -> ReviewAct:
    """Return an act from what a caller passed.

    Raises:
        ReviewError: ``review.act`` when it is none; the message names the field and not what it held.
    """
    if isinstance(given, ReviewAct):
        return given
    try:
        return ReviewAct.model_validate(given)
    except ValidationError as error:
        field = ".".join(str(part) for part in error.errors()[0]["loc"]) or "act"
        known = field if field in ReviewAct.model_fields else "act"
    raise ReviewError(
        "review.act",
        f"This is no act of a reviewer: the field {known!r} cannot be used.",
        hint="Give act, reviewer and, with replace only, text; note is optional.",
    )
