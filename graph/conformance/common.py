"""What several suites ask of a part."""

from __future__ import annotations

from typing import Any

from cbtguard.graph.conformance.bench import UnmetError, call, together
from cbtguard.safety.errors import RecordError
from cbtguard.safety.record.shapes import identifier


def require(ok: bool, found: str) -> None:
    """Fail the check unless ``ok``.

    Raises:
        UnmetError: Saying what was found.
    """
    if not ok:
        raise UnmetError(found)


def require_type(value: Any, kind: type | tuple[type, ...], what: str) -> None:
    """Fail the check unless ``value`` is of this kind."""
    names = " or ".join(k.__name__ for k in (kind if isinstance(kind, tuple) else (kind,)))
    require(isinstance(value, kind), f"{what} is {type(value).__name__}, not {names}")


def require_identifier(value: Any, what: str) -> None:
    """Fail the check unless ``value`` may enter the record: an identifier that is not empty."""
    try:
        identifier(what, value, least=1)
    except RecordError:
        raise UnmetError(f"{what} is no identifier that the record takes") from None


async def name(plug: Any) -> None:
    """The name is a record identifier and stays the same."""
    require_identifier(plug.name, "name")
    require(plug.name == plug.name, "name changes from one reading to the next")


async def version(plug: Any) -> None:
    """Name and version together are a record identifier and stay the same."""
    require_identifier(plug.version, "version")
    require(plug.version == plug.version, "version changes from one reading to the next")
    require_identifier(f"{getattr(plug, 'name', 'part')}@{plug.version}", "name@version")


async def require_steady(service: Any, inputs: list[tuple[Any, ...]], what: str) -> None:
    """Fail the check unless asking again, in another order, gives the same answers."""
    first = [await call(service, *args) for args in inputs]
    again = [await call(service, *args) for args in reversed(inputs)][::-1]
    for number, (one, other) in enumerate(zip(first, again, strict=True), 1):
        require(one == other, f"{what} {number} is another one the second time")


async def require_shareable(service: Any, inputs: list[tuple[Any, ...]], what: str) -> None:
    """Fail the check unless many callers at once get what one caller gets."""
    alone = [await call(service, *args) for args in inputs]
    for _ in range(2):
        for number, (one, other) in enumerate(zip(alone, await together(service, inputs), strict=True), 1):
            require(one == other, f"{what} {number} is another one when {len(inputs)} ask at once")
