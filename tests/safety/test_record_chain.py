from __future__ import annotations

import hashlib
import json
import sqlite3
import string
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cbtguard.safety.errors import RecordError
from cbtguard.safety.record import (
    GENESIS,
    ChainBreak,
    ChainReport,
    MemoryRecord,
    PostgresRecord,
    RecordStore,
    SqliteRecord,
    TurnEntry,
    verify_entries,
)
from cbtguard.safety.record.chain import Head, Row, link, record_id_of, seal
from cbtguard.safety.record.walk import check_chain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

IDENTIFIERS = st.text(string.ascii_letters + string.digits + "_.:+/@-", min_size=1, max_size=128)
SHORT = st.text(string.ascii_letters + string.digits + "_.:+/@-", min_size=1, max_size=12)
TUPLES = st.lists(SHORT, max_size=4).map(tuple)
COUNTS = st.integers(0, 2**31 - 1)
MOMENTS = st.datetimes().map(lambda t: t.isoformat(timespec="milliseconds") + "Z")

ENTRIES = st.builds(
    TurnEntry,
    turn_id=IDENTIFIERS,
    thread=IDENTIFIERS,
    turn=COUNTS,
    at=MOMENTS,
    route=SHORT,
    reason=SHORT | st.just(""),
    level=SHORT,
    kinds=TUPLES,
    subject=SHORT,
    rules=TUPLES,
    language=SHORT,
    region=SHORT,
    writer=st.none() | IDENTIFIERS,
    attempts=COUNTS,
    defects=TUPLES,
    notes=TUPLES,
    lines=TUPLES,
    faults=TUPLES,
    redactions=st.dictionaries(SHORT, COUNTS, max_size=3),
    versions=st.dictionaries(SHORT, IDENTIFIERS, max_size=3),
    timings_ms=st.dictionaries(SHORT, st.floats(0, 1e300), max_size=3),
)
COLUMNS = ("record_id", "prev_hash", "hash", "entry")


def an_entry(turn: int = 1) -> TurnEntry:
    return TurnEntry(
        turn_id=f"t-{turn}",
        thread="hmac:0f1e",
        turn=turn,
        at="2025-01-31T08:00:00.000Z",
        route="reply",
        reason="checked",
        level="none",
        kinds=("sleep",),
        subject="self",
        rules=("risk.zh/12",),
        language="zh",
        region="CN",
        writer=None,
        attempts=1,
        defects=(),
        notes=(),
        lines=(),
        faults=(),
        redactions={},
        versions={"rules": "0123456789ab"},
        timings_ms={"screen": 0.1},
    )


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RecordStore]:
    opened: RecordStore
    if request.param == "memory":
        opened = MemoryRecord()
    elif request.param == "sqlite":
        opened = SqliteRecord(tmp_path / "record.sqlite")
    else:
        opened = PostgresRecord(request.getfixturevalue("postgres"))
    assert opened.name == request.param
    yield opened
    opened.close()


