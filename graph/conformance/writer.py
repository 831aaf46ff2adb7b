"""The suite for writers."""

from __future__ import annotations

import asyncio
import copy
import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from cbtguard.graph.conformance import bench, common
from cbtguard.graph.conformance.bench import UnmetError
from cbtguard.graph.conformance.common import require, require_type
from cbtguard.graph.conformance.material import material
from cbtguard.nodes.writers.task import Draft, StreamingWriter, WritingTask
from cbtguard.safety.errors import WriterError
from cbtguard.safety.risk import PastTurn
from cbtguard.safety.structure import Part

if TYPE_CHECKING:
    from collections.abc import Callable

    from cbtguard.graph.conformance.report import ConformanceReport
    from cbtguard.nodes.writers.task import Writer


def check_writer(
    make: Callable[[], Writer], *, limit_s: float = bench.LIMIT_S, held_s: float = 1.0, end_s: float = 5.0
) -> ConformanceReport:
    """Return whether a writer writes drafts the flow can check, shares well and lets itself be cancelled.

    Args:
        make: Makes the writer; called once.
        limit_s: Longest one check may take.
        held_s: Longest a writer may keep the event loop from running: no timeout can fire meanwhile.
        end_s: Longest a cancelled write may take to end.
    """
    trials = (
        common.name,
        draft,
        cites_given_notes,
        languages,
        another_attempt,
        one_part,
        streamed,
        unchanged_task,
        odd_questions,
    )
    return bench.run(
        "writer",
        make,
        (*trials, together, partial(free_loop, held_s=held_s), partial(cancelled, end_s=end_s)),
        limit_s,
    )


async def draft(writer: Any) -> None:
    """A draft is a Draft with text."""
    require(asyncio.iscoroutinefunction(writer.write), "write is not a coroutine function")
    for question in material().plain:
        _require_draft(await writer.write(_task(question)))


async def cites_given_notes(writer: Any) -> None:
    """A draft stands on at least one note, and only on notes the task gave."""
    for question in material().plain:
        task = _task(question)
        citations = (await writer.write(task)).citations
        require(len(citations) > 0, "the draft cites no note")
        require(set(citations) <= {note.id for note in task.notes}, "the draft cites a note it was not given")


async def languages(writer: Any) -> None:
    """Each language of the flow can be asked for, whatever the question is in."""
    for tag in material().questions:
        for question in material().plain[::3]:
            _require_draft(await writer.write(_task(question, tag)))


async def another_attempt(writer: Any) -> None:
    """A second draft can be asked for, with history and the codes of what was wrong."""
    task = replace(
        _task(material().plain[0]),
        attempt=2,
        defects=("missing_challenge", "a_code_of_another_checker"),
        history=(PastTurn(text=material().plain[1]),),
    )
    _require_draft(await writer.write(task))


async def one_part(writer: Any) -> None:
    """One part can be asked for alone, with the draft that it is to mend."""
    for exchange in material().exchanges:
        for part in Part:
            task = replace(
                _task(exchange.question, exchange.language),
                attempt=2,
                defects=(f"missing_{part}",),
                part=part,
                draft=exchange.poor[0],
            )
            written = await writer.write(task)
            _require_draft(written)
            require(
                set(written.citations) <= {n.id for n in task.notes}, "a part cites a note it was not given"
            )


async def streamed(writer: Any) -> None:
    """What a writer that streams has told is how its draft begins; others are not asked."""
    if not isinstance(writer, StreamingWriter):
        return
    require(asyncio.iscoroutinefunction(writer.stream), "stream is not a coroutine function")
    for tag, (question, *_) in material().questions.items():
        told: list[str] = []
        written = await writer.stream(_task(question, tag), told.append)
        _require_draft(written)
        heard = len(told)
        for text in told:
            require_type(text, str, "what is told")
            require(written.text.startswith(text.rstrip()), "what was told is not how the draft begins")
        await asyncio.sleep(0.02)
        require(len(told) == heard, "something was told after the draft was done")


async def unchanged_task(writer: Any) -> None:
    """The task is read, not changed."""
    task = _task(material().plain[0])
    before = copy.deepcopy(task)
    await writer.write(task)
    require(task == before, "the task was changed")


async def odd_questions(writer: Any) -> None:
    """Whatever a person may send ends in a draft or in a WriterError."""
    for kind, text in material().odd.items():
        try:
            written = await writer.write(_task(text))
        except WriterError:
            continue
        except Exception as error:
            raise UnmetError(f"{kind}: raised {type(error).__name__}, not WriterError") from error
        require_type(written, Draft, f"{kind}: the result")
        require_type(written.text, str, f"{kind}: the text of the draft")


async def together(writer: Any) -> None:
    """Several turns may write at once, each on its own notes."""
    notes = material().notes
    tasks = [
        replace(_task(material().plain[i % len(material().plain)]), notes=(notes[i % len(notes)],))
        for i in range(bench.AT_ONCE)
    ]
    for task, written in zip(tasks, await asyncio.gather(*(writer.write(t) for t in tasks)), strict=True):
        _require_draft(written)
        require(set(written.citations) <= {n.id for n in task.notes}, "a draft cites another turn's notes")


async def free_loop(writer: Any, *, held_s: float) -> None:
    """While a draft is written, the event loop goes on: else no timeout can fire."""
    longest = 0.0

    async def beat() -> None:
        nonlocal longest
        while True:
            before = time.perf_counter()
            await asyncio.sleep(0.01)
            longest = max(longest, time.perf_counter() - before)

    pulse = asyncio.ensure_future(beat())
    await asyncio.sleep(0)
    try:
        await writer.write(_task(material().plain[0]))
        # The beat that the writer held up must end to be counted.
        await asyncio.sleep(0.05)
    finally:
        pulse.cancel()
    require(longest < held_s, f"the event loop stood still for {longest:.1f} s")


async def cancelled(writer: Any, *, end_s: float) -> None:
    """A write that is cancelled ends, at once or early in its work."""
    for wait in (0.0, 0.05):
        task = asyncio.ensure_future(writer.write(_task(material().plain[0])))
        await asyncio.sleep(wait)
        task.cancel()
        await asyncio.wait({task}, timeout=end_s)
        require(task.done(), f"a cancelled write was still running after {end_s:g} s")
        if not task.cancelled():
            task.exception()
    # The writer must still be of use afterwards.
    _require_draft(await writer.write(_task(material().plain[0])))


def _task(question: str, language: str | None = None) -> WritingTask:
    own = next((tag for tag, texts in material().questions.items() if question in texts), "zh-Hans")
    return WritingTask(question=question, language=language or own, notes=material().notes)


def _require_draft(written: Any) -> None:
    require_type(written, Draft, "the result")
    require_type(written.text, str, "the text of the draft")
    require(bool(written.text.strip()), "the draft has no text")
    require_type(written.citations, tuple, "citations")
    for citation in written.citations:
        require_type(citation, str, "a citation")
