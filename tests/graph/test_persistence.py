from __future__ import annotations

import asyncio
import base64
import sqlite3
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from cbtguard.graph import FakeWriter, Guard, Route, Settings
from cbtguard.graph.vaults import MemoryVaults
from cbtguard.safety.errors import CbtguardError, DependencyError, RecordError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from cbtguard.safety.structure import Review

KEY = base64.b64encode(bytes(range(32))).decode()
OTHER_KEY = base64.b64encode(bytes(range(1, 33))).decode()
QUESTION = "最近总是睡不着，一躺下就想明天的会议，越想越清醒"
NAMED = f"我叫王建国，{QUESTION}"
SAID = "一躺下就想明天的会议"


@pytest.fixture
def make(flow: Any, tmp_path: Path) -> Iterator[Callable[..., Guard]]:
    made: list[Guard] = []

    def guard(settings: dict[str, Any], **parts: Any) -> Guard:
        services = flow.services(**parts)
        own = {name: getattr(services, name) for name in (*flow.parts, "retriever", "writer", "record")}
        made.append(
            Guard(
                Settings(**{"home": tmp_path, **settings}),
                **own,
                **({"clock": parts["clock"]} if "clock" in parts else {}),
            )
        )
        return made[-1]

    yield guard
    for one in made:
        one.close()


@pytest.fixture(params=["sqlite", "postgres"])
def threads(request: pytest.FixtureRequest) -> str:
    return "sqlite" if request.param == "sqlite" else str(request.getfixturevalue("postgres"))


def greets(flow: Any) -> dict[str, Any]:
    """A writer that calls the person by the name of turn 1, and a checker that lets placeholders pass."""

    class Lenient:
        name = "lenient"
        version = "1"

        def check(self, question: str, answer: str, **_: Any) -> Review:
            return replace(flow.parts["checker"].check(question, flow.good), defects=())

    greeting = flow.good.replace("你说", "<人名1>，你说", 1)
    return {"writer": FakeWriter([greeting] * 9), "checker": Lenient()}


@pytest.mark.parametrize("key", [None, KEY])
def test_a_talk_goes_on_after_a_restart(make: Callable[..., Guard], threads: str, key: str | None) -> None:
    settings = {"threads": threads, "threads_key": key}
    first = make(settings).warm()
    assert first.ask(NAMED, thread="t").route is Route.ANSWERED
    assert first.ask(QUESTION, thread="other").turn == 1
    first.close()
    second = make(settings).warm()
    answer = second.ask(QUESTION, thread="t")
    assert (answer.turn, answer.route, answer.faults, second.problems) == (2, Route.ANSWERED, (), ())


def test_placeholders_come_back_after_a_restart_where_vaults_are_stored(
    make: Callable[..., Guard], flow: Any, threads: str, tmp_path: Path
) -> None:
    settings = {"threads": threads, "threads_key": KEY, "vaults": "store"}
    first = make(settings)
    first.ask(NAMED, thread="t")
    first.close()
    kept = b"".join(path.read_bytes() for path in tmp_path.glob("*.sqlite*"))
    assert "王建国".encode() not in kept
    second = make(settings, **greets(flow))
    answer = second.ask(QUESTION, thread="t")
    assert (answer.turn, second.problems) == (2, ())
    assert "王建国，你说" in answer.reply
    # Another talk under the same key knows nothing of it.
    assert "王建国" not in second.ask(QUESTION, thread="other").reply


def test_by_default_a_restart_forgets_names_and_tells_no_wrong_one(
    make: Callable[..., Guard], flow: Any, threads: str
) -> None:
    first = make({"threads": threads})
    first.ask(NAMED, thread="t")
    first.close()
    answer = make({"threads": threads}, **greets(flow)).ask(f"我叫李雪梅，{QUESTION}", thread="t")
    assert "那个人，你说" in answer.reply
    assert "李雪梅" not in answer.reply


def test_two_guards_share_talks_and_vaults(make: Callable[..., Guard], flow: Any, threads: str) -> None:
    settings = {"threads": threads, "threads_key": KEY, "vaults": "store"}
    one, other = make(settings), make(settings, **greets(flow))
    assert one.ask(NAMED, thread="t").turn == 1
    answer = other.ask(f"我和陈晓雨吵架了，{QUESTION}", thread="t")
    assert answer.turn == 2
    assert "王建国，你说" in answer.reply
    assert one.ask(QUESTION, thread="t").turn == 3


def test_numbers_that_another_process_gave_out_are_not_given_again(
    make: Callable[..., Guard], flow: Any, threads: str
) -> None:
    """Two processes with vaults in memory: neither shows one person's name for another."""
    one, other = make({"threads": threads}, **greets(flow)), make({"threads": threads})
    one.ask(NAMED, thread="t")
    other.ask(f"我叫李雪梅，{QUESTION}", thread="t")
    one.ask(f"我的朋友叫陈晓雨，{QUESTION}", thread="t")
    vaults = one._keeping._vaults
    assert isinstance(vaults, MemoryVaults)
    [vault] = vaults._vaults.values()
    assert vault.restore("<人名1><人名2><人名3>") == "王建国那个人陈晓雨"


