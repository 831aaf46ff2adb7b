"""The record on a real PostgreSQL server: what only a server can do to it."""

from __future__ import annotations

import multiprocessing
import os
import runpy
import threading
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from cbtguard.safety.errors import RecordError
from cbtguard.safety.record import GENESIS, Anchor, ChainBreak, ChainReport, PostgresRecord, TurnEntry
from cbtguard.safety.record.postgres_server import LOCK

if TYPE_CHECKING:
    from collections.abc import Callable

WORKER = "postgres_record_worker"
PATIENCE_S = 120.0
REST = "record_id, prev_hash, hash, entry FROM cbtguard_record.entries"
COLUMNS = ("record_id", "prev_hash", "hash", "entry")


def an_entry(turn: int = 1, thread: str = "hmac:0f1e") -> TurnEntry:
    return TurnEntry(
        turn_id=f"t-{turn}",
        thread=thread,
        turn=turn,
        at="2026-01-31T08:00:00.000Z",
        route="answered",
        reason="checked",
        level="none",
        kinds=(),
        subject="self",
        rules=("risk.zh/12",),
        language="zh-Hans",
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


def filled(dsn: str, n: int) -> list[str]:
    with PostgresRecord(dsn) as record:
        return [record.append(an_entry(turn)).hash for turn in range(1, n + 1)]


def refused(call: Callable[[], Any], code: str) -> RecordError:
    with pytest.raises(RecordError) as caught:
        call()
    assert caught.value.code == code, str(caught.value)
    assert caught.value.hint
    return caught.value


def tampered(dsn: str, n: int, *statements: str, anchors: tuple[Anchor, ...] = ()) -> ChainReport:
    """What verify finds after the owner of the server tampered, with all triggers and rights out of the way."""
    hashes = filled(dsn, n)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("ALTER TABLE cbtguard_record.entries DROP CONSTRAINT entries_pkey CASCADE")
        for statement in statements:
            connection.execute(statement.encode())
    with PostgresRecord(dsn) as record:
        report = record.verify(anchors=anchors)
    assert report.head == [GENESIS, *hashes][report.entries]
    return report


def test_an_entry_outlives_the_connection(postgres: str) -> None:
    [*_, head] = filled(postgres, 3)
    with PostgresRecord(postgres) as record:
        assert record.verify(expected_head=head).ok
        assert record.append(an_entry(4)).prev_hash == head
        assert [stored.entry for stored in record.entries()] == [an_entry(turn) for turn in range(1, 5)]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE cbtguard_record.entries SET entry = entry",
        "UPDATE cbtguard_record.entries SET entry = '' WHERE seq = 9",
        "DELETE FROM cbtguard_record.entries WHERE seq = 2",
        "TRUNCATE cbtguard_record.entries",
        f"INSERT INTO cbtguard_record.entries SELECT 9, {REST} WHERE seq = 1",
        f"INSERT INTO cbtguard_record.entries SELECT 3, {REST} WHERE seq = 2",
        f"INSERT INTO cbtguard_record.entries SELECT 1, {REST} LIMIT 1 ON CONFLICT (seq) DO UPDATE SET seq = 7",
        "UPDATE cbtguard_record.head SET seq = 1, count = 1",
        "UPDATE cbtguard_record.head SET seq = seq + 1, count = count + 1",
        "DELETE FROM cbtguard_record.head",
        "TRUNCATE cbtguard_record.head",
        "INSERT INTO cbtguard_record.head VALUES (2, 0, 'x', 0)",
    ],
)
def test_mishaps_are_stopped(postgres: str, statement: str) -> None:
    [*_, head] = filled(postgres, 2)
    # Even for a superuser, whom no right holds back.
    with psycopg.connect(postgres, autocommit=True) as connection, pytest.raises(psycopg.IntegrityError):
        connection.execute(statement.encode())
    with PostgresRecord(postgres) as record:
        report = record.verify()
    assert (report.ok, report.entries, report.head) == (True, 2, head)


