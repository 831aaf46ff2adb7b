"""Generate: a writer's draft, or one part of it, laid on the desk and nowhere else."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from langgraph.runtime import Runtime  # noqa: TC002 - LangGraph resolves annotations

from cbtguard.nodes.context import Context  # noqa: TC001 - LangGraph resolves annotations
from cbtguard.nodes.holding import holds
from cbtguard.nodes.release import Release
from cbtguard.nodes.screen import past_turns
from cbtguard.nodes.state import State  # noqa: TC001 - LangGraph resolves annotations
from cbtguard.nodes.stop import ask, garbage, timed, unless_left
from cbtguard.nodes.writers.task import Draft, StreamingWriter, WritingTask
from cbtguard.safety.structure import Part, spliced
from cbtguard.safety.structure.mending import paragraphs

if TYPE_CHECKING:
    from collections.abc import Callable


async def generate(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Ask the writer for a draft, or for the part that the last one needs; the state only learns of which."""
    context = runtime.context
    desk = context.desk
    with timed(desk, "generate"):
        task = task_of(state, context)
        update: dict[str, Any] = {"attempts": task.attempt, "mend": None}
        if task.part is None:
            desk.draft = None
            desk.draft, fault = await _draft(state, context, task)
            return update if fault is None else {**update, "faults": [*state["faults"], fault]}
        old, review = desk.draft, desk.review
        if old is None or review is None:
            raise garbage("generate", "no_draft")
        written = _sound(await _written(context, context.services.writer.write, task))
        desk.before = (old, review)
        desk.draft = replace(
            old,
            text=spliced(old.text, review, {task.part: paragraphs(written.text)}),
        )
        return {**update, "repaired": [*state["repaired"], task.part.value]}


def task_of(state: State, context: Context) -> WritingTask:
    """Return what the writer is asked for: all of an answer, or the first part that is to be mended."""
    mend, desk = state["mend"], context.desk
    part = Part(mend["parts"][0]) if mend and mend["how"] == "part" else None
    return WritingTask(
        question=state["question"],
        language=state["language"],
        notes=context.services.library.pick(note["note_id"] for note in state["notes"]),
        history=past_turns(state),
        attempt=state["attempts"] + 1,
        defects=tuple(state["defects"]),
        part=part,
        draft=desk.draft.text if part is not None and desk.draft is not None else "",
    )


async def _draft(state: State, context: Context, task: WritingTask) -> tuple[Draft, str | None]:
    """A whole draft; where somebody reads along, its first parts leave as soon as they have passed.

    Beside it stands what kept parts from leaving early, if something failed.
    """
    writer = context.services.writer
    alone = context.desk.on_part is None or holds(state, context)
    if alone or task.attempt > 1 or not isinstance(writer, StreamingWriter):
        return _sound(await _written(context, writer.write, task)), None
    async with Release(state, context) as release:
        draft = _sound(await _written(context, writer.stream, task, release.told))
    return draft, release.fault


async def _written(context: Context, write: Callable[..., Any], *given: Any) -> Draft:
    return await unless_left(context.desk, "generate", ask(context, "generate", write, Draft, *given))


def _sound(draft: Draft) -> Draft:
    if not isinstance(draft.text, str) or not all(isinstance(c, str) for c in draft.citations):
        raise garbage("generate", "draft")
    return draft
