"""Refer: a vetted text that leads to people."""

from __future__ import annotations

from typing import Any

from langgraph.runtime import Runtime  # noqa: TC002 - LangGraph resolves annotations

from cbtguard.nodes.context import Context  # noqa: TC001 - LangGraph resolves annotations
from cbtguard.nodes.state import Json, State, care_of
from cbtguard.nodes.stop import ask, garbage, timed
from cbtguard.safety.referral import Referral, mood_of
from cbtguard.safety.risk import Level


async def refer(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Put the referral into the state: for a crisis, for care mode, or in place of an answer."""
    context = runtime.context
    with timed(context.desk, "refer"):
        referral = await _referral(state, context)
        if not referral.text.strip() or not referral.lines:
            raise garbage("refer", "no_line")
        context.desk.lines = referral.lines
        care = care_of(state)
        return {
            "answer": None,
            "referral": {
                "text": referral.text,
                "template": referral.template,
                "variant": referral.variant,
                "lines": [line.id for line in referral.lines],
                "region": str(referral.region),
                "language": str(referral.language),
            },
            "route": "referred",
            "care": {**care, "step": care["step"] + 1, **_told(state, care)},
        }


def _dangers(state: State) -> set[str]:
    """Return what a crisis is about, as ``subject/kind``; empty for anything but level crisis.

    An emergency is left out: its text is given whole every time, and what comes after it too.
    """
    risk = state["risk"]
    if state["reason"] != "crisis" or risk is None or risk["level"] != Level.CRISIS:
        return set()
    return {f"{risk['subject']}/{kind}" for kind in risk["kinds"]}


def _told(state: State, care: Json) -> Json:
    found = _dangers(state) | set(care.get("told", ()))
    return {"told": sorted(found)} if found else {}


async def _referral(state: State, context: Context) -> Referral:
    desk = context.services.referrals
    care = care_of(state)
    where: Json = {"region": state["region"], "language": state["language"], "variant": care["step"]}
    if context.desk.audience:
        where["audience"] = context.desk.audience
    risk = state["risk"]
    if state["reason"] == "crisis" and risk is not None:
        dangers = _dangers(state)
        if dangers and dangers <= set(care.get("told", ())):
            where["again"] = True
        return await ask(
            context,
            "refer",
            desk.crisis,
            Referral,
            level=risk["level"],
            kinds=tuple(risk["kinds"]),
            subject=risk["subject"],
            **where,
        )
    if state["reason"] == "care":
        mood = mood_of(state["question"]) if risk and risk["level"] == Level.NONE else None
        if mood is not None:
            where["mood"] = mood.value
        return await ask(context, "refer", desk.care, Referral, **where)
    return await ask(context, "refer", desk.fallback, Referral, reason=state["reason"] or "fault", **where)
