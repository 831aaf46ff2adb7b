"""A contact that is told of a crisis, on a real HTTP server: up, down, slow and answering nonsense."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import socket
import socketserver
import threading
from typing import TYPE_CHECKING, Any

import pytest

from cbtguard.graph import Guard, Route, Settings
from cbtguard.graph.contact import ContactEvent, ContactHook
from cbtguard.graph.webhook import WebhookContact
from cbtguard.safety.errors import ContactError, SettingsError
from cbtguard.safety.risk import Kind, Level, Risk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

CALM = "最近总是睡不着，一躺下就想明天的会议，越想越清醒"
WATCH = "我叫王小明，最近总是睡不着，觉得活着没意思"
CRISIS = "我叫王小明，我不想活了"
EVENT = ContactEvent(
    id="t1",
    thread="0f1e",
    level="crisis",
    kinds=("suicide",),
    subject="self",
    region="CN",
    at="2026-01-31T08:00:00.000Z",
)


class ByWord:
    """Calls a message what its words say, whatever the rules think of it."""

    name = "by_word"
    version = "1"

    def assess(self, text: str, *, history: Any = ()) -> Risk:
        level = Level.CRISIS if "不想活" in text else Level.WATCH if "没意思" in text else Level.NONE
        return Risk(level=level, kinds=(Kind.SUICIDE,) if level is not Level.NONE else (), score=0.5)


class Receiver(socketserver.ThreadingTCPServer):
    """Answers each request with the next of the given bytes, and keeps what came; ``None`` stays silent."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, *answers: bytes | None) -> None:
        self.answers = list(answers)
        self.came: list[tuple[dict[str, str], bytes]] = []
        self.done = threading.Event()
        super().__init__(("127.0.0.1", 0), _Conversation)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/contact?key=1"


class _Conversation(socketserver.StreamRequestHandler):
    server: Receiver

    def handle(self) -> None:
        self.rfile.readline()
        headers = {}
        while (line := self.rfile.readline().strip()) != b"":
            name, _, value = line.decode().partition(": ")
            headers[name.lower()] = value
        self.server.came.append((headers, self.rfile.read(int(headers["content-length"]))))
        answer = self.server.answers.pop(0) if self.server.answers else _answer(204)
        if answer is None:
            self.server.done.wait(20)
        else:
            self.wfile.write(answer)


def _answer(status: int, *headers: str) -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status} X", "Content-Length: 0", *headers, "", ""]).encode()


@pytest.fixture
def receive() -> Iterator[Callable[..., Receiver]]:
    made: list[Receiver] = []

    def receiver(*answers: bytes | None) -> Receiver:
        made.append(Receiver(*answers))
        return made[-1]

    yield receiver
    for one in made:
        one.done.set()
        one.shutdown()
        one.server_close()


@pytest.fixture
def make(flow: Any, tmp_path: Path) -> Iterator[Callable[..., Guard]]:
    made: list[Guard] = []

    def guard(settings: dict[str, Any] | None = None, contact: Any = None, **parts: Any) -> Guard:
        services = flow.services(detector=ByWord(), **parts)
        own = {name: getattr(services, name) for name in (*flow.parts, "retriever", "writer", "record")}
        made.append(Guard(Settings(home=tmp_path, **(settings or {})), contact=contact, **own))
        return made[-1]

    yield guard
    for one in made:
        one.close()


def told(guard: Guard) -> list[Any]:
    """The entries of contacts, once those under way are over."""
    contacts = guard._contacts
    assert contacts is not None

    async def settled() -> None:
        while contacts._tasks:
            await asyncio.wait(set(contacts._tasks))

    guard._loop.run(settled())
    return [e.entry for e in guard.services.record.entries() if e.entry.route == "contacted"]


