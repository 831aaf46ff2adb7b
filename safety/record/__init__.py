"""The tamper-evident record: one entry a turn, append-only, hash-chained, and never a word of user text."""

from __future__ import annotations

from cbtguard.safety.record.anchor import Anchor, read_anchors
from cbtguard.safety.record.chain import GENESIS
from cbtguard.safety.record.counts import YearCounts, count_year
from cbtguard.safety.record.entry import StoredEntry, TurnEntry
from cbtguard.safety.record.export import from_jsonl, to_csv, to_jsonl
from cbtguard.safety.record.memory import MemoryRecord
from cbtguard.safety.record.postgres import PostgresRecord
from cbtguard.safety.record.report import ChainBreak, ChainReport
from cbtguard.safety.record.review import Review
from cbtguard.safety.record.signing import PublicKeys, SigningKey, write_new_key
from cbtguard.safety.record.sqlite import SqliteRecord
from cbtguard.safety.record.store import RecordStore
from cbtguard.safety.record.walk import verify_entries

__all__ = [
    "GENESIS",
    "Anchor",
    "ChainBreak",
    "ChainReport",
    "MemoryRecord",
    "PostgresRecord",
    "PublicKeys",
    "RecordStore",
    "Review",
    "SigningKey",
    "SqliteRecord",
    "StoredEntry",
    "TurnEntry",
    "YearCounts",
    "count_year",
    "from_jsonl",
    "read_anchors",
    "to_csv",
    "to_jsonl",
    "verify_entries",
    "write_new_key",
]
