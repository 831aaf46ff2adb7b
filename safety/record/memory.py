"""A record that lives as long as the process: for embedding and for tests."""

from __future__ import annotations

import threading
from itertools import islice
from typing import TYPE_CHECKING, Self

from cbtguard.safety.record.chain import GENESIS, Head, Row, seal, unseal
from cbtguard.safety.record.store import RecordStore, check_window, closed_error
from cbtguard.safety.record.walk import check_chain

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cbtguard.safety.record.anchor import Anchor
    from cbtguard.safety.record.entry import StoredEntry, TurnEntry
    from cbtguard.safety.record.report import ChainReport
    from cbtguard.safety.record.signing import PublicKeys, SigningKey


class MemoryRecord(RecordStore):
    """The chain in memory: the same entries, hashes and checks as on disk, and nothing kept at the end.

    Args:
        key: Key that signs each entry; None for a record without signatures.
    """

    name = "memory"

    def __init__(self, *, key: SigningKey | None = None) -> None:
        self._key = key
        self._rows: list[Row] = []
        self._head = Head(0, GENESIS, 0)
        self._hash = GENESIS
        self._lock = threading.Lock()
        self._closed = False

    def append(self, entry: TurnEntry) -> StoredEntry:
        """Seal an entry onto the chain; see `RecordStore.append`."""
        with self._lock:
            self._check_open()
            stored, row = seal(len(self._rows) + 1, self._hash, entry, self._key)
            self._rows.append(row)
            self._hash = stored.hash
            self._head = Head(stored.seq, stored.hash, stored.seq)
            return stored

    def entries(self, *, start: int = 1, limit: int | None = None) -> Iterator[StoredEntry]:
        """Return the entries of this moment; see `RecordStore.entries`."""
        check_window(start, limit)
        rows, _ = self._snapshot()
        return (unseal(row) for row in islice(rows, start - 1, None if limit is None else start - 1 + limit))

    def verify(
        self,
        *,
        expected_head: str | None = None,
        anchors: Iterable[Anchor] = (),
        keys: PublicKeys | None = None,
    ) -> ChainReport:
        """Walk the chain; see `RecordStore.verify`."""
        rows, head = self._snapshot()
        return check_chain(rows, head=head, expected_head=expected_head, anchors=anchors, keys=keys)

    def close(self) -> None:
        """Let go of the entries."""
        with self._lock:
            self._closed = True
            self._rows = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _snapshot(self) -> tuple[list[Row], Head]:
        with self._lock:
            self._check_open()
            return list(self._rows), self._head

    def _check_open(self) -> None:
        if self._closed:
            raise closed_error()
