from __future__ import annotations

import os
import sqlite3
import stat
import threading
import tracemalloc
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cbtguard.safety.errors import RecordError
from cbtguard.safety.record import ChainBreak, ChainReport, SqliteRecord, TurnEntry
from cbtguard.safety.record.sqlite_file import APPLICATION_ID, SCHEMA_VERSION

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

REFUSED = ("我不想活了", "I cannot sleep at night", "naïve words")


def an_entry(turn: int = 1, **versions: str) -> TurnEntry:
    return TurnEntry(
        turn_id=f"t-{turn}",
        thread="hmac:0f1e",
        turn=turn,
        at="2025-01-31T08:00:00.000Z",
        route="refer",
        reason="crisis",
        level="high",
        kinds=("self_harm",),
        subject="self",
        rules=("risk.zh/12",),
        language="zh",
        region="CN",
        writer=None,
        attempts=0,
        defects=(),
        notes=(),
        lines=("cn-12356",),
        faults=(),
        redactions={"PERSON": 1},
        versions={"rules": "0123456789ab", **versions},
        timings_ms={"screen": 0.1},
    )


def filled(path: Path, n: int) -> str:
    with SqliteRecord(path) as record:
        for turn in range(1, n + 1):
            record.append(an_entry(turn))
        return record.verify().head


def refused(call: Callable[[], object]) -> RecordError:
    with pytest.raises(RecordError) as caught:
        call()
    assert caught.value.hint
    return caught.value


def test_a_new_file_is_durable_private_and_marked(tmp_path: Path) -> None:
    path = tmp_path / "a record #1?.sqlite"
    with SqliteRecord(path) as record:
        record.append(an_entry())
        settings_of = record._connection.execute
        assert settings_of("PRAGMA synchronous").fetchone() == (2,)
        assert settings_of("PRAGMA journal_mode").fetchone() == ("wal",)
        with closing(sqlite3.connect(path)) as other:
            assert other.execute("SELECT seq, count FROM head").fetchall() == [(1, 1)]
            assert other.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
            assert other.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_an_entry_outlives_the_store(tmp_path: Path) -> None:
    path = tmp_path / "record.sqlite"
    head = filled(path, 3)
    with SqliteRecord(path) as record:
        assert record.verify(expected_head=head).ok
        assert record.append(an_entry(4)).prev_hash == head
        assert [stored.entry for stored in record.entries()] == [an_entry(turn) for turn in range(1, 5)]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entries SET entry = entry",
        "DELETE FROM entries WHERE seq = 2",
        "DELETE FROM entries",
        "INSERT OR REPLACE INTO entries SELECT * FROM entries WHERE seq = 1",
        "INSERT OR REPLACE INTO entries SELECT 2, record_id, prev_hash, hash, entry, signature FROM entries LIMIT 1",
        "INSERT INTO entries SELECT 9, record_id, prev_hash, hash, entry, signature FROM entries WHERE seq = 1",
        "INSERT INTO entries SELECT 3, record_id, prev_hash, hash, entry, signature FROM entries WHERE seq = 2",
        "UPDATE head SET seq = 1, count = 1",
        "UPDATE head SET seq = seq + 1, count = count + 1",
        "UPDATE head SET hash = 'x'",
        "DELETE FROM head",
        "INSERT INTO head VALUES (2, 0, 'x', 0)",
        "INSERT OR REPLACE INTO head VALUES (1, 0, 'x', 0)",
    ],
)
def test_triggers_stop_mishaps(tmp_path: Path, statement: str) -> None:
    path = tmp_path / "record.sqlite"
    head = filled(path, 2)
    other = sqlite3.connect(path, isolation_level=None)
    with closing(other), pytest.raises(sqlite3.IntegrityError):
        other.execute(statement)
    with SqliteRecord(path) as record:
        report = record.verify()
    assert (report.ok, report.entries, report.head) == (True, 2, head)


def test_refused_text_is_nowhere_in_the_files(tmp_path: Path) -> None:
    path = tmp_path / "record.sqlite"
    with SqliteRecord(path) as record:
        record.append(an_entry())
        for text in REFUSED:
            assert refused(partial(an_entry, note=text)).code == "record.text"
            changed = an_entry()
            changed.versions[text] = "1"
            error = refused(partial(record.append, changed))
            assert error.code == "record.text"
            assert text not in str(error)
        record.append(an_entry(2))
        while_open = b"".join(p.read_bytes() for p in tmp_path.iterdir())
        assert record.verify().entries == 2
    for content in (while_open, path.read_bytes()):
        assert b"self_harm" in content
        for text in REFUSED:
            forms = (text.encode(), text.encode("utf-16-le"), text.encode("unicode_escape"))
            assert not [form for form in forms if form in content]


