"""Opening a record file: what it may be, how a new one is laid out, and how each connection is set."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from cbtguard.safety.errors import RecordError
from cbtguard.safety.files import read_text
from cbtguard.safety.record.faults import EVIDENCE, is_locked, translated, unreadable

SCHEMA_VERSION: Final = 2
"""Layout of the file that this package writes, in ``PRAGMA user_version``. It brings layout 1 up to it."""

APPLICATION_ID: Final = 0x63627467
"""Mark of a record file, in ``PRAGMA application_id``."""

_SCHEMA: Final = Path(__file__).parent / "data" / "schema.sql"
_RETRY_S: Final = 0.01
_LEAST_BYTES: Final = 512


def open_for_append(path: Path, timeout_s: float) -> sqlite3.Connection:
    """Open a record file, laying it out when it is new, for durable appends.

    Raises:
        RecordError: ``record.unreadable``, ``record.corrupt``, ``record.version``, ``record.locked`` or
            ``record.full``.
    """
    _check_place(path)
    with translated(path):
        connection = _connect(path, timeout_s)
        try:
            version = _layout_of(path, connection)
            if version == 0:
                _lay_out(path, connection, timeout_s)
            elif version < SCHEMA_VERSION:
                _bring_up(path, connection)
            _to_wal(path, connection, timeout_s)
            connection.execute("PRAGMA synchronous = FULL")
            # Only macOS heeds this one: there a plain fsync stops at the drive's cache.
            connection.execute("PRAGMA fullfsync = ON")
        except BaseException:
            connection.close()
            raise
    return connection


def open_for_reading(path: Path, timeout_s: float) -> sqlite3.Connection:
    """Open a record file that is there, with a cache of its own, so that what is read is what is on disk.

    Raises:
        RecordError: As `open_for_append`.
    """
    with translated(path):
        connection = _connect(path, timeout_s)
        try:
            version = _layout_of(path, connection)
            connection.execute("PRAGMA query_only = ON")
        except BaseException:
            connection.close()
            raise
    if version != SCHEMA_VERSION:
        connection.close()
        raise _foreign(path)
    return connection


def _check_place(path: Path) -> None:
    try:
        # Only the owner may read a record; SQLite gives its side files the same mode.
        with suppress(FileExistsError):
            path.touch(mode=0o600, exist_ok=False)
        fit = path.is_file()
    except OSError as error:
        raise unreadable(path, type(error).__name__) from error
    if not fit:
        raise unreadable(path, "not a regular file")
    # Opening and closing the file here would drop the locks that this process holds on it elsewhere.
    if not os.access(path, os.R_OK | os.W_OK):
        raise unreadable(path, "no permission to read and write")


def _connect(path: Path, timeout_s: float) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw",
        uri=True,
        timeout=timeout_s,
        isolation_level=None,
        check_same_thread=False,
    )
    connection.text_factory = _text
    return connection


def _text(raw: bytes) -> str:
    # Damaged text must reach the check of the chain instead of stopping the read.
    return raw.decode("utf-8", "surrogateescape")


def _layout_of(path: Path, connection: sqlite3.Connection) -> int:
    """Return the layout of a record file, 0 for a file without content."""
    try:
        size = path.stat().st_size
    except OSError as error:
        raise unreadable(path, type(error).__name__) from error
    if 0 < size < _LEAST_BYTES:
        # SQLite takes a file of less than a page for an empty one and writes over it.
        raise RecordError("record.corrupt", f"The file {path} is not a record.", hint=EVIDENCE)
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if application == APPLICATION_ID and 1 <= version <= SCHEMA_VERSION:
        return version
    objects = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if (application, version, objects) == (0, 0, 0):
        return 0
    raise _foreign(path)


def _foreign(path: Path) -> RecordError:
    return RecordError(
        "record.version",
        f"The file {path} does not have layout {SCHEMA_VERSION} of a record.",
        hint=f"Use the version of cbtguard that wrote it, or another path. {EVIDENCE}",
    )


def _lay_out(path: Path, connection: sqlite3.Connection, timeout_s: float) -> None:
    _to_wal(path, connection, timeout_s)
    connection.executescript(read_text(_SCHEMA))


def _bring_up(path: Path, connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Another process may have done it meanwhile.
        if _layout_of(path, connection) == 1:
            connection.execute(
                "ALTER TABLE entries ADD COLUMN signature TEXT"
                " CHECK (signature IS NULL OR typeof(signature) = 'text')"
            )
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _to_wal(path: Path, connection: sqlite3.Connection, timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        except sqlite3.OperationalError as error:
            # SQLite does not wait by itself when two connections change the mode at once.
            if not is_locked(error) or time.monotonic() >= deadline:
                raise
            time.sleep(_RETRY_S)
        else:
            if mode != "wal":
                raise unreadable(path, "its disk does not support a write-ahead log")
            return
