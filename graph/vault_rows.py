"""Where sealed vaults lie: one row a talk, with its name, the time it was written, and bytes that say nothing."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, Protocol

from cbtguard.safety.errors import DependencyError, RecordError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SCHEMA: Final = "cbtguard_vaults"
"""Apart from the talks, so that another role may be asked for."""

_TIMEOUT_S: Final = 5.0
_LOCK: Final = 0x63627469
_PLACE: Final = "The database of the vaults"
_EXISTS: Final = "SELECT FROM pg_namespace WHERE nspname = %s"
_NAMED: Final = {
    "autocommit": True,
    "prepare_threshold": None,
    "client_encoding": "utf8",
    "application_name": "cbtguard vaults",
    "connect_timeout": int(_TIMEOUT_S),
}


class Rows(Protocol):
    """Keeps bytes by the name of a talk. Safe to use from several threads at once."""

    def read(self, thread: str) -> bytes | None:
        """Return the bytes of a talk, None when there are none."""
        ...

    def write(self, thread: str, at: str, sealed: bytes) -> None:
        """Keep the bytes of a talk in place of those before."""
        ...

    def delete(self, thread: str) -> bool:
        """Drop the bytes of a talk; return whether there were any."""
        ...

    def wipe(self) -> bool:
        """See that nothing of what was dropped is left behind; return whether that could be done."""
        ...

    def idle(self, before: str) -> tuple[str, ...]:
        """Return the names of talks that were written before a time, in order."""
        ...

    def close(self) -> None:
        """Let go of files and connections."""
        ...


class SqliteRows:
    """Rows in a SQLite file, which overwrites what is deleted; readable by its owner only.

    Args:
        path: The file, made when it is not there.

    Raises:
        RecordError: ``record.vaults_unreadable``.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._place = f"The file of the vaults, {path},"
        with translated(self._place):
            path.parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileExistsError):
                path.touch(mode=0o600, exist_ok=False)
            self._connection = sqlite3.connect(
                path, timeout=_TIMEOUT_S, isolation_level=None, check_same_thread=False
            )
            try:
                self._connection.execute("PRAGMA journal_mode = WAL")
                self._connection.execute("PRAGMA secure_delete = ON")
                self._connection.execute(
                    "CREATE TABLE IF NOT EXISTS vaults"
                    " (thread TEXT PRIMARY KEY, used_at TEXT NOT NULL, sealed BLOB NOT NULL) WITHOUT ROWID"
                )
            except BaseException:
                self._connection.close()
                raise

    def read(self, thread: str) -> bytes | None:
        """Return the bytes of a talk."""
        rows = self._do("SELECT sealed FROM vaults WHERE thread = ?", thread)
        return bytes(rows[0][0]) if rows else None

    def write(self, thread: str, at: str, sealed: bytes) -> None:
        """Keep the bytes of a talk."""
        self._do("INSERT OR REPLACE INTO vaults VALUES (?, ?, ?)", thread, at, sealed)

    def delete(self, thread: str) -> bool:
        """Drop the bytes of a talk."""
        return bool(self._do("DELETE FROM vaults WHERE thread = ? RETURNING 1", thread))

    def wipe(self) -> bool:
        """Empty the write-ahead log; False where another process holds it."""
        return not self._do("PRAGMA wal_checkpoint(TRUNCATE)")[0][0]

    def idle(self, before: str) -> tuple[str, ...]:
        """Return the names of talks that were written before a time."""
        return tuple(
            row[0] for row in self._do("SELECT thread FROM vaults WHERE used_at < ? ORDER BY 1", before)
        )

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    def _do(self, query: str, *values: Any) -> list[Any]:
        with translated(self._place), self._lock:
            return self._connection.execute(query, values).fetchall()