def test_a_folder_is_refused(tmp_path: Path) -> None:
    assert refused(lambda: SqliteRecord(tmp_path)).code == "record.unreadable"


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    assert refused(lambda: SqliteRecord(tmp_path / "no" / "record.sqlite")).code == "record.unreadable"
    assert not (tmp_path / "no").exists()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert refused(lambda: SqliteRecord(tmp_path / "pipe")).code == "record.unreadable"


@pytest.mark.skipif(
    os.name != "posix" or os.geteuid() == 0, reason="needs permissions that bind the current user"
)
@pytest.mark.parametrize("mode", [0o000, 0o200, 0o400])
def test_a_file_without_permission_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "record.sqlite"
    filled(path, 1)
    path.chmod(mode)
    assert refused(lambda: SqliteRecord(path)).code == "record.unreadable"


@pytest.mark.parametrize(
    "content",
    [
        b"some notes\n" * 500,
        b"x",
        b"x" * 511,
        b"x" * 512,
        bytes(range(256)) * 32,
        b"SQLite format 3\x00" * 400,
    ],
    ids=["text", "one byte", "part of a page", "a page", "noise", "magic only"],
)
def test_another_kind_of_file_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "record.sqlite"
    path.write_bytes(content)
    error = refused(lambda: SqliteRecord(path))
    assert error.code == "record.corrupt"
    assert "aside" in error.hint
    assert "evidence" in error.hint
    assert path.read_bytes() == content


def test_another_program_s_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.sqlite"
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE entries (seq INTEGER)")
    content = path.read_bytes()
    assert refused(lambda: SqliteRecord(path)).code == "record.version"
    assert path.read_bytes() == content


@pytest.mark.parametrize("pragma", ["user_version = 3", "user_version = 0", "application_id = 7"])
def test_another_layout_is_refused(tmp_path: Path, pragma: str) -> None:
    path = tmp_path / "record.sqlite"
    filled(path, 1)
    with closing(sqlite3.connect(path)) as other:
        other.execute(f"PRAGMA {pragma}")
    assert refused(lambda: SqliteRecord(path)).code == "record.version"


def test_an_empty_file_becomes_a_record(tmp_path: Path) -> None:
    path = tmp_path / "record.sqlite"
    path.touch()
    filled(path, 1)
    with SqliteRecord(path) as record:
        assert record.verify().entries == 1


@pytest.mark.parametrize("timeout_s", [-1.0, 1e9, float("nan"), float("inf")])
def test_an_impossible_timeout_is_refused(tmp_path: Path, timeout_s: float) -> None:
    path = tmp_path / "record.sqlite"
    assert refused(lambda: SqliteRecord(path, timeout_s=timeout_s)).code == "record.value"
    assert not path.exists()


def test_a_locked_file_says_so_and_recovers(tmp_path: Path) -> None:
    path = tmp_path / "record.sqlite"
    filled(path, 1)
    with (
        SqliteRecord(path, timeout_s=0.05) as record,
        closing(sqlite3.connect(path, isolation_level=None)) as other,
    ):
        other.execute("BEGIN IMMEDIATE")
        assert refused(lambda: record.append(an_entry(2))).code == "record.locked"
        assert record.verify().entries == 1
        other.execute("ROLLBACK")
        assert record.append(an_entry(2)).seq == 2
        assert record.verify().ok


def test_a_file_that_another_holds_alone_cannot_be_opened(tmp_path: Path) -> None:
    path = tmp_path / "record.sqlite"
    filled(path, 1)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        assert refused(lambda: SqliteRecord(path, timeout_s=0.05)).code == "record.locked"


def test_a_full_disk_says_so_and_recovers(tmp_path: Path) -> None:
    path = tmp_path / "record.sqlite"
    with SqliteRecord(path) as record:
        record.append(an_entry())
        pages = record._connection.execute("PRAGMA page_count").fetchone()[0]
        record._connection.execute(f"PRAGMA max_page_count = {pages}")
        error = None
        kept = 1
        while error is None:
            try:
                record.append(an_entry(kept + 1))
                kept += 1
            except RecordError as raised:
                error = raised
        assert error.code == "record.full"
        assert record.verify().ok
        assert record.verify().entries == kept
        record._connection.execute("PRAGMA max_page_count = 1000000")
        assert record.append(an_entry(kept + 1)).seq == kept + 1
        assert record.verify().ok


@pytest.mark.skipif(os.name != "posix", reason="an open file cannot be moved elsewhere")
@pytest.mark.parametrize("replaced", [False, True])
def test_a_file_moved_away_while_open_is_noticed(tmp_path: Path, replaced: bool) -> None:
    path = tmp_path / "record.sqlite"
    with SqliteRecord(path) as record:
        record.append(an_entry())
        path.rename(tmp_path / "gone.sqlite")
        if replaced:
            path.write_bytes((tmp_path / "gone.sqlite").read_bytes())
        assert refused(lambda: record.append(an_entry(2))).code == "record.unreadable"
        if not replaced:
            assert refused(record.verify).code == "record.unreadable"
            assert not path.exists()


