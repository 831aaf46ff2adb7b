"""Walking a chain and judging it, one row at a time.

What a chain cannot show by itself: whoever can write the record can cut the tail and set the head back, or
compute the whole chain anew. Both give another head. So note an anchor now and then in a place that the
writer of the record cannot reach: it stays good while the record grows. Signatures show a chain that was
written anew by somebody without the key; a tail that was cut has good signatures, and needs an anchor still.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cbtguard.safety.errors import RecordError
from cbtguard.safety.record.anchor import Anchor, is_hash
from cbtguard.safety.record.chain import GENESIS, Head, Row, canonical, is_entry, link, record_id_of
from cbtguard.safety.record.report import ChainBreak, ChainReport

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cbtguard.safety.record.entry import StoredEntry
    from cbtguard.safety.record.signing import PublicKeys


def check_chain(
    rows: Iterable[Row],
    *,
    head: Head | None,
    expected_head: str | None = None,
    anchors: Iterable[Anchor] = (),
    keys: PublicKeys | None = None,
) -> ChainReport:
    """Walk stored rows in order of `seq`, in constant memory, and judge them.

    Args:
        rows: The rows.
        head: What the store knows of its last entry; None when a head was never kept.
        expected_head: A head noted earlier, 64 hex digits, at whichever place.
        anchors: Heads noted earlier with their places.
        keys: Public keys that must have signed the entries.

    Raises:
        RecordError: ``record.value`` when the expected head is no hash, ``record.anchor`` when an anchor has
            a signature that is by none of the keys.
    """
    walk = Walk(head=head, expected_head=expected_head, anchors=anchors, keys=keys)
    for row in rows:
        if not walk.step(row):
            break
    return walk.report()


def verify_entries(
    entries: Iterable[StoredEntry],
    *,
    expected_head: str | None = None,
    anchors: Iterable[Anchor] = (),
    keys: PublicKeys | None = None,
) -> ChainReport:
    """Judge entries that were read from elsewhere, such as an export, from the first on.

    There is no head to hold them against: a cut tail shows only with an anchor or `expected_head`.
    """
    rows = (Row(e.seq, e.record_id, e.prev_hash, e.hash, canonical(e.entry), e.signature) for e in entries)
    return check_chain(rows, head=None, expected_head=expected_head, anchors=anchors, keys=keys)


class Walk:
    """A walk along a chain, one row after the other; it keeps three hashes and the findings."""

    def __init__(
        self,
        *,
        head: Head | None,
        expected_head: str | None,
        anchors: Iterable[Anchor] = (),
        keys: PublicKeys | None = None,
    ) -> None:
        if expected_head is not None and not is_hash(expected_head):
            raise RecordError(
                "record.value",
                "The expected head is not a hash.",
                hint="Give the 64 hex digits of a head that was noted earlier.",
            )
        self._head = head
        self._bound = _bound_of(head)
        self._wanted = expected_head
        self._seen = expected_head in {None, GENESIS}
        self._anchors: dict[int, set[str]] = {}
        for anchor in anchors:
            if keys is not None:
                anchor.check(keys)
            self._anchors.setdefault(anchor.seq, set()).add(anchor.hash)
        self._keys = keys
        self._signed = 0
        self._good = 0
        self._hash = GENESIS
        self._before = GENESIS
        self._vouched = (0, GENESIS)
        self._first_bad: int | None = None
        self._reason: ChainBreak | None = None

    def step(self, row: Row) -> bool:
        """Judge the next row; return whether to go on."""
        reason = self._judge_place(row) or self._judge_seal(row)
        if reason is not None:
            found = row.seq if isinstance(row.seq, int) else self._good + 1
            self._fail(reason, min(found, self._good + 1))
            return False
        if self._keys is not None and not self._judge_signature(row, self._keys):
            return False
        self._before, self._hash = self._hash, str(row.hash)
        self._good += 1
        self._seen = self._seen or self._hash == self._wanted
        return True

    def damaged(self) -> None:
        """Note that the next row cannot be read."""
        self._fail(ChainBreak.DAMAGED, self._good + 1)

    def report(self) -> ChainReport:
        """Hold the rows against the head, the anchors and the keys and return the findings."""
        if self._reason is None:
            self._judge_head()
        if self._reason is None and (not self._seen or max(self._anchors, default=0) > self._good):
            self._fail(ChainBreak.ANCHOR, self._good + 1)
        if self._reason is None and self._keys is not None and self._vouched[0] < self._good:
            self._unvouched(ChainBreak.UNSIGNED)
        return ChainReport(
            entries=self._good,
            ok=self._reason is None,
            first_bad=self._first_bad,
            reason=self._reason,
            head=self._hash,
            signed=self._signed,
        )

    def _judge_place(self, row: Row) -> ChainBreak | None:
        place = self._good + 1
        if not isinstance(row.seq, int) or row.seq < place:
            return ChainBreak.INSERTED
        if row.seq > place:
            return ChainBreak.MISSING
        return ChainBreak.INSERTED if self._bound is not None and place > self._bound else None

    def _judge_seal(self, row: Row) -> ChainBreak | None:
        place = self._good + 1
        if row.prev_hash != self._hash:
            return ChainBreak.PREV_HASH
        if not isinstance(row.text, str) or row.hash != link(place, self._hash, row.text):
            return ChainBreak.HASH
        if row.record_id != record_id_of(place, str(row.hash)):
            return ChainBreak.RECORD_ID
        if not is_entry(row.text):
            return ChainBreak.ENTRY
        if place in self._anchors and self._anchors[place] != {row.hash}:
            return ChainBreak.ANCHOR
        return None

    def _judge_signature(self, row: Row, keys: PublicKeys) -> bool:
        place = self._good + 1
        if row.signature is None and self._signed == 0:
            # Kept before there was a key: the first signature vouches for the entries before it too.
            return True
        if not keys.fits(place, str(row.hash), row.signature):
            self._unvouched(ChainBreak.UNSIGNED if row.signature is None else ChainBreak.SIGNATURE)
            return False
        self._signed += 1
        self._vouched = (place, str(row.hash))
        return True

    def _unvouched(self, reason: ChainBreak) -> None:
        self._good, self._hash = self._vouched
        self._fail(reason, self._good + 1)

    def _judge_head(self) -> None:
        if self._head is None:
            return
        if self._bound is None:
            self._fail(ChainBreak.HEAD, None)
        elif self._bound > self._good:
            self._fail(ChainBreak.TRUNCATED, self._good + 1)
        elif self._head.hash != self._hash:
            if self._good == 0:
                self._fail(ChainBreak.HEAD, None)
                return
            # Either may have been changed, so the last entry is not vouched for.
            self._fail(ChainBreak.HEAD, self._good)
            self._good -= 1
            self._hash = self._before

    def _fail(self, reason: ChainBreak, first_bad: int | None) -> None:
        self._reason = reason
        self._first_bad = first_bad


def _bound_of(head: Head | None) -> int | None:
    if head is None or not isinstance(head.seq, int) or head.seq < 0:
        return None
    return head.seq if isinstance(head.total, int) and head.total == head.seq else None
