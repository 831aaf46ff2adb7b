"""What a record store does, whatever it keeps its entries in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from cbtguard.safety.errors import RecordError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cbtguard.safety.record.entry import StoredEntry, TurnEntry
    from cbtguard.safety.record.walk import ChainReport


class RecordStore(Protocol):
    """An append-only, hash-chained record of turns, safe to share between threads.

    Attributes:
        name: Name of the kind of store.
    """

    name: str

    def append(self, entry: TurnEntry) -> StoredEntry:
        """Seal an entry onto the chain. Blocks; when it returns the entry is kept.

        Raises:
            RecordError: When the entry could not be kept; nothing of it is then stored.
        """
        ...

    def entries(self, *, start: int = 1, limit: int | None = None) -> Iterator[StoredEntry]:
        """Return the entries from place `start` (1 or more) on, at most `limit` (0 or more; None: all).

        Raises:
            RecordError: ``record.value`` for an impossible start or limit, ``record.corrupt`` at an entry
                that cannot be read.
        """
        ...

    def verify(self, *, expected_head: str | None = None) -> ChainReport:
        """Walk the whole chain in constant memory and report the first break.

        Args:
            expected_head: A head (64 hex digits) noted earlier outside the store. Without it a tail that
                was cut together with the head, and a chain written anew, cannot be told from a good one.

        Raises:
            RecordError: When nothing can be opened, or ``record.value`` when the anchor is no hash.
        """
        ...

    def close(self) -> None:
        """Let go of the store. A second call does nothing; every other method then raises."""
        ...


def check_window(start: int, limit: int | None) -> None:
    """Refuse an impossible window of entries.

    Raises:
        RecordError: ``record.value``.
    """
    if start < 1 or (limit is not None and limit < 0):
        raise RecordError(
            "record.value",
            "The start or the limit of the entries to read is out of range.",
            hint="Give a start of 1 or more and a limit of 0 or more.",
        )


def closed_error() -> RecordError:
    """Return the error for the use of a store after `close`."""
    return RecordError("record.closed", "The record was closed.", hint="Open the record again.")
