"""The record in PostgreSQL: the same chain, for several machines that write one record."""

from __future__ import annotations

import os
import threading
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Final, Self

from cbtguard.safety.record.chain import Row, seal, unseal
from cbtguard.safety.record.postgres_faults import EVIDENCE, is_damage, record_error, translated
from cbtguard.safety.record.postgres_rows import INSERT, KEPT, OPEN, ROWS, WINDOW, head_of, rows_of, snapshot
from cbtguard.safety.record.postgres_server import LOCK, connect, lay_out, place_of
from cbtguard.safety.record.store import (
    RecordStore,
    check_timeout,
    check_window,
    closed_error,
    forked_error,
    tip_of,
)
from cbtguard.safety.record.walk import Walk

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cbtguard.safety.record.anchor import Anchor
    from cbtguard.safety.record.entry import StoredEntry, TurnEntry
    from cbtguard.safety.record.report import ChainReport
    from cbtguard.safety.record.signing import PublicKeys, SigningKey

_LOST: Final = frozenset({"57P01", "57P02", "57P03"})
"""The server shuts down, crashed, or starts."""


class PostgresRecord(RecordStore):
    """The chain in the schema ``cbtguard_record`` of a PostgreSQL database, made when it is not there.

    Appends of all connections take turns under an advisory lock. An entry is on the server's disk when
    `append` returns, unless the server itself is set to ``fsync = off``.

    Args:
        dsn: Connection string of libpq. Errors and representations never show it.
        timeout_s: Seconds to wait for other writers at most, 0 to 3600; to connect, 2 or more.
        key: Key that signs each entry; None for a record without signatures.
        make: Make the tables where there are none, in place of refusing.

    Raises:
        RecordError: ``record.missing``, ``record.unreadable``, ``record.corrupt``, ``record.version``,
            ``record.locked``, ``record.full`` or ``record.value``.
        DependencyError: ``dependency.library`` without the package psycopg.
    """

    name = "postgres"

    def __init__(
        self, dsn: str, *, timeout_s: float = 5.0, key: SigningKey | None = None, make: bool = True
    ) -> None:
        check_timeout(timeout_s)
        self._place = place_of(dsn)
        self._dsn = dsn
        self._timeout_s = timeout_s
        self._key = key
        self._lock = threading.Lock()
        self._closed = False
        self._process = os.getpid()
        # A lock_timeout of 0 would wait for ever.
        milliseconds = max(1, int(timeout_s * 1000))
        self._open = OPEN.format(milliseconds=milliseconds, lock=LOCK).encode()
        self._connection = connect(dsn, self._place, timeout_s)
        try:
            lay_out(self._connection, self._place, make=make)
        except BaseException:
            self._connection.close()
            raise

    def append(self, entry: TurnEntry) -> StoredEntry:
        """Seal an entry onto the chain; when it returns the entry is kept.

        A connection that was lost is made anew once. Where it is lost in the middle of the commit and the
        server stays away, nobody can tell whether the entry was kept; the error then is
        ``record.unreadable``.

        Raises:
            RecordError: ``record.text`` or ``record.value`` for an unfit entry; ``record.locked``,
                ``record.full``, ``record.unreadable``; ``record.corrupt`` where the tail and the head do
                not match: nothing is built on a broken chain.
        """
        [stored] = self.extend((entry,))
        return stored

    def extend(self, entries: Iterable[TurnEntry]) -> list[StoredEntry]:
        """Seal several entries onto the chain in one transaction: all of them, or none.

        For a record that is moved from elsewhere; a turn appends its own entry.

        Raises:
            RecordError: As `append`.
        """
        self._check_process()
        batch = list(entries)
        with self._lock:
            self._check_open()
            kept: list[StoredEntry] = []
            try:
                return self._extend(batch, kept)
            except _LostError:
                with translated(self._place):
                    self._connection = connect(self._dsn, self._place, self._timeout_s)
            try:
                return self._extend(batch, kept)
            except _LostError as lost:
                raise record_error(self._place, None, lost.cause) from lost

    def entries(self, *, start: int = 1, limit: int | None = None) -> Iterator[StoredEntry]:
        """Return the entries of the moment when reading begins; see `RecordStore.entries`."""
        check_window(start, limit)
        self._check_process()
        self._check_open()
        return self._read(start, limit)

    def verify(
        self,
        *,
        expected_head: str | None = None,
        anchors: Iterable[Anchor] = (),
        keys: PublicKeys | None = None,
    ) -> ChainReport:
        """Walk the chain as the server gives it, in one snapshot; see `RecordStore.verify`.

        Damage inside the tables is part of the report.
        """
        import psycopg  # noqa: PLC0415 - an optional package

        self._check_process()
        self._check_open()
        connection = connect(self._dsn, self._place, self._timeout_s)
        with closing(connection), translated(self._place), snapshot(connection):
            walk = Walk(head=head_of(connection), expected_head=expected_head, anchors=anchors, keys=keys)
            try:
                for row in rows_of(connection, ROWS):
                    if not walk.step(Row(*row)):
                        break
            except psycopg.Error as error:
                if not is_damage(error.sqlstate):
                    raise
                walk.damaged()
            except UnicodeDecodeError:
                walk.damaged()
            return walk.report()

    def close(self) -> None:
        """Close the connection. A second call does nothing."""
        # What a forked child inherited, the lock included, is not its own to use.
        if self._process == os.getpid():
            with self._lock:
                self._closed = True
                self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return "PostgresRecord(...)"

    def _extend(self, batch: list[TurnEntry], kept: list[StoredEntry]) -> list[StoredEntry]:
        import psycopg  # noqa: PLC0415 - an optional package

        connection = self._connection
        try:
            cursor = connection.execute(self._open)
            while cursor.nextset():
                pass
            tip = cursor.fetchone()
            if kept and connection.execute(KEPT, (kept[-1].seq, kept[-1].hash)).fetchone():
                # The connection was lost after the server had kept them.
                return kept
            kept.clear()
            seq, prev_hash = tip_of(tip, self._place, EVIDENCE)
            for entry in batch:
                stored, row = seal(seq + 1, prev_hash, entry, self._key)
                connection.execute(INSERT, row)
                kept.append(stored)
                seq, prev_hash = stored.seq, stored.hash
            connection.execute(b"COMMIT")
        except psycopg.OperationalError as error:
            if connection.closed or error.sqlstate in _LOST:
                connection.close()
                raise _LostError(type(error).__name__) from error
            raise record_error(self._place, error.sqlstate, type(error).__name__) from error
        except psycopg.Error as error:
            raise record_error(self._place, error.sqlstate, type(error).__name__) from error
        finally:
            if not connection.closed and connection.info.transaction_status:
                # The first error tells; a rollback that fails leaves nothing on the server either.
                with suppress(psycopg.Error):
                    connection.execute(b"ROLLBACK")
        return kept

    def _read(self, start: int, limit: int | None) -> Iterator[StoredEntry]:
        with (
            closing(connect(self._dsn, self._place, self._timeout_s)) as connection,
            translated(self._place),
            snapshot(connection),
        ):
            for row in rows_of(connection, WINDOW, (start, limit)):
                yield unseal(Row(*row))

    def _check_open(self) -> None:
        if self._closed:
            raise closed_error()

    def _check_process(self) -> None:
        if self._process != os.getpid():
            raise forked_error()


class _LostError(Exception):
    """The connection was lost."""

    def __init__(self, cause: str) -> None:
        super().__init__(cause)
        self.cause = cause
