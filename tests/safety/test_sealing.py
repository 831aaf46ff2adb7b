from __future__ import annotations

import base64
import copy
import pickle
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cbtguard.safety.errors import DependencyError, InputError, RecordError, SettingsError
from cbtguard.safety.privacy import EntityType, Vault
from cbtguard.safety.sealing import Sealer, read_key

KEY = bytes(range(32))


@pytest.mark.parametrize("length", [16, 24, 32])
def test_keys_of_every_length(length: int) -> None:
    key = bytes(range(255 - length, 255))
    for text in (base64.b64encode(key).decode(), base64.urlsafe_b64encode(key).decode()):
        assert read_key(f" {text}\n", "threads_key") == key
    assert Sealer(key, "a").open(Sealer(key, "a").seal(b"plain")) == b"plain"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "secret",
        "c2hvcnQ=",
        base64.b64encode(bytes(17)).decode(),
        base64.b64encode(bytes(33)).decode(),
        "A" * 43,
        "密钥密钥密钥密钥",
        base64.b64encode(KEY).decode() + "!",
        KEY.hex(),
    ],
)
def test_what_is_no_key_is_refused_and_not_shown(text: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read_key(text, "threads_key")
    assert caught.value.code == "settings.key"
    assert "threads_key" in caught.value.message
    assert "openssl" in caught.value.hint
    assert caught.value.__cause__ is None
    assert not text or text not in str(caught.value)


@given(plain=st.binary(max_size=500), bound=st.binary(max_size=40))
def test_what_is_sealed_opens_again(plain: bytes, bound: bytes) -> None:
    sealer = Sealer(KEY, "a")
    sealed = sealer.seal(plain, bound)
    assert sealer.open(sealed, bound) == plain
    assert len(plain) < 8 or plain not in sealed
    assert sealer.seal(plain, bound) != sealed


@given(place=st.integers(0, 60), bit=st.integers(0, 7))
def test_a_changed_bit_is_seen(place: int, bit: int) -> None:
    sealed = bytearray(Sealer(KEY, "a").seal(b"thirty-two bytes of a plain text"))
    sealed[place] ^= 1 << bit
    with pytest.raises(RecordError, match=r"record\.sealed"):
        Sealer(KEY, "a").open(bytes(sealed))


@pytest.mark.parametrize(
    ("sealer", "bound"),
    [
        (Sealer(bytes(32), "a"), b"talk"),
        (Sealer(KEY[:16], "a"), b"talk"),
        (Sealer(KEY, "b"), b"talk"),
        (Sealer(KEY, "a"), b"other"),
    ],
)
def test_another_key_purpose_or_talk_does_not_open(sealer: Sealer, bound: bytes) -> None:
    sealed = Sealer(KEY, "a").seal(b"plain", b"talk")
    with pytest.raises(RecordError) as caught:
        sealer.open(sealed, bound)
    assert caught.value.code == "record.sealed"
    assert "threads_key" in caught.value.hint


@pytest.mark.parametrize(
    "sealed", [b"", b"\x01", b"\x01" + bytes(27), b"\x02" + bytes(60), b"plain text " * 9]
)
def test_what_was_never_sealed_does_not_open(sealed: bytes) -> None:
    with pytest.raises(RecordError, match=r"record\.sealed"):
        Sealer(KEY, "a").open(sealed)


def test_a_sealer_shows_and_copies_no_key() -> None:
    sealer = Sealer(KEY, "a")
    assert repr(sealer) == "Sealer('a')"
    for work in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            work(sealer)


def test_without_the_library_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("cryptography")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "cryptography", None)
    with pytest.raises(DependencyError) as caught:
        Sealer(KEY, "a")
    assert caught.value.code == "dependency.library"
    assert "cbtguard[encryption]" in caught.value.hint


# --- vaults -------------------------------------------------------------------------------------------------


def full() -> Vault:
    vault = Vault({"PERSON": 2, "EMAIL": 4})
    vault.placeholder(EntityType.PERSON, "王小明", "zh")
    vault.placeholder(EntityType.PERSON, "王 小明", "zh")
    vault.placeholder(EntityType.PERSON, "Emily Watson", "en")
    vault.placeholder(EntityType.PHONE, "138-1234-5678", "zh")
    return vault


def test_a_vault_comes_out_of_its_seal_as_it_went_in() -> None:
    sealer, vault = Sealer(KEY, "vaults"), full()
    again = Vault.unsealed(vault.sealed(sealer.seal), sealer.open)
    assert (again.counters, again.values) == (vault.counters, vault.values)
    text = "<人名3>、<Name 4>，<电话1>，<人名1>"
    assert again.restore(text) == vault.restore(text)
    assert "王小明" in again.restore(text)
    assert again.placeholder(EntityType.PERSON, "王小明", "zh") == "<人名3>"
    assert again.placeholder(EntityType.PHONE, "13812345678", "zh") == "<电话1>"
    assert again.placeholder(EntityType.PERSON, "李雪", "zh") == vault.placeholder(
        EntityType.PERSON, "李雪", "zh"
    )
    assert again.known("李雪给王小明打电话") != ()


def test_a_sealed_vault_shows_no_value() -> None:
    sealed = full().sealed(Sealer(KEY, "vaults").seal)
    for value in full().values:
        assert value.encode() not in sealed


@given(value=st.text(st.characters(), min_size=1, max_size=30))
def test_any_value_survives_the_seal(value: str) -> None:
    vault = Vault()
    text = vault.placeholder(EntityType.PERSON, value, "zh")
    again = Vault.unsealed(vault.sealed(bytes), bytes)
    assert again.restore(text) == vault.restore(text)
    assert again.values == vault.values


@pytest.mark.parametrize(
    "plain",
    [
        b"",
        b"[]",
        b"null",
        b"{}",
        b"\xff\xfe",
        b'{"counters": {}, "values": [["PERSON"]], "surfaces": []}',
        b'{"counters": {"PERSON": -1}, "values": [], "surfaces": []}',
        b'{"counters": {}, "values": [["NOBODY", 1, "x"]], "surfaces": []}',
    ],
)
def test_what_is_no_vault_is_refused(plain: bytes) -> None:
    with pytest.raises(RecordError) as caught:
        Vault.unsealed(plain, bytes)
    assert caught.value.code == "record.vault"


def test_numbers_of_another_process_are_not_given_out_again() -> None:
    vault = Vault()
    vault.placeholder(EntityType.PERSON, "王小明", "zh")
    vault.advance({"PERSON": 3, "PHONE": 1})
    vault.advance({"PERSON": 2})
    assert vault.counters == {"PERSON": 3, "PHONE": 1}
    assert vault.placeholder(EntityType.PERSON, "李雪", "zh") == "<人名4>"
    assert vault.placeholder(EntityType.PERSON, "王小明", "zh") == "<人名1>"
    with pytest.raises(InputError, match=r"input\.counters"):
        vault.advance({"PERSON": -1})
