"""Talks in a SQLite file."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

import aiosqlite
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from cbtguard.graph.sealed import judge, new_probe, serializer
from cbtguard.graph.talks import TALK, USED_AT, Talks, idle_of
from cbtguard.safety.errors import RecordError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from cbtguard.safety.sealing import Sealer

_LAYOUT: Final = "CREATE TABLE IF NOT EXISTS cbtguard_key (probe BLOB NOT NULL)"
_COUNT: Final = "SELECT count(*) FROM checkpoints WHERE thread_id = ?"
# The library keeps metadata as JSON in a blob, which newer SQLite takes for its binary form of JSON.
_LAST: Final = f"""
    SELECT thread_id, max(checkpoint_id), max(json_extract(CAST(metadata AS TEXT), '$.{USED_AT}'))
    FROM checkpoints WHERE ? IS NULL OR thread_id = ? GROUP BY thread_id
"""  # noqa: S608 - a constant
_BELONGING: Final = f"""
    SELECT DISTINCT thread_id FROM checkpoints
    WHERE json_extract(CAST(metadata AS TEXT), '$.{TALK}') = ? ORDER BY thread_id
"""  # noqa: S608 - the same


class SqliteTalks(Talks):
    """Talks in a SQLite file, which overwrites what is deleted.

    Args:
        saver: The library's checkpointer on an open connection.
        path: The file.
        sealer: What it seals with, if anything.
    """

    saver: AsyncSqliteSaver

    def __init__(self, saver: AsyncSqliteSaver, path: Path, sealer: Sealer | None) -> None:
        super().__init__(saver)
        self.path = path
        self._sealer = sealer
        self._closed = False

    async def check_key(self) -> None:
        """See that what is kept opens with the key that is set; an empty file takes the key it is given."""
        with translated(self.path):
            async with self.saver.lock:
                await self.saver.conn.execute("BEGIN IMMEDIATE")
                try:
                    await self._check_key()
                    await self.saver.conn.execute("COMMIT")
                finally:
                    if self.saver.conn.in_transaction:
                        await self.saver.conn.execute("ROLLBACK")

    async def _check_key(self) -> None:
        probes = await self._rows("SELECT probe FROM cbtguard_key")
        [(kept,)] = await self._rows("SELECT EXISTS (SELECT 1 FROM checkpoints)")
        if kept:
            judge(self._sealer, bytes(probes[0][0]) if probes else None)
            return
        await self.saver.conn.execute("DELETE FROM cbtguard_key")
        if self._sealer is not None:
            await self.saver.conn.execute("INSERT INTO cbtguard_key VALUES (?)", (new_probe(self._sealer),))

    async def forget(self, thread: str) -> int:
        """Delete all checkpoints and writes of a talk."""
        with translated(self.path):
            async with self.saver.lock:
                [(found,)] = await self._rows(_COUNT, (thread,))
            await self.saver.adelete_thread(thread)
        return int(found)

    async def belonging(self, thread: str) -> tuple[str, ...]:
        """Return the names of the threads that belong to a talk; nothing is opened for it."""
        with translated(self.path):
            async with self.saver.lock:
                return tuple(name for (name,) in await self._rows(_BELONGING, (thread,)))

    async def wipe(self) -> bool:
        """Empty the write-ahead log; False where another process holds it, and old pages stay in it for now."""
        with translated(self.path):
            async with self.saver.lock:
                [(busy, *_)] = await self._rows("PRAGMA wal_checkpoint(TRUNCATE)")
        return not busy

    async def idle(self, before: str, thread: str | None = None) -> tuple[str, ...]:
        """Return the names of talks that were last used before a time."""
        with translated(self.path):
            async with self.saver.lock:
                return idle_of(await self._rows(_LAST, (thread, thread)), before)

    async def close(self) -> None:
        """Close the file. A second call does nothing."""
        if not self._closed:
            self._closed = True
            await self.saver.conn.close()

    async def _rows(self, query: str, values: tuple[Any, ...] = ()) -> list[Any]:
        async with self.saver.conn.execute(query, values) as cursor:
            rows: Iterable[Any] = await cursor.fetchall()
            return list(rows)


async def open_sqlite(path: Path, sealer: Sealer | None) -> SqliteTalks:
    """Return the talks of a file, made when it is not there, readable by its owner only.

    Raises:
        RecordError: ``record.threads_unreadable``.
    """
    connection = None
    with translated(path):
        try:
            await asyncio.to_thread(_make, path)
            connection = await aiosqlite.connect(path)
            # Before anything is deleted: what is deleted is overwritten with zeros.
            await connection.execute("PRAGMA secure_delete = ON")
            saver = AsyncSqliteSaver(connection, serde=serializer(sealer))
            await saver.setup()
            await connection.execute(_LAYOUT)
            await connection.commit()
        except BaseException:
            if connection is not None:
                await connection.close()
            raise
    return SqliteTalks(saver, path, sealer)


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn what the disk and SQLite raise inside the block into the error of a store that cannot be used."""
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        raise RecordError(
            "record.threads_unreadable",
            f"The file of the talks, {path}, cannot be read or written ({type(error).__name__}).",
            hint="Check the path and its disk, or move the file aside and start a new one.",
        ) from error


def _make(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        path.touch(mode=0o600, exist_ok=False)
