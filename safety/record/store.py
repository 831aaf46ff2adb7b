"""What a record store does, whatever it keeps its entries in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

from cbtguard.safety.errors import RecordError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cbtguard.safety.record.anchor import Anchor
    from cbtguard.safety.record.entry import StoredEntry, TurnEntry
    from cbtguard.safety.record.report import ChainReport
    from cbtguard.safety.record.signing import PublicKeys

MAX_TIMEOUT_S: Final = 3600.0
"""Longest wait for other connections, in seconds."""


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

    def verify(
        self,
        *,
        expected_head: str | None = None,
        anchors: Iterable[Anchor] = (),
        keys: PublicKeys | None = None,
    ) -> ChainReport:
        """Walk the whole chain in constant memory and report the first break.

        Args:
            expected_head: A head (64 hex digits) noted earlier outside the store. Without it or an anchor a
                tail that was cut together with the head cannot be told from a good one.
            anchors: Heads noted earlier outside the store, with their places.
            keys: Public keys that must have signed the entries. Without them or an anchor a chain written
                anew cannot be told from a good one.

        Raises:
            RecordError: When nothing can be opened; ``record.value`` when the expected head is no hash;
                ``record.anchor`` when an anchor's signature is by none of the keys.
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


def tip_of(row: Any, place: str, hint: str) -> tuple[int, str]:
    """Return place and hash that the next entry follows.

    Args:
        row: Place, hash and count of the head, the last place among the entries, and the hash of the entry
            at the head's place; None where there is no head.
        place: Which record it is, for the error.
        hint: What to do with a record that is broken.

    Raises:
        RecordError: ``record.corrupt`` where they do not match: nothing is built on a broken chain.
    """
    if row is not None:
        seq, own, count, last, last_hash = row
        if seq == count == (last or 0) and (last is None or own == last_hash):
            return seq, own
    raise RecordError(
        "record.corrupt",
        f"The head of {place} does not match its last entry.",
        hint=f"Run verify. {hint}",
    )


def closed_error() -> RecordError:
    """Return the error for the use of a store after `close`."""
    return RecordError("record.closed", "The record was closed.", hint="Open the record again.")


def forked_error() -> RecordError:
    """Return the error for the use of a store in another process than the one that opened it."""
    return RecordError(
        "record.forked",
        "The record was opened in another process.",
        hint="Open the record in the process that uses it, after it has forked.",
    )


def check_timeout(timeout_s: float) -> None:
    """Refuse an impossible timeout.

    Raises:
        RecordError: ``record.value``.
    """
    if not 0 <= timeout_s <= MAX_TIMEOUT_S:
        raise RecordError(
            "record.value",
            "The record's timeout is out of range.",
            hint=f"Give 0 to {MAX_TIMEOUT_S:g} seconds.",
        )
