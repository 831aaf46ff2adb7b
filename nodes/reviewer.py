"""Review: the stops of an item that waits for a reviewer. They run on a thread of the item's own.

The reviewer's words lie on the desk, like any draft: they enter the state, and with it a checkpoint, only
once they were judged and the act has its entry.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypedDict

from langgraph.runtime import Runtime  # noqa: TC002 - LangGraph resolves annotations
from langgraph.types import interrupt
from pydantic import BaseModel, ConfigDict, Field

from cbtguard.nodes.context import Context  # noqa: TC001 - LangGraph resolves annotations
from cbtguard.nodes.moments import seconds, stamp
from cbtguard.nodes.state import Json  # noqa: TC001 - LangGraph resolves annotations
from cbtguard.nodes.stop import ask, timed
from cbtguard.safety.privacy.entities import Redaction
from cbtguard.safety.privacy.vault import Vault
from cbtguard.safety.record import Review as RecordedReview
from cbtguard.safety.record import StoredEntry, TurnEntry
from cbtguard.safety.risk.normalise import normalise
from cbtguard.safety.structure import Review

if TYPE_CHECKING:
    from collections.abc import Iterable

REVIEWED = "reviewed"
"""Route of the entry of a reviewer's act; ``turn_id`` joins it with the turn's own."""
HUMAN = "reviewer"
"""Writer of what a reviewer wrote."""
NOBODY = "0" * 32
"""Stands for the reviewer where the act is that nobody came in time."""
_REFUSED_DEFECTS = ("means", "leak")
"""Defects of an answer that a person's own words may not have either; the others are for the person to weigh."""


class Act(StrEnum):
    """What can be done with an item."""

    APPROVE = "approve"
    REPLACE = "replace"
    TAKE_OVER = "take_over"
    RELEASE = "release"
    HAND_BACK = "hand_back"
    EXPIRE = "expire"
    """Nobody came in time; only the clock does this."""


class Status(StrEnum):
    """What became of an item."""

    OPEN = "open"
    APPROVED = "approved"
    REPLACED = "replaced"
    TAKEN_OVER = "taken_over"
    RELEASED = "released"
    HANDED_BACK = "handed_back"
    EXPIRED = "expired"


STATUS_AFTER = {
    Act.APPROVE: Status.APPROVED,
    Act.REPLACE: Status.REPLACED,
    Act.TAKE_OVER: Status.TAKEN_OVER,
    Act.RELEASE: Status.RELEASED,
    Act.HAND_BACK: Status.HANDED_BACK,
    Act.EXPIRE: Status.EXPIRED,
}


class Resumed(BaseModel):
    """What an item's run is resumed with. It holds no words: they lie on the desk."""

    # A refused value is kept beside the checkpoint, so it must not be quoted there.
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    act: Act
    reviewer: str = Field(pattern=r"^[0-9a-f]{16,64}$")
    digest: str = Field(default="", pattern=r"^[0-9a-f]{0,64}$")
    """Keyed hash of the reviewer's own words."""


class ItemState(TypedDict):
    """One item: JSON primitives only, placeholders in place of personal data."""

    item: Json
    """What the reviewer is shown; see :func:`cbtguard.nodes.holding.item_of`."""
    status: str
    act: Json | None
    """The act in work."""
    refused: str
    """Why the last act was refused: a code, or ``stop:fault:cause``; empty when it was done."""
    note: str
    """The reviewer's note for colleagues, personal data taken out for good; no entry holds it."""
    delivery: Json | None
    """What the person may read now: ``text``, ``writer``, ``at``."""
    record_ids: list[str]
    """Entries of the acts, in order."""


def fresh_item(item: Json) -> ItemState:
    """Return the input of an item's run."""
    return ItemState(
        item=item,
        status=Status.OPEN.value,
        act=None,
        refused="",
        note="",
        delivery=None,
        record_ids=[],
    )


async def review(state: ItemState) -> dict[str, Any]:
    """Wait for a reviewer. Nothing stands before the interrupt: the stop runs anew from its start."""
    shown = {"id": state["item"]["id"], "status": state["status"], "deadline": state["item"]["deadline"]}
    act = interrupt(shown, response_schema=Resumed)
    return {"act": act.model_dump(mode="json"), "refused": ""}


