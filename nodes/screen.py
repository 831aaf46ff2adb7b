"""Screen: crisis risk, before any model or retriever sees the message; and care mode over turns."""

from __future__ import annotations

from typing import Any

from langgraph.runtime import Runtime  # noqa: TC002 - LangGraph resolves annotations

from cbtguard.nodes import opinion
from cbtguard.nodes.context import Context  # noqa: TC001 - LangGraph resolves annotations
from cbtguard.nodes.state import Json, State, care_of
from cbtguard.nodes.stop import ask, timed
from cbtguard.safety.language import OTHER, UNDETERMINED, detect
from cbtguard.safety.risk import Level, PastTurn, Risk


async def screen(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Put the risk, the language of the reply, the care state and the way to go into the state."""
    context = runtime.context
    with timed(context.desk, "screen"):
        history = past_turns(state)
        risk = await ask(
            context, "screen", context.services.detector.assess, Risk, state["question"], history=history
        )
        before = care_of(state)
        care = next_care(before, risk.level, context.limits.care_turns)
        spoken = detect(state["question"])
        language = _reply_language(state, spoken)
        if not risk.level.refers:
            # A crisis does not wait for anybody's opinion; nothing is graver for the route.
            opinion.start(context, state["question"], language=language, history=history, care=before)
        return {
            "risk": risk.as_dict(),
            "care": care,
            "language": language,
            "reason": reason_of(risk.level, care, _otherwise(state, spoken)),
        }


def reason_of(level: Level, care: Json, otherwise: str) -> str:
    """Return why a message goes the way it goes: a crisis goes first, then a person who took over, then care mode."""
    if level.refers:
        return "crisis"
    if otherwise == "taken_over":
        return otherwise
    return "care" if care["active"] else otherwise


def _otherwise(state: State, spoken: str) -> str:
    if state["taken_over"]:
        return "taken_over"
    return "language" if spoken == OTHER else "checked"


def next_care(care: Json, level: Level, care_turns: int) -> Json:
    """Return the care state after a message.

    The rule: a crisis opens care mode; it ends once ``care_turns`` messages in a row carried no sign of
    danger, so that the next one is answered again. Any sign starts the count anew.
    """
    if level.refers:
        return {**care, "active": True, "calm": 0}
    if not care["active"]:
        return care
    if level is not Level.NONE:
        return {**care, "calm": 0}
    if care["calm"] >= care_turns:
        return {"active": False, "calm": 0, "step": care["step"]}
    return {**care, "calm": care["calm"] + 1}


def past_turns(state: State) -> tuple[PastTurn, ...]:
    """Return the history as the detectors and writers take it."""
    return tuple(PastTurn(text=t["text"], level=Level(t["level"])) for t in state.get("history") or [])


def _reply_language(state: State, spoken: str) -> str:
    if state["asked_language"] != "auto":
        return state["asked_language"]
    if spoken == OTHER:
        return "en"
    return state["language"] if spoken == UNDETERMINED else spoken
