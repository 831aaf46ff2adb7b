"""The record: what must hold of a chain of entries, tried on one in memory and one on disk."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cbtguard.safety.errors import RecordError
from cbtguard.safety.record import MemoryRecord, TurnEntry
from cbtguard.safety.record.chain import GENESIS, Row, canonical, link
from cbtguard.safety.record.sqlite import SqliteRecord
from cbtguard.safety.record.walk import check_chain

if TYPE_CHECKING:
    from collections.abc import Callable


def _entry(number: int = 1, **changed: Any) -> TurnEntry:
    plain: dict[str, Any] = dict.fromkeys(("kinds", "rules", "defects", "notes", "lines", "faults"), ())
    plain |= {name: {} for name in ("redactions", "versions", "timings_ms")}
    plain |= {"turn_id": f"t{number}", "thread": "none", "turn": number, "at": "2026-01-01T00:00:00.000Z"}
    plain |= {"route": "answered", "reason": "checked", "level": "none", "subject": "self", "language": "en"}
    plain |= {"region": "GB", "writer": None, "attempts": 1}
    return TurnEntry(**{**plain, **changed})


def _keeps(store: Any) -> bool:
    kept = [store.append(_entry(n)) for n in (1, 2, 3)]
    read = list(store.entries())
    return [one.seq for one in read] == [1, 2, 3] and [one.hash for one in read] == [one.hash for one in kept]


def _links(store: Any) -> bool:
    kept = [store.append(_entry(n)) for n in (1, 2, 3)]
    before = [GENESIS, *(one.hash for one in kept[:-1])]
    own = [link(one.seq, one.prev_hash, canonical(one.entry)) for one in kept]
    return [one.prev_hash for one in kept] == before and [one.hash for one in kept] == own


def _sees(store: Any) -> bool:
    kept = [store.append(_entry(n)) for n in (1, 2, 3)]
    rows = [Row(k.seq, k.record_id, k.prev_hash, k.hash, canonical(k.entry), None) for k in kept]
    other = rows[1]._replace(text=canonical(replace(kept[1].entry, level="crisis")))
    sound = check_chain(rows, head=None).ok and store.verify().ok
    changed = check_chain([rows[0], other, rows[2]], head=None).ok
    dropped = check_chain([rows[0], rows[2]], head=None).ok
    swapped = check_chain([rows[1], rows[0], rows[2]], head=None).ok
    return sound and not (changed or dropped or swapped)


def _place(store: Any) -> bool:
    del store
    text = canonical(_entry())
    return len({link(1, GENESIS, text), link(2, GENESIS, text), link(1, "1" * 64, text)}) == len("abc")


def _refuses(store: Any) -> bool:
    del store
    for words in ("我很难过", "two words", "<b>", "x" * 200):
        for name in ("reason", "writer", "region"):
            try:
                changed: dict[str, Any] = {name: words}
                _entry(**changed)
            except RecordError:
                continue
            return False
    return True


def _on_disk(test: Callable[[Any], bool]) -> bool:
    with tempfile.TemporaryDirectory() as made:
        store = SqliteRecord(Path(made) / "record.sqlite")
        try:
            return test(store)
        finally:
            store.close()


_TESTS: dict[str, Callable[[], bool]] = {
    "an entry is kept, in memory": lambda: _keeps(MemoryRecord()),
    "an entry is kept, on disk": lambda: _on_disk(_keeps),
    "each entry is linked to the one before it, in memory": lambda: _links(MemoryRecord()),
    "each entry is linked to the one before it, on disk": lambda: _on_disk(_links),
    "an entry that was changed, dropped or moved is found, in memory": lambda: _sees(MemoryRecord()),
    "an entry that was changed, dropped or moved is found, on disk": lambda: _on_disk(_sees),
    "the hash covers place and hash before": lambda: _place(None),
    "an entry holds no sentence": lambda: _refuses(None),
}


class Record:
    """What must hold of the record."""

    name = "record"

    def take(self) -> dict[str, Any]:
        """Return the statements; those that do not hold now are not written down."""
        return {name: True for name, test in _TESTS.items() if test()}

    def differs(self, name: str, expected: Any) -> list[str]:
        """Return that a statement does not hold any more."""
        return [] if _TESTS[name]() is expected else ["this does not hold"]
