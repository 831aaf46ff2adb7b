"""What a reviewer is shown of a held turn, and what the platform gets to hand on."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from cbtguard.nodes.reviewer import Status

if TYPE_CHECKING:
    from cbtguard.nodes.reviewer import ItemState
    from cbtguard.safety.privacy.vault import Vault


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewItem:
    """A held turn. Personal data is replaced by placeholders throughout; the talk is a keyed hash."""

    id: str
    """Id of the item and of its turn, as in the record's ``turn_id``."""
    status: Status
    opened_at: str
    """UTC, ISO 8601 with milliseconds."""
    deadline: str
    """When the safe reply stands for good, UTC."""
    thread: str
    """Keyed hash of the talk, ``none`` for a question that stood alone."""
    turn: int
    reason: str
    """Why the turn went the way it went: ``held``, ``crisis``, ``fault``, ``taken_over``..."""
    level: str
    kinds: tuple[str, ...]
    subject: str
    language: str
    region: str
    faults: tuple[str, ...]
    question: str
    """What the person wrote."""
    history: tuple[str, ...]
    """What the person wrote before in this talk, oldest first."""
    reply: str
    """The vetted text that the person has read meanwhile."""
    draft: str | None
    """The checked answer that waits; None where nothing may be written, as in a crisis."""
    note: str
    """What a reviewer noted for colleagues, personal data taken out."""

    def as_dict(self) -> dict[str, Any]:
        """Return the item as JSON primitives."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A text that the person may read now, personal data put back; hand each on once, by ``review``."""

    review: str
    """Id of the item."""
    text: str
    writer: str
    """``reviewer`` for a person's own words, else the writer of the approved draft."""
    at: str
    """When it was let through, UTC."""
    record_id: str

    def as_dict(self) -> dict[str, Any]:
        """Return the delivery as JSON primitives."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowUp:
    """What became of a held turn so far."""

    review: str
    status: Status
    delivery: Delivery | None

    def as_dict(self) -> dict[str, Any]:
        """Return the outcome as JSON primitives."""
        return asdict(self)


def shown(state: ItemState) -> ReviewItem:
    """Return what a reviewer is shown of an item."""
    item = state["item"]
    return ReviewItem(
        id=item["id"],
        status=Status(state["status"]),
        opened_at=item["opened_at"],
        deadline=item["deadline"],
        thread=item["thread"],
        turn=item["turn"],
        reason=item["reason"],
        level=item["level"],
        kinds=tuple(item["kinds"]),
        subject=item["subject"],
        language=item["language"],
        region=item["region"],
        faults=tuple(item["faults"]),
        question=item["question"],
        history=tuple(past["text"] for past in item["history"]),
        reply=item["reply"],
        draft=item["draft"],
        note=state["note"],
    )


def delivery_of(state: ItemState, vault: Vault) -> Delivery | None:
    """Return what the person may read of an item."""
    given = state["delivery"]
    if given is None:
        return None
    return Delivery(
        review=state["item"]["id"],
        text=vault.restore(given["text"]),
        writer=given["writer"],
        at=given["at"],
        record_id=state["record_ids"][-1],
    )
