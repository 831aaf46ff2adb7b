"""Keys: how they are kept, what they may do, how much, and whose talks are whose."""

from __future__ import annotations

import json
import stat
import threading
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cbtguard.safety.errors import AccessError, BusyError, SettingsError
from cbtguard.service.http import ServeSettings
from cbtguard.service.http.core import Caller
from cbtguard.service.http.gate import Gate
from cbtguard.service.http.keys import KeyFile, Scope
from cbtguard.service.http.limits import Buckets, Busy
from cbtguard.service.http.settings import is_loopback

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NOW = "2026-11-23T00:00:00Z"
QUESTION = "最近总是睡不着，一躺下就想明天的会议，越想越清醒"


# --- the file -----------------------------------------------------------------------------------------------


def test_a_key_is_kept_as_a_hash(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "keys.json"
    keys = KeyFile(path)
    assert not keys.any_active
    key, secret = keys.new("one", [Scope.ASK], at=NOW)
    assert keys.find(secret).id == key.id
    assert secret.split("_")[2] not in path.read_text(encoding="utf-8")
    assert len(secret) > 50
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "hash" not in repr(key)


def test_other_keys_are_unknown(tmp_path: Path) -> None:
    keys = KeyFile(tmp_path / "keys.json")
    _, secret = keys.new("one", [Scope.ASK], at=NOW)
    prefix, own, random = secret.split("_", 2)
    wrong = [
        "",
        "x",
        prefix,
        f"{prefix}_{own}",
        f"{prefix}_{own}_",
        f"{prefix}_{own}_{random}x",
        secret.upper(),
    ]
    for guess in (*wrong, f"{prefix}_00000000_{random}", "\ud800", secret + "\n"):
        with pytest.raises(AccessError) as raised:
            keys.find(guess)
        assert raised.value.code == "access.key_unknown"
        assert guess == "" or guess not in str(raised.value) or len(guess) < 10


def test_a_revoked_key_is_unknown_at_once_elsewhere_too(tmp_path: Path) -> None:
    here, there = KeyFile(tmp_path / "keys.json"), KeyFile(tmp_path / "keys.json")
    key, secret = here.new("one", [Scope.ASK], at=NOW)
    other, kept = here.new("two", [Scope.AUDIT], at=NOW)
    assert there.find(secret).name == "one"
    here.revoke(key.id, at=NOW)
    with pytest.raises(AccessError):
        there.find(secret)
    assert there.find(kept).id == other.id
    assert here.revoke(key.id, at="2027-01-01T00:00:00Z").revoked == NOW
    with pytest.raises(AccessError):
        here.revoke("nobody", at=NOW)


def test_keys_that_are_made_at_once_are_all_kept(tmp_path: Path) -> None:
    made: list[str] = []

    def make() -> None:
        made.append(KeyFile(tmp_path / "keys.json").new("n", [Scope.ASK], at=NOW)[1])

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    keys = KeyFile(tmp_path / "keys.json")
    assert len({keys.find(secret).id for secret in made}) == 8


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"keys": [{}]}', '{"keys": 1}', '{"keys": [{"id": 1}]}', "\x00"]
)
def test_a_file_that_is_malformed_opens_nothing(tmp_path: Path, text: str) -> None:
    path = tmp_path / "keys.json"
    keys = KeyFile(path)
    _, secret = keys.new("one", [Scope.ASK], at=NOW)
    keys.find(secret)
    path.write_text(text, encoding="utf-8")
    for use in (keys.listed, lambda: keys.find(secret), lambda: keys.new("two", [Scope.ASK], at=NOW)):
        with pytest.raises(SettingsError) as raised:
            use()
        assert raised.value.code == "settings.keys"


# --- limits -------------------------------------------------------------------------------------------------


def test_a_bucket_fills_again() -> None:
    now = [0.0]
    buckets = Buckets(60, 3, clock=lambda: now[0])
    for _ in range(3):
        buckets.take("a")
    with pytest.raises(Busy) as raised:
        buckets.take("a")
    assert raised.value.retry_after == "1"
    buckets.take("b")
    now[0] = 1.0
    buckets.take("a")
    with pytest.raises(BusyError):
        buckets.take("a")


