"""Connecting to a record in PostgreSQL, and laying it out where it is new."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cbtguard.safety.errors import DependencyError, RecordError
from cbtguard.safety.files import read_text
from cbtguard.safety.record.postgres_faults import EVIDENCE, translated

if TYPE_CHECKING:
    from psycopg import Connection

LAYOUT: Final = 1
"""Layout of the tables that this package reads and writes."""

LOCK: Final = 0x63627467
"""Key of the advisory lock that appends, and the laying out, take in turn."""

_SCRIPT: Final = Path(__file__).parent / "data" / "postgres.sql"
# Not by to_regclass: that may answer from a cache of the session, as it was before the lock.
_EXISTS: Final = """
    SELECT EXISTS (
        SELECT FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
        WHERE n.nspname = 'cbtguard_record' AND c.relname = 'layout'
    )
"""
_VERSION: Final = "SELECT version FROM cbtguard_record.layout"


def place_of(dsn: str) -> str:
    """Return how errors name a record: its database and host, and nothing else of the connection string.

    Raises:
        RecordError: ``record.value`` when it is no connection string.
        DependencyError: ``dependency.library`` without the package psycopg.
    """
    psycopg = _psycopg()
    try:
        parts = psycopg.conninfo.conninfo_to_dict(dsn)
    except psycopg.ProgrammingError:
        # Not chained: the message may quote the password.
        raise RecordError(
            "record.value",
            "The connection string of the record cannot be read.",
            hint="Give it as postgresql://USER@HOST:PORT/DATABASE; libpq's variables and files work too.",
        ) from None
    return (
        f"The record in the database {parts.get('dbname', 'by default')!r} on {parts.get('host', 'local')!r}"
    )


def connect(dsn: str, place: str, timeout_s: float) -> Connection[Any]:
    """Return a connection to a server, in autocommit, without prepared statements, as poolers ask.

    Raises:
        RecordError: ``record.unreadable``.
    """
    psycopg = _psycopg()
    with translated(place):
        connection: Connection[Any] = psycopg.connect(
            dsn,
            autocommit=True,
            prepare_threshold=None,
            client_encoding="utf8",
            application_name="cbtguard record",
            # libpq takes 0 for ever and 1 for 2.
            connect_timeout=max(2, math.ceil(timeout_s)),
        )
    return connection


def lay_out(connection: Connection[Any], place: str, *, make: bool = True) -> None:
    """Make the tables of a record where there are none, and see that they are of this layout.

    Raises:
        RecordError: ``record.missing`` where there are none and none are to be made; ``record.version``;
            ``record.unreadable`` where the role may not make them; ``record.corrupt``.
    """
    with translated(place):
        exists = _one(connection, _EXISTS)
        if not exists and not make:
            raise RecordError(
                "record.missing", f"{place} is not there.", hint="Ask something first, or name another."
            )
        if not exists:
            connection.isolation_level = _psycopg().IsolationLevel.READ_COMMITTED
            with connection.transaction():
                connection.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
                # Another process may have done it meanwhile.
                if not _one(connection, _EXISTS):
                    connection.execute(read_text(_SCRIPT).encode())
        version = _one(connection, _VERSION)
    if version != LAYOUT:
        raise RecordError(
            "record.version",
            f"{place} does not have layout {LAYOUT}.",
            hint=f"Use the version of cbtguard that wrote it, or another database. {EVIDENCE}",
        )


def _one(connection: Connection[Any], query: str) -> Any:
    row = connection.execute(query.encode()).fetchone()
    return None if row is None else row[0]


def _psycopg() -> Any:
    try:
        import psycopg  # noqa: PLC0415 - an optional package
        import psycopg.conninfo  # noqa: PLC0415 - the same
    except ImportError as error:
        raise DependencyError(
            "dependency.library",
            "A record in PostgreSQL needs the package psycopg, which is not installed.",
            hint="Install cbtguard[postgres], or set record to sqlite.",
        ) from error
    return psycopg
