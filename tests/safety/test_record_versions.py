"""Entries of every schema and files of every layout: what was kept once verifies for good."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cbtguard.safety.errors import RecordError
from cbtguard.safety.record import (
    MemoryRecord,
    PostgresRecord,
    Review,
    SqliteRecord,
    TurnEntry,
    from_jsonl,
    to_jsonl,
    verify_entries,
)
from cbtguard.safety.record.chain import canonical, is_entry, parse
from cbtguard.safety.record.form import is_canonical

if TYPE_CHECKING:
    from cbtguard.safety.record import StoredEntry

OLD = Path(__file__).parents[1] / "data" / "record_1.jsonl"
"""Three entries as the release before schema 2 wrote them."""

LAYOUT_1 = """
CREATE TABLE entries (
    seq       INTEGER PRIMARY KEY CHECK (seq >= 1),
    record_id TEXT NOT NULL CHECK (typeof(record_id) = 'text'),
    prev_hash TEXT NOT NULL CHECK (typeof(prev_hash) = 'text' AND length(prev_hash) = 64),
    hash      TEXT NOT NULL CHECK (typeof(hash) = 'text' AND length(hash) = 64),
    entry     TEXT NOT NULL CHECK (typeof(entry) = 'text')
);
CREATE TABLE head (
    id    INTEGER PRIMARY KEY CHECK (id = 1),
    seq   INTEGER NOT NULL,
    hash  TEXT NOT NULL,
    count INTEGER NOT NULL
);
PRAGMA application_id = 0x63627467;
PRAGMA user_version = 1;
"""

REVIEW = Review(act="approved", reviewer="0f1e" * 8, at="2026-01-31T08:05:00.000Z")


def old_entries() -> list[StoredEntry]:
    with OLD.open(encoding="utf-8") as stream:
        return list(from_jsonl(stream))


def an_entry(**changes: Any) -> TurnEntry:
    whole = {**old_entries()[0].entry.as_dict(), "review": None, "schema": 2}
    entry = TurnEntry.from_dict(whole)
    values = {name: getattr(entry, name) for name in entry.__slots__}
    return TurnEntry(**{**values, **changes})


def old_file(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(LAYOUT_1)
        lines = [json.loads(line) for line in OLD.read_text(encoding="utf-8").splitlines()]
        for row in lines:
            text = json.dumps(row["entry"], sort_keys=True, separators=(",", ":"))
            connection.execute(
                "INSERT INTO entries VALUES (?, ?, ?, ?, ?)",
                (row["seq"], row["record_id"], row["prev_hash"], row["hash"], text),
            )
        connection.execute(
            "INSERT INTO head VALUES (1, ?, ?, ?)", (len(lines), lines[-1]["hash"], len(lines))
        )
        connection.commit()


def test_entries_of_the_first_schema_verify() -> None:
    kept = old_entries()
    assert {stored.entry.schema for stored in kept} == {1}
    assert verify_entries(kept).ok
    for line, stored in zip(OLD.read_text(encoding="utf-8").splitlines(), kept, strict=True):
        whole = json.loads(line)
        sealed = {key: whole[key] for key in ("entry", "prev_hash", "seq")}
        text = json.dumps(sealed, sort_keys=True, separators=(",", ":"))
        assert hashlib.sha256(text.encode()).hexdigest() == stored.hash
        assert not {"schema", "review"} & whole["entry"].keys()
        assert is_canonical(canonical(stored.entry))


def test_a_file_of_the_first_layout_is_brought_up_and_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "record.sqlite"
    old_file(path)
    with SqliteRecord(path) as record, SqliteRecord(path) as other:
        assert list(record.entries()) == old_entries()
        assert record.verify().entries == 3
        assert record.append(an_entry(review=REVIEW)).seq == 4
        assert other.append(an_entry()).seq == 5
        report = record.verify()
        schemas = [stored.entry.schema for stored in record.entries()]
    assert (report.ok, report.entries, schemas) == (True, 5, [1, 1, 1, 2, 2])
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (2,)


def test_a_record_moves_to_another_store_and_keeps_its_hashes(tmp_path: Path, postgres: str) -> None:
    path = tmp_path / "record.sqlite"
    old_file(path)
    with SqliteRecord(path) as record, PostgresRecord(postgres) as moved:
        record.append(an_entry())
        assert moved.extend(stored.entry for stored in record.entries()) == list(record.entries())
        assert moved.verify(expected_head=record.verify().head).ok


def test_a_first_schema_entry_has_no_review() -> None:
    for changes in ({"schema": 1, "review": REVIEW}, {"schema": 0}, {"schema": 3}, {"schema": True}):
        with pytest.raises(RecordError) as caught:
            an_entry(**changes)
        assert caught.value.code == "record.value"
    whole = an_entry().as_dict()
    for changed in ({**whole, "schema": 1}, {**whole, "schema": 3}, {**whole, "schema": [2]}):
        with pytest.raises(RecordError):
            TurnEntry.from_dict(changed)
        assert not is_entry(json.dumps(changed, sort_keys=True, separators=(",", ":")))


# --- the reviewer's act -------------------------------------------------------------------------------------


def test_a_reviewers_act_is_kept_and_comes_back(tmp_path: Path) -> None:
    entry = an_entry(review=REVIEW)
    assert entry.as_dict()["review"] == {
        "act": "approved",
        "at": "2026-01-31T08:05:00.000Z",
        "reviewer": "0f1e" * 8,
    }
    assert TurnEntry.from_dict(entry.as_dict()) == entry
    assert is_canonical(canonical(entry))
    with SqliteRecord(tmp_path / "record.sqlite") as record:
        record.append(entry)
        assert next(record.entries()).entry.review == REVIEW
        path = tmp_path / "record.jsonl"
        with path.open("w", encoding="utf-8") as stream:
            to_jsonl(record.entries(), stream)
    with path.open(encoding="utf-8") as stream:
        assert next(from_jsonl(stream)).entry == entry


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("act", ""),
        ("act", "looks fine to me"),
        ("act", None),
        ("reviewer", "dr.chen@clinic.example"),
        ("reviewer", "Chen"),
        ("reviewer", "0F1E" * 8),
        ("reviewer", "0f" * 7),
        ("reviewer", "0f" * 33),
        ("reviewer", None),
        ("at", "2026-01-31"),
    ],
)
def test_a_name_or_a_comment_is_no_review(name: str, value: object) -> None:
    with pytest.raises(RecordError) as caught:
        Review(**{**REVIEW.as_dict(), name: value})  # type: ignore[arg-type]
    assert caught.value.code == "record.text"
    assert f"review.{name}" in str(caught.value)
    assert not value or str(value) not in str(caught.value)


@pytest.mark.parametrize("review", ["approved", {"act": "approved"}, {**REVIEW.as_dict(), "note": "x"}, 1])
def test_another_shape_of_review_is_refused(review: object) -> None:
    with pytest.raises(RecordError) as caught:
        an_entry(review=review)
    assert caught.value.code == "record.value"
    with pytest.raises(RecordError):
        TurnEntry.from_dict({**an_entry().as_dict(), "review": review})


# --- the form of the text -----------------------------------------------------------------------------------

WORDS = st.from_regex(r"[A-Za-z0-9_.:+/@-]{1,20}", fullmatch=True)
TUPLES = st.lists(WORDS, max_size=3).map(tuple)
NUMBERS = st.integers(0, 2**31 - 1)
REVIEWS = st.builds(
    Review,
    act=WORDS,
    reviewer=st.from_regex(r"[0-9a-f]{16,64}", fullmatch=True),
    at=st.just("2026-01-31T08:00:00.000Z"),
)
ENTRIES = st.builds(
    TurnEntry,
    **dict.fromkeys(("turn_id", "thread", "route", "reason", "level", "subject", "language"), WORDS),
    **dict.fromkeys(("kinds", "rules", "defects", "notes", "lines", "faults"), TUPLES),
    turn=NUMBERS,
    attempts=NUMBERS,
    at=st.datetimes().map(lambda t: t.isoformat(timespec="milliseconds") + "+00:00"),
    region=WORDS | st.just(""),
    writer=st.none() | WORDS,
    redactions=st.dictionaries(WORDS, NUMBERS, max_size=3),
    versions=st.dictionaries(WORDS, WORDS | st.just(""), max_size=3),
    timings_ms=st.dictionaries(
        WORDS, st.floats(0, 1e300) | st.floats(0, 1e5).map(lambda t: round(t, 3)), max_size=3
    ),
    review=st.none() | REVIEWS,
)


@given(entry=ENTRIES)
def test_every_entry_has_the_form_of_an_entry(entry: TurnEntry) -> None:
    text = canonical(entry)
    assert is_entry(text)
    assert text == json.dumps(entry.as_dict(), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    assert parse(text) == entry


@pytest.mark.slow
@settings(max_examples=500)
@given(data=st.data(), entry=ENTRIES)
def test_the_quick_way_never_accepts_what_the_slow_way_refuses(data: st.DataObject, entry: TurnEntry) -> None:
    text = canonical(entry)
    place = data.draw(st.integers(0, len(text) - 1), label="place")
    end = data.draw(st.integers(place, min(len(text), place + 4)), label="end")
    put = data.draw(st.text('{}[]":,.0123456789eE+- aZ\\u', max_size=4), label="put")
    changed = text[:place] + put + text[end:]
    read = parse(changed)
    truth = (
        read is not None
        and json.dumps(read.as_dict(), sort_keys=True, separators=(",", ":"), ensure_ascii=True) == changed
    )
    assert is_entry(changed) is truth
    assert truth or not is_canonical(changed)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"check":', '"zzz":'),
        ('"protect":1.234', '"check":1.234'),
        ("1.234", "1.2340"),
        ("1.234", "01.234"),
        ("1.234", "1234e-3"),
        ('"turn":1,', '"turn":01,'),
        ("2026-01-31T08", "2026-02-31T08"),
        ('"turn":1,', '"turn":1, '),
        ('"PERSON":2', '"PERSON":-2'),
        ("composer", "我不想活了"),
        ("composer", "two words"),
    ],
)
def test_texts_that_only_look_like_an_entry_are_not_accepted(old: str, new: str) -> None:
    text = canonical(an_entry())
    assert is_canonical(text)
    assert old in text
    assert not is_entry(text.replace(old, new))


def test_times_the_quick_way_does_not_know_are_entries_still() -> None:
    with MemoryRecord() as record:
        for value in (1e-07, 1e22, 1 / 3, 0.0001, 5e-324):
            entry = an_entry(timings_ms={"screen": value})
            assert not is_canonical(canonical(entry))
            record.append(entry)
        assert record.verify().entries == 5
