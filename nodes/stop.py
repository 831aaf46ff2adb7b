"""How a stop asks a service: off the event loop when it blocks, its result checked, its failure made typed."""

from __future__ import annotations

import asyncio
import functools
import inspect
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from cbtguard.safety.errors import CbtguardError, DependencyError, Fault, StopFault

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    from cbtguard.nodes.context import Context, Desk

T = TypeVar("T")


async def ask(
    context: Context, stop: str, service: Callable[..., Any], expected: type[T], *args: Any, **named: Any
) -> T:
    """Return what a service answers.

    A blocking function runs in a thread, so that the stop's timeout can fire while it hangs.

    Raises:
        StopFault: When the service raises, is missing, cancels itself or returns something else than
            ``expected``. The fault carries the error's type or code, never its text, which may quote
            what a person wrote.
    """
    fault: tuple[Fault, str] | None = None
    result: Any = None
    try:
        if inspect.iscoroutinefunction(service):
            result = await service(*args, **named)
        else:
            loop = asyncio.get_running_loop()
            result = await loop.run_in_executor(context.pool, functools.partial(service, *args, **named))
            if inspect.isawaitable(result):
                result = await result
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        fault = (Fault.CANCELLED, "cancelled")
    except (ImportError, DependencyError) as error:
        fault = (Fault.MISSING, _cause(error))
    except TimeoutError as error:
        fault = (Fault.TIMEOUT, _cause(error))
    except Exception as error:  # noqa: BLE001 - whatever a service raises must end in the referral
        fault = (Fault.RAISED, _cause(error))
    # Raised out here so that the original, whose text may quote the person, is no part of the fault.
    if fault is not None:
        raise StopFault(stop, *fault)
    if not isinstance(result, expected):
        raise StopFault(stop, Fault.GARBAGE, type(result).__name__)
    return result


async def unless_left(desk: Desk, stop: str, work: Coroutine[Any, Any, T]) -> T:
    """Return what slow work brings, unless nobody waits for it any more.

    Raises:
        StopFault: ``stop.cancelled`` once the desk is left; whatever the work raises else.
    """
    task, left = asyncio.ensure_future(work), asyncio.ensure_future(desk.left.wait())
    try:
        await asyncio.wait((task, left), return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
    finally:
        # Whatever it raises from here on is nobody's, and its text may quote the person.
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        task.cancel()
        left.cancel()
    raise StopFault(stop, Fault.CANCELLED, "left")


def _cause(error: BaseException) -> str:
    return error.code if isinstance(error, CbtguardError) else type(error).__name__


def garbage(stop: str, what: str) -> StopFault:
    """Return the fault of a service whose answer has the right type and no sense."""
    return StopFault(stop, Fault.GARBAGE, what)


@contextmanager
def timed(desk: Desk, stop: str) -> Iterator[None]:
    """Add the time of a block to the stop's account, whether it ends well or not."""
    start = time.perf_counter()
    try:
        yield
    finally:
        spent = (time.perf_counter() - start) * 1000
        desk.timings[stop] = round(desk.timings.get(stop, 0.0) + spent, 3)
        if desk.on_stop is not None:
            desk.on_stop(stop, round(spent, 3))
