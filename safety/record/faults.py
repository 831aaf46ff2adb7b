"""From SQLite's result codes to the record's errors, each with the way out."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TypeAlias

from cbtguard.safety.errors import RecordError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

EVIDENCE: Final = (
    "Move the file and its -wal and -shm files aside, keep them as evidence and start a new record."
)

_LOCKED: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
# SQLITE_ERROR is what a missing table or column gives, SQLITE_CONSTRAINT what rows that contradict the head
# give, SQLITE_SCHEMA and SQLITE_MISMATCH what a schema written by someone else gives.
_CORRUPT: Final = frozenset(
    {
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_ERROR,
        sqlite3.SQLITE_CONSTRAINT,
        sqlite3.SQLITE_SCHEMA,
        sqlite3.SQLITE_MISMATCH,
    }
)


FileFault: TypeAlias = sqlite3.Error | UnicodeDecodeError
"""What reading a file can raise; the second where SQLite's own message quotes a damaged schema."""

FILE_FAULTS: Final = (sqlite3.Error, UnicodeDecodeError)
"""The same as a tuple, for ``except``."""


def primary_code(error: FileFault) -> int | None:
    """Return SQLite's primary result code of an error, or None where Python itself raised it."""
    if isinstance(error, UnicodeDecodeError):
        return sqlite3.SQLITE_CORRUPT
    code = getattr(error, "sqlite_errorcode", None)
    return code & 0xFF if isinstance(code, int) else None


def is_locked(error: FileFault) -> bool:
    """Return whether the error says that another connection holds the file."""
    return primary_code(error) in _LOCKED


def is_damage(error: FileFault) -> bool:
    """Return whether the error says that the file's content is not what a record holds."""
    return primary_code(error) in _CORRUPT


def record_error(path: Path, error: FileFault) -> RecordError:
    """Return the record's error for one of SQLite's."""
    name = getattr(error, "sqlite_errorname", type(error).__name__)
    code = primary_code(error)
    if code in _LOCKED:
        return RecordError(
            "record.locked",
            f"The record {path} stayed locked beyond the timeout ({name}).",
            hint="Find the process that holds it, or give a longer timeout; at worst start a new record.",
        )
    if code == sqlite3.SQLITE_FULL:
        return RecordError(
            "record.full",
            f"There is no space left for the record {path} ({name}).",
            hint="Free space on its disk, or keep the file as evidence and start a new record elsewhere.",
        )
    if code in _CORRUPT:
        return RecordError(
            "record.corrupt", f"The file {path} is damaged or is not a record ({name}).", hint=EVIDENCE
        )
    return unreadable(path, name)


def unreadable(path: Path, cause: str) -> RecordError:
    """Return the error for a file that cannot be opened, read or written at all."""
    return RecordError(
        "record.unreadable",
        f"The record {path} cannot be read or written ({cause}).",
        hint="Check the path, its folder, its permissions and its disk; or start a new record elsewhere.",
    )


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn every error of SQLite inside the block into the record's."""
    try:
        yield
    except FILE_FAULTS as error:
        raise record_error(path, error) from error
