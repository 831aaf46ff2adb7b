"""Check: only a draft that passes leaves the desk."""

from __future__ import annotations

from typing import Any

from langgraph.runtime import Runtime  # noqa: TC002 - LangGraph resolves annotations

from cbtguard.nodes.context import Context  # noqa: TC001 - LangGraph resolves annotations
from cbtguard.nodes.state import State  # noqa: TC001 - LangGraph resolves annotations
from cbtguard.nodes.stop import ask, garbage, timed
from cbtguard.safety.referral import Referral
from cbtguard.safety.risk import Level
from cbtguard.safety.structure import Review


async def check(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Put the answer into the state if the draft passed, else the codes of what is wrong with it."""
    context = runtime.context
    desk, services = context.desk, context.services
    with timed(desk, "check"):
        draft = desk.draft
        if draft is None:
            raise garbage("check", "no_draft")
        review = await ask(
            context,
            "check",
            services.checker.check,
            Review,
            state["question"],
            draft.text,
            language=state["language"],
            notes=[note["note_id"] for note in state["notes"]],
            citations=draft.citations,
        )
        defects = [defect.code for defect in review.defects]
        if desk.vault.known(draft.text):
            defects.append("identifier")
        # What an answer cites is looked up later, whatever checker is in use.
        given = {note["note_id"] for note in state["notes"]}
        if not set(draft.citations) <= given and "invented_citation" not in defects:
            defects.append("invented_citation")
        if not review.passed or defects:
            desk.draft = None
            return {"defects": defects or ["rejected"], "answer": None, "reason": "checked_out"}
        return {
            "defects": [],
            "reason": "checked",
            "answer": {
                "text": draft.text,
                "parts": review.as_dict()["parts"],
                "citations": list(draft.citations),
                "safety_note": await _safety_note(state, context),
            },
        }


async def _safety_note(state: State, context: Context) -> dict[str, Any] | None:
    """The gentle safety question and the way to help that go with an answer at level watch."""
    risk = state["risk"]
    if risk is None:
        raise garbage("check", "no_risk")
    if Level(risk["level"]) is not Level.WATCH:
        return None
    note = await ask(
        context,
        "check",
        context.services.referrals.safety_note,
        Referral,
        kinds=tuple(risk["kinds"]),
        region=state["region"],
        language=state["language"],
    )
    context.desk.lines = note.lines
    return {"text": note.text, "template": note.template, "lines": [line.id for line in note.lines]}
