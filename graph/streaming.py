"""The façade's events: each stop as it ends, checked text as it comes, then the answer."""

from __future__ import annotations

import asyncio
import contextlib
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from cbtguard.graph.answer import Answer, Event, events_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence

    from cbtguard.graph.loop import LoopThread
    from cbtguard.safety.structure import Part


class StreamMethods(ABC):
    """Streaming; :class:`cbtguard.graph.Guard` has these methods."""

    _loop: LoopThread

    async def astream(
        self,
        text: str,
        *,
        thread: str | None = None,
        region: str | None = None,
        language: str | None = None,
        audience: Collection[str] = (),
        earlier: Sequence[str] = (),
        early: bool = True,
    ) -> AsyncIterator[Event]:
        """Yield what happens: each stop as it ends, the reply as it is checked, then the answer.

        With a writer that streams, the first parts come while it is still writing: each once it, and all
        before it, have passed the check. If the rest of the answer then fails, ``withdrawn`` says so, and
        the referral follows. Whoever leaves the stream ends the writing: the turn ends in the referral,
        and in its entry.

        Args:
            text: As for :meth:`ask`.
            thread: As for :meth:`ask`.
            region: As for :meth:`ask`.
            language: As for :meth:`ask`.
            audience: As for :meth:`ask`.
            earlier: What the person wrote before, oldest first, where the caller keeps the talk: it is
                screened again, so that care mode and history stand. Not read once ``thread`` is known here.
            early: Whether the first parts may come before the answer is whole.
        """
        here = asyncio.get_running_loop()
        queue: asyncio.Queue[Event | None] = asyncio.Queue()

        def tell(event: Event | None) -> None:
            # A turn that was left goes on to its entry, whether or not the caller's loop still runs.
            with contextlib.suppress(RuntimeError):
                here.call_soon_threadsafe(queue.put_nowait, event)

        def stopped(stop: str, ms: float) -> None:
            tell(Event(kind="stop", stop=stop, ms=ms))

        released: list[str] = []

        def passed(piece: str, parts: tuple[Part, ...]) -> None:
            released.append(piece)
            tell(Event(kind="text", text=piece, parts=tuple(part.value for part in parts), early=True))

        asked = self._ask(
            text, thread, region, language, audience, stopped, passed if early else None, tuple(earlier)
        )
        work = asyncio.ensure_future(self._loop.wait(asked))
        work.add_done_callback(lambda _: queue.put_nowait(None))
        try:
            while (event := await queue.get()) is not None:
                yield event
            for event in events_of(await work, "".join(released)):
                yield event
        finally:
            work.cancel()

    def stream(
        self,
        text: str,
        *,
        thread: str | None = None,
        region: str | None = None,
        language: str | None = None,
        audience: Collection[str] = (),
        earlier: Sequence[str] = (),
        early: bool = True,
    ) -> Iterator[Event]:
        """As :meth:`astream`, for callers without an event loop."""
        events = self.astream(
            text,
            thread=thread,
            region=region,
            language=language,
            audience=audience,
            earlier=earlier,
            early=early,
        )
        while (event := self._loop.run(_next(events))) is not None:
            yield event

    @abstractmethod
    async def _ask(
        self,
        text: str,
        thread: str | None,
        region: str | None,
        language: str | None,
        audience: Collection[str] = (),
        on_stop: Callable[[str, float], None] | None = None,
        on_part: Callable[[str, tuple[Part, ...]], None] | None = None,
        earlier: Sequence[str] = (),
    ) -> Answer:
        """See :class:`cbtguard.graph.Guard`."""


async def _next(events: AsyncIterator[Event]) -> Event | None:
    return await anext(events, None)