def test_a_writer_needs_only_to_add_and_read(postgres: str, postgres_server: Any) -> None:
    filled(postgres, 1)
    database = postgres.partition("?")[0].rpartition("/")[2]
    writer, stranger = "record_writer", "record_stranger"
    with psycopg.connect(postgres, autocommit=True) as connection:
        for role in (writer, stranger):
            connection.execute(f"CREATE ROLE {role} LOGIN".encode())
        connection.execute(f"GRANT USAGE ON SCHEMA cbtguard_record TO {writer}".encode())
        connection.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA cbtguard_record TO {writer}".encode())
        connection.execute(f"GRANT INSERT ON cbtguard_record.entries TO {writer}".encode())
    with PostgresRecord(postgres_server.dsn(database, writer)) as record:
        assert record.append(an_entry(2)).seq == 2
        assert record.verify().entries == 2
    with psycopg.connect(postgres_server.dsn(database, writer), autocommit=True) as connection:
        for statement in (
            "UPDATE cbtguard_record.entries SET entry = ''",
            "DELETE FROM cbtguard_record.entries",
            "TRUNCATE cbtguard_record.entries",
            "UPDATE cbtguard_record.head SET seq = 0",
            "ALTER TABLE cbtguard_record.entries DISABLE TRIGGER ALL",
            "SET session_replication_role = replica",
            "DROP SCHEMA cbtguard_record CASCADE",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement.encode())
    refused(lambda: PostgresRecord(postgres_server.dsn(database, stranger)), "record.unreadable")


def test_the_owner_has_no_right_to_change_either(postgres: str) -> None:
    filled(postgres, 1)
    with psycopg.connect(postgres, autocommit=True) as connection:
        granted = connection.execute(
            "SELECT privilege_type FROM information_schema.table_privileges"
            " WHERE table_schema = 'cbtguard_record' AND table_name = 'entries'"
        ).fetchall()
    assert {privilege for (privilege,) in granted} == {"INSERT", "SELECT", "REFERENCES", "TRIGGER"}


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("value", ["{c} || ' '", "' ' || {c}", "''", "substr({c}, 2)", "upper({c})"])
def test_changed_cells_are_found(postgres: str, column: str, value: str) -> None:
    change = f"UPDATE cbtguard_record.entries SET {column} = {value.format(c=column)} WHERE seq = 2"  # noqa: S608
    loose = "ALTER TABLE cbtguard_record.entries DROP CONSTRAINT entries_{}_check"
    report = tampered(postgres, 3, loose.format("prev_hash"), loose.format("hash"), change)
    assert (report.ok, report.first_bad) == (False, 2)
    assert report.reason in {ChainBreak.PREV_HASH, ChainBreak.HASH, ChainBreak.RECORD_ID}


@pytest.mark.parametrize(
    ("statements", "first_bad", "reason"),
    [
        (["DELETE FROM cbtguard_record.entries WHERE seq = 1"], 1, ChainBreak.MISSING),
        (["DELETE FROM cbtguard_record.entries WHERE seq = 3"], 3, ChainBreak.MISSING),
        (["DELETE FROM cbtguard_record.entries WHERE seq = 4"], 4, ChainBreak.TRUNCATED),
        (["DELETE FROM cbtguard_record.entries"], 1, ChainBreak.TRUNCATED),
        (["UPDATE cbtguard_record.entries SET seq = 5 - seq"], 1, ChainBreak.PREV_HASH),
        (
            ["UPDATE cbtguard_record.entries SET seq = 5 - seq WHERE seq IN (2, 3)"],
            2,
            ChainBreak.PREV_HASH,
        ),
        (
            ["INSERT INTO cbtguard_record.entries SELECT * FROM cbtguard_record.entries WHERE seq = 2"],
            2,
            ChainBreak.INSERTED,
        ),
        (
            ["UPDATE cbtguard_record.head SET hash = prev_hash FROM cbtguard_record.entries"],
            4,
            ChainBreak.HEAD,
        ),
        (["UPDATE cbtguard_record.head SET count = 9"], None, ChainBreak.HEAD),
        (["UPDATE cbtguard_record.head SET seq = 2, count = 2"], 3, ChainBreak.INSERTED),
        (["DELETE FROM cbtguard_record.head"], None, ChainBreak.HEAD),
        (["DROP TABLE cbtguard_record.head"], None, ChainBreak.HEAD),
        (["DROP TABLE cbtguard_record.entries"], 1, ChainBreak.DAMAGED),
        (["ALTER TABLE cbtguard_record.entries DROP COLUMN record_id"], 1, ChainBreak.DAMAGED),
    ],
)
def test_changed_tables_are_found(
    postgres: str, statements: list[str], first_bad: int | None, reason: ChainBreak
) -> None:
    report = tampered(postgres, 4, *statements)
    # A row that was put in twice may come first or second.
    wanted = {first_bad, first_bad + 1} if reason is ChainBreak.INSERTED and first_bad else {first_bad}
    assert (report.ok, report.reason) == (False, reason)
    assert report.first_bad in wanted
    with PostgresRecord(postgres) as record:
        if report.reason not in {ChainBreak.MISSING, ChainBreak.PREV_HASH, ChainBreak.INSERTED}:
            refused(lambda: record.append(an_entry(9)), "record.corrupt")


