"""Holding: which turns wait for a person, and what is laid before that person."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

from cbtguard.safety.language import OTHER, UNDETERMINED, detect, is_mixed
from cbtguard.safety.risk import Level

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cbtguard.nodes.context import Context
    from cbtguard.nodes.state import Json, State

_BESIDE = frozenset({"release", "record"})
"""Faults of these say nothing about the message or its answer."""
KEPT_ITEMS = 20
"""Most items that a talk remembers; older ones are still found by their own id. Each is looked at in each turn."""


class Policy(StrEnum):
    """Which turns are held for a reviewer."""

    OFF = "off"
    UNCLEAR = "unclear"
    """Level watch, whoever saw it; a language that is mixed or not known; any fault, a failed opinion too."""
    CRISIS = "crisis"
    """Those, and crisis and emergency."""
    ALL = "all"
    """Every turn: nothing that a writer wrote is read before a person has seen it."""


class Reviews(Protocol):
    """Where held turns wait."""

    policy: Policy

    async def open(self, item: Json) -> str:
        """Keep a held turn for a reviewer and return its id; when it returns, the item survives a restart."""
        ...

    async def taken_over(self, items: Sequence[str]) -> str:
        """Return the item by which a person took over the talk that these are of; empty where none did."""
        ...


def holds(state: State, context: Context) -> bool:
    """Whether the turn, as it stands, waits for a reviewer. What held once holds to the end of the turn."""
    reviews = context.reviews
    if reviews is None or reviews.policy is Policy.OFF:
        return False
    if state["taken_over"] or state["reason"] == "held" or reviews.policy is Policy.ALL:
        return True
    level = Level((state["risk"] or {"level": Level.NONE})["level"])
    if level.refers:
        return reviews.policy is Policy.CRISIS or _faulty(state)
    return level is Level.WATCH or _faulty(state) or unclear(state["question"])


def unclear(text: str) -> bool:
    """Whether a message is in no language that the guards know, or in several."""
    return bool(text) and (detect(text) in {OTHER, UNDETERMINED} or is_mixed(text))


def item_of(state: State, context: Context) -> Json:
    """Return what a reviewer is shown of a turn, and what the entry of an act needs; placeholders only."""
    risk = state["risk"] or {"level": "none", "kinds": [], "subject": "self", "signals": []}
    proposal = context.desk.proposal
    referral: dict[str, Any] = state["referral"] or {}
    return {
        "id": state["turn_id"],
        "thread": state.get("thread") or "none",
        "turn": state.get("turn") or 1,
        "reason": state["reason"],
        "level": risk["level"],
        "kinds": list(risk["kinds"]),
        "subject": risk["subject"],
        "rules": list(dict.fromkeys(signal["rule"] for signal in risk["signals"])),
        "language": state["language"],
        "region": state["region"],
        "faults": list(state["faults"]),
        "question": state["question"],
        "history": [dict(past) for past in state.get("history") or []],
        "reply": referral.get("text", ""),
        "draft": _draft(proposal),
        "writer": context.services.writer.name if proposal else None,
        "notes": list(proposal["citations"]) if proposal else [],
        "lines": list(proposal["safety_note"]["lines"]) if proposal and proposal["safety_note"] else [],
    }


def _draft(proposal: Json | None) -> str | None:
    if proposal is None:
        return None
    note = proposal["safety_note"]
    return str(proposal["text"]) + (f"\n\n{note['text']}" if note else "")


def _faulty(state: State) -> bool:
    return any(fault.split(":", 1)[0] not in _BESIDE for fault in state["faults"])
