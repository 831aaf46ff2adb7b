"""``cbtguard log`` with keys, anchors, exports, counts, and a record in PostgreSQL."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import re
import sqlite3
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from cbtguard.graph.records import open_record
from cbtguard.graph.settings import load_settings
from cbtguard.lab.record_bench import an_entry
from cbtguard.safety.errors import RecordError
from cbtguard.safety.record import Anchor, MemoryRecord, PostgresRecord, SqliteRecord
from cbtguard.service.cli import main

if TYPE_CHECKING:
    from pathlib import Path

COMMANDS = (["verify"], ["anchor"], ["show"], ["export", "-"], ["counts", "--year", "2026"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a command left."""

    code: int
    out: str
    err: str


def call(*arguments: str, given: str = "") -> Result:
    out, err = io.StringIO(), io.StringIO()
    stdin, sys.stdin = sys.stdin, io.StringIO(given)
    try:
        with (
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            pytest.raises(SystemExit) as ended,
        ):
            main(["log", *arguments])
    finally:
        sys.stdin = stdin
    assert isinstance(ended.value.code, int)
    return Result(code=ended.value.code, out=out.getvalue(), err=err.getvalue())


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "record.key"
    result = call("key", "new", str(path))
    assert (result.code, result.err) == (0, "")
    assert re.match(r"[0-9a-f]{16}  ", result.out)
    return path


