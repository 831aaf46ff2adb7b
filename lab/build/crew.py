"""Who does the work: this process, and helpers beside it where answering costs this machine."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import TYPE_CHECKING, Any

from cbtguard.lab.build.builder import Builder, Wish

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

    from cbtguard.graph.settings import Settings
    from cbtguard.lab.build.outcome import Outcome
    from cbtguard.lab.build.plan import Job

_LOT = 8
"""Jobs a helper is given at once."""
_AHEAD = 2
"""Lots that a helper has before it, so that it never waits for this process."""
_MOST = 4
_ALONE = 64
"""Jobs below which no helper is called: they are done before it has started."""
_builder: Builder | None = None
_Flying = dict["Future[Any]", tuple[ProcessPoolExecutor | None, "list[Job]"]]


def processes_for(settings: Settings) -> int:
    """Return how many processes pay: one a core, at most four, for the composer; one for a model."""
    if settings.writer != "composer":
        return 1
    return min(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1, _MOST)


class Crew:
    """Works off jobs with a builder of this process and helpers; a helper that dies costs nothing.

    Args:
        builder: That of this process.
        settings: Of which each helper makes a builder of its own.
        wish: As the builder's.
        processes: How many work, this one included.
    """

    def __init__(self, builder: Builder, settings: Settings, wish: Wish, processes: int) -> None:
        self._builder = builder
        self._settings = settings
        self._wish = wish
        self._helpers = processes - 1
        self._pools: list[ProcessPoolExecutor] = []
        self.lost = 0
        """Helpers that died."""

    def work(self, jobs: Iterable[Job]) -> Generator[tuple[Job, Outcome], None, None]:
        """Yield each job with its outcome, as they come."""
        left = deque(jobs)
        if len(left) >= _ALONE:
            self._pools = [self._helper() for _ in range(self._helpers)]
        flying: _Flying = {}
        try:
            while left or flying:
                self._hand_out(left, flying)
                done, _ = wait(flying, return_when=FIRST_COMPLETED)
                for future in done:
                    pool, lot = flying.pop(future)
                    try:
                        result = future.result()
                    except BrokenProcessPool:
                        self._dropped(pool)
                        left.extendleft(reversed(lot))
                        continue
                    yield from zip(lot, result if pool is not None else [result], strict=True)
        finally:
            self.close()

    def close(self) -> None:
        """Let the helpers go."""
        for pool in self._pools:
            pool.shutdown(wait=False, cancel_futures=True)
        self._pools = []

    def _hand_out(self, left: deque[Job], flying: _Flying) -> None:
        loads = [pool for pool, _ in flying.values()]
        for _ in range(self._wish.concurrency - loads.count(None)):
            if left:
                job = left.popleft()
                flying[self._builder.submit(job)] = (None, [job])
        for pool in tuple(self._pools):
            for _ in range(_AHEAD - loads.count(pool)):
                lot = [left.popleft() for _ in range(min(_LOT, len(left)))]
                if not lot:
                    return
                try:
                    flying[pool.submit(_help, lot)] = (pool, lot)
                except BrokenProcessPool:
                    self._dropped(pool)
                    left.extendleft(reversed(lot))
                    break

    def _dropped(self, pool: ProcessPoolExecutor | None) -> None:
        if pool in self._pools:
            self._pools.remove(pool)
            self.lost += 1

    def _helper(self) -> ProcessPoolExecutor:
        # Spawned, not forked: this process has threads, and locks that they may hold.
        return ProcessPoolExecutor(
            1,
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_begin,
            initargs=(self._settings, self._wish),
        )


def _begin(settings: Settings, wish: Wish) -> None:
    """Make the builder of a helper."""
    global _builder  # noqa: PLW0603 - a process has one builder, and a pool's functions find it here only
    from cbtguard.service.cli.common import guard_of  # noqa: PLC0415 - imports the flow

    # An interrupt from the keyboard reaches every process; this one ends when the first lets it go.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _builder = Builder(guard_of(settings, quiet=True), wish)


def _end_with_parent() -> None:
    """End this process when the first one is killed: the pool itself would wait for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _help(lot: list[Job]) -> list[Outcome]:
    if _builder is None:
        raise BrokenProcessPool("a helper without a builder")
    return _builder.work(lot)
