"""Refer: a vetted text that leads to people."""

from __future__ import annotations

from typing import Any

from langgraph.runtime import Runtime  # noqa: TC002 - LangGraph resolves annotations

from cbtguard.nodes.context import Context  # noqa: TC001 - LangGraph resolves annotations
from cbtguard.nodes.state import (
    State,
    care_of,
)
from cbtguard.nodes.stop import ask, garbage, timed
from cbtguard.safety.referral import Referral


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
            "care": {**care, "step": care["step"] + 1},
        }


async def _referral(state: State, context: Context) -> Referral:
    desk = context.services.referrals
    where = {"region": state["region"], "language": state["language"], "variant": care_of(state)["step"]}
    risk = state["risk"]
    if state["reason"] == "crisis" and risk is not None:
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
        return await ask(context, "refer", desk.care, Referral, **where)
    return await ask(context, "refer", desk.fallback, Referral, reason=state["reason"] or "fault", **where)
