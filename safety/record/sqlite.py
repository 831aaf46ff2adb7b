"""The record in one SQLite file, durable and shared by many threads and processes.

The file lies on a local disk: a write-ahead log does not work over a network share. The entries of the
last moments may still lie in the ``-wal`` file next to it, which belongs to the record: without it the tail
is gone together with the head, and only an anchor (`verify` with `expected_head`) shows that.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING, Final, Self

from cbtguard.safety.record.chain import Head, Row, seal, unseal
from cbtguard.safety.record.faults import EVIDENCE, FILE_FAULTS, is_damage, translated, unreadable
from cbtguard.safety.record.sqlite_file import open_for_append, open_for_reading
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
    from pathlib import Path

    from cbtguard.safety.record.anchor import Anchor
    from cbtguard.safety.record.entry import StoredEntry, TurnEntry
    from cbtguard.safety.record.report import ChainReport
    from cbtguard.safety.record.signing import PublicKeys, SigningKey

_TIP: Final = """
    SELECT seq, hash, count, (SELECT max(seq) FROM entries), (SELECT hash FROM entries WHERE seq = head.seq)
    FROM head WHERE id = 1
"""
_COLUMNS: Final = "seq, record_id, prev_hash, hash, entry, signature"
_INSERT: Final = f"INSERT INTO entries ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)"  # noqa: S608 - names of columns
_ADVANCE: Final = "UPDATE head SET seq = ?, hash = ?, count = count + 1 WHERE id = 1"
_ROWS: Final = f"SELECT {_COLUMNS} FROM entries ORDER BY seq"  # noqa: S608 - the same
_WINDOW: Final = f"SELECT {_COLUMNS} FROM entries WHERE seq >= ? ORDER BY seq LIMIT ?"  # noqa: S608 - the same


class SqliteRecord(RecordStore):
    """The chain in a SQLite file with a write-ahead log and a full sync at each append.

    Args:
        path: The file; it is made when it is not there, readable by its owner only. Its folder must exist.
        timeout_s: Seconds to wait for other connections at most, 0 to 3600.
        key: Key that signs each entry; None for a record without signatures.

    Raises:
        RecordError: ``record.unreadable``, ``record.corrupt``, ``record.version``, ``record.locked``,
            ``record.full`` or ``record.value``.
    """

    name = "sqlite"

    def __init__(self, path: Path, *, timeout_s: float = 5.0, key: SigningKey | None = None) -> None:
        check_timeout(timeout_s)
        self.path = path
        self._key = key
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        self._closed = False
        self._process = os.getpid()
        self._connection = open_for_append(path, timeout_s)
        self._file = _file_of(path)

    def append(self, entry: TurnEntry) -> StoredEntry:
        """Seal an entry onto the chain; when it returns the entry is on the disk.

        Raises:
            RecordError: ``record.text`` or ``record.value`` for an unfit entry; ``record.locked``,
                ``record.full``, ``record.unreadable``; ``record.corrupt`` where the tail and the head do
                not match: nothing is built on a broken chain. Nothing of the entry is then stored.
        """
        [stored] = self.extend((entry,))
        return stored

    def extend(self, entries: Iterable[TurnEntry]) -> list[StoredEntry]:
        """Seal several entries onto the chain with one sync to the disk: all of them, or none.

        For a record that is moved from elsewhere; a turn appends its own entry.

        Raises:
            RecordError: As `append`.
        """
        self._check_process()
        with self._lock:
            self._check_open()
            if _file_of(self.path) != self._file:
                raise unreadable(self.path, "the file was moved or replaced")
            kept: list[StoredEntry] = []
            with translated(self.path), _transaction(self._connection) as connection:
                tip = connection.execute(_TIP).fetchone()
                seq, prev_hash = tip_of(tip, f"the record {self.path}", EVIDENCE)
                for entry in entries:
                    stored, row = seal(seq + 1, prev_hash, entry, self._key)
                    connection.execute(_INSERT, row)
                    connection.execute(_ADVANCE, (stored.seq, stored.hash))
                    kept.append(stored)
                    seq, prev_hash = stored.seq, stored.hash
            return kept

    def entries(self, *, start: int = 1, limit: int | None = None) -> Iterator[StoredEntry]:
        """Return the entries of the moment when reading begins; see `RecordStore.entries`."""
        check_window(start, limit)
        self._check_process()
        self._check_open()
        return self._read(start, -1 if limit is None else limit)

    def verify(
        self,
        *,
        expected_head: str | None = None,
        anchors: Iterable[Anchor] = (),
        keys: PublicKeys | None = None,
    ) -> ChainReport:
        """Walk the chain as it lies on the disk, in one snapshot; see `RecordStore.verify`.

        Damage inside the data is part of the report.
        """
        self._check_process()
        self._check_open()
        with closing(open_for_reading(self.path, self._timeout_s)) as connection, translated(self.path):
            connection.execute("BEGIN")
            walk = Walk(head=_head_of(connection), expected_head=expected_head, anchors=anchors, keys=keys)
            try:
                for row in connection.execute(_ROWS):
                    if not walk.step(Row(*row)):
                        break
            except FILE_FAULTS as error:
                if not is_damage(error):
                    raise
                walk.damaged()
            return walk.report()

    def close(self) -> None:
        """Close the file. A second call does nothing."""
        # What a forked child inherited, the lock included, is not its own to use.
        if self._process == os.getpid():
            with self._lock:
                self._closed = True
                self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read(self, start: int, limit: int) -> Iterator[StoredEntry]:
        with closing(open_for_reading(self.path, self._timeout_s)) as connection, translated(self.path):
            for row in connection.execute(_WINDOW, (start, limit)):
                yield unseal(Row(*row))

    def _check_open(self) -> None:
        if self._closed:
            raise closed_error()

    def _check_process(self) -> None:
        if self._process != os.getpid():
            raise forked_error()


def _file_of(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _head_of(connection: sqlite3.Connection) -> Head:
    try:
        row = connection.execute("SELECT seq, hash, count FROM head WHERE id = 1").fetchone()
    except FILE_FAULTS as error:
        if not is_damage(error):
            raise
        row = None
    return Head(None, None, None) if row is None else Head(*row)


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            # The first error tells; a rollback that fails leaves nothing in the file either.
            with suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
