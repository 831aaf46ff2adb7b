from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cbtguard.safety.errors import RecordError
from cbtguard.safety.record import (
    ChainBreak,
    MemoryRecord,
    SqliteRecord,
    StoredEntry,
    TurnEntry,
    from_jsonl,
    to_csv,
    to_jsonl,
    verify_entries,
)
from cbtguard.safety.record.export import CSV_COLUMNS

if TYPE_CHECKING:
    from pathlib import Path

WORDS = st.from_regex(r"[A-Za-z0-9_.:+/@-]{1,20}", fullmatch=True)
TUPLES = st.lists(WORDS, max_size=3).map(tuple)
NUMBERS = st.integers(0, 1000)
ENTRIES = st.builds(
    TurnEntry,
    **dict.fromkeys(("turn_id", "thread", "route", "reason", "level", "subject", "language"), WORDS),
    **dict.fromkeys(("kinds", "rules", "defects", "notes", "lines", "faults"), TUPLES),
    turn=NUMBERS,
    attempts=NUMBERS,
    at=st.just("2025-01-31T08:00:00.000Z"),
    region=WORDS | st.just(""),
    writer=st.none() | WORDS,
    redactions=st.dictionaries(WORDS, NUMBERS, max_size=3),
    versions=st.dictionaries(WORDS, WORDS | st.just(""), max_size=3),
    timings_ms=st.dictionaries(WORDS, st.floats(0, 1e9), max_size=3),
)


def chained(entries: list[TurnEntry]) -> list[StoredEntry]:
    with MemoryRecord() as record:
        return [record.append(entry) for entry in entries]


def from_cells(cells: dict[str, str]) -> StoredEntry:
    """Read a CSV row back as its docstring says it was written."""

    def pairs(name: str) -> list[tuple[str, str]]:
        return [(key, value) for key, _, value in (item.partition("=") for item in cells[name].split())]

    whole: dict[str, Any] = {name: cells[name] for name in CSV_COLUMNS[4:]}
    for name in ("kinds", "rules", "defects", "notes", "lines", "faults"):
        whole[name] = cells[name].split()
    for name in ("turn", "attempts"):
        whole[name] = int(cells[name])
    whole["writer"] = cells["writer"] or None
    whole["schema"] = int(cells["schema"])
    whole["review"] = dict(pairs("review")) or None
    whole["redactions"] = {key: int(value) for key, value in pairs("redactions")}
    whole["versions"] = dict(pairs("versions"))
    whole["timings_ms"] = {key: float(value) for key, value in pairs("timings_ms")}
    return StoredEntry(
        seq=int(cells["seq"]),
        record_id=cells["record_id"],
        prev_hash=cells["prev_hash"],
        hash=cells["hash"],
        entry=TurnEntry.from_dict(whole),
    )


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(entries=st.lists(ENTRIES, max_size=4))
def test_jsonl_comes_back_and_verifies(entries: list[TurnEntry]) -> None:
    kept = chained(entries)
    stream = io.StringIO()
    assert to_jsonl(kept, stream) == len(kept)
    text = stream.getvalue()
    assert text.isascii()
    assert text.count("\n") == len(kept)
    back = list(from_jsonl(io.StringIO(text)))
    assert back == kept
    assert verify_entries(back).ok


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(entries=st.lists(ENTRIES, max_size=4))
def test_csv_comes_back_and_verifies(entries: list[TurnEntry]) -> None:
    kept = chained(entries)
    stream = io.StringIO(newline="")
    assert to_csv(kept, stream) == len(kept)
    stream.seek(0)
    rows = list(csv.DictReader(stream))
    back = [from_cells(row) for row in rows]
    assert back == kept
    assert verify_entries(back).ok


def test_csv_of_nothing_is_a_header() -> None:
    stream = io.StringIO(newline="")
    assert to_csv([], stream) == 0
    assert stream.getvalue() == ",".join(CSV_COLUMNS) + "\n"


@pytest.fixture
def lines(tmp_path: Path) -> list[str]:
    entry = TurnEntry(
        turn_id="t",
        thread="hmac:0f1e",
        turn=1,
        at="2025-01-31T08:00:00.000Z",
        route="reply",
        reason="checked",
        level="none",
        kinds=(),
        subject="self",
        rules=(),
        language="zh",
        region="CN",
        writer=None,
        attempts=1,
        defects=(),
        notes=(),
        lines=(),
        faults=(),
        redactions={},
        versions={"rules": "1"},
        timings_ms={},
    )
    stream = io.StringIO()
    with SqliteRecord(tmp_path / "record.sqlite") as record:
        for _ in range(3):
            record.append(entry)
        assert to_jsonl(record.entries(), stream) == 3
    return stream.getvalue().splitlines()


def test_a_changed_line_is_found(lines: list[str]) -> None:
    lines[1] = lines[1].replace('"rules":"1"', '"rules":"2"')
    report = verify_entries(from_jsonl(lines))
    assert (report.ok, report.first_bad, report.reason) == (False, 2, ChainBreak.HASH)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "{}",
        "[]",
        "no json",
        "[" * 100_000,
        '{"seq":2}',
        "我睡不着",
    ],
)
def test_a_line_that_is_no_entry_is_named(lines: list[str], line: str) -> None:
    back = from_jsonl([lines[0], line, lines[2]])
    assert next(back).seq == 1
    with pytest.raises(RecordError, match="Line 2 ") as caught:
        next(back)
    assert caught.value.code == "record.corrupt"
    assert "我" not in str(caught.value)


@pytest.mark.parametrize(
    ("key", "value"),
    [("seq", "2"), ("seq", True), ("hash", None), ("record_id", 1), ("entry", "x"), ("more", 1)],
)
def test_a_line_of_another_shape_is_named(lines: list[str], key: str, value: object) -> None:
    lines[1] = json.dumps({**json.loads(lines[1]), key: value})
    with pytest.raises(RecordError, match="Line 2 "):
        list(from_jsonl(lines))
