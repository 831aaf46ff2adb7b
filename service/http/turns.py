"""One turn for a caller of the service: events with counts and spans, ended when the caller goes away."""

from __future__ import annotations

import asyncio
import contextlib
import time
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from cbtguard.safety.errors import CbtguardError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Coroutine

    from starlette.requests import Request
    from starlette.types import Receive

    from cbtguard.graph import Answer, Event
    from cbtguard.service.http.core import Caller, Core


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question as it came."""

    text: str
    thread: str | None = None
    """The caller's own name of the talk."""
    region: str | None = None
    language: str | None = None
    earlier: tuple[str, ...] = ()


class Gone(Exception):
    """The caller went away; nobody reads a reply."""


async def events(
    request: Request, core: Core, caller: Caller, asked: Asked, *, early: bool
) -> AsyncGenerator[Event, None]:
    """Yield what happens in a turn; the texts, one behind the other, are the reply.

    Whoever stops reading ends the writing; the turn's entry is written all the same.

    Raises:
        InputError: Before the first event, when the question cannot be used.
    """
    start = time.perf_counter()
    source = core.guard.astream(
        asked.text,
        thread=caller.thread(asked.thread),
        region=asked.region,
        language=asked.language,
        earlier=asked.earlier,
        early=early,
    )
    ended = False
    told: dict[str, Any] = request.scope["cbtguard.log"]
    with core.tracing.turn(request.headers) as trace:
        try:
            async with aclosing(_joined(source)) as joined:
                async for event in joined:
                    if event.kind == "stop" and event.stop is not None:
                        core.watch.stop(event.stop, event.ms or 0.0)
                        trace.stop(event.stop, event.ms or 0.0)
                    elif event.kind == "text" and "first_ms" not in told:
                        told["first_ms"] = round((time.perf_counter() - start) * 1000, 1)
                        core.watch.first_text.observe(told["first_ms"] / 1000)
                    elif event.kind == "withdrawn":
                        core.watch.withdrawn.inc()
                    elif event.answer is not None:
                        ended = True
                        event = replace(event, answer=replace(event.answer, thread=asked.thread))  # noqa: PLW2901
                        _count(core, trace, event.answer, told, time.perf_counter() - start)
                    yield event
        except CbtguardError:
            ended = True
            raise
        finally:
            if not ended:
                core.watch.left.inc()


def _count(core: Core, trace: Any, answer: Answer | None, told: dict[str, Any], seconds: float) -> None:
    if answer is None:
        return
    core.watch.turn(answer, seconds)
    trace.end(answer)
    told |= {
        "turn_route": answer.route.value,
        "reason": answer.reason,
        "risk": answer.risk.level.value,
        "record": answer.record_id,
        "faults": list(answer.faults),
    }


async def _joined(source: Any) -> AsyncGenerator[Event, None]:
    """The events of a guard, with the gaps between its paragraphs put back."""
    sent = ""
    held: list[tuple[str, Event]] = []
    async with aclosing(source):
        async for event in source:
            if event.kind == "text" and event.early:
                sent += event.text or ""
                yield event
            elif event.kind == "text" and event.text:
                held.append((event.text, event))
            elif event.answer is not None:
                reply = event.answer.reply
                place = len(sent) if reply.startswith(sent) else 0
                for text, piece in held:
                    end = reply.index(text, place) + len(text)
                    gap = "\n\n" if sent and not place else ""
                    yield replace(piece, text=gap + reply[place:end])
                    place = end
                yield event
            else:
                yield event


async def answered(request: Request, core: Core, caller: Caller, asked: Asked) -> Answer:
    """Return the answer to a question.

    Raises:
        InputError: When the question cannot be used.
        Busy: When no more turns are let in.
        Gone: When the caller went away.
    """
    ticket = core.admit(caller)
    try:
        return await _unless_gone(request.receive, _last(events(request, core, caller, asked, early=False)))
    finally:
        ticket.close()


async def _last(turn: AsyncGenerator[Event, None]) -> Answer:
    async with aclosing(turn):
        async for event in turn:
            if event.answer is not None:
                return event.answer
    raise CbtguardError("stop.garbage", "The turn ended without an answer.", hint="Look at the log.")


async def _unless_gone(receive: Receive, work: Coroutine[Any, Any, Answer]) -> Answer:
    task, gone = asyncio.ensure_future(work), asyncio.ensure_future(until_gone(receive))
    try:
        await asyncio.wait((task, gone), return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise Gone
    finally:
        for one in (task, gone):
            one.cancel()
        await asyncio.gather(task, gone, return_exceptions=True)


async def until_gone(receive: Receive) -> None:
    """Wait until the caller's connection is closed."""
    with contextlib.suppress(OSError):
        while (await receive())["type"] != "http.disconnect":
            pass