def test_a_tail_cut_with_the_head_needs_an_anchor(postgres: str) -> None:
    cut = (
        "DELETE FROM cbtguard_record.entries WHERE seq > 2",
        "UPDATE cbtguard_record.head SET seq = 2, count = 2",
        "UPDATE cbtguard_record.head SET hash = e.hash FROM cbtguard_record.entries AS e WHERE e.seq = 2",
    )
    assert tampered(postgres, 4, *cut).ok
    with PostgresRecord(postgres) as record:
        report = record.verify(anchors=(Anchor(seq=4, hash="a" * 64),))
    assert (report.ok, report.first_bad, report.reason) == (False, 3, ChainBreak.ANCHOR)


# --- many writers -------------------------------------------------------------------------------------------


def work(dsn: str, thread: str, n: int) -> None:
    # The database may be new: the tables, too, are made by several processes at once.
    with PostgresRecord(dsn, timeout_s=60) as record:
        for turn in range(n):
            record.append(an_entry(turn, thread))


def test_four_processes_make_one_dense_chain(postgres: str) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [
        context.Process(
            target=runpy.run_path,
            args=(__file__,),
            kwargs={"init_globals": {"JOB": (postgres, f"writer-{n}", 50)}, "run_name": WORKER},
        )
        for n in range(4)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(PATIENCE_S)
    assert [writer.exitcode for writer in writers] == [0, 0, 0, 0]
    with PostgresRecord(postgres) as record:
        report = record.verify()
        stored = list(record.entries())
    assert (report.ok, report.entries) == (True, 200)
    for n in range(4):
        turns = [entry.entry.turn for entry in stored if entry.entry.thread == f"writer-{n}"]
        assert turns == list(range(50))


def test_many_threads_share_one_store(postgres: str) -> None:
    seqs: list[int] = []
    reports: list[ChainReport] = []
    with PostgresRecord(postgres, timeout_s=60) as record:

        def write(offset: int) -> None:
            seqs.extend(record.append(an_entry(offset + n)).seq for n in range(15))

        def check() -> None:
            reports.extend(record.verify() for _ in range(5))

        threads = [threading.Thread(target=write, args=(offset,)) for offset in range(0, 90, 15)]
        threads.append(threading.Thread(target=check))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE_S)
        assert sorted(seqs) == list(range(1, 91))
        assert [report.ok for report in reports] == [True] * 5
        assert record.verify().entries == 90


def test_appends_go_on_while_entries_are_read(postgres: str) -> None:
    filled(postgres, 3)
    with PostgresRecord(postgres) as record:
        reading = record.entries()
        assert next(reading).seq == 1
        assert record.append(an_entry(4)).seq == 4
        assert [stored.seq for stored in reading] == [2, 3]