@pytest.fixture(params=["sqlite", "postgres"])
def record(request: pytest.FixtureRequest, tmp_path: Path, key: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Three signed entries in the record that the environment names."""
    kept = "sqlite" if request.param == "sqlite" else request.getfixturevalue("postgres")
    monkeypatch.setenv("CBTGUARD_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("CBTGUARD_RECORD", kept)
    monkeypatch.setenv("CBTGUARD_RECORD_KEY", str(key))
    with contextlib.closing(open_record(load_settings())) as store:
        for turn in range(1, 4):
            store.append(an_entry(turn))
    # Whoever verifies has no private key.
    monkeypatch.setenv("CBTGUARD_RECORD_KEY", str(tmp_path / "elsewhere"))
    return kept


def test_verify_holds_signatures_against_the_public_key(record: str, key: Path, tmp_path: Path) -> None:
    plain = call("verify")
    assert re.fullmatch(r"3 entries, the chain holds\. Head [0-9a-f]{64}\n", plain.out)
    signed = call("verify", "--public-key", f"{key}.pub")
    assert (signed.code, signed.out) == (0, plain.out.replace("holds.", "holds. 3 signatures fit."))
    call("key", "new", str(tmp_path / "other.key"))
    other = call("verify", "--public-key", str(tmp_path / "other.key.pub"))
    assert other.code == 1
    assert other.out.startswith("The chain breaks at entry 1: signature.")
    both = call("verify", "--public-key", f"{key}.pub", "--public-key", str(tmp_path / "other.key.pub"))
    assert both.code == 0
    wrong = call("verify", "--public-key", str(key))
    assert (wrong.code, wrong.out) == (2, "")
    assert "[record.key]" in wrong.err


def test_an_anchor_finds_a_cut_tail(record: str, key: Path, tmp_path: Path) -> None:
    anchors = tmp_path / "anchors.jsonl"
    for turn in (4, 5):
        anchored = call("anchor", "--public-key", f"{key}.pub")
        assert (anchored.code, anchored.err) == (0, "")
        with anchors.open("a", encoding="utf-8") as stream:
            stream.write(anchored.out)
        with contextlib.closing(
            open_record(load_settings(record_key=key.read_text(encoding="ascii")))
        ) as store:
            store.append(an_entry(turn))
    lines = anchors.read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["seq"] for line in lines] == [3, 4]
    assert call("verify", "--anchor", str(anchors), "--public-key", f"{key}.pub").code == 0
    assert call("verify", "--anchor", "-", given=lines[0]).code == 0
    exported = call("export", "-").out.splitlines(keepends=True)
    cut = call("verify", "--export", "-", given="".join(exported[:3]))
    assert (cut.code, cut.out[:9]) == (0, "3 entries")
    found = call("verify", "--export", "-", "--anchor", str(anchors), given="".join(exported[:3]))
    assert found.code == 1
    assert found.out.startswith("The chain breaks at entry 4: anchor.")


def test_verify_of_an_export(record: str, key: Path, tmp_path: Path) -> None:
    path = tmp_path / "record.jsonl"
    assert call("export", str(path)).code == 0
    assert call("verify", "--export", str(path), "--public-key", f"{key}.pub").out.startswith(
        "3 entries, the chain holds. 3 signatures fit."
    )
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join([lines[0], lines[2]]), encoding="utf-8")
    assert call("verify", "--export", str(path)).out.startswith("The chain breaks at entry 2: missing.")
    path.write_text(lines[0].replace("answered", "我不想活了"), encoding="utf-8")
    damaged = call("verify", "--export", str(path))
    assert (damaged.code, damaged.out) == (2, "")
    assert "[record.corrupt]" in damaged.err
    assert call("verify", "--export", str(tmp_path / "nowhere")).code == 2


def test_counts_in_every_form(record: str) -> None:
    table = call("counts", "--year", "2026")
    assert table.code == 0
    head = call("verify").out.split()[-1]
    assert table.out.splitlines()[0] == f"2026 (UTC), counted from 3 entries up to head {head}"
    assert re.search(r"^turns +3$", table.out, re.MULTILINE)
    whole = json.loads(call("counts", "--year", "2026", "--format", "json").out)
    assert (whole["turns"], whole["answered"], whole["crisis_referrals"]) == (3, 3, 0)
    assert whole["head"] == head
    rows = list(csv.DictReader(io.StringIO(call("counts", "--year", "2026", "--format", "csv").out)))
    assert rows[0] == {"year": "2026", "measure": "turns", "level": "", "kind": "", "count": "3"}
    assert json.loads(call("counts", "--year", "2025", "--format", "json").out)["turns"] == 0
    assert call("counts", "--year", "2026", "--zone", "Nowhere/Land").code == 2


def test_nothing_is_anchored_or_counted_on_a_broken_chain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "record.sqlite"
    with SqliteRecord(path) as store:
        store.extend(map(an_entry, range(1, 4)))
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TRIGGER entries_no_update")
        connection.execute("UPDATE entries SET entry = replace(entry, 'CN', 'US') WHERE seq = 2")
        connection.commit()
    monkeypatch.setenv("CBTGUARD_RECORD", str(path))
    for command in (["anchor"], ["counts", "--year", "2026"]):
        result = call(*command)
        assert (result.code, result.out) == (1, "")
        assert result.err.startswith("The chain breaks at entry 2: hash.")


def test_a_record_that_is_not_there_is_not_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, postgres: str
) -> None:
    for kept in (str(tmp_path / "none.sqlite"), "memory", postgres):
        monkeypatch.setenv("CBTGUARD_RECORD", kept)
        for command in COMMANDS:
            result = call(*command)
            assert (result.code, result.out) == (2, "")
            assert "[record.missing]" in result.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "command", [[], ["verify"], ["anchor"], ["counts"], ["key"], ["key", "new"]], ids=" ".join
)
def test_help_can_be_read(command: list[str]) -> None:
    result = call(*command, "--help")
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith("Usage:")
    assert max(len(line) for line in result.out.splitlines()) <= 110


def test_a_key_is_not_overwritten(key: Path) -> None:
    again = call("key", "new", str(key))
    assert (again.code, again.out) == (2, "")
    assert "[record.key]" in again.err


# --- from settings to the record ----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["sqlite", "path", "memory", "postgres"])
def test_the_record_of_the_settings(
    kind: str, tmp_path: Path, key: Path, request: pytest.FixtureRequest
) -> None:
    named: Any = {"path": str(tmp_path / "folder" / "own.sqlite"), "sqlite": "sqlite", "memory": "memory"}
    kept = named[kind] if kind in named else request.getfixturevalue("postgres")
    settings = load_settings(home=tmp_path / "home", record=kept, record_key=str(key))
    with contextlib.closing(open_record(settings)) as store:
        stored = store.append(an_entry(1))
        wanted = {"memory": MemoryRecord, "postgres": PostgresRecord}.get(kind, SqliteRecord)
        assert isinstance(store, wanted)
        assert stored.signature is not None
        assert store.verify(anchors=[Anchor.of(stored)]).ok
    if kind == "sqlite":
        assert (tmp_path / "home" / "record.sqlite").is_file()


def test_a_key_that_cannot_be_used_stops_the_record(tmp_path: Path) -> None:
    settings = load_settings(home=tmp_path, record_key=str(tmp_path / "nowhere"))
    with pytest.raises(RecordError) as caught:
        open_record(settings)
    assert caught.value.code == "record.key"


def test_settings_show_neither_key_nor_connection(key: Path) -> None:
    pem = key.read_text(encoding="ascii")
    settings = load_settings(record="postgresql://me:hunter2@host/db", record_key=pem)
    shown = f"{settings!r} {settings}"
    assert "hunter2" not in shown
    assert pem.splitlines()[1] not in shown
