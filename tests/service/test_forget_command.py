"""``cbtguard forget``, and where ``cbtguard ask --thread`` keeps its talks."""

from __future__ import annotations

import base64
import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from cbtguard.graph import FakeWriter, Guard, load_settings
from cbtguard.service.cli import main

if TYPE_CHECKING:
    from pathlib import Path

KEY = base64.b64encode(bytes(range(32))).decode()
TEXT = "最近总睡不着，一躺下就想工作的事"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CBTGUARD_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def parts(
    real_redactor: Any,
    real_detector: Any,
    real_library: Any,
    real_retriever: Any,
    real_checker: Any,
    real_referrals: Any,
) -> dict[str, Any]:
    """Parts that are quick to make; what the writer writes does not matter here."""
    return {
        "redactor": real_redactor,
        "detector": real_detector,
        "library": real_library,
        "retriever": real_retriever,
        "checker": real_checker,
        "referrals": real_referrals,
        "writer": FakeWriter(["-"] * 9),
    }


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    told = capsys.readouterr()
    assert isinstance(ended.value.code, int)
    return ended.value.code, told.out, told.err


def talks(home: Path) -> int:
    with closing(sqlite3.connect(home / "threads.sqlite")) as connection:
        return int(connection.execute("SELECT count(DISTINCT thread_id) FROM checkpoints").fetchone()[0])


def asked(parts: dict[str, Any], *threads: str, **settings: Any) -> None:
    with Guard(load_settings(None, **{"threads": "sqlite", **settings}), **parts) as guard:
        for thread in threads:
            assert guard.ask(TEXT, thread=thread).turn == 1


def test_a_talk_is_forgotten(capsys: pytest.CaptureFixture[str], parts: dict[str, Any], home: Path) -> None:
    asked(parts, "demo", "other")
    code, out, err = call(capsys, "forget", "--thread", "demo")
    assert (code, err) == (0, "")
    assert out.startswith("Forgotten: ")
    assert talks(home) == 1
    code, out, _ = call(capsys, "forget", "--thread", "demo", "--json")
    found = json.loads(out)
    assert (code, found["checkpoints"], found["vault"]) == (0, 0, False)
    assert len(found["name"]) == 32
    code, out, _ = call(capsys, "forget", "--thread", "demo")
    assert out.startswith("Nothing was kept of this talk.")
    code, out, _ = call(capsys, "log", "verify")
    assert (code, out.split(",")[0]) == (0, "2 entries")


def test_stored_vaults_are_forgotten_without_the_key(
    capsys: pytest.CaptureFixture[str], parts: dict[str, Any], home: Path
) -> None:
    asked({**parts}, "demo", threads_key=KEY, vaults="store")
    with closing(sqlite3.connect(home / "threads.vaults.sqlite")) as connection, connection:
        name = "f" * 32
        connection.execute("INSERT INTO vaults VALUES (?, '2020-01-01T00:00:00.000Z', x'00')", (name,))
    code, out, _ = call(capsys, "forget", "--older-than", "30", "--json")
    assert (code, json.loads(out)["vaults"]) == (0, 1)
    assert call(capsys, "forget", "--thread", "demo")[0] == 0
    assert talks(home) == 0


def test_old_talks_are_forgotten(
    capsys: pytest.CaptureFixture[str],
    parts: dict[str, Any],
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked(parts, "one", "two")
    code, out, _ = call(capsys, "forget", "--older-than", "1")
    assert code == 0
    assert out.startswith("Forgotten: 0 talks last used before ")
    assert talks(home) == 2
    monkeypatch.setenv("CBTGUARD_RETENTION_DAYS", "0")
    code, out, _ = call(capsys, "forget", "--json")
    assert (code, json.loads(out)["talks"]) == (0, 2)
    assert talks(home) == 0


def test_a_server_of_the_settings_is_used(
    capsys: pytest.CaptureFixture[str],
    parts: dict[str, Any],
    home: Path,
    postgres: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CBTGUARD_THREADS", postgres)
    asked(parts, "demo", threads=postgres)
    code, out, _ = call(capsys, "forget", "--thread", "demo", "--json")
    assert (code, json.loads(out)["checkpoints"] > 0) == (0, True)
    assert not (home / "threads.sqlite").exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "settings.retention_days"),
        (("--thread", "a", "--older-than", "3"), "not both"),
        (("--thread", " "), "input.thread"),
        (("--older-than", "-1"), "input.days"),
        (("--older-than", "soon"), "not a valid float"),
    ],
)
def test_what_cannot_be_done_is_refused(
    capsys: pytest.CaptureFixture[str], home: Path, arguments: tuple[str, ...], told: str
) -> None:
    code, out, err = call(capsys, "forget", *arguments)
    assert (code, out) == (2, "")
    assert told in err
