"""Record: one entry a turn, kept before the reply leaves."""

from __future__ import annotations

from typing import Any

from langgraph.runtime import Runtime  # noqa: TC002 - LangGraph resolves annotations

from cbtguard.nodes.context import Context  # noqa: TC001 - LangGraph resolves annotations
from cbtguard.nodes.state import State  # noqa: TC001 - LangGraph resolves annotations
from cbtguard.nodes.stop import ask, timed
from cbtguard.safety.record import StoredEntry, TurnEntry


async def record(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Keep the turn's entry, then let the reply into the state and the message into the history."""
    context = runtime.context
    with timed(context.desk, "record"):
        route, reply = reply_of(state)
        entry = entry_of({**state, "route": route}, context)
        stored = await ask(context, "record", context.services.record.append, StoredEntry, entry)
        return {
            "route": route,
            "reply": reply,
            "record_id": stored.record_id,
            "history": next_history(state, context),
        }


def reply_of(state: State) -> tuple[str, str]:
    """Return route and reply: the checked answer with its safety note, or the referral, for a reviewer or not."""
    answer, referral = state["answer"], state["referral"]
    if referral is not None:
        return "held" if state["review"] else "referred", str(referral["text"])
    if answer is None:
        raise ValueError("a turn ends with an answer or a referral")
    note = answer["safety_note"]
    return "answered", answer["text"] + (f"\n\n{note['text']}" if note else "")


def next_history(state: State, context: Context) -> list[dict[str, Any]]:
    """Return the history with this message, the oldest dropped."""
    past = list(state.get("history") or [])
    if state["question"]:
        risk = state["risk"]
        past.append({"text": state["question"][:2000], "level": risk["level"] if risk else "none"})
    return past[-context.limits.history_turns :]


def entry_of(state: State, context: Context) -> TurnEntry:
    """Return the entry of a turn: identifiers, counts and times, no text."""
    risk = state["risk"] or {"level": "none", "kinds": [], "subject": "self", "signals": []}
    referral, answer = state["referral"], state["answer"]
    lines = list(referral["lines"]) if referral else []
    if answer and answer["safety_note"]:
        lines += answer["safety_note"]["lines"]
    return TurnEntry(
        turn_id=state["turn_id"],
        thread=state.get("thread") or "none",
        turn=state.get("turn") or 1,
        at=state["at"],
        route=state["route"],
        reason=state["reason"],
        level=risk["level"],
        kinds=tuple(risk["kinds"]),
        subject=risk["subject"],
        rules=tuple(dict.fromkeys(signal["rule"] for signal in risk["signals"])),
        language=state["language"],
        region=state["region"],
        writer=context.services.writer.name if state["attempts"] else None,
        attempts=state["attempts"],
        defects=tuple(state["defects"]),
        notes=tuple(answer["citations"]) if answer else (),
        lines=tuple(lines),
        faults=tuple(state["faults"]),
        redactions=state["redactions"],
        versions=context.services.versions(),
        timings_ms=dict(context.desk.timings),
    )