@given(st.lists(st.floats(0, 5, allow_nan=False), max_size=60))
def test_no_rhythm_gets_more_than_its_share(waits: list[float]) -> None:
    now = [0.0]
    buckets, passed = Buckets(60, 5, clock=lambda: now[0]), 0
    for wait in waits:
        now[0] += wait
        try:
            buckets.take("a")
        except Busy:
            continue
        passed += 1
    assert passed <= 5 + now[0] + 1e-6


def test_the_gate_counts_turns() -> None:
    gate = Gate(ServeSettings(turns=3, turns_per_key=2))
    first, _ = gate.enter("a", bounded=True), gate.enter("a", bounded=True)
    with pytest.raises(Busy, match="key_turns"):
        gate.enter("a", bounded=True)
    gate.enter("b", bounded=True)
    with pytest.raises(Busy, match=r"busy\.turns"):
        gate.enter("c", bounded=False)
    first.close()
    first.close()
    assert gate.in_work == 2
    gate.enter("a", bounded=True)
    gate.drain()
    with pytest.raises(Busy, match="draining"):
        gate.enter("d", bounded=True)


@given(st.text(min_size=1, max_size=40), st.text(min_size=1, max_size=40))
def test_talks_of_two_keys_never_have_one_name(one: str, other: str) -> None:
    a, b = (Caller(id=own, scopes=(Scope.ASK,), keyed=True) for own in ("0a", "0b"))
    if one.strip() and other.strip():
        assert a.thread(one) != b.thread(other)
        assert (a.thread(one) == a.thread(other)) is (one == other)


@pytest.mark.parametrize(
    ("host", "own"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("[::1]", True),
        ("localhost", True),
        ("0.0.0.0", False),  # noqa: S104 - nothing is bound
        ("::", False),
        ("10.0.0.1", False),
        ("", False),
        ("localhost.evil.example", False),
        ("127.0.0.1.evil.example", False),
    ],
)
def test_loopback(host: str, own: bool) -> None:
    assert is_loopback(host) is own


# --- over HTTP ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def served(serving: Callable[..., Any]) -> tuple[Any, list[str]]:
    made: tuple[Any, list[str]] = serving(
        scopes=(("ask",), ("ask",), ("audit",), ("review",)), burst=1000, turns_per_key=50
    )
    return made


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/ask"),
        ("POST", "/v1/ask/stream"),
        ("POST", "/v1/screen"),
        ("POST", "/v1/redact"),
        ("GET", "/v1/models"),
        ("GET", "/v1/records"),
        ("GET", "/v1/records/verify"),
        ("GET", "/v1/records/export"),
        ("GET", "/metrics"),
    ],
)
def test_a_key_opens_what_its_scopes_name(served: tuple[Any, list[str]], method: str, path: str) -> None:
    running, (ask, _, audit, review) = served
    body: Any = {"json": {"text": QUESTION}} if method == "POST" else {}
    opens = audit if path.startswith(("/v1/records", "/metrics")) else ask
    for key in (ask, audit, review, None, "x", ask + "x"):
        with running.client(key) as client:
            answer = client.request(method, path, **body)
        if key == opens:
            assert answer.status_code == 200
        elif key in {ask, audit, review}:
            assert (answer.status_code, answer.json()["code"]) == (403, "access.scope")
        else:
            assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")


def test_health_needs_no_key_and_keys_show_in_no_log(served: tuple[Any, list[str]]) -> None:
    running, keys = served
    with running.client() as client:
        assert client.get("/healthz").status_code == 200
        assert client.get("/readyz").status_code == 200
        # A proxy's name is fine where keys are asked for.
        assert client.get("/healthz", headers={"Host": "guard.example"}).status_code == 200
    assert not any(key.split("_")[2] in line for key in keys for line in running.log)
    assert any(f'"key": "{keys[0].split("_")[1]}"' in line for line in running.log)


def test_a_talk_belongs_to_the_key_that_opened_it(served: tuple[Any, list[str]]) -> None:
    running, (one, other, *_) = served
    crisis = {"text": "我不想活了，今晚就跳下去", "thread": "talk"}
    plain = {"text": QUESTION, "thread": "talk"}
    with running.client(one) as first, running.client(other) as second:
        assert first.post("/v1/ask", json=crisis).json()["turn"] == 1
        theirs = second.post("/v1/ask", json=plain).json()
        assert (theirs["turn"], theirs["reason"]) == (1, "checked")
        own = first.post("/v1/ask", json=plain).json()
        assert (own["turn"], own["reason"]) == (2, "care")
        # Not even by the name that the guard knows it by.
        inner = Caller(id=one.split("_")[1], scopes=(), keyed=True).thread("talk")
        assert second.post("/v1/ask", json={"text": QUESTION, "thread": inner}).json()["turn"] == 1
    hashed = {entry.thread for entry in running.entries() if entry.thread != "none"}
    assert len(hashed) == 3
    assert not any("talk" in name for name in hashed)


