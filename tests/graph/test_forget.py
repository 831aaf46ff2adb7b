from __future__ import annotations

import asyncio
import base64
import sqlite3
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from langgraph.checkpoint.base import empty_checkpoint
from langgraph.checkpoint.memory import InMemorySaver

from cbtguard.graph import FakeWriter, Guard, MemoryVaults, Route, Settings
from cbtguard.graph.sealed import serializer
from cbtguard.safety.errors import InputError, RecordError
from cbtguard.safety.record import SqliteRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

KEY = base64.b64encode(bytes(range(32))).decode()
QUESTION = "最近总是睡不着，一躺下就想明天的会议，越想越清醒"
NAMED = f"我叫王建国，{QUESTION}"
CRISIS = "我不想活了，今晚就跳下去"
WORDS = ("一躺下就想明天的会议", "越想越清醒", "不想活")
DAY = 86_400.0


class Clock:
    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def make(flow: Any, tmp_path: Path, clock: Clock) -> Iterator[Callable[..., Guard]]:
    made: list[Guard] = []

    def guard(settings: dict[str, Any] | None = None, **parts: Any) -> Guard:
        held = {k: parts.pop(k) for k in ("checkpointer", "vaults") if k in parts}
        services = flow.services(**parts)
        own = {name: getattr(services, name) for name in (*flow.parts, "retriever", "writer", "record")}
        kept = Settings(**{"home": tmp_path, **(settings or {})})
        made.append(Guard(kept, clock=clock, **held, **own))
        return made[-1]

    yield guard
    for one in made:
        one.close()


@pytest.fixture(params=["memory", "sqlite", "sealed", "postgres", "sealed_postgres", "own"])
def settings(request: pytest.FixtureRequest) -> dict[str, Any]:
    kind = request.param
    if kind == "own":
        return {"checkpointer": InMemorySaver(serde=serializer()), "vaults": MemoryVaults()}
    threads = str(request.getfixturevalue("postgres")) if "postgres" in kind else kind
    if "sealed" not in kind:
        return {"settings": {"threads": threads}}
    threads = threads if "postgres" in kind else "sqlite"
    return {"settings": {"threads": threads, "threads_key": KEY, "vaults": "store"}}


def test_a_forgotten_talk_is_gone_and_the_record_stays(
    make: Callable[..., Guard], settings: dict[str, Any], tmp_path: Path
) -> None:
    with SqliteRecord(tmp_path / "own.sqlite") as record:
        guard = make(record=record, **settings)
        for text in (NAMED, CRISIS):
            guard.ask(text, thread="wang@example.org")
        guard.ask(QUESTION, thread="other")
        entries = list(record.entries())

        found = guard.forget("wang@example.org")
        assert found.checkpoints >= 2
        assert found.vault is True
        assert {stored.entry.thread for stored in entries[:2]} == {found.name}
        assert list(record.entries()) == entries
        assert record.verify().ok

        assert guard.forget("wang@example.org").checkpoints == 0
        again = guard.ask(QUESTION, thread="wang@example.org")
        # Neither its number, nor care mode, nor the notice goes on.
        assert (again.turn, again.route) == (1, Route.ANSWERED)
        assert again.notice
        assert guard.ask(QUESTION, thread="other").turn == 2
        assert record.verify().entries == len(entries) + 2


