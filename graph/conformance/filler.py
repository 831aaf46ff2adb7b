"""The suite for fillers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cbtguard.graph.conformance import bench
from cbtguard.graph.conformance.common import require, require_type
from cbtguard.graph.conformance.material import material
from cbtguard.nodes.retrieval.note import NoteLibrary
from cbtguard.nodes.writers.task import Filling, WritingTask
from cbtguard.safety.structure import Part, StructureChecker

if TYPE_CHECKING:
    from collections.abc import Callable

    from cbtguard.graph.conformance.report import ConformanceReport
    from cbtguard.nodes.writers.task import Filler


def check_filler(make: Callable[[], Filler], *, limit_s: float = bench.LIMIT_S) -> ConformanceReport:
    """Return whether a filler gives the parts it is asked for, in the right language, and only those.

    Args:
        make: Makes the filler; called once.
        limit_s: Longest one check may take.
    """
    return bench.run("filler", make, (each_part, all_parts, cites_given_notes), limit_s)


async def each_part(filler: Any) -> None:
    """One part that is asked for comes alone, with words."""
    for question in material().plain[::3]:
        for part in Part:
            filling = await _filled(filler, _task(question), (part,))
            require(set(filling.parts) == {part}, f"asked for {part.value}, it gave {sorted(filling.parts)}")
            require(bool(filling.parts[part].strip()), f"the part {part.value} is empty")


async def all_parts(filler: Any) -> None:
    """All five together pass the shipped checker."""
    checker = StructureChecker()
    for question in material().plain[::3]:
        task = _task(question)
        filling = await _filled(filler, task, tuple(Part))
        text = "\n\n".join(filling.parts[part] for part in Part)
        review = checker.check(question, text, language=task.language)
        require(review.passed, f"an answer of its parts does not pass: {[d.code for d in review.defects]}")


async def cites_given_notes(filler: Any) -> None:
    """What it gives stands on at least one note, and only on notes the task gave."""
    task = _task(material().plain[0])
    filling = await _filled(filler, task, (Part.STRATEGY,))
    require(len(filling.citations) > 0, "it cites no note")
    require(set(filling.citations) <= {note.id for note in task.notes}, "it cites a note it was not given")


async def _filled(filler: Any, task: WritingTask, parts: tuple[Part, ...]) -> Filling:
    filling = filler.fill(task, parts)
    if hasattr(filling, "__await__"):
        filling = await filling
    require_type(filling, Filling, "what it gives")
    found: Filling = filling
    return found


def _task(question: str) -> WritingTask:
    library = NoteLibrary()
    notes = tuple(library)[:2]
    return WritingTask(question=question, language="zh-Hans", notes=notes)
