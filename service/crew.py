"""A crew for a long batch: this process and helpers beside it, each with a guard of its own.

Python runs one thread at a time, so that one process keeps little more than one core busy. Rows go out in
small lots to whoever is free, and come back in order. A helper that dies costs nothing: its lot is done again
here.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections import deque
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from cbtguard.safety.errors import CbtguardError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from cbtguard.graph.answer import Answer
    from cbtguard.graph.guard import Guard
    from cbtguard.graph.settings import Settings

Outcome = dict[str, Any] | CbtguardError
Lot = list[str]
_Working = dict["Future[list[Outcome]]", "tuple[ProcessPoolExecutor | None, Lot, Future[list[Outcome]]]"]

_LOT = 16
_ALONE = 4
"""Lots after which helpers are called: a short batch is over before they have started."""
_MOST = 4
_guard: Guard | None = None


def helpers_for(settings: Settings) -> int:
    """Return how many helpers pay: one for each further core, up to three, where turns cost this machine.

    A writer of its own weights would have to be loaded by each, and a record in memory be kept by one.
    """
    if settings.writer != "composer" or settings.record == "memory":
        return 0
    return min(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1, _MOST) - 1


@dataclass(frozen=True, slots=True)
class Wish:
    """How every message of a batch is to be answered."""

    region: str | None
    language: str | None


class Crew:
    """Answers messages with a guard and helpers.

    Args:
        guard: The guard of this process.
        settings: Of which each helper makes its own guard.
        helpers: How many further processes, 0 or more.
        wish: Region and language of the replies.
        row: Makes JSON primitives of an answer; a function that a helper can import.
    """

    def __init__(
        self,
        guard: Guard,
        settings: Settings,
        helpers: int,
        wish: Wish,
        row: Callable[[Answer], dict[str, Any]],
    ) -> None:
        self._guard = guard
        self._settings = settings
        self._wish = wish
        self._row = row
        self._helpers = helpers
        self._here = ThreadPoolExecutor(1, thread_name_prefix="cbtguard-crew")
        self._pools: list[ProcessPoolExecutor] = []
        self.lost = 0
        """Helpers that died."""

    def answer(self, texts: Iterable[str]) -> Iterator[Outcome]:
        """Yield one outcome a text, in order; texts are taken as they are needed."""
        lots = _lots(texts)
        given: deque[Future[list[Outcome]]] = deque()
        working: _Working = {}
        idle: list[ProcessPoolExecutor | None] = [None]
        number = 0
        try:
            while True:
                while idle and (lot := next(lots, None)) is not None:
                    number += 1
                    if number == _ALONE + 1:
                        self._pools = [self._helper() for _ in range(self._helpers)]
                        idle += self._pools
                    promise: Future[list[Outcome]] = Future()
                    given.append(promise)
                    self._start(idle.pop(0), lot, promise, working)
                if not working:
                    return
                wait(working, return_when=FIRST_COMPLETED)
                for future in [future for future in working if future.done()]:
                    hand, lot, promise = working.pop(future)
                    try:
                        promise.set_result(future.result())
                    except BrokenProcessPool:
                        self.lost += 1
                        self._start(None, lot, promise, working)
                        continue
                    idle.append(hand)
                while given and given[0].done():
                    yield from given.popleft().result()
        finally:
            self.close()

    @property
    def helpers(self) -> tuple[int, ...]:
        """Process ids of the helpers at work."""
        return tuple(pid for pool in self._pools for pid in (pool._processes or {}))  # noqa: SLF001 - no public way

    def close(self) -> None:
        """Let the helpers go."""
        for pool in self._pools:
            pool.shutdown(wait=False, cancel_futures=True)
        self._pools = []
        self._here.shutdown(wait=True, cancel_futures=True)

    def _start(
        self,
        hand: ProcessPoolExecutor | None,
        lot: Lot,
        promise: Future[list[Outcome]],
        working: _Working,
    ) -> None:
        if hand is not None:
            try:
                working[hand.submit(_help, lot, self._wish, self._row)] = (hand, lot, promise)
            except BrokenProcessPool:
                self.lost += 1
            else:
                return
        here = self._here.submit(_outcomes, self._guard, lot, self._wish, self._row)
        working[here] = (None, lot, promise)

    def _helper(self) -> ProcessPoolExecutor:
        # Spawned, not forked: this process has threads, and locks that they may hold.
        return ProcessPoolExecutor(
            1,
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_begin,
            initargs=(self._settings,),
        )


def _lots(texts: Iterable[str]) -> Iterator[Lot]:
    source = iter(texts)
    while lot := list(islice(source, _LOT)):
        yield lot


def _outcomes(guard: Guard, lot: Lot, wish: Wish, row: Callable[[Answer], dict[str, Any]]) -> list[Outcome]:
    return [
        outcome if isinstance(outcome, CbtguardError) else row(outcome)
        for outcome in guard.batch(lot, region=wish.region, language=wish.language)
    ]


def _begin(settings: Settings) -> None:
    """Make the guard of a helper."""
    global _guard  # noqa: PLW0603 - a process has one guard, and a pool's functions find it here only
    from cbtguard.service.cli.common import guard_of  # noqa: PLC0415 - imports the flow

    # An interrupt from the keyboard reaches every process; this one ends when the first lets it go.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _guard = guard_of(settings, quiet=True)


def _help(lot: Lot, wish: Wish, row: Callable[[Answer], dict[str, Any]]) -> list[Outcome]:
    if _guard is None:
        raise BrokenProcessPool("a helper without a guard")
    return _outcomes(_guard, lot, wish, row)