def test_a_crisis_is_told_without_a_word_of_the_person(
    make: Callable[..., Guard], receive: Callable[..., Receiver], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONTACT_KEY", "secret of both")
    server = receive()
    guard = make({"contact_webhook": server.url, "contact_key_env": "CONTACT_KEY"})
    answers = [guard.ask(text, thread="talk of 王小明") for text in (CALM, WATCH, CRISIS)]
    assert [answer.route for answer in answers] == [Route.ANSWERED, Route.ANSWERED, Route.REFERRED]
    [entry] = told(guard)
    [(headers, body)] = server.came
    event = json.loads(body)
    assert set(event) == {"id", "thread", "level", "kinds", "subject", "region", "at"}
    assert (event["level"], event["kinds"], event["region"]) == ("crisis", ["suicide"], "CN")
    assert event["thread"] == guard.reference("talk of 王小明")
    assert "王小明" not in body.decode()
    assert headers["idempotency-key"] == event["id"] == entry.turn_id
    wanted = hmac.new(b"secret of both", body, hashlib.sha256).hexdigest()
    assert headers["x-cbtguard-signature"] == f"sha256={wanted}"
    assert (entry.reason, entry.faults, entry.versions) == ("told", (), {"contact": "webhook@1"})
    assert guard.services.record.verify().ok
    assert server.url not in repr(guard.settings)


def test_the_levels_are_the_operators_choice(
    make: Callable[..., Guard], receive: Callable[..., Receiver]
) -> None:
    server = receive()
    guard = make({"contact_webhook": server.url, "contact_levels": ("watch",)})
    for text in (CALM, WATCH, CRISIS):
        guard.ask(text)
    assert [(entry.level, entry.thread) for entry in told(guard)] == [("watch", "none")]
    assert len(server.came) == 1


@pytest.mark.parametrize(
    ("answers", "reason", "faults"),
    [
        ([_answer(503), _answer(429)], "told", ["contact:raised:contact.unwell"] * 2),
        ([_answer(500)] * 3, "not_told", ["contact:raised:contact.unwell"] * 3),
        ([_answer(403)], "not_told", ["contact:raised:contact.refused"]),
        ([_answer(302, "Location: /elsewhere")], "not_told", ["contact:raised:contact.refused"]),
        ([b"\x00\xff what is this\r\n\r\n"] * 3, "not_told", ["contact:raised:contact.garbage"] * 3),
        ([b""] * 3, "not_told", ["contact:raised:contact.garbage"] * 3),
        ([None] * 3, "not_told", ["contact:timeout:contact_timeout_s"] * 3),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\nendless"], "told", []),
    ],
)
def test_what_goes_wrong_is_tried_again_and_recorded(
    make: Callable[..., Guard],
    receive: Callable[..., Receiver],
    answers: list[bytes | None],
    reason: str,
    faults: list[str],
) -> None:
    server = receive(*answers)
    guard = make({"contact_webhook": server.url, "contact_timeout_s": 0.4 if None in answers else 5.0})
    answer = guard.ask(CRISIS, thread="t")
    assert (answer.route, answer.faults) == (Route.REFERRED, ())
    [entry] = told(guard)
    assert (entry.reason, list(entry.faults)) == (reason, faults)
    assert entry.turn_id == next(e.entry for e in guard.services.record.entries()).turn_id


def test_a_server_that_is_down_costs_the_reply_nothing(make: Callable[..., Guard]) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/"
    guard = make({"contact_webhook": url, "contact_retries": 1})
    assert guard.ask(CRISIS).route is Route.REFERRED
    [entry] = told(guard)
    assert entry.faults == ("contact:raised:contact.unreachable",) * 2


class Hanging:
    """A hook of the operator's own that blocks until it is let go."""

    name = "hanging"

    def __init__(self) -> None:
        self.free = threading.Event()
        self.events: list[ContactEvent] = []

    def notify(self, event: ContactEvent) -> None:
        self.events.append(event)
        self.free.wait(30)


def test_hooks_that_hang_take_no_thread_from_replies(make: Callable[..., Guard]) -> None:
    hook = Hanging()
    guard = make({"workers": 1, "contact_timeout_s": 0.2, "contact_retries": 0}, contact=hook)
    assert isinstance(hook, ContactHook)
    answers = [guard.ask(CRISIS) for _ in range(6)]
    assert all(answer.route is Route.REFERRED and not answer.faults for answer in answers)
    entries = told(guard)
    hook.free.set()
    assert len(entries) == 6
    assert {entry.faults for entry in entries} == {("contact:timeout:contact_timeout_s",)}
    assert hook.events[0].as_dict()["kinds"] == ["suicide"]


class Rude:
    """A hook that raises whatever it likes."""

    name = "rude"

    async def notify(self, event: ContactEvent) -> None:
        raise ValueError("could not tell of 王小明")


def test_an_error_of_a_hook_is_recorded_without_its_words(
    make: Callable[..., Guard], caplog: pytest.LogCaptureFixture
) -> None:
    guard = make({"contact_retries": 0}, contact=Rude())
    guard.ask(CRISIS)
    [entry] = told(guard)
    assert entry.faults == ("contact:raised:ValueError",)
    assert "a contact could not be told" in caplog.text
    assert "王小明" not in caplog.text


def test_a_guard_that_is_closed_says_who_was_not_told(
    make: Callable[..., Guard], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cbtguard.graph.contact._GOODBYE_S", 0.05)
    hook = Hanging()
    guard = make({"contact_timeout_s": 300}, contact=hook)
    guard.ask(CRISIS)
    contacts, record = guard._contacts, guard.services.record
    assert contacts is not None
    kept: list[Any] = []
    monkeypatch.setattr(record, "close", lambda: kept.extend(record.entries()))
    guard.close()
    hook.free.set()
    assert [e.entry.faults for e in kept if e.entry.route == "contacted"] == [("contact:cancelled:closed",)]


def test_nobody_is_told_unless_somebody_is_named(make: Callable[..., Guard]) -> None:
    guard = make()
    guard.ask(CRISIS)
    assert told(guard) == []


@pytest.mark.parametrize(
    "settings",
    [
        {"contact_webhook": "http://example.org/contact"},
        {"contact_webhook": "ftp://127.0.0.1/"},
        {"contact_webhook": "nonsense"},
        {"contact_webhook": "https://"},
        {"contact_webhook": "https://example.org/", "contact_key_env": "NOT_SET_AT_ALL"},
    ],
)
def test_an_address_that_cannot_be_used_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(SettingsError) as caught:
        Guard(Settings(**settings))
    assert caught.value.code == "settings.invalid"
    assert "example.org" not in caught.value.message


async def test_the_webhook_alone(receive: Callable[..., Receiver]) -> None:
    server = receive(_answer(204), _answer(410))
    hook = WebhookContact(server.url)
    await hook.notify(EVENT)
    with pytest.raises(ContactError) as caught:
        await hook.notify(EVENT)
    assert caught.value.code == "contact.refused"
    assert "x-cbtguard-signature" not in server.came[0][0]
    assert json.loads(server.came[0][1]) == EVENT.as_dict()
    await hook.aclose()
    await hook.aclose()