# --- keys ---------------------------------------------------------------------------------------------------


def refused(guard: Guard, code: str) -> None:
    """A talk whose store does not open ends in the last resort, and the operator is told why."""
    for _ in range(2):
        answer = guard.ask(QUESTION, thread="t")
        assert (answer.route, answer.faults) == (Route.REFERRED, ("turn:raised:RecordError",))
        assert answer.record_id
    assert [problem.code for problem in guard.problems] == [code]
    assert guard.ask(QUESTION).route is Route.ANSWERED
    with pytest.raises(RecordError) as caught:
        guard.warm()
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("before", "after", "code"),
    [
        (KEY, OTHER_KEY, "record.sealed"),
        (KEY, None, "record.sealed"),
        (None, KEY, "record.unsealed"),
    ],
)
def test_another_key_is_refused_and_forgetting_needs_none(
    make: Callable[..., Guard], threads: str, before: str | None, after: str | None, code: str
) -> None:
    first = make({"threads": threads, "threads_key": before})
    first.ask(QUESTION, thread="t")
    first.close()
    second = make({"threads": threads, "threads_key": after})
    refused(second, code)
    assert second.forget("t").checkpoints > 0
    answer = second.ask(QUESTION, thread="t")
    assert (answer.turn, answer.route) == (1, Route.ANSWERED)
    second.close()
    third = make({"threads": threads, "threads_key": after})
    assert third.ask(QUESTION, thread="t").turn == 2


def test_a_talk_that_somebody_wrote_in_the_clear_is_not_read(
    make: Callable[..., Guard], tmp_path: Path
) -> None:
    """Whoever can write into the file must not be able to end care mode, or to put words into a history."""
    forged = make({"threads": "sqlite"})
    forged.ask(QUESTION, thread="t")
    forged.close()
    with sqlite3.connect(tmp_path / "threads.sqlite") as connection:
        rows = connection.execute("SELECT * FROM checkpoints").fetchall()
        connection.execute("DELETE FROM checkpoints")
    connection.close()
    guard = make({"threads": "sqlite", "threads_key": KEY})
    assert guard.ask(QUESTION, thread="t").turn == 1
    with sqlite3.connect(tmp_path / "threads.sqlite") as connection:
        connection.execute("DELETE FROM checkpoints")
        connection.executemany("INSERT INTO checkpoints VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
    connection.close()
    answer = guard.ask(QUESTION, thread="t")
    assert (answer.route, answer.faults) == (Route.REFERRED, ("turn:raised:RecordError",))


def test_the_state_of_another_talk_is_not_taken(make: Callable[..., Guard], tmp_path: Path) -> None:
    """Sealed or not, a row that was moved from one talk to another is no past of it."""
    guard = make({"threads": "sqlite", "threads_key": KEY})
    names = [guard.forget("calm").name, guard.forget("crisis").name]
    guard.ask(QUESTION, thread="calm")
    guard.ask("我不想活了，今晚就跳下去", thread="crisis")
    with sqlite3.connect(tmp_path / "threads.sqlite") as connection:
        connection.execute("DELETE FROM checkpoints WHERE thread_id = ?", names[1:])
        connection.execute("UPDATE checkpoints SET thread_id = ? WHERE thread_id = ?", names[::-1])
    connection.close()
    answer = guard.ask(QUESTION, thread="crisis")
    assert (answer.route, answer.faults) == (Route.REFERRED, ("turn:raised:RecordError",))


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"threads": "sqlite", "threads_key": "not a key"}, "settings.key"),
        ({"threads": "sqlite", "vaults": "store"}, "settings.vaults"),
        ({"threads": "memory", "vaults": "store", "threads_key": KEY}, "settings.vaults"),
    ],
)
def test_settings_that_contradict_each_other_are_refused_at_once(
    make: Callable[..., Guard], settings: dict[str, str], code: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        make(settings)
    assert caught.value.code == code
    assert caught.value.hint
    assert "not a key" not in str(caught.value)


def test_no_setting_shows_a_key_or_a_password() -> None:
    settings = Settings(threads="postgresql://u:geheim@h/d", threads_key=KEY)
    assert "geheim" not in repr(settings)
    assert KEY not in repr(settings)


@pytest.mark.parametrize(
    ("module", "settings"),
    [
        ("cryptography", {"threads": "sqlite", "threads_key": KEY}),
        ("psycopg_pool", {"threads": "postgresql://nobody@127.0.0.1:1/none"}),
    ],
)
def test_a_missing_library_costs_talks_and_not_replies(
    make: Callable[..., Guard], monkeypatch: pytest.MonkeyPatch, module: str, settings: dict[str, str]
) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == module]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(sys.modules, "cbtguard.graph.talks_postgres", raising=False)
    monkeypatch.setitem(sys.modules, module, None)
    guard = make(settings)
    answer = guard.ask(QUESTION, thread="t")
    assert (answer.route, answer.faults) == (Route.REFERRED, ("turn:raised:DependencyError",))
    assert guard.ask(QUESTION).route is Route.ANSWERED
    with pytest.raises(DependencyError, match="cbtguard\\["):
        guard.warm()


