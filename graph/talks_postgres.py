"""Talks in a PostgreSQL database, in a schema of their own."""

from __future__ import annotations

import asyncio
import math
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import psycopg
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool

from cbtguard.graph.sealed import judge, new_probe, serializer
from cbtguard.graph.talks import TALK, USED_AT, Talks, idle_of
from cbtguard.safety.errors import RecordError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from langgraph.checkpoint.base import CheckpointTuple

    from cbtguard.safety.sealing import Sealer

SCHEMA: Final = "cbtguard_threads"
"""Apart from the tables of other LangGraph programs in the same database: a sweep must not see their threads."""

TIMEOUT_S: Final = 5.0
"""Longest wait for a connection, and for another process that lays the tables out."""

_LOCK: Final = 0x63627468
_RETRY_S: Final = 0.05
_LAYOUT: Final = f"CREATE TABLE IF NOT EXISTS {SCHEMA}.sealed_with (probe BYTEA NOT NULL)"
_COUNT: Final = f"SELECT count(*) AS found FROM {SCHEMA}.checkpoints WHERE thread_id = %s"  # noqa: S608 - constants
_LAST: Final = f"""
    SELECT thread_id, max(checkpoint_id) AS checkpoint, max(metadata ->> '{USED_AT}') AS used_at
    FROM {SCHEMA}.checkpoints WHERE %s::text IS NULL OR thread_id = %s GROUP BY thread_id
"""  # noqa: S608 - constants
_BELONGING: Final = f"""
    SELECT DISTINCT thread_id FROM {SCHEMA}.checkpoints WHERE metadata ->> '{TALK}' = %s ORDER BY thread_id
"""  # noqa: S608 - constants


class WholeSaver(AsyncPostgresSaver):
    """The library's checkpointer, which hands every value to its serializer.

    The library writes text, numbers and truth values of a state into a column of JSON, past the serializer: the
    message and the reply would stay in the clear beside an encrypted rest. Here each value goes in a list of one.
    """

    async def aput(self, config: Any, checkpoint: Any, metadata: Any, new_versions: Any) -> Any:
        """Keep a checkpoint."""
        values = {key: [value] for key, value in checkpoint["channel_values"].items()}
        whole: Any = {**checkpoint, "channel_values": values}
        return await super().aput(config, whole, metadata, new_versions)

    async def aget_tuple(self, config: Any) -> CheckpointTuple | None:
        """Return a checkpoint as it was kept."""
        found = await super().aget_tuple(config)
        return None if found is None else _unpacked(found)

    async def alist(self, config: Any, **named: Any) -> AsyncIterator[CheckpointTuple]:
        """Yield checkpoints as they were kept."""
        async for found in super().alist(config, **named):
            yield _unpacked(found)


def _unpacked(found: CheckpointTuple) -> CheckpointTuple:
    checkpoint: Any = dict(found.checkpoint)
    checkpoint["channel_values"] = {key: value for key, [value] in checkpoint["channel_values"].items()}
    return found._replace(checkpoint=checkpoint)


class PostgresTalks(Talks):
    """Talks in the schema ``cbtguard_threads`` of a database.

    Args:
        saver: The library's checkpointer on an open pool.
        pool: The pool.
        place: How errors name the database.
        sealer: What it seals with, if anything.
    """

    def __init__(self, saver: WholeSaver, pool: Any, place: str, sealer: Sealer | None) -> None:
        super().__init__(saver)
        self._pool = pool
        self._place = place
        self._sealer = sealer

    async def check_key(self) -> None:
        """See that what is kept opens with the key that is set; an empty store takes the key it is given."""
        with translated(self._place):
            async with self._pool.connection() as connection, connection.transaction():
                await connection.execute(f"LOCK TABLE {SCHEMA}.sealed_with")
                probes = await _rows(connection, f"SELECT probe FROM {SCHEMA}.sealed_with")  # noqa: S608 - constant
                if await _rows(connection, f"SELECT FROM {SCHEMA}.checkpoints LIMIT 1"):
                    judge(self._sealer, bytes(probes[0]["probe"]) if probes else None)
                    return
                await connection.execute(f"DELETE FROM {SCHEMA}.sealed_with")  # noqa: S608 - the same
                if self._sealer is not None:
                    probe = (new_probe(self._sealer),)
                    await connection.execute(f"INSERT INTO {SCHEMA}.sealed_with VALUES (%s)", probe)  # noqa: S608

    async def forget(self, thread: str) -> int:
        """Delete all checkpoints and writes of a talk."""
        with translated(self._place):
            async with self._pool.connection() as connection:
                [row] = await _rows(connection, _COUNT, (thread,))
            # By its own statements rather than by the library's: these are one transaction.
            async with self._pool.connection() as connection, connection.transaction():
                for table in ("checkpoints", "checkpoint_blobs", "checkpoint_writes"):
                    query = f"DELETE FROM {SCHEMA}.{table} WHERE thread_id = %s"  # noqa: S608 - constants
                    await connection.execute(query, (thread,))
        return int(row["found"])

    async def belonging(self, thread: str) -> tuple[str, ...]:
        """Return the names of the threads that belong to a talk; nothing is opened for it."""
        with translated(self._place):
            async with self._pool.connection() as connection:
                rows = await _rows(connection, _BELONGING, (thread,))
        return tuple(row["thread_id"] for row in rows)

    async def wipe(self) -> bool:
        """Return False: the server keeps what was deleted until it cleans up (VACUUM), and in its own logs."""
        return False

    async def idle(self, before: str, thread: str | None = None) -> tuple[str, ...]:
        """Return the names of talks that were last used before a time."""
        with translated(self._place):
            async with self._pool.connection() as connection:
                rows = await _rows(connection, _LAST, (thread, thread))
        return idle_of([(row["thread_id"], row["checkpoint"], row["used_at"]) for row in rows], before)

    async def close(self) -> None:
        """Close the connections."""
        await self._pool.close(TIMEOUT_S)


