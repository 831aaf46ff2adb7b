"""What a walk along a chain can find."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


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
    """The record cannot be read on from this place."""
    ANCHOR = "anchor"
    """An anchor is the hash of no entry, or of none at its place: the tail was cut or the chain written anew."""
    SIGNATURE = "signature"
    """The entry's signature is not by one of the keys, or not over this place and hash."""
    UNSIGNED = "unsigned"
    """There are keys to verify with, and from this entry on nothing is vouched for by a signature."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainReport:
    """What a walk along a chain found.

    Attributes:
        entries: Entries found good, from the first up to the first bad one.
        ok: Whether every entry, the head, the anchors and the signatures, where asked for, fit.
        first_bad: Place of the first entry that is bad or gone, below 1 where one was slipped in before the
            first; None when all is well or when no single entry is at fault, as with a malformed head.
        reason: Why the chain does not verify, or None.
        head: Hash of the last good entry; 64 zeros when there is none.
        signed: Signatures that were held against the keys and fit; 0 without keys.
    """

    entries: int
    ok: bool
    first_bad: int | None
    reason: ChainBreak | None
    head: str
    signed: int = 0