def test_a_key_that_is_revoked_stops_at_once_and_the_last_one_opens_nothing(
    serving: Callable[..., Any],
) -> None:
    running, (key,) = serving(scopes=(("ask",),))
    with running.client(key) as client:
        assert client.get("/v1/models").status_code == 200
        running.keys.revoke(key.split("_")[1], at=NOW)
        assert client.get("/v1/models").status_code == 401
    with running.client() as client:
        assert client.get("/v1/models").status_code == 401


def test_a_file_of_keys_that_breaks_closes_the_service(serving: Callable[..., Any]) -> None:
    running, (key,) = serving(scopes=(("ask",),))
    running.keys.path.write_text("{", encoding="utf-8")
    with running.client(key) as client:
        answer = client.get("/v1/models")
    assert (answer.status_code, answer.json()["code"]) == (503, "settings.keys")


def test_too_many_requests(serving: Callable[..., Any]) -> None:
    running, (one, other) = serving(scopes=(("ask",), ("ask",)), burst=3, per_minute=1)
    with running.client(one) as client:
        codes = [client.post("/v1/screen", json={"text": QUESTION}).status_code for _ in range(4)]
        assert codes == [200, 200, 200, 429]
        refused = client.post("/v1/ask", json={"text": QUESTION})
        assert (refused.status_code, refused.json()["code"]) == (429, "busy.rate")
        assert 1 <= int(refused.headers["Retry-After"]) <= 60
    with running.client(other) as client:
        assert client.get("/v1/models").status_code == 200


# --- commands -----------------------------------------------------------------------------------------------


def test_keys_by_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from cbtguard.service.cli import main  # noqa: PLC0415 - the command line, as it is called

    monkeypatch.setenv("CBTGUARD_HOME", str(tmp_path))

    def call(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(["keys", *arguments])
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err

    assert call("list") == (0, "", "")
    code, secret, said = call("new", "--name", "我的产品", "--scope", "ask", "--scope", "audit")
    assert code == 0
    key = KeyFile(tmp_path / "keys.json").find(secret.strip())
    assert (key.name, key.scopes) == ("我的产品", (Scope.ASK, Scope.AUDIT))
    assert key.id in said
    row = json.loads(call("list", "--json")[1])
    assert (row["id"], row["revoked"]) == (key.id, None)
    assert "hash" not in row
    assert call("revoke", key.id)[0] == 0
    assert "revoked" in call("list")[1]
    assert call("revoke", "nobody")[0] == 2


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])  # noqa: S104 - refused
def test_other_addresses_need_a_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], host: str
) -> None:
    from cbtguard.service.cli import main  # noqa: PLC0415 - the command line, as it is called

    monkeypatch.setenv("CBTGUARD_HOME", str(tmp_path))
    key, _ = KeyFile(tmp_path / "keys.json").new("gone", [Scope.ASK], at=NOW)
    KeyFile(tmp_path / "keys.json").revoke(key.id, at=NOW)
    with pytest.raises(SystemExit) as ended:
        main(["serve", "--host", host, "--port", "0"])
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert "settings.no_keys" in said
    assert "cbtguard keys new" in said


@pytest.mark.parametrize("value", ['{"nothing": 1}', '{"drain_s": -1}', '{"log": "loud"}', '{"turns": 0}'])
def test_settings_that_cannot_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], value: str
) -> None:
    from cbtguard.service.cli import main  # noqa: PLC0415 - the command line, as it is called

    monkeypatch.setenv("CBTGUARD_HOME", str(tmp_path))
    monkeypatch.setenv("CBTGUARD_SERVE", value)
    with pytest.raises(SystemExit) as ended:
        main(["serve", "--port", "0"])
    assert ended.value.code == 2
    assert "serve." in capsys.readouterr().err
