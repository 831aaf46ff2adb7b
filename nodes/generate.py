"""Generate: a writer's draft, laid on the desk and nowhere else."""

from __future__ import annotations

from typing import Any

from langgraph.runtime import Runtime  # noqa: TC002 - LangGraph resolves annotations

from cbtguard.nodes.context import Context  # noqa: TC001 - LangGraph resolves annotations
from cbtguard.nodes.screen import past_turns
from cbtguard.nodes.state import State  # noqa: TC001 - LangGraph resolves annotations
from cbtguard.nodes.stop import ask, garbage, timed
from cbtguard.nodes.writers.task import Draft, WritingTask


async def generate(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Ask the writer for one more draft; the state only learns that there was one."""
    context = runtime.context
    desk, services = context.desk, context.services
    with timed(desk, "generate"):
        desk.draft = None
        attempt = state["attempts"] + 1
        task = WritingTask(
            question=state["question"],
            language=state["language"],
            notes=services.library.pick(note["note_id"] for note in state["notes"]),
            history=past_turns(state),
            attempt=attempt,
            defects=tuple(state["defects"]),
        )
        draft = await ask(context, "generate", services.writer.write, Draft, task)
        if not isinstance(draft.text, str) or not all(isinstance(c, str) for c in draft.citations):
            raise garbage("generate", "draft")
        desk.draft = draft
        return {"attempts": attempt}