async def open_postgres(dsn: str, sealer: Sealer | None) -> PostgresTalks:
    """Return the talks of a database, laid out when they are new.

    Args:
        dsn: Connection string of libpq. Errors never show it.
        sealer: What to seal with.

    Raises:
        RecordError: ``record.value`` for what is no connection string; ``record.threads_unreadable``.
    """
    place, named = connecting(dsn)
    with translated(place):
        # A connection of its own first: a pool would try for long what the server refuses at once.
        connection: Any = await psycopg.AsyncConnection.connect(dsn, **named)
        try:
            await _lay_out(connection)
        finally:
            await connection.close()
        # The checkpointer does one thing at a time; the pool is there to make lost connections anew.
        pool: Any = AsyncConnectionPool(
            dsn,
            kwargs=named,
            min_size=1,
            max_size=2,
            timeout=TIMEOUT_S,
            check=AsyncConnectionPool.check_connection,
            name="cbtguard threads",
            open=False,
        )
        try:
            await pool.open(wait=True, timeout=TIMEOUT_S)
        except BaseException:
            await pool.close(TIMEOUT_S)
            raise
    return PostgresTalks(WholeSaver(pool, serde=serializer(sealer)), pool, place, sealer)


def connecting(dsn: str) -> tuple[str, dict[str, Any]]:
    """Return how errors name a database, and how connections to it are set.

    Autocommit, rows as dictionaries: both are what the checkpointer asks for. No prepared statements, as poolers ask.

    Raises:
        RecordError: ``record.value``.
    """
    try:
        parts = conninfo_to_dict(dsn)
    except psycopg.ProgrammingError:
        # Not chained: the message may quote the password.
        raise RecordError(
            "record.value",
            "The connection string of the talks cannot be read.",
            hint="Give it as postgresql://USER@HOST:PORT/DATABASE; libpq's variables and files work too.",
        ) from None
    place = f"The database {parts.get('dbname', 'by default')!r} on {parts.get('host', 'local')!r}"
    options = f"{parts.get('options') or ''} -c search_path={SCHEMA}".strip()
    return place, {
        "autocommit": True,
        "prepare_threshold": None,
        "row_factory": dict_row,
        "client_encoding": "utf8",
        "application_name": "cbtguard threads",
        "options": options,
        "connect_timeout": math.ceil(TIMEOUT_S),
    }


@contextmanager
def translated(place: str) -> Iterator[None]:
    """Turn what psycopg raises inside the block into the error of a store that cannot be used."""
    try:
        yield
    except (psycopg.Error, OSError) as error:
        state = getattr(error, "sqlstate", None)
        cause = f"{type(error).__name__} {state}" if state else type(error).__name__
        # Chained, and yet no password: psycopg's messages name host and role only.
        raise RecordError(
            "record.threads_unreadable",
            f"{place} cannot be used for talks ({cause}).",
            hint=f"Check the server, the connection string, and that its role may use the schema {SCHEMA}.",
        ) from error


async def _lay_out(connection: Any) -> None:
    """Make schema and tables where there are none; one process at a time."""
    async with asyncio.timeout(12 * TIMEOUT_S):
        # Asked for again and again rather than waited for: the library makes indexes in a way that waits for
        # everybody who waits inside the server, who would then wait for it.
        while not (await _rows(connection, f"SELECT pg_try_advisory_lock({_LOCK}) AS got"))[0]["got"]:  # noqa: ASYNC110
            await asyncio.sleep(_RETRY_S)
    try:
        if not await _rows(connection, "SELECT FROM pg_namespace WHERE nspname = %s", (SCHEMA,)):
            await connection.execute(f"CREATE SCHEMA {SCHEMA}")
        await AsyncPostgresSaver(connection).setup()
        await connection.execute(_LAYOUT)
    finally:
        await connection.execute(f"SELECT pg_advisory_unlock({_LOCK})")


async def _rows(connection: Any, query: str, values: tuple[Any, ...] = ()) -> list[Any]:
    cursor = await connection.execute(query, values)
    return list(await cursor.fetchall())
