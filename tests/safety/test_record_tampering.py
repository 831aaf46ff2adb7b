"""Thousands of random tamperings of a signed log with an anchor: each is found, and at its first bad entry."""

from __future__ import annotations

import random
import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

from cbtguard.safety.errors import RecordError
from cbtguard.safety.record import (
    GENESIS,
    Anchor,
    ChainReport,
    PublicKeys,
    SigningKey,
    SqliteRecord,
    TurnEntry,
    from_jsonl,
    to_jsonl,
    verify_entries,
)

if TYPE_CHECKING:
    from pathlib import Path

ENTRIES = 40
COLUMNS = ("record_id", "prev_hash", "hash", "entry", "signature")
FILE_KINDS = ("cell", "raw", "delete", "swap_rows", "swap_contents", "truncate")
TEXT_KINDS = ("line_byte", "line_delete", "line_swap", "line_truncate")


def an_entry(turn: int) -> TurnEntry:
    return TurnEntry(
        turn_id=f"{turn:032x}",
        thread=f"{turn * 7919:032x}",
        turn=turn,
        at=f"2026-01-31T08:{turn:02}:00.000Z",
        route="answered" if turn % 3 else "referred",
        reason="checked" if turn % 3 else "crisis",
        level="none" if turn % 3 else "crisis",
        kinds=() if turn % 3 else ("suicide",),
        subject="self",
        rules=("zh.suicide.wish",) if turn % 3 == 0 else (),
        language="zh-Hans",
        region="CN",
        writer="composer" if turn % 3 else None,
        attempts=turn % 3,
        defects=(),
        notes=("worry-time",) if turn % 3 else (),
        lines=() if turn % 3 else ("cn-12356",),
        faults=(),
        redactions={"PERSON": turn},
        versions={"rules": "0123456789ab"},
        # Whole numbers, small and large ones: a byte can turn one spelling of a number into another.
        timings_ms={"screen": float(turn), "check": turn / 8, "generate": turn * 1e-7, "refer": turn * 1e20},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """A log, its export, and what somebody outside holds to verify both."""

    path: Path
    lines: tuple[str, ...]
    anchor: Anchor
    keys: PublicKeys


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Log:
    folder = tmp_path_factory.mktemp("log")
    key = SigningKey(ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
    with SqliteRecord(folder / "record.sqlite", key=key) as record:
        last = record.extend(map(an_entry, range(1, ENTRIES + 1)))[-1]
        with (folder / "record.jsonl").open("w", encoding="utf-8", newline="") as stream:
            to_jsonl(record.entries(), stream)
    with (folder / "record.jsonl").open(encoding="utf-8", newline="") as stream:
        lines = tuple(stream)
    return Log(
        path=folder / "record.sqlite",
        lines=lines,
        anchor=Anchor.of(last),
        keys=PublicKeys([key.public_pem()]),
    )


def flipped(cell: bytes, chance: random.Random) -> bytes:
    changed = bytearray(cell)
    changed[chance.randrange(len(cell))] ^= chance.randrange(1, 256)
    return bytes(changed)


def tamper(connection: sqlite3.Connection, kind: str, chance: random.Random) -> int:
    """Tamper as somebody with every right on the file; return the first bad entry."""
    one, other = sorted(chance.sample(range(1, ENTRIES + 1), 2))
    if kind == "cell":
        column = chance.choice(COLUMNS)
        query = f"SELECT CAST({column} AS BLOB) FROM entries WHERE seq = ?"  # noqa: S608 - a name from above
        cell = connection.execute(query, (one,)).fetchone()[0]
        update = f"UPDATE entries SET {column} = CAST(? AS TEXT) WHERE seq = ?"  # noqa: S608 - the same
        connection.execute(update, (flipped(cell, chance), one))
    elif kind == "delete":
        connection.execute("DELETE FROM entries WHERE seq >= ? AND seq < ?", (one, other))
        if chance.random() < 0.5:
            # The thief closes the gap and sets the head right.
            connection.execute("UPDATE entries SET seq = seq - ? WHERE seq >= ?", (other - one, other))
            connection.execute("UPDATE head SET seq = seq - ?1, count = count - ?1", (other - one,))
    elif kind == "swap_rows":
        for old, new in ((one, 999), (other, one), (999, other)):
            connection.execute("UPDATE entries SET seq = ? WHERE seq = ?", (new, old))
    elif kind == "swap_contents":
        column = chance.choice(COLUMNS)
        read = f"SELECT {column} FROM entries WHERE seq = ?"  # noqa: S608 - a name from above
        first, second = (connection.execute(read, (seq,)).fetchone()[0] for seq in (one, other))
        write = f"UPDATE entries SET {column} = ? WHERE seq = ?"  # noqa: S608 - the same
        connection.executemany(write, [(second, one), (first, other)])
    elif kind == "truncate":
        keep = one - 1
        connection.execute("DELETE FROM entries WHERE seq > ?", (keep,))
        connection.execute(
            "UPDATE head SET seq = ?1, count = ?1,"
            " hash = coalesce((SELECT hash FROM entries WHERE seq = ?1), ?2)",
            (keep, GENESIS),
        )
    return one


def raw_byte(path: Path, log: Log, chance: random.Random) -> int:
    """Change a byte of a row as it lies in the file, past SQLite."""
    seq = chance.randint(1, ENTRIES)
    with closing(sqlite3.connect(log.path)) as connection:
        cells = connection.execute(
            "SELECT hash, entry, signature FROM entries WHERE seq = ?", (seq,)
        ).fetchone()
    # The hash alone lies in the next row and in the head too; with the entry behind it, it is this row's.
    stored = "".join(cells).encode()
    content = bytearray(path.read_bytes())
    place = content.index(stored) + chance.randrange(len(stored))
    content[place] ^= chance.randrange(1, 256)
    path.write_bytes(content)
    return seq


def tampered_file(log: Log, kind: str, chance: random.Random, path: Path) -> tuple[ChainReport, int]:
    shutil.copy(log.path, path)
    if kind == "raw":
        first_bad = raw_byte(path, log, chance)
    else:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode = OFF")
            connection.execute("PRAGMA ignore_check_constraints = ON")
            names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
            for (name,) in names:
                connection.execute(f"DROP TRIGGER {name}")
            first_bad = tamper(connection, kind, chance)
    with SqliteRecord(path) as record:
        return record.verify(anchors=(log.anchor,), keys=log.keys), first_bad


def tampered_lines(log: Log, kind: str, chance: random.Random) -> tuple[ChainReport | RecordError, int]:
    lines: list[Any] = list(log.lines)
    one, other = sorted(chance.sample(range(len(lines)), 2))
    if kind == "line_byte":
        changed = flipped(lines[one].removesuffix("\n").encode(), chance)
        lines[one] = changed.decode("utf-8", "surrogateescape") + "\n"
    elif kind == "line_delete":
        del lines[one:other]
    elif kind == "line_swap":
        lines[one], lines[other] = lines[other], lines[one]
    else:
        del lines[one:]
    try:
        return verify_entries(from_jsonl(lines), anchors=(log.anchor,), keys=log.keys), one + 1
    except RecordError as error:
        return error, one + 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("seed", "times"), [(1, 200), pytest.param(2, 2000, marks=pytest.mark.slow)], ids=["200", "2000"]
)
def test_every_random_tampering_is_found(log: Log, tmp_path: Path, seed: int, times: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - not for secrets
    with SqliteRecord(log.path) as record:
        assert record.verify(anchors=(log.anchor,), keys=log.keys).signed == ENTRIES
    kinds = [(*FILE_KINDS, *TEXT_KINDS)[number % 10] for number in range(times)]
    missed: list[tuple[int, str, int, object]] = []
    for number, kind in enumerate(kinds):
        if kind in FILE_KINDS:
            report, first_bad = tampered_file(log, kind, chance, tmp_path / f"{number}.sqlite")
            (tmp_path / f"{number}.sqlite").unlink()
        else:
            found, first_bad = tampered_lines(log, kind, chance)
            if isinstance(found, RecordError):
                if found.code != "record.corrupt" or f"Line {first_bad} " not in str(found):
                    missed.append((number, kind, first_bad, found))
                continue
            report = found
        if report.ok or report.first_bad != first_bad:
            missed.append((number, kind, first_bad, report))
    assert missed == []
