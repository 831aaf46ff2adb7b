"""The façade's batches: many questions at once, in order."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from cbtguard.safety.errors import CbtguardError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from cbtguard.graph.answer import Answer
    from cbtguard.graph.loop import LoopThread
    from cbtguard.graph.settings import Settings


class BatchMethods(ABC):
    """Many questions; :class:`cbtguard.graph.Guard` has these methods."""

    settings: Settings
    _loop: LoopThread

    def batch(
        self, texts: Iterable[str], *, region: str | None = None, language: str | None = None
    ) -> Iterator[Answer | CbtguardError]:
        """Yield one outcome a text, in order: the answer, or the typed error of a text that cannot be used.

        Several turns are in work at once (setting ``concurrency``); texts are taken as they are needed.
        """
        window: list[Any] = []
        for text in texts:
            window.append(self._loop.submit(self._outcome(text, region, language)))
            if len(window) >= self.settings.concurrency:
                yield window.pop(0).result()
        for future in window:
            yield future.result()

    async def abatch(
        self, texts: Sequence[str], *, region: str | None = None, language: str | None = None
    ) -> list[Answer | CbtguardError]:
        """As :meth:`batch`, all at once and without blocking the caller's event loop."""
        gate = asyncio.Semaphore(self.settings.concurrency)

        async def one(text: str) -> Answer | CbtguardError:
            async with gate:
                return await self._loop.wait(self._outcome(text, region, language))

        return list(await asyncio.gather(*(one(text) for text in texts)))

    async def _outcome(self, text: str, region: str | None, language: str | None) -> Answer | CbtguardError:
        try:
            return await self._ask(text, None, region, language)
        except CbtguardError as error:
            return error

    @abstractmethod
    async def _ask(self, text: str, thread: str | None, region: str | None, language: str | None) -> Answer:
        """See :class:`cbtguard.graph.Guard`."""
