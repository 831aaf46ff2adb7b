"""From PostgreSQL's SQLSTATE codes to the record's errors, each with the way out and none with a password."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from cbtguard.safety.errors import RecordError

if TYPE_CHECKING:
    from collections.abc import Iterator

EVIDENCE: Final = "Keep a dump of the schema cbtguard_record as evidence, rename it and start a new record."

_LOCKED: Final = frozenset({"55P03", "57014", "40P01", "40001"})
"""Lock not available, query cancelled by the timeout, deadlock, serialisation failure."""
_FULL: Final = frozenset({"53100"})
_CORRUPT: Final = frozenset({"42P01", "42703", "42883", "42804", "3F000", "XX001", "XX002"})
"""A table, column, function or schema that is gone or of another kind; damaged data or index."""
_CORRUPT_CLASS: Final = "23"
"""Integrity: rows that contradict the head, or a trigger that refused."""


def is_damage(state: str | None) -> bool:
    """Return whether an SQLSTATE says that the tables do not hold what a record holds."""
    return state is not None and (state in _CORRUPT or state.startswith(_CORRUPT_CLASS))


def record_error(place: str, state: str | None, name: str) -> RecordError:
    """Return the record's error for an SQLSTATE (None: the connection was refused or lost)."""
    cause = f"{name} {state}" if state else name
    if state in _LOCKED:
        return RecordError(
            "record.locked",
            f"{place} stayed locked beyond the timeout ({cause}).",
            hint="Find the session that holds it in pg_stat_activity, or give a longer timeout.",
        )
    if state in _FULL:
        return RecordError(
            "record.full",
            f"There is no space left for {place[0].lower()}{place[1:]} ({cause}).",
            hint="Free space on the server's disk.",
        )
    if is_damage(state):
        return RecordError(
            "record.corrupt",
            f"{place} is damaged or is not a record ({cause}).",
            hint=f"Run verify. {EVIDENCE}",
        )
    return RecordError(
        "record.unreadable",
        f"{place} cannot be read or written ({cause}).",
        hint="Check the server, the connection string, and that its role may use the schema cbtguard_record.",
    )


@contextmanager
def translated(place: str) -> Iterator[None]:
    """Turn every error of psycopg inside the block into the record's."""
    import psycopg  # noqa: PLC0415 - an optional package

    try:
        yield
    except psycopg.Error as error:
        raise record_error(place, error.sqlstate, type(error).__name__) from error
    except UnicodeDecodeError as error:
        raise record_error(place, "XX001", type(error).__name__) from error
