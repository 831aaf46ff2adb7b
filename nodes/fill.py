"""Fill: the parts that the writer could not write, from the technique notes; checked again like any draft."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from langgraph.runtime import Runtime  # noqa: TC002 - LangGraph resolves annotations

from cbtguard.nodes.context import Context  # noqa: TC001 - LangGraph resolves annotations
from cbtguard.nodes.generate import task_of
from cbtguard.nodes.state import State  # noqa: TC001 - LangGraph resolves annotations
from cbtguard.nodes.stop import ask, garbage, timed
from cbtguard.nodes.writers.task import Filling
from cbtguard.safety.structure import Part, spliced


async def fill(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Put the words of the notes into the draft, and into the state which parts they are."""
    context = runtime.context
    desk, mend = context.desk, state["mend"]
    with timed(desk, "fill"):
        draft, review, filler = desk.draft, desk.review, context.services.filler
        if draft is None or review is None or filler is None or mend is None:
            raise garbage("fill", "no_draft")
        parts = tuple(Part(part) for part in mend["parts"])
        task = replace(task_of(state, context), draft=draft.text)
        filling = await ask(context, "fill", filler.fill, Filling, task, parts)
        if set(filling.parts) != set(parts) or not all(text.strip() for text in filling.parts.values()):
            raise garbage("fill", "parts")
        desk.draft = replace(
            draft,
            text=spliced(draft.text, review, filling.parts),
            citations=tuple(dict.fromkeys((*draft.citations, *filling.citations))),
        )
        return {"filled": [part.value for part in parts], "mend": None}