async def judge(state: ItemState, runtime: Runtime[Context]) -> dict[str, Any]:
    """Refuse an act that does not fit the item, or words that nobody may read."""
    context = runtime.context
    with timed(context.desk, "judge"):
        act = Act((state["act"] or {})["act"])
        refused = _unfit(state, act, context.services.clock())
        if not refused and act is Act.REPLACE:
            refused = await _unreadable(state, context)
        if refused:
            return {"act": None, "refused": refused}
        return {"note": await _without_identifiers(context, context.desk.remark)}


async def settle(state: ItemState, runtime: Runtime[Context]) -> dict[str, Any]:
    """Keep the act's entry, then let what it gives the person into the state."""
    context = runtime.context
    with timed(context.desk, "settle"):
        given = state["act"] or {}
        act, at = Act(given["act"]), stamp(context.services.clock())
        entry = _entry_of(state, context, given, at)
        stored = await ask(context, "record", context.services.record.append, StoredEntry, entry)
        return {
            "act": None,
            "refused": "",
            "status": STATUS_AFTER[act].value,
            "delivery": _delivery(state, context, act, at),
            "record_ids": [*state["record_ids"], stored.record_id],
        }


def _unfit(state: ItemState, act: Act, now: float) -> str:
    if state["status"] == Status.TAKEN_OVER:
        return "" if act is Act.HAND_BACK else "review.closed"
    late = now >= seconds(state["item"]["deadline"])
    if late != (act is Act.EXPIRE):
        return "review.expired" if late else "review.act"
    if act is Act.HAND_BACK:
        return "review.act"
    if act is Act.APPROVE and not state["item"]["draft"]:
        return "review.no_draft"
    return ""


async def _unreadable(state: ItemState, context: Context) -> str:
    """The code of what is wrong with a reviewer's own words; empty where nothing is."""
    text, services, language = context.desk.text, context.services, state["item"]["language"]
    redaction = await ask(context, "judge", services.redactor.redact, Redaction, text, Vault())
    if redaction.entities or context.desk.vault.known(text):
        return "review.text_identifier"
    # Spelled apart or in code, a means is still a means.
    for form in dict.fromkeys((text, normalise(text).text)):
        found = await ask(
            context,
            "judge",
            services.checker.check,
            Review,
            state["item"]["question"],
            form,
            language=language,
        )
        code = _first(defect.code for defect in found.defects)
        if code:
            return f"review.text_{code}"
    return ""


def _first(codes: Iterable[str]) -> str:
    found = set(codes)
    return next((code for code in _REFUSED_DEFECTS if code in found), "")


async def _without_identifiers(context: Context, note: str) -> str:
    if not note.strip():
        return ""
    services = context.services
    redaction = await ask(context, "judge", services.redactor.redact, Redaction, note, Vault())
    # Its placeholders are not those of the talk: neutral words cannot be taken for somebody of it.
    return Vault().restore(redaction.text)


def _delivery(state: ItemState, context: Context, act: Act, at: str) -> Json | None:
    item = state["item"]
    if act is Act.APPROVE:
        return {"text": item["draft"], "writer": item["writer"], "at": at}
    if act is Act.REPLACE:
        return {"text": context.desk.text, "writer": HUMAN, "at": at}
    return None


def _entry_of(state: ItemState, context: Context, given: Json, at: str) -> TurnEntry:
    item, act = state["item"], Act(given["act"])
    approved = act is Act.APPROVE
    writers = {Act.APPROVE: item["writer"], Act.REPLACE: HUMAN}
    return TurnEntry(
        turn_id=item["id"],
        thread=item["thread"],
        turn=item["turn"],
        at=at,
        route=REVIEWED,
        reason=item["reason"],
        level=item["level"],
        kinds=tuple(item["kinds"]),
        subject=item["subject"],
        rules=tuple(item["rules"]),
        language=item["language"],
        region=item["region"],
        writer=writers.get(act),
        attempts=0,
        defects=(),
        notes=tuple(item["notes"]) if approved else (),
        lines=tuple(item["lines"]) if approved else (),
        faults=(),
        redactions={},
        # The hash shows which words were given out, and nothing of them.
        versions={"reviewed_text": f"hmac-sha256:{given['digest']}"} if act is Act.REPLACE else {},
        timings_ms=dict(context.desk.timings),
        review=RecordedReview(act=STATUS_AFTER[act].value, reviewer=given["reviewer"], at=at),
    )
