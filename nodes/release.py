"""Release: the first parts of a draft in work are read as soon as they, and all before them, have passed."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, Self

from cbtguard.nodes.opinion import lets_out
from cbtguard.nodes.record import entry_of
from cbtguard.nodes.stop import ask
from cbtguard.safety.errors import Fault, StopFault
from cbtguard.safety.record import StoredEntry
from cbtguard.safety.structure import Part, PrefixChecker, Review, releasable
from cbtguard.safety.structure.mending import complete

if TYPE_CHECKING:
    from types import TracebackType

    from cbtguard.nodes.context import Context
    from cbtguard.nodes.state import State

_PATIENCE_S = 1.0
"""How long a draft that is whole waits for the judging of its beginning."""
OPENED = "opened"
"""Route of the entry that is kept before the first words of an answer leave; its own entry follows."""


class Release:
    """Reads along with a writer and lets out what passes.

    A checker that cannot judge beginnings lets nothing out early. Whatever fails in here only means that
    the rest of the answer leaves as one piece, after the whole of it was checked; ``fault`` then names it.
    """

    fault: str | None = None
    """``release:fault:cause``, once something failed."""

    def __init__(self, state: State, context: Context) -> None:
        self._state = state
        self._context = context
        self._text = ""
        self._more = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._task: asyncio.Task[None] | None = None
        self._seen = 0

    def told(self, text: str) -> None:
        """Take what the writer has written so far."""
        self._text = text
        self._more.set()

    async def __aenter__(self) -> Self:
        if isinstance(self._context.services.checker, PrefixChecker):
            self._task = asyncio.create_task(self._follow())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is not None:
            if kind is None and not await self._rested():
                self.fault = f"release:{Fault.TIMEOUT.value}:pending"
            self._task.cancel()
            (ended,) = await asyncio.gather(self._task, return_exceptions=True)
            if isinstance(ended, Exception):
                fault = ended.fault if isinstance(ended, StopFault) else Fault.RAISED
                cause = ended.cause if isinstance(ended, StopFault) else type(ended).__name__
                self.fault = f"release:{fault.value}:{cause}"

    async def _rested(self) -> bool:
        """Whether what is being judged comes to its end soon."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE_S):
                await self._idle.wait()
        return self._idle.is_set()

    async def _follow(self) -> None:
        try:
            await self._read()
        finally:
            self._idle.set()

    async def _read(self) -> None:
        while True:
            self._idle.set()
            await self._more.wait()
            self._idle.clear()
            self._more.clear()
            text = self._text
            end = complete(text)
            if end > self._seen:
                self._seen = end
                await self._judge(text[:end])

    async def _judge(self, beginning: str) -> None:
        context, state = self._context, self._state
        desk = context.desk
        checker: Any = context.services.checker
        review = await ask(
            context, "check", checker.prefix, Review, state["question"], beginning, language=state["language"]
        )
        end = releasable(beginning, review)
        if end <= len(desk.released) or not beginning.startswith(desk.released):
            return
        if desk.vault.known(beginning[:end]):
            return
        # Nobody waits here: an opinion has a time of its own, and a stop that names its faults.
        if not lets_out(context, state):
            return
        if not desk.released:
            opened = entry_of({**state, "route": OPENED, "attempts": state["attempts"] + 1}, context)
            await ask(context, "record", context.services.record.append, StoredEntry, opened)
        piece = beginning[len(desk.released) : end]
        desk.released = beginning[:end]
        if desk.on_part is not None:
            desk.on_part(piece, _parts(review, end - len(piece), end))


def _parts(review: Review, start: int, end: int) -> tuple[Part, ...]:
    found = review.parts
    return tuple(part for part in Part if found[part].present and start <= found[part].start < end)