def raw(path: Path) -> sqlite3.Connection:
    """A connection of someone who wants to tamper: no triggers, no checks."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA ignore_check_constraints = ON")
    for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        connection.execute(f"DROP TRIGGER {name}")
    return connection


def tampered(
    path: Path, n: int, change: Callable[[sqlite3.Connection], object], *, anchor: bool = False
) -> ChainReport:
    with SqliteRecord(path) as record:
        hashes = [record.append(an_entry(turn)).hash for turn in range(1, n + 1)]
    with closing(raw(path)) as connection:
        change(connection)
    with SqliteRecord(path) as record:
        report = record.verify(expected_head=hashes[-1] if anchor else None)
    # Whatever was found, the head reported is that of the entries counted as good.
    assert report.head == [GENESIS, *hashes][report.entries]
    return report


def test_an_empty_chain_verifies(store: RecordStore) -> None:
    assert store.verify() == ChainReport(entries=0, ok=True, first_bad=None, reason=None, head=GENESIS)
    assert list(store.entries()) == []
    assert store.verify(expected_head=GENESIS).ok


def test_the_chain_is_what_its_definition_says(store: RecordStore) -> None:
    before = "0" * 64
    for turn in range(1, 6):
        stored = store.append(an_entry(turn))
        whole = {"seq": turn, "prev_hash": before, "entry": an_entry(turn).as_dict()}
        text = json.dumps(whole, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        assert stored.hash == hashlib.sha256(text.encode()).hexdigest()
        assert (stored.seq, stored.prev_hash) == (turn, before)
        assert stored.record_id == f"r{turn}-{stored.hash[:16]}"
        before = stored.hash
    assert store.verify() == ChainReport(entries=5, ok=True, first_bad=None, reason=None, head=before)


@pytest.mark.parametrize(
    ("start", "limit", "turns"),
    [
        (1, None, [1, 2, 3, 4, 5]),
        (3, None, [3, 4, 5]),
        (2, 2, [2, 3]),
        (5, 9, [5]),
        (6, None, []),
        (1, 0, []),
    ],
)
def test_windows(store: RecordStore, start: int, limit: int | None, turns: list[int]) -> None:
    kept = [store.append(an_entry(turn)) for turn in range(1, 6)]
    assert list(store.entries(start=start, limit=limit)) == [kept[turn - 1] for turn in turns]


@pytest.mark.parametrize(("start", "limit"), [(0, None), (-1, None), (1, -1)])
def test_impossible_windows_are_refused_at_once(store: RecordStore, start: int, limit: int) -> None:
    with pytest.raises(RecordError) as caught:
        store.entries(start=start, limit=limit)
    assert caught.value.code == "record.value"


def test_a_closed_store_says_so(store: RecordStore) -> None:
    store.append(an_entry())
    store.close()
    store.close()
    for call in (lambda: store.append(an_entry()), store.entries, store.verify):
        with pytest.raises(RecordError) as caught:
            call()
        assert caught.value.code == "record.closed"


def test_an_entry_changed_after_it_was_built_is_judged_again(store: RecordStore) -> None:
    store.append(an_entry())
    entry = an_entry(2)
    entry.versions["note"] = "我睡不着"
    with pytest.raises(RecordError) as caught:
        store.append(entry)
    assert caught.value.code == "record.text"
    assert store.append(an_entry(3)).seq == 2
    assert store.verify().ok


def test_an_entry_changed_after_it_was_kept_changes_nothing(store: RecordStore) -> None:
    stored = store.append(an_entry())
    stored.entry.versions["note"] = "x"
    assert store.verify().ok
    assert next(store.entries()).entry == an_entry()


def test_an_anchor_holds_while_the_record_grows(store: RecordStore) -> None:
    anchors = [GENESIS] + [store.append(an_entry(turn)).hash for turn in range(1, 5)]
    assert all(store.verify(expected_head=anchor).ok for anchor in anchors)
    report = store.verify(expected_head="f" * 64)
    assert (report.ok, report.first_bad, report.reason) == (False, 5, ChainBreak.ANCHOR)


@pytest.mark.parametrize("anchor", ["", "0", "G" * 64, "A" * 64, "0" * 65, "0" * 64 + "\n"])
def test_an_anchor_that_is_no_hash_is_refused(store: RecordStore, anchor: str) -> None:
    with pytest.raises(RecordError) as caught:
        store.verify(expected_head=anchor)
    assert caught.value.code == "record.value"


@settings(deadline=None, max_examples=60)
@given(entries=st.lists(ENTRIES, max_size=5))
def test_any_entries_come_back_and_verify(
    entries: list[TurnEntry], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("any") / "record.sqlite"
    with SqliteRecord(path) as disk, MemoryRecord() as memory:
        kept = [disk.append(entry) for entry in entries]
        assert [memory.append(entry) for entry in entries] == kept
        assert [stored.entry for stored in kept] == entries
        assert list(disk.entries()) == list(memory.entries()) == kept
        assert disk.verify() == memory.verify() == verify_entries(kept)
        assert disk.verify().ok
        assert disk.verify().entries == len(entries)


@pytest.mark.slow
@settings(deadline=None, max_examples=150)
@given(data=st.data(), entries=st.lists(ENTRIES, min_size=1, max_size=5))
def test_any_changed_byte_of_any_column_is_found(
    data: st.DataObject, entries: list[TurnEntry], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("byte") / "record.sqlite"
    with SqliteRecord(path) as record:
        for entry in entries:
            record.append(entry)
    seq = data.draw(st.integers(1, len(entries)), label="seq")
    column = data.draw(st.sampled_from(COLUMNS), label="column")
    with closing(raw(path)) as connection:
        query = f"SELECT CAST({column} AS BLOB) FROM entries WHERE seq = ?"  # noqa: S608
        cell = bytearray(connection.execute(query, (seq,)).fetchone()[0])
        place = data.draw(st.integers(0, len(cell) - 1), label="place")
        cell[place] ^= data.draw(st.integers(1, 255), label="flip")
        update = f"UPDATE entries SET {column} = CAST(? AS TEXT) WHERE seq = ?"  # noqa: S608
        connection.execute(update, (bytes(cell), seq))
    with SqliteRecord(path) as record:
        report = record.verify()
    assert (report.ok, report.first_bad, report.entries) == (False, seq, seq - 1)


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize(
    "value",
    [
        "CAST({c} AS BLOB)",
        "{c} || ' '",
        "{c} || char(0)",
        "' ' || {c}",
        "''",
        "X''",
        "7",
        "substr({c}, 2)",
        "upper({c})",
    ],
)
def test_other_types_and_lengths_are_found(tmp_path: Path, column: str, value: str) -> None:
    change = f"UPDATE entries SET {column} = {value.format(c=column)} WHERE seq = 2"  # noqa: S608
    report = tampered(tmp_path / "record.sqlite", 3, lambda c: c.execute(change))
    assert (report.ok, report.first_bad) == (False, 2)
    assert report.reason in {ChainBreak.PREV_HASH, ChainBreak.HASH, ChainBreak.RECORD_ID}


@pytest.mark.parametrize("gone", [1, 2, 3, 4])
def test_a_deleted_row_is_found(tmp_path: Path, gone: int) -> None:
    report = tampered(
        tmp_path / "record.sqlite", 4, lambda c: c.execute("DELETE FROM entries WHERE seq = ?", (gone,))
    )
    wanted = ChainBreak.TRUNCATED if gone == 4 else ChainBreak.MISSING
    assert (report.ok, report.first_bad, report.reason) == (False, gone, wanted)


def test_a_deletion_with_the_rest_moved_up_is_found(tmp_path: Path) -> None:
    def close_the_gap(connection: sqlite3.Connection) -> None:
        connection.execute("DELETE FROM entries WHERE seq = 2")
        connection.execute("UPDATE entries SET seq = 2 WHERE seq = 3")
        connection.execute("UPDATE entries SET seq = 3 WHERE seq = 4")
        connection.execute("UPDATE head SET seq = 3, count = 3")

    report = tampered(tmp_path / "record.sqlite", 4, close_the_gap)
    assert (report.ok, report.first_bad, report.reason) == (False, 2, ChainBreak.PREV_HASH)


@pytest.mark.parametrize(("one", "other"), [(1, 2), (2, 4), (1, 4), (3, 4)])
def test_swapped_rows_are_found(tmp_path: Path, one: int, other: int) -> None:
    def swap(connection: sqlite3.Connection) -> None:
        for old, new in ((one, 99), (other, one), (99, other)):
            connection.execute("UPDATE entries SET seq = ? WHERE seq = ?", (new, old))

    report = tampered(tmp_path / "record.sqlite", 4, swap)
    assert (report.ok, report.first_bad, report.reason) == (False, one, ChainBreak.PREV_HASH)


@pytest.mark.parametrize(("one", "other"), [(1, 2), (2, 4)])
def test_swapped_contents_are_found(tmp_path: Path, one: int, other: int) -> None:
    def swap(connection: sqlite3.Connection) -> None:
        read = "SELECT entry FROM entries WHERE seq = ?"
        first, second = (connection.execute(read, (seq,)).fetchone()[0] for seq in (one, other))
        connection.executemany("UPDATE entries SET entry = ? WHERE seq = ?", [(second, one), (first, other)])

    report = tampered(tmp_path / "record.sqlite", 4, swap)
    assert (report.ok, report.first_bad, report.reason) == (False, one, ChainBreak.HASH)


@pytest.mark.parametrize("keep", [0, 1, 3])
def test_a_cut_tail_is_found(tmp_path: Path, keep: int) -> None:
    report = tampered(
        tmp_path / "record.sqlite", 4, lambda c: c.execute("DELETE FROM entries WHERE seq > ?", (keep,))
    )
    assert (report.ok, report.first_bad, report.reason) == (False, keep + 1, ChainBreak.TRUNCATED)
    assert report.entries == keep


@pytest.mark.parametrize("keep", [0, 2])
@pytest.mark.parametrize("anchor", [False, True])
def test_a_tail_cut_with_the_head_needs_an_anchor(tmp_path: Path, keep: int, anchor: bool) -> None:
    def cut(connection: sqlite3.Connection) -> None:
        connection.execute("DELETE FROM entries WHERE seq > ?", (keep,))
        connection.execute(
            "UPDATE head SET seq = ?1, count = ?1,"
            " hash = coalesce((SELECT hash FROM entries WHERE seq = ?1), ?2)",
            (keep, GENESIS),
        )

    report = tampered(tmp_path / "record.sqlite", 4, cut, anchor=anchor)
    assert report.ok is not anchor
    assert report.reason == (ChainBreak.ANCHOR if anchor else None)
    assert report.first_bad == (keep + 1 if anchor else None)


@pytest.mark.parametrize("anchor", [False, True])
def test_a_chain_written_anew_needs_an_anchor(tmp_path: Path, anchor: bool) -> None:
    with MemoryRecord() as record:
        head = [record.append(an_entry(turn)) for turn in range(1, 4)][-1].hash
    with SqliteRecord(tmp_path / "record.sqlite") as forged:
        for turn in (1, 2, 4):
            forged.append(an_entry(turn))
        report = forged.verify(expected_head=head if anchor else None)
    assert report.ok is not anchor
    assert report.reason == (ChainBreak.ANCHOR if anchor else None)


@pytest.mark.parametrize(("seq", "first_bad"), [(0, 0), (-7, -7), (5, 5), (9, 5)])
def test_an_inserted_row_is_found(tmp_path: Path, seq: int, first_bad: int) -> None:
    def insert(connection: sqlite3.Connection) -> None:
        before = connection.execute("SELECT hash FROM head").fetchone()[0]
        _, row = seal(seq, before, an_entry(77))
        connection.execute("INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?)", row)

    report = tampered(tmp_path / "record.sqlite", 4, insert)
    assert (report.ok, report.first_bad) == (False, first_bad)
    assert report.reason == (ChainBreak.MISSING if seq == 9 else ChainBreak.INSERTED)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"turn_id":"t"}', ChainBreak.ENTRY),
        ("[" * 100_000, ChainBreak.ENTRY),
        ("no json", ChainBreak.ENTRY),
        (json.dumps(an_entry().as_dict()), ChainBreak.ENTRY),
    ],
)
def test_a_well_sealed_text_that_is_no_entry_is_found(tmp_path: Path, text: str, reason: ChainBreak) -> None:
    def reseal(connection: sqlite3.Connection) -> None:
        before = connection.execute("SELECT prev_hash FROM entries WHERE seq = 3").fetchone()[0]
        own = link(3, before, text)
        connection.execute(
            "UPDATE entries SET entry = ?, hash = ?, record_id = ? WHERE seq = 3",
            (text, own, record_id_of(3, own)),
        )
        connection.execute("UPDATE head SET hash = ?", (own,))

    path = tmp_path / "record.sqlite"
    report = tampered(path, 3, reseal)
    assert (report.ok, report.first_bad, report.reason) == (False, 3, reason)


def test_a_row_that_cannot_be_read_stops_reading(tmp_path: Path) -> None:
    path = tmp_path / "record.sqlite"
    tampered(path, 3, lambda c: c.execute("UPDATE entries SET entry = 'x' WHERE seq = 2"))
    with SqliteRecord(path) as record:
        entries = record.entries()
        assert next(entries).seq == 1
        with pytest.raises(RecordError) as caught:
            next(entries)
    assert caught.value.code == "record.corrupt"


@pytest.mark.parametrize(
    ("change", "first_bad", "reason"),
    [
        ("UPDATE head SET hash = replace(hash, substr(hash, 1, 1), 'g')", 3, ChainBreak.HEAD),
        ("UPDATE head SET hash = CAST(hash AS BLOB)", 3, ChainBreak.HEAD),
        ("UPDATE head SET seq = 2", None, ChainBreak.HEAD),
        ("UPDATE head SET count = 4", None, ChainBreak.HEAD),
        ("UPDATE head SET seq = 'x', count = 'x'", None, ChainBreak.HEAD),
        ("UPDATE head SET seq = -1, count = -1", None, ChainBreak.HEAD),
        ("UPDATE head SET seq = 2, count = 2", 3, ChainBreak.INSERTED),
        ("UPDATE head SET seq = 8, count = 8", 4, ChainBreak.TRUNCATED),
        ("UPDATE head SET id = 2", None, ChainBreak.HEAD),
        ("DELETE FROM head", None, ChainBreak.HEAD),
        ("DROP TABLE head", None, ChainBreak.HEAD),
        ("DROP TABLE entries", 1, ChainBreak.DAMAGED),
        ("ALTER TABLE entries DROP COLUMN record_id", 1, ChainBreak.DAMAGED),
    ],
)
def test_a_changed_head_or_table_is_found(
    tmp_path: Path, change: str, first_bad: int | None, reason: ChainBreak
) -> None:
    def apply(connection: sqlite3.Connection) -> None:
        if "DROP COLUMN" in change:
            # SQLite refuses to drop a column that a check names, so the table is built anew without it.
            connection.execute("CREATE TABLE other AS SELECT seq, prev_hash, hash, entry FROM entries")
            connection.execute("DROP TABLE entries")
            connection.execute("ALTER TABLE other RENAME TO entries")
        else:
            connection.execute(change)

    path = tmp_path / "record.sqlite"
    report = tampered(path, 3, apply)
    assert (report.ok, report.first_bad, report.reason) == (False, first_bad, reason)
    with SqliteRecord(path) as record, pytest.raises(RecordError) as caught:
        record.append(an_entry(9))
    assert caught.value.code == "record.corrupt"
    assert "evidence" in caught.value.hint


def test_nothing_is_appended_to_a_cut_chain(tmp_path: Path) -> None:
    path = tmp_path / "record.sqlite"
    before = tampered(path, 3, lambda c: c.execute("DELETE FROM entries WHERE seq = 3"))
    with SqliteRecord(path) as record:
        with pytest.raises(RecordError) as caught:
            record.append(an_entry(9))
        assert caught.value.code == "record.corrupt"
        assert record.verify() == before


def test_an_export_in_another_order_does_not_verify() -> None:
    with MemoryRecord() as record:
        kept = [record.append(an_entry(turn)) for turn in range(1, 4)]
    assert verify_entries(kept[:2]).ok
    assert not verify_entries(kept[:2], expected_head=kept[2].hash).ok
    assert verify_entries(kept[1:]).first_bad == 1
    assert verify_entries([kept[0], kept[2], kept[1]]).first_bad == 2
    assert verify_entries([kept[0], replace(kept[1], entry=an_entry(5))]).reason == ChainBreak.HASH


def test_memory_finds_tampering_too() -> None:
    with MemoryRecord() as record:
        for turn in range(1, 4):
            record.append(an_entry(turn))
        record._rows[1] = record._rows[1]._replace(text="{}")
        assert record.verify().first_bad == 2
        record._rows.pop()
        record._rows.pop()
        assert record.verify().reason == ChainBreak.TRUNCATED


CELLS: st.SearchStrategy[Any] = (
    st.none() | st.integers() | st.text(max_size=5) | st.binary(max_size=5) | st.floats()
)


@given(rows=st.lists(st.builds(Row, CELLS, CELLS, CELLS, CELLS, CELLS), min_size=1, max_size=3))
def test_rubbish_never_verifies_and_never_raises(rows: list[Row]) -> None:
    report = check_chain(rows, head=Head(len(rows), GENESIS, len(rows)))
    assert (report.ok, report.entries, report.head) == (False, 0, GENESIS)