class PostgresRows:
    """Rows in the schema ``cbtguard_vaults`` of a PostgreSQL database.

    Args:
        dsn: Connection string of libpq. Errors never show it.

    Raises:
        RecordError: ``record.value`` for what is no connection string; ``record.vaults_unreadable``.
        DependencyError: ``dependency.library`` without psycopg and its pool.
    """

    def __init__(self, dsn: str) -> None:
        psycopg, pool = _libraries()
        self._errors: tuple[type[BaseException], ...] = (psycopg.Error, OSError)
        with translated(_PLACE, self._errors):
            with _connect(dsn) as connection, connection.transaction():
                connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
                if not connection.execute(_EXISTS, (SCHEMA,)).fetchall():
                    connection.execute(f"CREATE SCHEMA {SCHEMA}".encode())
                connection.execute(
                    f"CREATE TABLE IF NOT EXISTS {SCHEMA}.vaults"
                    " (thread TEXT PRIMARY KEY, used_at TEXT NOT NULL, sealed BYTEA NOT NULL)".encode()
                )
            self._pool = pool.ConnectionPool(
                dsn,
                kwargs=_NAMED,
                min_size=1,
                max_size=4,
                timeout=_TIMEOUT_S,
                check=pool.ConnectionPool.check_connection,
                name="cbtguard vaults",
                open=False,
            )
            self._pool.open()

    @staticmethod
    def exist(dsn: str) -> bool:
        """Return whether a database has rows of vaults.

        Raises:
            RecordError: As the constructor.
            DependencyError: As the constructor.
        """
        psycopg, _ = _libraries()
        with translated(_PLACE, (psycopg.Error, OSError)), _connect(dsn) as connection:
            return bool(connection.execute(_EXISTS, (SCHEMA,)).fetchall())

    def read(self, thread: str) -> bytes | None:
        """Return the bytes of a talk."""
        rows = self._do(f"SELECT sealed FROM {SCHEMA}.vaults WHERE thread = %s", thread)  # noqa: S608 - constant
        return bytes(rows[0][0]) if rows else None

    def write(self, thread: str, at: str, sealed: bytes) -> None:
        """Keep the bytes of a talk."""
        self._do(
            f"INSERT INTO {SCHEMA}.vaults VALUES (%s, %s, %s)"  # noqa: S608 - constant
            " ON CONFLICT (thread) DO UPDATE SET used_at = excluded.used_at, sealed = excluded.sealed RETURNING 1",
            thread,
            at,
            sealed,
        )

    def delete(self, thread: str) -> bool:
        """Drop the bytes of a talk."""
        query = f"DELETE FROM {SCHEMA}.vaults WHERE thread = %s RETURNING 1"  # noqa: S608 - constant
        return bool(self._do(query, thread))

    def wipe(self) -> bool:
        """Return False: the server keeps what was deleted until it cleans up (VACUUM), and in its own logs."""
        return False

    def idle(self, before: str) -> tuple[str, ...]:
        """Return the names of talks that were written before a time."""
        query = f"SELECT thread FROM {SCHEMA}.vaults WHERE used_at < %s ORDER BY 1"  # noqa: S608 - constant
        return tuple(row[0] for row in self._do(query, before))

    def close(self) -> None:
        """Close the connections."""
        self._pool.close(_TIMEOUT_S)

    def _do(self, query: str, *values: Any) -> list[Any]:
        with translated(_PLACE, self._errors), self._pool.connection() as connection:
            found: list[Any] = connection.execute(query.encode(), values).fetchall()
        return found


@contextmanager
def translated(
    place: str, errors: tuple[type[BaseException], ...] = (sqlite3.Error, OSError)
) -> Iterator[None]:
    """Turn what a store raises inside the block into the error of vaults that cannot be used."""
    try:
        yield
    except errors as error:
        raise RecordError(
            "record.vaults_unreadable",
            f"{place} cannot be read or written ({type(error).__name__}).",
            hint="Check it and its disk or server; until then placeholders of earlier turns become neutral words.",
        ) from error


def _connect(dsn: str) -> Any:
    psycopg, _ = _libraries()
    try:
        return psycopg.connect(dsn, **_NAMED)
    except psycopg.ProgrammingError:
        # Not chained: the message may quote the password.
        raise RecordError(
            "record.value",
            "The connection string of the vaults cannot be read.",
            hint="Give it as postgresql://USER@HOST:PORT/DATABASE.",
        ) from None


def _libraries() -> tuple[Any, Any]:
    try:
        import psycopg  # noqa: PLC0415 - an optional package
        import psycopg_pool  # noqa: PLC0415 - the same
    except ImportError as error:
        raise DependencyError(
            "dependency.library",
            "Vaults in PostgreSQL need packages that are not installed.",
            hint="Install cbtguard[postgres], or set vaults to memory.",
        ) from error
    return psycopg, psycopg_pool
