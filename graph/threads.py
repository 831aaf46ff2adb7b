"""Threads: the names under which talks are kept, and one turn at a time for each."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
import secrets
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from cbtguard.graph.sealed import serializer
from cbtguard.graph.vaults import MemoryVaults, VaultStore
from cbtguard.safety.errors import RecordError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


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


__all__ = ["MemoryVaults", "ThreadLocks", "ThreadNames", "VaultStore", "serializer"]
