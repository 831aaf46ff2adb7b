"""Talks: where they are kept between turns, and how they are forgotten."""

from __future__ import annotations

import datetime as dt
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cbtguard.graph.sealed import PURPOSE, sealer_of, serializer
from cbtguard.safety.errors import DependencyError, RecordError, SettingsError
from cbtguard.safety.sealing import read_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from langgraph.checkpoint.base import BaseCheckpointSaver

    from cbtguard.graph.settings import Settings

USED_AT = "used_at"
"""Key of a checkpoint's metadata: the time of the turn, ISO 8601 with milliseconds."""

SERVERS = ("postgresql://", "postgres://")
"""Beginnings of a connection string."""

TALK = "talk"
"""Key of the metadata of checkpoints that belong to a talk without being of it, as a reviewer's items do: its name."""

_GREGORIAN = 0x01B21DD213814000
"""From 1582-10-15, where the time of a UUID begins, to 1970, in steps of 100 ns."""


class Talks:
    """The talks of a guard: LangGraph's checkpointer, and what forgetting needs beyond it.

    This one goes with any checkpointer, and finds talks by walking through all of its checkpoints.

    Args:
        saver: The checkpointer; it must be able to delete a thread.
    """

    def __init__(self, saver: BaseCheckpointSaver[Any]) -> None:
        self.saver = saver

    async def check_key(self) -> None:
        """See that what is kept opens with the key that is set; forgetting needs no key.

        Raises:
            RecordError: ``record.sealed`` for another key or a missing one; ``record.unsealed`` when a key is set
                and talks were kept without one.
        """

    async def forget(self, thread: str) -> int:
        """Delete all checkpoints and writes of a talk, and return how many checkpoints there were.

        Raises:
            RecordError: ``record.threads_kept`` where the checkpointer cannot delete.
        """
        found = 0
        async for _ in self.saver.alist({"configurable": {"thread_id": thread}}):
            found += 1
        try:
            await self.saver.adelete_thread(thread)
        except NotImplementedError as error:
            raise RecordError(
                "record.threads_kept",
                "The checkpointer cannot delete a talk.",
                hint="Use one with adelete_thread; `check_thread_store` tells whether one is fit.",
            ) from error
        return found

    async def belonging(self, thread: str) -> tuple[str, ...]:
        """Return the names of the threads that belong to a talk and are to go with it, in order."""
        found = self.saver.alist(None, filter={TALK: thread})
        return tuple(sorted({kept.config["configurable"]["thread_id"] async for kept in found}))

    async def wipe(self) -> bool:
        """See that nothing of what was deleted is left behind in files; return whether that could be done."""
        return True

    async def idle(self, before: str, thread: str | None = None) -> tuple[str, ...]:
        """Return the names of talks that were last used before a time, in order.

        Threads that do not tell when they were used are another program's, for all that is known here, and stay.

        Args:
            before: ISO 8601 with milliseconds, in UTC.
            thread: Look at this talk only.
        """
        rows = []
        config: Any = {"configurable": {"thread_id": thread}} if thread is not None else None
        async for kept in self.saver.alist(config):
            own, used_at = kept.config["configurable"], kept.metadata.get(USED_AT)
            if used_at:
                rows.append((own["thread_id"], own["checkpoint_id"], used_at))
        return idle_of(rows, before)

    async def close(self) -> None:
        """Let go of files and connections. A checkpointer of the caller's is the caller's to close."""


def idle_of(rows: Iterable[tuple[Any, Any, Any]], before: str) -> tuple[str, ...]:
    """Return the talks whose last use lies before a time.

    Args:
        rows: Name of the talk, id of a checkpoint of it, and the time of use that the checkpoint tells, or None.
        before: ISO 8601 with milliseconds, in UTC.
    """
    last: dict[str, str] = {}
    for thread, checkpoint, used_at in rows:
        used = str(used_at) if used_at else _time_of(str(checkpoint))
        last[str(thread)] = max(used, last.get(str(thread), ""))
    return tuple(sorted(thread for thread, used in last.items() if used < before))


def _time_of(checkpoint: str) -> str:
    """Return when a checkpoint was made, which its id tells (a UUID of version 6)."""
    try:
        number = uuid.UUID(checkpoint).int
        seconds = (((number >> 80) << 12 | (number >> 64) & 0xFFF) - _GREGORIAN) / 1e7
        return stamp(seconds)
    except (ValueError, OverflowError, OSError):
        # Nobody can tell: it counts as used at all times, for what is deleted does not come back.
        return "9999"


def stamp(seconds: float) -> str:
    """Return seconds since the epoch as UTC time, ISO 8601 with milliseconds; such texts sort by time."""
    moment = dt.datetime.fromtimestamp(seconds, tz=dt.UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def check_keeping(settings: Settings) -> None:
    """See that the settings of what is kept agree with each other.

    Raises:
        SettingsError: ``settings.key`` for a key that is none; ``settings.vaults`` when vaults are to be stored
            without a key, or beside talks that are not.
    """
    if settings.threads_key is not None:
        read_key(settings.threads_key.get_secret_value(), "threads_key")
    if settings.vaults == "memory":
        return
    if settings.threads == "memory":
        raise SettingsError(
            "settings.vaults",
            "Vaults are to be stored, and talks are in memory only.",
            hint="Set threads to sqlite, a path or postgresql://..., or vaults to memory.",
        )
    if settings.threads_key is None:
        raise SettingsError(
            "settings.vaults",
            "Vaults hold personal data and are never stored without a key.",
            hint="Set CBTGUARD_THREADS_KEY (`openssl rand -base64 32` makes one), or vaults to memory.",
        )


def path_of(settings: Settings) -> Path:
    """Return the file of the talks, for settings that name one."""
    if settings.threads == "sqlite":
        return settings.path("threads.sqlite")
    return Path(settings.threads).expanduser()


async def open_talks(settings: Settings) -> Talks:
    """Return the talks that the settings name; must be called in the event loop that uses them.

    Raises:
        RecordError: ``record.threads_unreadable``.
        DependencyError: ``dependency.library`` when a package of an extra is not installed.
    """
    if settings.threads == "memory":
        from langgraph.checkpoint.memory import InMemorySaver  # noqa: PLC0415 - only where it is used

        return Talks(InMemorySaver(serde=serializer()))
    sealer = sealer_of(settings, PURPOSE)
    if settings.threads.startswith(SERVERS):
        opened: Talks = await _postgres()(settings.threads, sealer)
        return opened
    from cbtguard.graph.talks_sqlite import open_sqlite  # noqa: PLC0415 - only where it is used

    return await open_sqlite(path_of(settings), sealer)


def _postgres() -> Callable[..., Any]:
    try:
        from cbtguard.graph.talks_postgres import open_postgres  # noqa: PLC0415 - optional packages
    except ImportError as error:
        raise DependencyError(
            "dependency.library",
            "Talks in PostgreSQL need packages that are not installed.",
            hint="Install cbtguard[postgres], or set threads to sqlite.",
        ) from error
    return open_postgres
