"""Parts that fail, each in one stated way, put before a sound part of the flow."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from cbtguard.nodes.retrieval.hybrid import Hit
from cbtguard.nodes.retrieval.note import NoteLibrary
from cbtguard.nodes.writers.task import Draft
from cbtguard.safety.errors import DependencyError, WriterError

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator

    from cbtguard.audit.bounds import PlantedFault

CALLS = {
    "writer": ("write",),
    "retriever": ("retrieve",),
    "library": ("pick", "__getitem__"),
    "redactor": ("redact",),
    "detector": ("assess",),
    "checker": ("check", "prefix"),
    "referrals": ("crisis", "care", "fallback", "safety_note"),
    "record": ("append",),
}
"""Each part to the calls that fail."""


class Faulty:
    """A part of which some calls fail; all else of it is the sound part's.

    Args:
        sound: The part.
        calls: Names of what fails.
        way: What such a call does instead.
    """

    def __init__(self, sound: Any, calls: tuple[str, ...], way: Callable[..., Any]) -> None:
        self.name = f"{getattr(sound, 'name', 'part')}+faulty"
        self._sound = sound
        for call in calls:
            setattr(self, call, way)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name == "stream":
            raise AttributeError(name)
        return getattr(self._sound, name)


class FaultyLibrary(NoteLibrary):
    """A library of which no note can be read."""

    def __init__(self, sound: NoteLibrary) -> None:
        self.folder = sound.folder
        self._notes: dict[str, Any] = {}
        self.version = sound.version

    def __contains__(self, note_id: object) -> bool:
        raise OSError("planted")

    def __iter__(self) -> Iterator[Any]:
        raise OSError("planted")

    def __getitem__(self, note_id: str) -> Any:
        raise OSError("planted")

    def pick(self, ids: Any) -> tuple[Any, ...]:
        """Fail."""
        del ids
        raise OSError("planted")


def plug(fault: PlantedFault, sound: Any, over: threading.Event) -> Any:
    """Return the part with its fault.

    Args:
        fault: What fails, and how.
        sound: The part that is replaced.
        over: Set when the fault is over, so that nothing hangs for ever.
    """
    if fault.part == "library":
        return FaultyLibrary(sound)
    return Faulty(sound, CALLS[fault.part], _WAYS[fault.way](fault, over))


def _raising(error: Callable[[], BaseException]) -> Callable[..., Callable[..., Any]]:
    def way(fault: PlantedFault, over: threading.Event) -> Callable[..., Any]:
        del over
        if fault.part == "writer":

            async def write(*_: Any, **__: Any) -> Any:
                raise error()

            return write

        def call(*_: Any, **__: Any) -> Any:
            raise error()

        return call

    return way


def _giving(value: Callable[[PlantedFault], Any]) -> Callable[..., Callable[..., Any]]:
    def way(fault: PlantedFault, over: threading.Event) -> Callable[..., Any]:
        del over
        if fault.part == "writer":

            async def write(*_: Any, **__: Any) -> Any:
                return value(fault)

            return write

        def call(*_: Any, **__: Any) -> Any:
            return value(fault)

        return call

    return way


def _hangs(fault: PlantedFault, over: threading.Event) -> Callable[..., Any]:
    del over

    async def write(*_: Any, **__: Any) -> Any:
        await asyncio.sleep(fault.seconds * 2)
        raise RuntimeError("planted")

    return write


def _blocks(fault: PlantedFault, over: threading.Event) -> Callable[..., Any]:
    def call(*_: Any, **__: Any) -> Any:
        over.wait(fault.seconds * 2)
        raise RuntimeError("planted")

    if fault.part != "writer":
        return call

    async def write(*_: Any, **__: Any) -> Any:
        return await asyncio.to_thread(call)

    return write


_WAYS: dict[str, Callable[[PlantedFault, threading.Event], Callable[..., Any]]] = {
    "raises": _raising(lambda: RuntimeError("planted")),
    "raises_typed": _raising(lambda: WriterError("writer.planted", "Planted.", hint="None is needed.")),
    "missing": _raising(lambda: DependencyError("dependency.planted", "Planted.", hint="None is needed.")),
    "cancels": _raising(asyncio.CancelledError),
    "exhausts": _raising(MemoryError),
    "hangs": _hangs,
    "blocks": _blocks,
    "none": _giving(lambda _: None),
    "wrong_type": _giving(lambda fault: fault.draft or "planted"),
    "drafts": _giving(lambda fault: Draft(text=fault.draft)),
    "unknown_note": _giving(lambda _: (Hit(note_id="no-such-note", score=0.9),)),
}
WAYS = frozenset(_WAYS)
