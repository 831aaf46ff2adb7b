from __future__ import annotations

import pickle
import sqlite3
import stat
from contextlib import closing
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from cbtguard.safety.errors import RecordError
from cbtguard.safety.record import (
    GENESIS,
    Anchor,
    ChainBreak,
    ChainReport,
    MemoryRecord,
    PostgresRecord,
    PublicKeys,
    RecordStore,
    SigningKey,
    SqliteRecord,
    TurnEntry,
    read_anchors,
    to_jsonl,
    verify_entries,
    write_new_key,
)
from cbtguard.safety.record.chain import seal
from cbtguard.safety.record.signing import public_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


def an_entry(turn: int = 1) -> TurnEntry:
    return TurnEntry(
        turn_id=f"t-{turn}",
        thread="hmac:0f1e",
        turn=turn,
        at="2026-01-31T08:00:00.000Z",
        route="answered",
        reason="checked",
        level="none",
        kinds=(),
        subject="self",
        rules=(),
        language="zh-Hans",
        region="CN",
        writer=None,
        attempts=1,
        defects=(),
        notes=(),
        lines=(),
        faults=(),
        redactions={},
        versions={},
        timings_ms={"screen": 0.1},
    )


@cache
def a_key(seed: int = 1) -> SigningKey:
    return SigningKey(ed25519.Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32))


