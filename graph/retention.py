"""The façade's forgetting: a talk on demand, and what was not used for long."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cbtguard.graph.forgetting import Forgotten, Swept
    from cbtguard.graph.keeping import Keeping
    from cbtguard.graph.loop import LoopThread


class ForgetMethods(ABC):
    """Forgetting; :class:`cbtguard.graph.Guard` has these methods."""

    _loop: LoopThread
    _keeping: Keeping

    def forget(self, thread: str) -> Forgotten:
        """Delete all that is kept of a talk: its checkpoints and its vault. Its entries in the record stay.

        Waits for a turn of the talk that is under way here. The id then names a new talk.

        Args:
            thread: Id of the talk, as it was given to :meth:`ask`.

        Raises:
            InputError: ``input.thread`` when it cannot be an id.
            RecordError: When a store cannot be used; what was not deleted yet can be tried again.
        """
        return self._loop.run(self._forget(thread))

    async def aforget(self, thread: str) -> Forgotten:
        """As :meth:`forget`, without blocking the caller's event loop."""
        return await self._loop.wait(self._forget(thread))

    def sweep(self, older_than_days: float | None = None) -> Swept:
        """Delete the talks that were not used for longer than this; the setting ``retention_days`` when None.

        A guard with ``retention_days`` does so about once an hour by itself, while it answers.

        Raises:
            InputError: ``input.days``.
            RecordError: As :meth:`forget`.
        """
        return self._loop.run(self._keeping.sweep(older_than_days))

    async def asweep(self, older_than_days: float | None = None) -> Swept:
        """As :meth:`sweep`, without blocking the caller's event loop."""
        return await self._loop.wait(self._keeping.sweep(older_than_days))

    async def _forget(self, thread: str) -> Forgotten:
        return await self._keeping.forget(str(self._thread_name(thread)))

    @abstractmethod
    def _thread_name(self, thread: str | None) -> str | None:
        """See :class:`cbtguard.graph.Guard`."""
