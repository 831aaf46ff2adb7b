"""Copies of the record for people and other programs: JSON lines, which verify again, and CSV."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Any, Final, TextIO

from cbtguard.safety.errors import RecordError
from cbtguard.safety.record.chain import canonical
from cbtguard.safety.record.entry import FIELDS, StoredEntry, TurnEntry

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_CHAIN: Final = ("seq", "record_id", "prev_hash", "hash")

CSV_COLUMNS: Final = (*_CHAIN, *FIELDS)
"""Columns of the CSV, in order."""


def to_jsonl(entries: Iterable[StoredEntry], stream: TextIO) -> int:
    """Write one JSON object a line with ``seq``, ``record_id``, ``prev_hash``, ``hash`` and ``entry``.

    Args:
        entries: What to write; read one at a time.
        stream: Text stream; the lines are ASCII.

    Returns:
        Number of entries written.
    """
    written = 0
    for stored in entries:
        whole = {name: getattr(stored, name) for name in _CHAIN}
        whole["entry"] = json.loads(canonical(stored.entry))
        stream.write(json.dumps(whole, sort_keys=True, separators=(",", ":")) + "\n")
        written += 1
    return written


def from_jsonl(stream: Iterable[str]) -> Iterator[StoredEntry]:
    """Read back what `to_jsonl` wrote; `walk.verify_entries` judges it.

    Raises:
        RecordError: ``record.corrupt`` with the number of the line that cannot be read.
    """
    for number, line in enumerate(stream, start=1):
        try:
            yield _stored(json.loads(line))
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
    if isinstance(value, dict):
        return " ".join(f"{key}={value[key]}" for key in sorted(value))
    return value


def _stored(whole: Any) -> StoredEntry:
    if not isinstance(whole, dict) or whole.keys() != {*_CHAIN, "entry"}:
        raise ValueError
    seq = whole["seq"]
    texts = [whole[name] for name in ("record_id", "prev_hash", "hash")]
    if isinstance(seq, bool) or not isinstance(seq, int) or not all(isinstance(text, str) for text in texts):
        raise ValueError
    record_id, prev_hash, own = texts
    return StoredEntry(
        seq=seq,
        record_id=record_id,
        prev_hash=prev_hash,
        hash=own,
        entry=TurnEntry.from_dict(whole["entry"]),
    )
