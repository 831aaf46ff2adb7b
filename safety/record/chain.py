"""The hash chain: how an entry is sealed onto the one before it, and how a row is read back.

The hash of an entry is SHA-256 over the canonical JSON (sorted keys, no spaces, ASCII) of
``{"entry": ..., "prev_hash": ..., "seq": ...}``. Because every hash covers the one before it, a change of
any byte breaks the chain at that place; see `walk`. A store that was given a key also signs place and hash;
see `signing`.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Final, NamedTuple

from cbtguard.safety.errors import RecordError
from cbtguard.safety.record.entry import StoredEntry, TurnEntry
from cbtguard.safety.record.form import is_canonical

if TYPE_CHECKING:
    from cbtguard.safety.record.signing import SigningKey

GENESIS: Final = "0" * 64
"""The hash before the first entry."""

_ENCODER: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


class Row(NamedTuple):
    """An entry as stored. After damage any cell can hold any type, hence `object`."""

    seq: object
    record_id: object
    prev_hash: object
    hash: object
    text: object
    signature: object = None


class Head(NamedTuple):
    """What a store knows of its last entry. After damage any cell can hold any type, hence `object`."""

    seq: object
    hash: object
    total: object


def canonical(entry: TurnEntry) -> str:
    """Return an entry's canonical JSON: sorted keys, no spaces, ASCII.

    Raises:
        RecordError: As for `TurnEntry`, when a mapping of the entry was changed since it was built.
    """
    # A frozen dataclass does not freeze its dicts, so the entry is judged again where it is written.
    try:
        text = _dump(entry)
    except (TypeError, ValueError):
        text = ""
    return text if is_canonical(text) else _dump(TurnEntry.from_dict(entry.as_dict()))


def _dump(entry: TurnEntry) -> str:
    return _ENCODER.encode(entry.as_dict())


def is_entry(text: str) -> bool:
    """Return whether a text is the canonical JSON of an entry, of whichever schema."""
    if is_canonical(text):
        return True
    entry = parse(text)
    return entry is not None and canonical(entry) == text


def link(seq: int, prev_hash: str, text: str) -> str:
    """Return the hash that seals an entry's canonical JSON onto the chain, 64 hex digits."""
    # The three keys are already in sorted order, so this is canonical JSON without parsing the text again.
    sealed = f'{{"entry":{text},"prev_hash":"{prev_hash}","seq":{seq}}}'
    return hashlib.sha256(sealed.encode("utf-8", "surrogateescape")).hexdigest()


def seal(
    seq: int, prev_hash: str, entry: TurnEntry, key: SigningKey | None = None
) -> tuple[StoredEntry, Row]:
    """Return an entry sealed at a place, signed where there is a key, and the row to store for it."""
    text = canonical(entry)
    own = link(seq, prev_hash, text)
    record_id = record_id_of(seq, own)
    signature = key.sign(seq, own) if key is not None else None
    stored = StoredEntry(
        seq=seq, record_id=record_id, prev_hash=prev_hash, hash=own, entry=entry, signature=signature
    )
    return stored, Row(seq, record_id, prev_hash, own, text, signature)


def record_id_of(seq: int, own_hash: str) -> str:
    """Return the id of the entry with this place and hash."""
    return f"r{seq}-{own_hash[:16]}"


def unseal(row: Row) -> StoredEntry:
    """Return the entry of a stored row. The chain is not judged; `walk.check_chain` does that.

    Raises:
        RecordError: ``record.corrupt`` when a cell holds something that was never written.
    """
    seq, record_id, prev_hash, own, text, signature = row
    if (
        isinstance(seq, int)
        and isinstance(record_id, str)
        and isinstance(prev_hash, str)
        and isinstance(own, str)
        and isinstance(text, str)
        and (signature is None or isinstance(signature, str))
    ):
        entry = parse(text)
        if entry is not None:
            return StoredEntry(
                seq=seq, record_id=record_id, prev_hash=prev_hash, hash=own, entry=entry, signature=signature
            )
    place = seq if isinstance(seq, int) else "unknown"
    raise RecordError(
        "record.corrupt",
        f"The record entry at place {place} cannot be read.",
        hint="Run verify; keep the record as evidence, move it aside and start a new one.",
    )


def parse(text: str) -> TurnEntry | None:
    """Return the entry of a JSON text, or None where it is no entry."""
    try:
        return TurnEntry.from_dict(json.loads(text))
    except (ValueError, RecursionError, RecordError):
        return None
