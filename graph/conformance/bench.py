"""Runs the checks of a suite: in a thread and event loop of their own, each within a time limit."""

from __future__ import annotations

import asyncio
import functools
import inspect
import threading
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, TypeAlias

from cbtguard.graph.conformance.report import Check, ConformanceReport

Trial: TypeAlias = Callable[[Any], Awaitable[None]]
"""One check: it is given the plug-in, and its name is the function's."""

LIMIT_S = 60.0
"""Longest one check may take; a model on a slow machine may need more."""
AT_ONCE = 8
"""Callers at once in the checks of thread safety."""
_GRACE_S = 2.0


class UnmetError(AssertionError):
    """A plug-in does not do what a check asks for. Holds words of the suite only."""


def run(part: str, make: Callable[[], Any], trials: Sequence[Trial], limit_s: float) -> ConformanceReport:
    """Return the outcome of all checks on what ``make`` makes.

    A check that fails leaves the others to go on; when the plug-in cannot even be made, there are none.
    """
    checks: list[Check] = []
    finished: Future[None] = Future()

    def work() -> None:
        try:
            asyncio.run(_all(make, trials, limit_s, checks, finished))
        finally:
            if not finished.done():
                finished.set_result(None)

    # A daemon that nobody joins: a plug-in that hangs must not hang the caller.
    thread = threading.Thread(target=work, name="cbtguard-conformance", daemon=True)
    thread.start()
    try:
        finished.result(limit_s * (len(trials) + 1) + _GRACE_S)
    except TimeoutError:
        checks.append(Check(name="ends", passed=False, detail="the plug-in holds up the event loop"))
    thread.join(_GRACE_S)
    return ConformanceReport(part=part, checks=tuple(checks))


async def _all(
    make: Callable[[], Any],
    trials: Sequence[Trial],
    limit_s: float,
    checks: list[Check],
    finished: Future[None],
) -> None:
    made: list[Any] = []

    async def made_at_all(_: Any) -> None:
        made.append(await in_thread(make))

    first = await _tried("made", made_at_all, None, limit_s)
    checks.append(first)
    if first.passed:
        for trial in trials:
            # One by one: what was found stays when a later check holds everything up.
            found = await _tried(_name_of(trial), trial, made[0], limit_s)
            checks.append(found)
    finished.set_result(None)


async def _tried(name: str, trial: Trial, plug: Any, limit_s: float) -> Check:
    task = asyncio.ensure_future(trial(plug))
    # Not asyncio.timeout: that would wait for a task that does not let itself be cancelled.
    await asyncio.wait({task}, timeout=limit_s)
    if not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=_GRACE_S)
        return Check(name=name, passed=False, detail=f"did not end within {limit_s:g} s")
    if task.cancelled():
        return Check(name=name, passed=False, detail="cancelled itself")
    error = task.exception()
    if error is None:
        return Check(name=name, passed=True, detail="")
    detail = (
        str(error) if isinstance(error, UnmetError) else f"raised {type(error).__name__}: {str(error)[:160]}"
    )
    return Check(name=name, passed=False, detail=detail)


def _name_of(trial: Trial) -> str:
    function: Any = trial.func if isinstance(trial, functools.partial) else trial
    return str(function.__name__)


async def call(service: Callable[..., Any], *args: Any, **named: Any) -> Any:
    """Return what a service answers, asked as the flow does: in a thread unless it is a coroutine."""
    if inspect.iscoroutinefunction(service):
        return await service(*args, **named)
    result = await in_thread(functools.partial(service, *args, **named))
    return await result if inspect.isawaitable(result) else result


async def together(service: Callable[..., Any], inputs: Sequence[tuple[Any, ...]]) -> list[Any]:
    """Return the answers of a service that is asked all of this at once, in order."""
    return list(await asyncio.gather(*(call(service, *args) for args in inputs)))


async def in_thread(work: Callable[[], Any]) -> Any:
    """Return what a blocking function returns; its thread is a daemon, so that it may hang."""
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[Any] = loop.create_future()

    def deliver(result: Any, error: BaseException | None) -> None:
        if outcome.done():
            return
        if error is None:
            outcome.set_result(result)
        else:
            outcome.set_exception(error)

    def target() -> None:
        result: Any = None
        failed: BaseException | None = None
        try:
            result = work()
        except Exception as error:  # noqa: BLE001 - whatever a plug-in raises is the check's to judge
            # A future cannot hold StopIteration.
            failed = RuntimeError("StopIteration") if isinstance(error, StopIteration) else error
        except BaseException as error:  # noqa: BLE001 - a plug-in that ends the program fails the check
            failed = RuntimeError(type(error).__name__)
        # The loop is closed when the check was given up meanwhile.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(deliver, result, failed)

    threading.Thread(target=target, name="cbtguard-conformance-call", daemon=True).start()
    return await outcome