def test_overwritten_pages_are_reported_not_raised(tmp_path: Path) -> None:
    path = tmp_path / "record.sqlite"
    filled(path, 60)
    whole = path.read_bytes()
    with closing(sqlite3.connect(path)) as other:
        size = other.execute("PRAGMA page_size").fetchone()[0]
    reports = []
    # The first page is the schema: without it nothing can be opened.
    for page in range(1, len(whole) // size):
        for fill in (b"\x00", b"\xff"):
            path.write_bytes(whole[: page * size] + fill * size + whole[(page + 1) * size :])
            with SqliteRecord(path) as record:
                reports.append(record.verify())
    assert len(reports) > 10
    assert not [report for report in reports if report.ok]
    assert {ChainBreak.DAMAGED} <= {report.reason for report in reports}


def test_a_file_cut_short_is_found(tmp_path: Path) -> None:
    path = tmp_path / "record.sqlite"
    head = filled(path, 60)
    whole = path.read_bytes()
    for keep in range(4096, len(whole), 4096):
        path.write_bytes(whole[:keep])
        assert found_out(path, head)


@pytest.mark.slow
@settings(deadline=None, max_examples=120)
@given(data=st.data())
def test_any_changed_byte_of_the_file_is_found_or_harmless(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("flip") / "record.sqlite"
    head = filled(path, 12)
    content = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1), label="place")
    content[place] ^= data.draw(st.integers(1, 255), label="flip")
    path.write_bytes(content)
    if not found_out(path, head):
        with SqliteRecord(path) as record:
            assert [stored.entry for stored in record.entries()] == [an_entry(n) for n in range(1, 13)]


def found_out(path: Path, head: str) -> bool:
    """Whether opening or verifying tells; anything but a record error or a report is a failure."""
    try:
        with SqliteRecord(path) as record:
            report = record.verify(expected_head=head)
    except RecordError as error:
        return error.code in {"record.corrupt", "record.version", "record.unreadable"}
    return not report.ok


def test_damage_under_an_open_store_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "record.sqlite"
    filled(path, 30)
    with SqliteRecord(path) as record:
        assert record.verify().ok
        content = path.read_bytes()
        place = content.rindex(b"risk.zh/12")
        with path.open("r+b") as file:
            file.seek(place)
            file.write(b"risk.zh/13")
        report = record.verify()
    assert (report.ok, report.reason) == (False, ChainBreak.HASH)


def test_a_file_that_stops_being_a_record_raises(tmp_path: Path) -> None:
    path = tmp_path / "record.sqlite"
    filled(path, 1)
    record = SqliteRecord(path)
    path.write_bytes(b"other words " * 1000)
    assert refused(record.verify).code == "record.corrupt"
    assert refused(lambda: list(record.entries())).code == "record.corrupt"
    record.close()


def test_many_threads_share_one_store(tmp_path: Path) -> None:
    with SqliteRecord(tmp_path / "record.sqlite") as record:
        seqs: list[int] = []
        reports: list[ChainReport] = []

        def write(offset: int) -> None:
            seqs.extend(record.append(an_entry(offset + n)).seq for n in range(25))

        def check() -> None:
            reports.extend(record.verify() for _ in range(10))

        threads = [threading.Thread(target=write, args=(offset,)) for offset in range(0, 150, 25)]
        threads.append(threading.Thread(target=check))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(seqs) == list(range(1, 151))
        assert len(reports) == 10
        assert all(report.ok for report in reports)
        assert record.verify().entries == 150
        assert sorted(stored.entry.turn for stored in record.entries()) == list(range(150))


def test_appends_go_on_while_entries_are_read(tmp_path: Path) -> None:
    with SqliteRecord(tmp_path / "record.sqlite", timeout_s=0.2) as record:
        for turn in range(1, 4):
            record.append(an_entry(turn))
        reading = record.entries()
        assert next(reading).seq == 1
        assert record.append(an_entry(4)).seq == 4
        assert [stored.seq for stored in reading] == [2, 3]
        assert [stored.seq for stored in record.entries(start=4)] == [4]


def test_verify_takes_constant_memory(tmp_path: Path) -> None:
    with SqliteRecord(tmp_path / "record.sqlite") as record:
        for turn in range(1, 801):
            record.append(an_entry(turn))
        tracemalloc.start()
        try:
            report = record.verify()
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert report.entries == 800
    assert peak < 200_000
