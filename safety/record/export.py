"""Copies of the record for people and other programs: JSON lines, which verify again, and CSV."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Any, Final, TextIO

from cbtguard.safety.errors import RecordError
from cbtguard.safety.record.chain import canonical
from cbtguard.safety.record.entry import FIELDS, StoredEntry, TurnEntry
from cbtguard.safety.record.review import Review

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_CHAIN: Final = ("seq", "record_id", "prev_hash", "hash")
_LINE: Final = {*_CHAIN, "entry", "signature"}

CSV_COLUMNS: Final = (*_CHAIN, *FIELDS)
"""Columns of the CSV, in order."""


def to_jsonl(entries: Iterable[StoredEntry], stream: TextIO) -> int:
    """Write one JSON object a line: ``seq``, ``record_id``, ``prev_hash``, ``hash``, ``entry``, ``signature``.

    Args:
        entries: What to write; read one at a time.
        stream: Text stream; the lines are ASCII.

    Returns:
        Number of entries written.
    """
    written = 0
    for stored in entries:
        stream.write(_line(stored) + "\n")
        written += 1
    return written


def from_jsonl(stream: Iterable[str]) -> Iterator[StoredEntry]:
    """Read back what `to_jsonl` wrote, byte for byte; `walk.verify_entries` judges it.

    Raises:
        RecordError: ``record.corrupt`` with the number of the line that cannot be read, or that says the same
            in other bytes than were written.
    """
    for number, line in enumerate(stream, start=1):
        try:
            stored = _stored(json.loads(line))
            if _line(stored) != line.removesuffix("\n").removesuffix("\r"):
                raise ValueError  # noqa: TRY301 - told as every other line that is not what was written
            yield stored
        except (ValueError, RecursionError, RecordError) as error:
            raise RecordError(
                "record.corrupt",
                f"Line {number} of the exported record cannot be read.",
                hint="Export the record again; keep the damaged copy as evidence.",
            ) from error


def to_csv(entries: Iterable[StoredEntry], stream: TextIO) -> int:
    """Write a header and one row an entry, for a spreadsheet.

    Tuples are joined by a space and mappings are written as ``key=value`` joined by a space; identifiers
    hold neither. A writer that is None gives an empty cell.

    Args:
        entries: What to write; read one at a time.
        stream: Text stream, opened with ``newline=""`` as the csv module asks.

    Returns:
        Number of entries written, without the header.
    """
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    written = 0
    for stored in entries:
        own = [getattr(stored, name) for name in _CHAIN]
        writer.writerow(own + [_cell(getattr(stored.entry, name)) for name in FIELDS])
        written += 1
    return written


def _cell(value: object) -> object:
    if isinstance(value, tuple):
        return " ".join(value)
    if isinstance(value, Review):
        value = value.as_dict()
    if isinstance(value, dict):
        return " ".join(f"{key}={value[key]}" for key in sorted(value))
    return value


def _line(stored: StoredEntry) -> str:
    whole = {name: getattr(stored, name) for name in _CHAIN}
    whole["entry"] = json.loads(canonical(stored.entry))
    # Without a key there is no signature, and the line is what it was before there were signatures.
    if stored.signature is not None:
        whole["signature"] = stored.signature
    return json.dumps(whole, sort_keys=True, separators=(",", ":"))


def _stored(whole: Any) -> StoredEntry:
    if not isinstance(whole, dict) or whole.keys() | {"signature"} != _LINE:
        raise ValueError
    seq, signature = whole["seq"], whole.get("signature")
    texts = [whole[name] for name in ("record_id", "prev_hash", "hash")]
    if isinstance(seq, bool) or not isinstance(seq, int) or not all(isinstance(text, str) for text in texts):
        raise ValueError
    if signature is not None and not isinstance(signature, str):
        raise ValueError
    record_id, prev_hash, own = texts
    return StoredEntry(
        seq=seq,
        record_id=record_id,
        prev_hash=prev_hash,
        hash=own,
        entry=TurnEntry.from_dict(whole["entry"]),
        signature=signature,
    )