def keys(*seeds: int) -> PublicKeys:
    return PublicKeys(a_key(seed).public_pem() for seed in seeds or (1,))


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def opened(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[Callable[[SigningKey | None], RecordStore]]:
    """Opens one record, with a key or without one, as often as asked; memory can be opened only once."""
    made: list[RecordStore] = []

    def open_it(key: SigningKey | None) -> RecordStore:
        if request.param == "memory":
            if made:
                pytest.skip("a record in memory cannot be opened again")
            made.append(MemoryRecord(key=key))
        elif request.param == "sqlite":
            made.append(SqliteRecord(tmp_path / "record.sqlite", key=key))
        else:
            made.append(PostgresRecord(request.getfixturevalue("postgres"), key=key))
        return made[-1]

    yield open_it
    for store in made:
        store.close()


def test_every_entry_is_signed(opened: Callable[..., RecordStore]) -> None:
    store = opened(a_key())
    kept = [store.append(an_entry(turn)) for turn in range(1, 4)]
    assert list(store.entries()) == kept
    public = serialization.load_pem_public_key(a_key().public_pem().encode())
    assert isinstance(public, ed25519.Ed25519PublicKey)
    for stored in kept:
        assert stored.signature is not None
        name, _, signature = stored.signature.partition(":")
        assert name == a_key().key_id
        # As anybody may verify it with other tools.
        public.verify(bytes.fromhex(signature), f"cbtguard record\n{stored.seq}\n{stored.hash}\n".encode())
    head = kept[-1].hash
    assert store.verify(keys=keys()) == ChainReport(
        entries=3, ok=True, first_bad=None, reason=None, head=head, signed=3
    )
    assert store.verify().signed == 0


def test_an_empty_record_verifies_with_a_key(opened: Callable[..., RecordStore]) -> None:
    assert opened(a_key()).verify(keys=keys()).ok


def test_another_key_does_not_fit(opened: Callable[..., RecordStore]) -> None:
    store = opened(a_key(2))
    store.append(an_entry())
    report = store.verify(keys=keys(1))
    assert (report.ok, report.first_bad, report.reason, report.head) == (
        False,
        1,
        ChainBreak.SIGNATURE,
        GENESIS,
    )
    assert store.verify(keys=keys(1, 2)).ok


def test_without_signatures_nothing_is_vouched_for(opened: Callable[..., RecordStore]) -> None:
    store = opened(None)
    for turn in (1, 2):
        assert store.append(an_entry(turn)).signature is None
    report = store.verify(keys=keys())
    assert (report.ok, report.entries, report.first_bad, report.reason) == (False, 0, 1, ChainBreak.UNSIGNED)
    assert store.verify().ok


def test_a_key_that_comes_later_vouches_for_what_was_before(opened: Callable[..., RecordStore]) -> None:
    opened(None).append(an_entry(1))
    opened(a_key(1)).append(an_entry(2))
    store = opened(a_key(2))
    store.append(an_entry(3))
    assert store.verify(keys=keys(1, 2)).signed == 2
    # From here on nobody signs.
    store = opened(None)
    store.append(an_entry(4))
    report = store.verify(keys=keys(1, 2))
    assert (report.ok, report.entries, report.first_bad, report.reason) == (False, 3, 4, ChainBreak.UNSIGNED)


def rewritten(path: Path, change: Callable[[sqlite3.Connection], object]) -> ChainReport:
    """What a verifier with the public key finds after somebody without the private one changed five entries."""
    with SqliteRecord(path, key=a_key()) as record:
        for turn in range(1, 6):
            record.append(an_entry(turn))
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        change(connection)
    with SqliteRecord(path) as record:
        assert record.verify().ok, "the chain alone must hold, or the signatures show nothing"
        return record.verify(keys=keys())


def compute_anew(connection: sqlite3.Connection, start: int, key: SigningKey | None) -> None:
    """Change entry `start` and seal it and all after it anew, as somebody who knows the code would."""
    rows = connection.execute("SELECT seq, prev_hash, signature FROM entries ORDER BY seq").fetchall()
    before = rows[start - 1][1]
    for seq, _, signature in rows[start - 1 :]:
        stored, row = seal(seq, before, an_entry(seq + 100), key)
        kept = row.signature or signature
        connection.execute(
            "UPDATE entries SET record_id = ?, prev_hash = ?, hash = ?, entry = ?, signature = ? WHERE seq = ?",
            (row.record_id, row.prev_hash, row.hash, row.text, kept, seq),
        )
        before = stored.hash
    connection.execute("UPDATE head SET hash = ?", (before,))


@pytest.mark.parametrize("start", [1, 3, 5])
@pytest.mark.parametrize("key", [None, 7])
def test_a_chain_computed_anew_is_found(tmp_path: Path, start: int, key: int | None) -> None:
    forged = a_key(key) if key else None
    report = rewritten(tmp_path / "record.sqlite", lambda c: compute_anew(c, start, forged))
    assert (report.ok, report.entries, report.first_bad, report.reason) == (
        False,
        start - 1,
        start,
        ChainBreak.SIGNATURE,
    )


@pytest.mark.parametrize(
    ("change", "first_bad", "reason"),
    [
        ("UPDATE entries SET signature = NULL", 1, ChainBreak.UNSIGNED),
        ("UPDATE entries SET signature = NULL WHERE seq < 3", None, None),
        ("UPDATE entries SET signature = NULL WHERE seq = 3", 3, ChainBreak.UNSIGNED),
        ("UPDATE entries SET signature = NULL WHERE seq > 3", 4, ChainBreak.UNSIGNED),
        ("UPDATE entries SET signature = '' WHERE seq = 2", 2, ChainBreak.SIGNATURE),
        ("UPDATE entries SET signature = upper(signature) WHERE seq = 2", 2, ChainBreak.SIGNATURE),
        ("UPDATE entries SET signature = signature || ' ' WHERE seq = 4", 4, ChainBreak.SIGNATURE),
        (
            "UPDATE entries SET signature = (SELECT signature FROM entries WHERE seq = 1) WHERE seq = 2",
            2,
            ChainBreak.SIGNATURE,
        ),
    ],
)
def test_changed_signatures_are_found(
    tmp_path: Path, change: str, first_bad: int | None, reason: ChainBreak | None
) -> None:
    report = rewritten(tmp_path / "record.sqlite", lambda c: c.execute(change))
    # The first signature vouches for all entries before it, so the ones before may be without.
    assert (report.ok, report.first_bad, report.reason) == (reason is None, first_bad, reason)


@pytest.mark.parametrize("keep", [0, 1, 4])
def test_a_cut_tail_has_good_signatures_and_needs_an_anchor(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "record.sqlite"

    def cut(connection: sqlite3.Connection) -> None:
        connection.execute("DELETE FROM entries WHERE seq > ?", (keep,))
        connection.execute(
            "UPDATE head SET seq = ?1, count = ?1,"
            " hash = coalesce((SELECT hash FROM entries WHERE seq = ?1), ?2)",
            (keep, GENESIS),
        )

    assert rewritten(path, cut).ok
    with MemoryRecord(key=a_key()) as same:
        anchors = [Anchor.of(same.append(an_entry(turn))) for turn in range(1, 6)]
    with SqliteRecord(path) as record:
        for anchor in anchors:
            report = record.verify(anchors=(anchor,), keys=keys())
            assert report.ok is (anchor.seq <= keep)
            assert report.reason == (None if report.ok else ChainBreak.ANCHOR)
            assert report.first_bad == (None if report.ok else keep + 1)


def test_an_export_verifies_with_the_key(tmp_path: Path) -> None:
    with MemoryRecord(key=a_key()) as record:
        kept = [record.append(an_entry(turn)) for turn in (1, 2)]
    path = tmp_path / "record.jsonl"
    with path.open("w", encoding="utf-8") as stream:
        to_jsonl(kept, stream)
    from cbtguard.safety.record import from_jsonl  # noqa: PLC0415 - read back as a stranger would

    with path.open(encoding="utf-8") as stream:
        assert verify_entries(from_jsonl(stream), keys=keys()).signed == 2
    with path.open(encoding="utf-8") as stream:
        assert verify_entries(from_jsonl(stream), keys=keys(2)).reason == ChainBreak.SIGNATURE


# --- anchors ------------------------------------------------------------------------------------------------


def test_anchors_come_back_from_their_lines() -> None:
    with MemoryRecord(key=a_key()) as record:
        anchors = [Anchor.of(None)] + [Anchor.of(record.append(an_entry(turn))) for turn in (1, 2)]
        lines = [anchor.to_line() + "\n" for anchor in anchors]
        assert list(read_anchors([lines[0], "\n", *lines[1:]])) == anchors
        assert record.verify(anchors=anchors, keys=keys()).ok
        for anchor in anchors:
            anchor.check(keys())


def test_an_anchor_of_another_hash_at_its_place_is_found(opened: Callable[..., RecordStore]) -> None:
    store = opened(None)
    kept = [store.append(an_entry(turn)) for turn in range(1, 5)]
    good = [Anchor.of(stored) for stored in kept]
    assert store.verify(anchors=good).ok
    # The hash of another entry is no proof for this place.
    report = store.verify(anchors=[Anchor(seq=2, hash=kept[2].hash)])
    assert (report.ok, report.first_bad, report.reason, report.head) == (
        False,
        2,
        ChainBreak.ANCHOR,
        kept[0].hash,
    )
    assert not store.verify(anchors=[*good, Anchor(seq=3, hash=kept[0].hash)]).ok
    later = store.verify(anchors=[Anchor(seq=5, hash="a" * 64)])
    assert (later.ok, later.first_bad, later.reason) == (False, 5, ChainBreak.ANCHOR)


def test_an_anchor_signed_by_somebody_else_is_refused() -> None:
    with MemoryRecord(key=a_key(3)) as record:
        anchor = Anchor.of(record.append(an_entry()))
        with pytest.raises(RecordError) as caught:
            record.verify(anchors=(anchor,), keys=keys(1))
    assert caught.value.code == "record.anchor"


@pytest.mark.parametrize(
    "line",
    [
        "{}",
        "[]",
        "no json",
        "[" * 100_000,
        '{"seq":1,"hash":"0"}',
        '{"seq":0,"hash":"' + "a" * 64 + '"}',
        '{"seq":-1,"hash":"' + "a" * 64 + '"}',
        '{"seq":true,"hash":"' + "a" * 64 + '"}',
        '{"seq":1.0,"hash":"' + "a" * 64 + '"}',
        '{"seq":1,"hash":"' + "a" * 64 + '","signature":1}',
        '{"seq":1,"hash":"' + "a" * 64 + '","more":1}',
    ],
)
def test_a_line_that_is_no_anchor_is_named(line: str) -> None:
    with pytest.raises(RecordError, match="Line 2 ") as caught:
        list(read_anchors([Anchor(seq=0, hash=GENESIS).to_line(), line]))
    assert caught.value.code == "record.value"


# --- keys ---------------------------------------------------------------------------------------------------


def test_a_new_key_signs_and_its_public_half_verifies(tmp_path: Path) -> None:
    path = tmp_path / "record.key"
    made = write_new_key(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    signature = made.sign(1, "a" * 64)
    for given in (path, str(path), path.read_text(encoding="ascii")):
        assert SigningKey.load(given).sign(1, "a" * 64) == signature
    for public in (public_path(path), public_path(path).read_text(encoding="ascii")):
        assert PublicKeys([public]).fits(1, "a" * 64, signature)
        assert PublicKeys([public]).key_ids == (made.key_id,)
    for seq, own in ((2, "a" * 64), (1, "b" * 64)):
        assert not PublicKeys([public_path(path)]).fits(seq, own, signature)


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "record.key"
    write_new_key(path)
    before = path.read_bytes(), public_path(path).read_bytes()
    refused(lambda: write_new_key(path))
    path.unlink()
    refused(lambda: write_new_key(path))
    assert public_path(path).read_bytes() == before[1]
    refused(lambda: write_new_key(tmp_path / "no" / "record.key"))


def test_a_key_shows_nothing_of_itself() -> None:
    assert repr(a_key()) == f"SigningKey({a_key().key_id})"
    with pytest.raises(TypeError):
        pickle.dumps(a_key())


def other_pem() -> str:
    key = rsa.generate_private_key(65537, 2048)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def refused(call: Callable[[], Any]) -> RecordError:
    with pytest.raises(RecordError) as caught:
        call()
    assert caught.value.code == "record.key"
    return caught.value


def test_what_is_no_key_is_refused_and_not_quoted(tmp_path: Path) -> None:
    (tmp_path / "words").write_text("some words", encoding="utf-8")
    (tmp_path / "empty").touch()
    for given in (tmp_path / "words", tmp_path / "empty", tmp_path, tmp_path / "nowhere", "a\0b"):
        refused(lambda given=given: SigningKey.load(given))
        refused(lambda given=given: PublicKeys([given]))
    text = other_pem()
    secret = text.splitlines()[1]
    for given in (text, "-----BEGIN PRIVATE KEY-----\nrubbish\n-----END PRIVATE KEY-----\n"):
        assert secret not in str(refused(lambda given=given: SigningKey.load(given)))
    refused(lambda: PublicKeys([text]))
    refused(lambda: SigningKey.load(a_key().public_pem()))
    refused(lambda: PublicKeys([]))


@pytest.mark.parametrize("signature", [None, 1, b"x", "", "x", "0" * 16 + ":" + "0" * 128, ":" + "0" * 128])
def test_what_is_no_signature_does_not_fit(signature: object) -> None:
    assert not keys().fits(1, "a" * 64, signature)
