"""Anchors: a place and its hash, noted where whoever can write the record cannot reach.

A chain alone cannot show that its tail was cut together with its head, or that it was written anew. An anchor
can: as long as the record only grows, the entry at this place keeps this hash.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from cbtguard.safety.errors import RecordError
from cbtguard.safety.record.chain import GENESIS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cbtguard.safety.record.entry import StoredEntry
    from cbtguard.safety.record.signing import PublicKeys

_HASH: Final = re.compile(r"[0-9a-f]{64}")
_KEYS: Final = {"seq", "hash", "signature"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """A head of the chain at some moment.

    Attributes:
        seq: Place of the last entry, 0 where there was none.
        hash: Its hash, 64 hex digits; zeros where there was none.
        signature: The signature over both that the entry has, or None.

    Raises:
        RecordError: ``record.value`` where a value has another shape.
    """

    seq: int
    hash: str
    signature: str | None = None

    def __post_init__(self) -> None:
        fits = (
            isinstance(self.seq, int)
            and not isinstance(self.seq, bool)
            and self.seq >= 0
            and is_hash(self.hash)
            and (self.seq > 0 or self.hash == GENESIS)
            and (self.signature is None or isinstance(self.signature, str))
        )
        if not fits:
            raise _misshapen("The anchor does not have the place and hash of an entry.")

    def to_line(self) -> str:
        """Return the anchor as one line of JSON."""
        whole = {"seq": self.seq, "hash": self.hash, "signature": self.signature}
        return json.dumps(whole, separators=(",", ":"))

    @classmethod
    def of(cls, stored: StoredEntry | None) -> Anchor:
        """Return the anchor of the last entry of a record; None for an empty record."""
        if stored is None:
            return cls(seq=0, hash=GENESIS)
        return cls(seq=stored.seq, hash=stored.hash, signature=stored.signature)

    def check(self, keys: PublicKeys) -> None:
        """Refuse an anchor with a signature that is by none of these keys. One without is taken as it is.

        Raises:
            RecordError: ``record.anchor``.
        """
        if self.signature is not None and not keys.fits(self.seq, self.hash, self.signature):
            raise RecordError(
                "record.anchor",
                f"The signature of the anchor at place {self.seq} is by none of the given keys.",
                hint="Give the public key of the record; or the anchor is forged, or of another record.",
            )


def read_anchors(lines: Iterable[str]) -> Iterator[Anchor]:
    """Read anchors, one JSON object a line as `Anchor.to_line` writes them; blank lines are skipped.

    Raises:
        RecordError: ``record.value`` with the number of the line that is no anchor.
    """
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                yield _anchor(json.loads(line))
            except (ValueError, RecursionError, RecordError):
                raise _misshapen(f"Line {number} is no anchor.") from None


def is_hash(value: object) -> bool:
    """Return whether a value has the shape of a hash of the chain."""
    return isinstance(value, str) and _HASH.fullmatch(value) is not None


def _anchor(whole: Any) -> Anchor:
    if not isinstance(whole, dict) or not {"seq", "hash"} <= whole.keys() <= _KEYS:
        raise ValueError
    return Anchor(**whole)


def _misshapen(message: str) -> RecordError:
    return RecordError("record.value", message, hint="`cbtguard log anchor` prints anchors, one a line.")
