"""The routing functions: total, pure, and the only places where the flow decides."""

from __future__ import annotations

from typing import Literal

from cbtguard.nodes.state import State  # noqa: TC001 - LangGraph resolves annotations
from cbtguard.safety.risk import Level


def after_screen(state: State) -> Literal["retrieve", "refer"]:
    """Answer only what was screened, is no crisis, is not in care mode, and is in a language we know."""
    risk = state["risk"]
    if risk is None or risk["level"] not in {Level.NONE.value, Level.WATCH.value}:
        return "refer"
    return "retrieve" if state["reason"] == "checked" else "refer"


def after_retrieve(state: State) -> Literal["compose", "refer"]:
    """Write only where there is a note to stand on."""
    return "compose" if state["notes"] else "refer"


def after_check(state: State, generations: int) -> Literal["generate", "done"]:
    """Ask for another draft while the last one failed and the bound is not reached."""
    if state["answer"] is not None or state["attempts"] >= generations:
        return "done"
    return "generate"


def after_compose(state: State) -> Literal["record", "refer"]:
    """Let a checked answer through; anything else is referred."""
    return "record" if state["answer"] is not None else "refer"
