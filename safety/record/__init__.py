"""The tamper-evident record: one entry a turn, append-only, hash-chained, and never a word of user text."""

from __future__ import annotations

from cbtguard.safety.record.chain import GENESIS
from cbtguard.safety.record.entry import StoredEntry, TurnEntry
from cbtguard.safety.record.export import from_jsonl, to_csv, to_jsonl
from cbtguard.safety.record.memory import MemoryRecord
from cbtguard.safety.record.sqlite import SqliteRecord
from cbtguard.safety.record.store import RecordStore
from cbtguard.safety.record.walk import ChainBreak, ChainReport, verify_entries

__all__ = [
    "GENESIS",
    "ChainBreak",
    "ChainReport",
    "MemoryRecord",
    "RecordStore",
    "SqliteRecord",
    "StoredEntry",
    "TurnEntry",
    "from_jsonl",
    "to_csv",
    "to_jsonl",
    "verify_entries",
]
