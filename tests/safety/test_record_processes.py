from __future__ import annotations

import multiprocessing
import os
import runpy
import time
from typing import TYPE_CHECKING

import pytest

from cbtguard.safety.errors import RecordError
from cbtguard.safety.record import SqliteRecord, TurnEntry

if TYPE_CHECKING:
    from pathlib import Path

WORKER = "record_worker"
PATIENCE_S = 120.0


def an_entry(turn: int, thread: str) -> TurnEntry:
    return TurnEntry(
        turn_id=f"{thread}-{turn}",
        thread=thread,
        turn=turn,
        at="2025-01-31T08:00:00.000Z",
        route="reply",
        reason="checked",
        level="none",
        kinds=(),
        subject="self",
        rules=tuple(f"rule.{n}" for n in range(40)),
        language="zh",
        region="CN",
        writer="local/model",
        attempts=1,
        defects=(),
        notes=(),
        lines=(),
        faults=(),
        redactions={},
        versions={},
        timings_ms={},
    )


def start(task: str, path: Path, *args: object) -> multiprocessing.process.BaseProcess:
    """Run one of this file's workers in a fresh interpreter."""
    process = multiprocessing.get_context("spawn").Process(
        target=runpy.run_path,
        args=(__file__,),
        kwargs={"init_globals": {"JOB": (task, path, *args)}, "run_name": WORKER},
    )
    process.start()
    return process


def work(task: str, path: Path, *args: object) -> None:
    if task == "append":
        thread, n = str(args[0]), int(str(args[1]))
        # The file may be new: the layout, too, is made by several processes at once.
        with SqliteRecord(path, timeout_s=60) as record:
            for turn in range(n):
                record.append(an_entry(turn, thread))
    elif task == "append until killed":
        acknowledged = os.open(str(args[0]), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        record = SqliteRecord(path, timeout_s=60)
        for turn in range(1_000_000):
            os.write(acknowledged, f"{record.append(an_entry(turn, 'killed')).record_id}\n".encode())
    elif task == "fork":
        record = SqliteRecord(path)
        record.append(an_entry(0, "parent"))
        child = os.fork()
        if child == 0:
            os._exit(use_in_child(record))
        _, status = os.waitpid(child, 0)
        record.append(an_entry(1, "parent"))
        record.close()
        raise SystemExit(os.waitstatus_to_exitcode(status))


def use_in_child(record: SqliteRecord) -> int:
    codes = []
    for call in (lambda: record.append(an_entry(9, "child")), record.verify, record.entries):
        try:
            call()
        except RecordError as error:
            codes.append(error.code)
    record.close()
    return 0 if codes == ["record.forked"] * 3 else 1


@pytest.mark.slow
def test_four_processes_make_one_dense_chain(tmp_path: Path) -> None:
    path = tmp_path / "record.sqlite"
    writers = [start("append", path, f"writer-{n}", 50) for n in range(4)]
    for writer in writers:
        writer.join(PATIENCE_S)
    assert [writer.exitcode for writer in writers] == [0, 0, 0, 0]
    with SqliteRecord(path) as record:
        report = record.verify()
        stored = list(record.entries())
    assert (report.ok, report.entries) == (True, 200)
    assert [entry.seq for entry in stored] == list(range(1, 201))
    for n in range(4):
        turns = [entry.entry.turn for entry in stored if entry.entry.thread == f"writer-{n}"]
        assert turns == list(range(50))


@pytest.mark.skipif(os.name != "posix", reason="needs a signal that cannot be caught")
def test_a_killed_writer_leaves_every_acknowledged_entry(tmp_path: Path) -> None:
    path = tmp_path / "record.sqlite"
    acknowledged = tmp_path / "acknowledged"
    heads = []
    for least in (5, 137):
        before = acknowledged.read_bytes().count(b"\n") if acknowledged.exists() else 0
        writer = start("append until killed", path, acknowledged)
        deadline = time.monotonic() + PATIENCE_S
        while not acknowledged.exists() or acknowledged.read_bytes().count(b"\n") < before + least:
            assert writer.is_alive()
            assert time.monotonic() < deadline
            time.sleep(0.001)
        writer.kill()
        writer.join(PATIENCE_S)
        assert writer.exitcode == -9
        ids = acknowledged.read_text().split()
        with SqliteRecord(path) as record:
            report = record.verify()
            stored = [entry.record_id for entry in record.entries()]
            # The entry in flight may be kept without word of it; no entry that was confirmed may be gone.
            assert report.ok
            assert [record_id for record_id in ids if record_id not in stored] == []
            assert report.entries == len(stored)
            heads.append(record.append(an_entry(0, "after")).hash)
            assert all(record.verify(expected_head=head).ok for head in heads)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_is_refused_and_the_parent_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "record.sqlite"
    parent = start("fork", path)
    parent.join(PATIENCE_S)
    assert parent.exitcode == 0
    with SqliteRecord(path) as record:
        assert [entry.entry.thread for entry in record.entries()] == ["parent", "parent"]
        assert record.verify().ok


if __name__ == WORKER:
    work(*globals()["JOB"])
