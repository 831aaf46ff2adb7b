"""Walking a chain and judging it, one row at a time.

What a chain cannot show by itself: whoever can write the file can cut the tail and set the head back, or
compute the whole chain anew. Both give another head. So note the head now and then in a place that the
writer of the file cannot reach, and hand it to `verify` as `expected_head`: an anchor stays good while the
record grows, since it must be the hash of some entry of the chain.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from cbtguard.safety.errors import RecordError
from cbtguard.safety.record.chain import GENESIS, Head, Row, canonical, link, parse, record_id_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cbtguard.safety.record.entry import StoredEntry

_HASH: Final = re.compile(r"[0-9a-f]{64}")


class ChainBreak(StrEnum):
    """Why a chain does not verify."""

    MISSING = "missing"
    """An entry between two others, or the first, is gone."""
    INSERTED = "inserted"
    """There is an entry that the head does not know, or one before the first place."""
    PREV_HASH = "prev_hash"
    """The entry does not follow the one before it."""
    HASH = "hash"
    """The entry is not what was sealed: its text or its hash was changed."""
    RECORD_ID = "record_id"
    """The entry's id was changed."""
    ENTRY = "entry"
    """The hash fits, but the text is no entry that this package writes."""
    TRUNCATED = "truncated"
    """Entries at the end are gone: the head knows more of them."""
    HEAD = "head"
    """The head is gone, malformed, or does not match the last entry."""
    DAMAGED = "damaged"
    """The file cannot be read on from this place."""
    ANCHOR = "anchor"
    """The expected head is the hash of no entry: the tail was cut or the chain was written anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainReport:
    """What a walk along a chain found.

    Attributes:
        entries: Entries found good, from the first up to the first bad one.
        ok: Whether every entry, the head and the anchor, where one was given, fit.
        first_bad: Place of the first entry that is bad or gone, below 1 where one was slipped in before the
            first; None when all is well or when no single entry is at fault, as with a malformed head.
        reason: Why the chain does not verify, or None.
        head: Hash of the last good entry; 64 zeros when there is none.
    """

    entries: int
    ok: bool
    first_bad: int | None
    reason: ChainBreak | None
    head: str


def check_chain(rows: Iterable[Row], *, head: Head | None, expected_head: str | None = None) -> ChainReport:
    """Walk stored rows in order of `seq`, in constant memory, and judge them.

    Args:
        rows: The rows.
        head: What the store knows of its last entry; None when a head was never kept.
        expected_head: An anchor: a head noted earlier, 64 hex digits.

    Raises:
        RecordError: ``record.value`` when the anchor is no hash.
    """
    walk = Walk(head=head, expected_head=expected_head)
    for row in rows:
        if not walk.step(row):
            break
    return walk.report()


def verify_entries(entries: Iterable[StoredEntry], *, expected_head: str | None = None) -> ChainReport:
    """Judge entries that were read from elsewhere, such as an export, from the first on.

    There is no head to hold them against: a cut tail shows only with `expected_head`.
    """
    rows = (Row(e.seq, e.record_id, e.prev_hash, e.hash, canonical(e.entry)) for e in entries)
    return check_chain(rows, head=None, expected_head=expected_head)


class Walk:
    """A walk along a chain, one row after the other; it keeps two hashes and the findings."""

    def __init__(self, *, head: Head | None, expected_head: str | None) -> None:
        if expected_head is not None and _HASH.fullmatch(expected_head) is None:
            raise RecordError(
                "record.value",
                "The expected head is not a hash.",
                hint="Give the 64 hex digits of a head that was noted earlier.",
            )
        self._head = head
        self._bound = _bound_of(head)
        self._anchor = expected_head
        self._anchored = expected_head in {None, GENESIS}
        self._good = 0
        self._hash = GENESIS
        self._before = GENESIS
        self._first_bad: int | None = None
        self._reason: ChainBreak | None = None

    def step(self, row: Row) -> bool:
        """Judge the next row; return whether to go on."""
        reason = self._judge(row)
        if reason is not None:
            found = row.seq if isinstance(row.seq, int) else self._good + 1
            self._fail(reason, min(found, self._good + 1))
            return False
        self._before, self._hash = self._hash, str(row.hash)
        self._good += 1
        self._anchored = self._anchored or self._hash == self._anchor
        return True

    def damaged(self) -> None:
        """Note that the next row cannot be read."""
        self._fail(ChainBreak.DAMAGED, self._good + 1)

    def report(self) -> ChainReport:
        """Hold the rows against the head and the anchor and return the findings."""
        if self._reason is None:
            self._judge_head()
        if self._reason is None and not self._anchored:
            self._fail(ChainBreak.ANCHOR, self._good + 1)
        return ChainReport(
            entries=self._good,
            ok=self._reason is None,
            first_bad=self._first_bad,
            reason=self._reason,
            head=self._hash,
        )

    def _judge(self, row: Row) -> ChainBreak | None:
        return self._judge_place(row) or self._judge_seal(row)

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
        entry = parse(row.text)
        if entry is None or canonical(entry) != row.text:
            return ChainBreak.ENTRY
        return None

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
