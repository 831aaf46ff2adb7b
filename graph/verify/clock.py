"""An event loop whose clock jumps: a timeout of minutes passes in no time, and a hang is an error."""

from __future__ import annotations

import asyncio
import selectors
from typing import Any


class Hang(RuntimeError):
    """Nothing is scheduled and nothing is ready: the run would wait for ever."""


class _Skipping(selectors.SelectSelector):
    """Moves the clock on where a real selector would wait."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None:
            raise Hang("the run waits for something that nobody will ever send")
        self.now += max(timeout, 0.0)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """Runs without waiting. Only for work that uses no threads and no sockets."""

    def __init__(self) -> None:
        self._skipping = _Skipping()
        super().__init__(self._skipping)
        # asyncio's nanosecond is lost in a float beyond a few months: a due timer would never be run.
        self._clock_resolution = 1e-6

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._skipping.now

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> Any:  # type: ignore[override]
        """Run a blocking function at once: a thread's time is real, and the clock would run ahead of it."""
        del executor
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - handed on as a thread would
            future.set_exception(error)
        return future

    def run(self, work: Any) -> Any:
        """Return the result of a coroutine."""
        return self.run_until_complete(work)
