"""What is said to the server: the statements of an append, and the reading of rows in one snapshot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from cbtguard.safety.record.chain import Head
from cbtguard.safety.record.postgres_faults import is_damage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from psycopg import Connection

# One message to the server. The lock comes first and the tip is read after it, in a snapshot of its own.
OPEN: Final = """
    BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;
    SET LOCAL lock_timeout = {milliseconds};
    SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') = 'off';
    SELECT pg_advisory_xact_lock({lock});
    SELECT seq, hash, count, (SELECT max(seq) FROM cbtguard_record.entries),
        (SELECT hash FROM cbtguard_record.entries WHERE seq = head.seq)
    FROM cbtguard_record.head AS head WHERE id = 1
"""
INSERT: Final = (
    b"INSERT INTO cbtguard_record.entries (seq, record_id, prev_hash, hash, entry, signature)"
    b" VALUES (%s, %s, %s, %s, %s, %s)"
)
KEPT: Final = b"SELECT 1 FROM cbtguard_record.entries WHERE seq = %s AND hash = %s"
_HEAD: Final = b"SELECT seq, hash, count FROM cbtguard_record.head WHERE id = 1"
WINDOW: Final = (
    b"SELECT seq, record_id, prev_hash, hash, entry, signature FROM cbtguard_record.entries"
    b" WHERE seq >= %s ORDER BY seq LIMIT %s"
)
ROWS: Final = (
    b"SELECT seq, record_id, prev_hash, hash, entry, signature FROM cbtguard_record.entries ORDER BY seq"
)
_AT_ONCE: Final = 1000
"""Rows that a walk fetches at a time."""


def snapshot(connection: Connection[Any]) -> AbstractContextManager[Any]:
    """Return a transaction that only reads, and sees one moment throughout."""
    import psycopg  # noqa: PLC0415 - an optional package

    connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    connection.read_only = True
    return connection.transaction()


def rows_of(
    connection: Connection[Any], query: bytes, values: tuple[Any, ...] = ()
) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a query inside a transaction, in constant memory."""
    with connection.cursor(name="walk", binary=True) as cursor:
        cursor.itersize = _AT_ONCE
        yield from cursor.execute(query, values)


def head_of(connection: Connection[Any]) -> Head:
    """Return the head of a record, empty where it is gone."""
    import psycopg  # noqa: PLC0415 - an optional package

    row = None
    try:
        # A savepoint: where the head is gone, the entries can still be read.
        with connection.transaction():
            row = connection.execute(_HEAD).fetchone()
    except psycopg.Error as error:
        if not is_damage(error.sqlstate):
            raise
    return Head(None, None, None) if row is None else Head(*row)