def test_a_lock_that_is_held_says_so_and_lets_go(postgres: str) -> None:
    filled(postgres, 1)
    with (
        PostgresRecord(postgres, timeout_s=0.05) as record,
        psycopg.connect(postgres, autocommit=True) as other,
    ):
        other.execute("SELECT pg_advisory_lock(%s)", (LOCK,))
        refused(lambda: record.append(an_entry(2)), "record.locked")
        assert record.verify().entries == 1
        other.execute("SELECT pg_advisory_unlock(%s)", (LOCK,))
        assert record.append(an_entry(2)).seq == 2


# --- a connection that is lost ------------------------------------------------------------------------------


def end_connections(dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def test_a_lost_connection_is_made_anew(postgres: str) -> None:
    with PostgresRecord(postgres) as record:
        for turn in range(1, 5):
            assert record.append(an_entry(turn)).seq == turn
            end_connections(postgres)
        assert record.verify().entries == 4


def test_a_connection_lost_after_the_commit_keeps_the_entry_once(
    postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with PostgresRecord(postgres) as record:
        record.append(an_entry(1))
        execute = psycopg.Connection.execute
        lost: list[bytes] = []

        def lose_the_answer(connection: Any, query: Any, *args: Any, **named: Any) -> Any:
            result = execute(connection, query, *args, **named)
            if query == b"COMMIT" and not lost:
                # The server has kept it; its word never arrives.
                lost.append(query)
                connection.close()
                raise psycopg.OperationalError
            return result

        monkeypatch.setattr(psycopg.Connection, "execute", lose_the_answer)
        stored = record.append(an_entry(2))
        assert lost
        assert (stored.seq, record.append(an_entry(3)).seq) == (2, 3)
        report = record.verify()
        assert (report.ok, report.entries) == (True, 3)


def test_a_server_that_is_away_and_comes_back(postgres: str, postgres_server: Any) -> None:
    with PostgresRecord(postgres) as record:
        record.append(an_entry(1))
        postgres_server.stop("immediate")
        try:
            refused(lambda: record.append(an_entry(2)), "record.unreadable")
            refused(record.verify, "record.unreadable")
        finally:
            postgres_server.start()
        assert record.append(an_entry(2)).seq == 2
        assert record.verify().ok


# --- what cannot be opened ----------------------------------------------------------------------------------


def test_what_is_not_there_is_not_made_for_a_reader(postgres: str) -> None:
    refused(lambda: PostgresRecord(postgres, make=False), "record.missing")
    refused(lambda: PostgresRecord(postgres, make=False), "record.missing")
    filled(postgres, 1)
    with PostgresRecord(postgres, make=False) as record:
        assert record.verify().entries == 1


def test_another_layout_is_refused(postgres: str) -> None:
    filled(postgres, 1)
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute("UPDATE cbtguard_record.layout SET version = 9")
    refused(lambda: PostgresRecord(postgres), "record.version")


@pytest.mark.parametrize(
    ("dsn", "code"),
    [
        ("postgresql://me:hunter2@localhost:1/none", "record.unreadable"),
        ("host=/nowhere-at-all password=hunter2 dbname=x", "record.unreadable"),
        ("postgresql://me:hunter2@localhost/x?nonsense=hunter2", "record.value"),
        ("not a connection hunter2", "record.value"),
    ],
)
def test_a_password_is_never_told(dsn: str, code: str) -> None:
    error = refused(lambda: PostgresRecord(dsn, timeout_s=0), code)
    assert "hunter2" not in f"{error} {error!r} {error.__cause__}"


def test_a_store_shows_nothing_of_its_connection(postgres: str) -> None:
    with PostgresRecord(postgres) as record:
        assert repr(record) == str(record) == "PostgresRecord(...)"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_is_refused(postgres: str) -> None:
    with PostgresRecord(postgres) as record:
        record.append(an_entry(1))
        record._process += 1
        for call in (lambda: record.append(an_entry(2)), record.entries, record.verify):
            refused(call, "record.forked")
        record._process -= 1
        assert record.append(an_entry(2)).seq == 2


if __name__ == WORKER:
    work(*globals()["JOB"])
