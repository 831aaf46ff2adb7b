"""Threads: where talks are kept, under which name, and whose vault is whose."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
import secrets
import sqlite3
import threading
from collections import OrderedDict
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from cbtguard.safety.errors import RecordError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from langgraph.checkpoint.base import BaseCheckpointSaver

    from cbtguard.graph.settings import Settings
    from cbtguard.safety.privacy.vault import Vault


@runtime_checkable
class VaultStore(Protocol):
    """Keeps the vault of each talk. Raw personal data lies in it: never store it unencrypted."""

    def get(self, thread: str) -> Vault | None:
        """Return the vault of a talk, None when it is not known (any more)."""
        ...

    def put(self, thread: str, vault: Vault) -> None:
        """Keep the vault of a talk."""
        ...

    def forget(self, thread: str) -> None:
        """Drop the vault of a talk for good."""
        ...


class MemoryVaults:
    """Vaults in memory, the longest unused dropped first; a restart forgets them all.

    A forgotten vault costs the person a name in a reply, never a wrong name: numbers go on where they were.
    """

    def __init__(self, capacity: int = 10_000) -> None:
        self._vaults: OrderedDict[str, Vault] = OrderedDict()
        self._capacity = capacity
        self._lock = threading.Lock()

    def get(self, thread: str) -> Vault | None:
        """Return the vault of a talk."""
        with self._lock:
            vault = self._vaults.get(thread)
            if vault is not None:
                self._vaults.move_to_end(thread)
            return vault

    def put(self, thread: str, vault: Vault) -> None:
        """Keep the vault of a talk."""
        with self._lock:
            self._vaults[thread] = vault
            self._vaults.move_to_end(thread)
            while len(self._vaults) > self._capacity:
                self._vaults.popitem(last=False)

    def forget(self, thread: str) -> None:
        """Drop the vault of a talk."""
        with self._lock:
            self._vaults.pop(thread, None)


class ThreadNames:
    """Turns the caller's thread id into a keyed hash: the id may itself be somebody's name or e-mail.

    Args:
        key_file: Where the key lies; None for a key that lives as long as this object.

    Raises:
        RecordError: ``record.thread_key`` when the key can be neither read nor made.
    """

    def __init__(self, key_file: Path | None = None) -> None:
        self._key = _key(key_file) if key_file else secrets.token_bytes(32)

    def of(self, thread: str) -> str:
        """Return 32 hexadecimal digits, the same for the same id and key."""
        return hmac.new(self._key, thread.encode("utf-8", "replace"), hashlib.sha256).hexdigest()[:32]


def _key(path: Path) -> bytes:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        except FileExistsError:
            return path.read_bytes()
        key = secrets.token_bytes(32)
        with os.fdopen(handle, "wb") as stream:
            stream.write(key)
    except OSError as error:
        raise RecordError(
            "record.thread_key",
            f"The key of the thread names, {path}, can be neither read nor made ({type(error).__name__}).",
            hint="Set CBTGUARD_HOME to a folder that can be written.",
        ) from error
    return key


class ThreadLocks:
    """One turn at a time per talk."""

    def __init__(self) -> None:
        self._locks: dict[str, tuple[asyncio.Lock, int]] = {}

    @asynccontextmanager
    async def hold(self, thread: str | None) -> AsyncIterator[None]:
        """Hold a talk for the time of a turn; a turn without a talk holds nothing."""
        if thread is None:
            yield
            return
        lock, waiting = self._locks.get(thread) or (asyncio.Lock(), 0)
        self._locks[thread] = (lock, waiting + 1)
        try:
            async with lock:
                yield
        finally:
            lock, waiting = self._locks[thread]
            if waiting == 1:
                del self._locks[thread]
            else:
                self._locks[thread] = (lock, waiting - 1)


def serializer() -> JsonPlusSerializer:
    """Return a serializer that reads JSON primitives and nothing else: state holds no objects."""
    return JsonPlusSerializer(pickle_fallback=False, allowed_msgpack_modules=[])


def _threads_path(settings: Settings) -> Path:
    if settings.threads == "sqlite":
        return settings.path("threads.sqlite")
    return Path(settings.threads).expanduser()


async def open_threads(settings: Settings) -> tuple[BaseCheckpointSaver[Any], Any]:
    """Return the checkpointer for the settings and what must be closed at the end (or None).

    Raises:
        RecordError: ``record.threads_unreadable``.
    """
    if settings.threads == "memory":
        from langgraph.checkpoint.memory import InMemorySaver  # noqa: PLC0415 - only where it is used

        return InMemorySaver(serde=serializer()), None
    import aiosqlite  # noqa: PLC0415 - only where it is used
    from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver  # noqa: PLC0415 - the same

    path = _threads_path(settings)
    connection = None
    try:
        await asyncio.to_thread(path.parent.mkdir, parents=True, exist_ok=True)
        connection = await aiosqlite.connect(path)
        saver = AsyncSqliteSaver(connection, serde=serializer())
        await saver.setup()
    except (OSError, sqlite3.Error) as error:
        if connection is not None:
            await connection.close()
        raise RecordError(
            "record.threads_unreadable",
            f"The file of the talks, {path}, cannot be opened ({type(error).__name__}).",
            hint="Check the path and its disk, or move the file aside and start a new one.",
        ) from error
    return saver, connection
