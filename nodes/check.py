"""Check: only a draft that passes leaves the desk; for any other one, what it needs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from langgraph.runtime import Runtime  # noqa: TC002 - LangGraph resolves annotations

from cbtguard.nodes.context import Context  # noqa: TC001 - LangGraph resolves annotations
from cbtguard.nodes.holding import holds
from cbtguard.nodes.state import State  # noqa: TC001 - LangGraph resolves annotations
from cbtguard.nodes.stop import ask, garbage, timed
from cbtguard.safety.referral import Referral
from cbtguard.safety.risk import Level
from cbtguard.safety.structure import Part, Plan, Review, plan
from cbtguard.safety.structure.mending import frozen

if TYPE_CHECKING:
    from cbtguard.nodes.state import Json
    from cbtguard.nodes.writers.task import Draft

_OWN = frozenset({"identifier", "invented_citation"})
"""Defects that this stop finds itself, whatever checker is in use; no part can be mended for them."""


async def check(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Put the answer into the state if the draft passed, else what is wrong and how to mend it."""
    context = runtime.context
    desk, services = context.desk, context.services
    with timed(desk, "check"):
        draft = desk.draft
        if draft is None:
            raise garbage("check", "no_draft")
        if not draft.text.startswith(desk.released):
            raise garbage("check", "released")
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
        note = await _safety_note(state, context)
        if note is not None:
            review = _with_note(review)
        defects = [defect.code for defect in review.defects]
        if desk.vault.known(draft.text):
            defects.append("identifier")
        # What an answer cites is looked up later, whatever checker is in use.
        given = {note["note_id"] for note in state["notes"]}
        if not set(draft.citations) <= given and "invented_citation" not in defects:
            defects.append("invented_citation")
        if review.passed and not defects:
            answer = {
                "text": draft.text,
                "parts": review.as_dict()["parts"],
                "citations": list(draft.citations),
                "safety_note": note,
            }
            if holds(state, context):
                # No state and no stream shows it before a reviewer has let it through.
                desk.proposal = answer
                return {"defects": [], "mend": None, "reason": "held", "answer": None}
            return {"defects": [], "mend": None, "reason": "checked", "answer": answer}
        useless = Plan(parts=tuple(Part))
        needed = useless if _OWN & set(defects) else plan(draft.text, review)
        if desk.before is not None and Part(state["repaired"][-1]) in needed.parts:
            # Words that did not mend the part have no place in the answer.
            draft, review = desk.before
            needed = plan(draft.text, review)
        desk.before = None
        mend = remedy(state, context, needed, draft, review)
        kept = mend is not None and mend["how"] != "again"
        desk.draft, desk.review = (draft, review) if kept else (None, None)
        return {
            "defects": defects or ["rejected"],
            "mend": mend,
            "answer": None,
            "reason": "checked_out",
        }


def remedy(state: State, context: Context, needed: Plan, draft: Draft, review: Review) -> Json | None:
    """Return how a draft is to be mended; None when it is not, and the turn is referred.

    While the writer may be asked, it is asked again: for all of a useless draft, else for the first part that
    is wrong. After that the parts are filled from the notes, once, if enough of the draft stands. What was
    already read cannot be changed.
    """
    limits, released = context.limits, len(context.desk.released)
    if state["filled"]:
        return None
    parts = [part.value for part in needed.parts]
    left = state["attempts"] < limits.generations
    if needed.whole or not parts:
        return {"how": "again", "parts": []} if left and not released else None
    if frozen(draft.text, released, needed.parts, review):
        return None
    if left:
        return {"how": "part", "parts": parts}
    if context.services.filler is not None and len(parts) <= limits.fills:
        return {"how": "fill", "parts": parts}
    return None


def _with_note(review: Review) -> Review:
    """Return a verdict on the answer as it leaves: the note that goes with it asks and names who can help."""
    kept = tuple(defect for defect in review.defects if defect.code != "unhandled_risk")
    return review if len(kept) == len(review.defects) else replace(review, defects=kept)


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
        **({"audience": context.desk.audience} if context.desk.audience else {}),
    )
    context.desk.lines = note.lines
    return {"text": note.text, "template": note.template, "lines": [line.id for line in note.lines]}
