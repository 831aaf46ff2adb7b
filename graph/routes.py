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


def after_check(state: State, generations: int) -> Literal["generate", "fill", "done"]:
    """Mend a draft that failed as the check stop says, within the bounds; each is held here once more."""
    mend = state["mend"]
    if state["answer"] is not None or mend is None or state["filled"]:
        return "done"
    if mend["how"] == "fill":
        return "fill"
    return "generate" if state["attempts"] < generations else "done"


def after_opinion(state: State) -> Literal["check", "done"]:
    """Throw the draft away when the opinion made a crisis of the message, or brought care mode back."""
    return "done" if state["reason"] in {"crisis", "care"} else "check"


def after_refer(state: State, *, held: bool) -> Literal["hold", "record"]:
    """Lay a turn that is held before a reviewer, once its vetted reply stands."""
    return "hold" if held and state["referral"] is not None else "record"


def after_compose(state: State) -> Literal["record", "refer"]:
    """Let a checked answer through; anything else is referred."""
    return "record" if state["answer"] is not None else "refer"