# --- servers that are away ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dsn", "code"),
    [
        ("postgresql://nobody:geheim@127.0.0.1:1/none", "record.threads_unreadable"),
        ("postgresql://nobody:geheim@[127.0.0.1:1/none", "record.value"),
    ],
)
def test_a_server_that_is_not_there_costs_talks_and_not_replies(
    make: Callable[..., Guard], dsn: str, code: str
) -> None:
    guard = make({"threads": dsn, "threads_key": KEY, "vaults": "store"})
    answer = guard.ask(QUESTION, thread="t")
    assert (answer.route, answer.faults) == (Route.REFERRED, ("turn:raised:RecordError",))
    assert code in {problem.code for problem in guard.problems}
    assert "geheim" not in str(guard.problems)
    with pytest.raises(CbtguardError) as caught:
        guard.forget("t")
    assert "geheim" not in str(caught.value)
    assert guard.ask(QUESTION).route is Route.ANSWERED


def test_lost_connections_are_made_anew(make: Callable[..., Guard], postgres: str) -> None:
    guard = make({"threads": postgres, "threads_key": KEY, "vaults": "store"})
    guard.ask(NAMED, thread="t")
    with psycopg.connect(postgres, autocommit=True) as connection:
        query = b"""
            SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid()
        """
        ended = connection.execute(query).fetchall()
    assert ended[0][0] >= 2
    answer = guard.ask(QUESTION, thread="t")
    assert (answer.turn, answer.route, answer.faults, guard.problems) == (2, Route.ANSWERED, (), ())


def test_talks_of_other_programs_in_the_database_stay(make: Callable[..., Guard], postgres: str) -> None:
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(b"CREATE TABLE public.checkpoints (thread_id TEXT)")
        connection.execute(b"INSERT INTO public.checkpoints VALUES ('theirs')")
    guard = make({"threads": postgres})
    guard.ask(QUESTION, thread="t")
    assert guard.sweep(0).talks in {0, 1}
    with psycopg.connect(postgres, autocommit=True) as connection:
        assert connection.execute(b"SELECT thread_id FROM public.checkpoints").fetchall() == [("theirs",)]


async def test_a_vault_that_cannot_be_read_costs_a_word_and_is_left_alone(
    make: Callable[..., Guard], flow: Any, tmp_path: Path
) -> None:
    settings = {"threads": "sqlite", "threads_key": KEY, "vaults": "store"}
    first = make(settings)
    first.ask(NAMED, thread="t")
    first.close()
    file = tmp_path / "threads.vaults.sqlite"
    with sqlite3.connect(file) as connection:
        [(sealed,)] = connection.execute("SELECT sealed FROM vaults").fetchall()
        connection.execute("UPDATE vaults SET sealed = ?", (sealed[:-1] + bytes([sealed[-1] ^ 1]),))
    connection.close()
    second = make(settings, **greets(flow))
    answer = await second.aask(f"我叫李雪梅，{QUESTION}", thread="t")
    assert (answer.route, answer.turn) == (Route.ANSWERED, 2)
    assert "那个人，你说" in answer.reply
    assert [problem.code for problem in second.problems] == ["record.sealed"]
    second.close()
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE vaults SET sealed = ?", (sealed,))
    connection.close()
    assert "王建国，你说" in make(settings, **greets(flow)).ask(QUESTION, thread="t").reply


def test_the_files_are_their_owners_alone(make: Callable[..., Guard], tmp_path: Path) -> None:
    guard = make({"threads": "sqlite", "threads_key": KEY, "vaults": "store"})
    guard.ask(NAMED, thread="t")
    for name in (
        "threads.sqlite",
        "threads.sqlite-wal",
        "threads.vaults.sqlite",
        "threads.vaults.sqlite-wal",
    ):
        assert (tmp_path / name).stat().st_mode & 0o077 == 0, name
        assert SAID.encode() not in (tmp_path / name).read_bytes(), name


async def test_many_who_write_while_a_server_is_away_do_not_wait_in_a_row(
    make: Callable[..., Guard], monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = []

    async def away(settings: Settings) -> Any:
        tried.append(settings)
        await asyncio.sleep(0.05)
        raise RecordError("record.threads_unreadable", "away", hint="-")

    monkeypatch.setattr("cbtguard.graph.keeping.open_talks", away)
    guard = make({"threads": "sqlite"})
    answers = await asyncio.gather(*(guard.aask(QUESTION, thread=f"t{n}") for n in range(6)))
    assert {answer.faults for answer in answers} == {("turn:raised:RecordError",)}
    assert len(tried) == 1