def files(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_no_byte_of_a_forgotten_talk_is_left_in_a_file(make: Callable[..., Guard], tmp_path: Path) -> None:
    guard = make({"threads": "sqlite"})
    for text in (NAMED, CRISIS, QUESTION, CRISIS):
        guard.ask(text, thread="t")
    assert all(word.encode() in files(tmp_path) for word in WORDS)
    found = guard.forget("t")
    assert found.wiped
    # While the file is open, its write-ahead log included.
    left = files(tmp_path)
    assert not [word for word in WORDS if word.encode() in left]
    for name in ("threads.sqlite", "threads.sqlite-wal"):
        assert found.name.encode() not in (tmp_path / name).read_bytes()
    guard.close()
    left = files(tmp_path)
    assert not [word for word in WORDS if word.encode() in left]


def test_what_another_process_holds_is_told(make: Callable[..., Guard], tmp_path: Path) -> None:
    guard = make({"threads": "sqlite"})
    guard.ask(QUESTION, thread="t")
    other = sqlite3.connect(tmp_path / "threads.sqlite", isolation_level=None)
    other.execute("BEGIN")
    assert other.execute("SELECT count(*) FROM checkpoints").fetchone()[0] > 0
    found = guard.forget("t")
    assert found.checkpoints > 0
    assert not found.wiped
    other.close()
    assert guard.forget("t").wiped
    assert WORDS[0].encode() not in files(tmp_path)


def test_no_row_of_a_forgotten_talk_is_left_in_postgres(make: Callable[..., Guard], postgres: str) -> None:
    guard = make({"threads": postgres, "threads_key": KEY, "vaults": "store"})
    guard.ask(NAMED, thread="t")
    found = guard.forget("t")
    assert (found.vault, found.wiped) == (True, False)
    query = b"SELECT schemaname, relname FROM pg_stat_user_tables WHERE schemaname LIKE 'cbtguard%'"
    with psycopg.connect(postgres, autocommit=True) as connection:
        tables = connection.execute(query).fetchall()
        assert {("cbtguard_threads", "checkpoint_blobs"), ("cbtguard_vaults", "vaults")} <= set(tables)
        for schema, table in tables:
            rows = connection.execute(f'TABLE "{schema}"."{table}"'.encode()).fetchall()
            assert found.name not in str(rows), table


@pytest.mark.parametrize("server", [False, True])
def test_sealed_vaults_of_an_earlier_setting_are_forgotten_too(
    make: Callable[..., Guard], request: pytest.FixtureRequest, server: bool
) -> None:
    """A clean-up job that does not know of vaults must not leave personal data behind."""
    threads = str(request.getfixturevalue("postgres")) if server else "sqlite"
    stored = {"threads": threads, "threads_key": KEY, "vaults": "store"}
    first = make(stored)
    first.ask(NAMED, thread="t")
    first.close()
    assert make({"threads": threads}).forget("t").vault is True
    assert make(stored).forget("t").vault is False


async def test_forgetting_waits_for_the_turn_that_is_under_way(make: Callable[..., Guard], flow: Any) -> None:
    class Slow(FakeWriter):
        async def write(self, task: Any) -> Any:
            here.call_soon_threadsafe(writing.set)
            await asyncio.sleep(0.2)
            return await super().write(task)

    here, writing = asyncio.get_running_loop(), asyncio.Event()
    guard = make({"threads": "sqlite"}, writer=Slow([flow.good] * 9))
    turn = asyncio.ensure_future(guard.aask(QUESTION, thread="t"))
    await writing.wait()
    found = await guard.aforget("t")
    assert (await turn).route is Route.ANSWERED
    assert found.checkpoints > 0
    assert (await guard.aask(QUESTION, thread="t")).turn == 1


@pytest.mark.parametrize("thread", ["", "  ", "x" * 513])
def test_what_is_no_thread_cannot_be_forgotten(make: Callable[..., Guard], thread: str) -> None:
    with pytest.raises(InputError, match=r"input\.thread"):
        make().forget(thread)


# --- retention ----------------------------------------------------------------------------------------------


def test_a_sweep_takes_what_was_not_used_for_longer(
    make: Callable[..., Guard], settings: dict[str, Any], clock: Clock
) -> None:
    guard = make(**settings)
    guard.ask(NAMED, thread="old")
    guard.ask(NAMED, thread="used again")
    clock.now += 20 * DAY
    guard.ask(QUESTION, thread="used again")
    guard.ask(QUESTION, thread="new")
    clock.now += 10 * DAY
    assert guard.sweep(30).talks == 0
    clock.now += 1.0
    swept = guard.sweep(30)
    assert (swept.talks, swept.vaults) == (1, 1)
    assert swept.checkpoints > 0
    assert [guard.ask(QUESTION, thread=t).turn for t in ("old", "used again", "new")] == [1, 3, 2]


def test_without_retention_nothing_ends(make: Callable[..., Guard], clock: Clock) -> None:
    guard = make({"threads": "sqlite"})
    guard.ask(QUESTION, thread="t")
    clock.now += 9_999 * DAY
    swept = guard.sweep()
    assert (swept.before, swept.talks) == (None, 0)
    assert guard.ask(QUESTION, thread="t").turn == 2


async def test_retention_is_seen_to_while_the_guard_answers(
    make: Callable[..., Guard], clock: Clock, tmp_path: Path
) -> None:
    guard = make({"threads": "sqlite", "retention_days": 30})
    await guard.aask(QUESTION, thread="old")
    clock.now += 31 * DAY
    await guard.aask(QUESTION, thread="new")
    for _ in range(200):
        await asyncio.sleep(0.02)
        if guard._keeping._sweeping is None:
            break
    assert (await guard.asweep()).talks == 0
    with sqlite3.connect(tmp_path / "threads.sqlite") as connection:
        assert connection.execute("SELECT count(DISTINCT thread_id) FROM checkpoints").fetchone() == (1,)
    connection.close()


@pytest.mark.parametrize("days", [-1.0, float("nan"), 1e9])
def test_days_that_are_none_are_refused(make: Callable[..., Guard], days: float) -> None:
    with pytest.raises(InputError, match=r"input\.days"):
        make().sweep(days)


def test_talks_of_an_earlier_version_are_swept_by_the_time_of_their_checkpoints(
    make: Callable[..., Guard], clock: Clock, tmp_path: Path
) -> None:
    """They tell no time of use; the id of a checkpoint tells when it was made, by the real clock."""
    guard = make({"threads": "sqlite"})
    guard.ask(QUESTION, thread="t")
    with sqlite3.connect(tmp_path / "threads.sqlite") as connection:
        connection.execute(
            "UPDATE checkpoints SET metadata = json_remove(CAST(metadata AS TEXT), '$.used_at')"
        )
    connection.close()
    import time  # noqa: PLC0415 - the real one

    clock.now = time.time() - 60
    assert guard.sweep(0).talks == 0
    clock.now = time.time() + 60
    assert guard.sweep(0).talks == 1


def test_threads_of_other_programs_in_a_shared_checkpointer_stay(
    make: Callable[..., Guard], clock: Clock
) -> None:
    saver = InMemorySaver(serde=serializer())
    theirs: Any = {"configurable": {"thread_id": "theirs", "checkpoint_ns": ""}}
    saver.put(theirs, empty_checkpoint(), {"source": "input", "step": 0, "parents": {}}, {})
    guard = make(checkpointer=saver)
    guard.ask(QUESTION, thread="t")
    clock.now += DAY
    assert guard.sweep(0).talks == 1
    assert saver.get_tuple(theirs) is not None


def test_a_checkpointer_that_cannot_delete_says_so(make: Callable[..., Guard]) -> None:
    class Keeps(InMemorySaver):
        async def adelete_thread(self, thread_id: str) -> None:
            raise NotImplementedError

    guard = make(checkpointer=Keeps(serde=serializer()))
    guard.ask(QUESTION, thread="t")
    with pytest.raises(RecordError, match=r"record\.threads_kept"):
        guard.forget("t")
