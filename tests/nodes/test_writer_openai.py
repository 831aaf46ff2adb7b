"""A writer behind a real HTTP server on this machine, which is slow, dead, rude or broken as a test asks."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from cbtguard.graph import Guard
from cbtguard.graph.conformance import check_writer
from cbtguard.graph.settings import Settings
from cbtguard.graph.writer import make_writer
from cbtguard.nodes.retrieval.hybrid import Hit
from cbtguard.nodes.retrieval.note import NoteLibrary
from cbtguard.nodes.writers import Composer
from cbtguard.nodes.writers.breaker import Breaker, Circuit
from cbtguard.nodes.writers.openai import OpenAIWriter
from cbtguard.nodes.writers.server import Times
from cbtguard.nodes.writers.task import StreamingWriter, Writer, WritingTask
from cbtguard.safety.errors import DependencyError, SettingsError, WriterError
from cbtguard.safety.risk import PastTurn

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

NOTES = NoteLibrary().pick(["worry-time", "thought-record"])
QUESTION = "最近总是睡不着，一直担心考试。"
TASK = WritingTask(question=QUESTION, language="zh-Hans", notes=NOTES)
KEY = "sk-test-4711-do-not-tell"
DRAFT = "试试「烦恼时段」，每天十五分钟。"
HEAD = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


@dataclass
class Call:
    """A request as the server read it."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    hung_up: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the client closed the connection."""


@dataclass
class Server:
    """Answers each request with the next of its replies, and with the last one for ever."""

    replies: list[Any]
    calls: list[Call] = field(default_factory=list)
    called: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))
    """Released with each call."""
    url: str = ""

    async def serve(self, reader: asyncio.StreamReader, out: asyncio.StreamWriter) -> None:
        watch = None
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            first, *lines = head.strip().split("\r\n")
            headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines)}
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            call = Call(path=first.split()[1], headers=headers, body=json.loads(body or b"{}"))
            self.calls.append(call)
            self.called.release()

            async def hear_the_end() -> None:
                with contextlib.suppress(ConnectionError):
                    await reader.read(1)
                call.hung_up.set()

            watch = asyncio.ensure_future(hear_the_end())
            await self.replies[min(len(self.calls), len(self.replies)) - 1](call, out)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            if watch is not None:
                watch.cancel()
                call.hung_up.set()
            out.close()


@asynccontextmanager
async def running(*replies: Any) -> AsyncIterator[Server]:
    made = Server(list(replies))
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    try:
        yield made
    finally:
        server.close()
        await server.wait_closed()


# --- what a server may do --------------------------------------------------------------------------------


async def send(out: asyncio.StreamWriter, text: str) -> None:
    out.write(text.encode())
    await out.drain()


async def piece(out: asyncio.StreamWriter, text: str) -> None:
    await send(out, f"{len(text.encode()):x}\r\n{text}\r\n")


def event(content: str | None = None, reason: str | None = None, **delta: Any) -> str:
    choice = {"index": 0, "delta": {"content": content, **delta}, "finish_reason": reason}
    made = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
    return f"data: {json.dumps(made)}\n\n"


def says(*events: str, done: bool = True) -> Any:
    """A stream of these events."""

    async def reply(_: Call, out: asyncio.StreamWriter) -> None:
        await send(out, HEAD)
        for one in (*events, *(["data: [DONE]\n\n"] if done else [])):
            await piece(out, one)
        await send(out, "0\r\n\r\n")

    return reply


GOOD = says(
    event("", role="assistant"), *(event(c) for c in DRAFT), event(None, "stop"), 'data: {"choices": []}\n\n'
)


def status(number: int, body: str = '{"error": {"message": "no", "code": null}}', **headers: str) -> Any:
    async def reply(_: Call, out: asyncio.StreamWriter) -> None:
        more = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
        size = len(body.encode())
        await send(
            out,
            f"HTTP/1.1 {number} X\r\nContent-Type: application/json\r\n{more}Content-Length: {size}\r\n\r\n{body}",
        )

    return reply


def soon(number: int) -> Any:
    """A status after which the client need not wait long."""
    return status(number, Retry_After_Ms="1")


async def dead(_: Call, out: asyncio.StreamWriter) -> None:
    out.transport.abort()


async def silent(call: Call, _: asyncio.StreamWriter) -> None:
    await call.hung_up.wait()


async def stalls(call: Call, out: asyncio.StreamWriter) -> None:
    await send(out, HEAD)
    await piece(out, event("试"))
    await call.hung_up.wait()


async def drips(call: Call, out: asyncio.StreamWriter) -> None:
    """Never silent for long, and never done."""
    await send(out, HEAD)
    while not call.hung_up.is_set():
        await piece(out, event("试"))
        await asyncio.sleep(0.01)


async def cuts(_: Call, out: asyncio.StreamWriter) -> None:
    await send(out, HEAD)
    await piece(out, event("试试"))
    out.transport.abort()


async def ends_early(_: Call, out: asyncio.StreamWriter) -> None:
    await send(out, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")
    await send(out, event("试试"))


async def floods(call: Call, out: asyncio.StreamWriter) -> None:
    await send(out, HEAD)
    while not call.hung_up.is_set():
        await piece(out, event("很" * 500))


def writer_of(server: Server, **changes: Any) -> OpenAIWriter:
    return OpenAIWriter(server.url, "small", **{"key": KEY, "retries": 0, **changes})


# --- drafts ----------------------------------------------------------------------------------------------


async def test_a_stream_becomes_a_draft():
    async with running(GOOD) as server:
        writer = writer_of(server)
        draft = await writer.write(TASK)
    (call,) = server.calls
    assert isinstance(writer, Writer)
    assert (draft.text, draft.citations) == (DRAFT, ("worry-time",))
    assert call.path == "/v1/chat/completions"
    assert call.headers["authorization"] == f"Bearer {KEY}"
    assert {k: call.body[k] for k in ("model", "stream", "max_tokens", "temperature")} == {
        "model": "small",
        "stream": True,
        "max_tokens": 900,
        "temperature": 0.0,
    }
    assert [message["role"] for message in call.body["messages"]] == ["system", "user"]
    assert QUESTION in call.body["messages"][1]["content"]


async def test_the_request_can_be_changed_and_nothing_of_the_environment_is_sent(monkeypatch):
    for name in ("OPENAI_API_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_ADMIN_KEY"):
        monkeypatch.setenv(name, "meant-for-another-server")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/elsewhere")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "Authorization: Bearer meant-for-another-server")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    async with running(GOOD) as server:
        await writer_of(
            server,
            key=None,
            max_tokens=None,
            temperature=None,
            headers={"X-Team": "a"},
            extra={"max_completion_tokens": 5, "chat_template_kwargs": {"enable_thinking": False}},
        ).write(TASK)
    (call,) = server.calls
    assert not {"max_tokens", "temperature"} & set(call.body)
    assert call.body["max_completion_tokens"] == 5
    assert call.body["chat_template_kwargs"] == {"enable_thinking": False}
    assert call.headers["x-team"] == "a"
    assert "meant-for-another-server" not in str(call.headers)


@pytest.mark.parametrize(
    ("events", "text"),
    [
        ([event("<think>想"), event("想\nHuman: 嗯</think>好的。"), event(None, "stop")], "好的。"),
        ([event("好的。", "stop")], "好的。"),
        # an end that is not whole, after a stop mark: nothing more is read
        ([event("好的。<|im_"), event("end|>\n<|im_start|>user"), event("x", "length")], "好的。"),
    ],
)
async def test_thinking_and_leaked_turns_are_no_part_of_a_draft(events, text):
    async with running(says(*events)) as server:
        assert (await writer_of(server).write(TASK)).text == text


async def test_at_a_stop_mark_the_connection_is_closed():
    async def goes_on(call: Call, out: asyncio.StreamWriter) -> None:
        await send(out, HEAD)
        await piece(out, event("好的。\nHuman: 再来"))
        await call.hung_up.wait()

    async with running(goes_on) as server:
        assert (await writer_of(server).write(TASK)).text == "好的。"
        await asyncio.wait_for(server.calls[0].hung_up.wait(), 10)


async def test_a_server_that_writes_on_and_on_is_cut_short():
    async with running(floods) as server:
        draft = await writer_of(server).write(TASK)
        await asyncio.wait_for(server.calls[0].hung_up.wait(), 10)
    assert 20_000 < len(draft.text) < 30_000


async def test_what_is_told_on_the_way_is_how_the_draft_begins():
    told: list[str] = []
    events = [
        event("<think>嗯"),
        event("</think>"),
        *(event(c) for c in DRAFT),
        event("\nHum"),
        event("an: x", "stop"),
    ]
    async with running(says(*events)) as server:
        writer = writer_of(server)
        assert isinstance(writer, StreamingWriter)
        draft = await writer.stream(TASK, told.append)
    assert draft.text == DRAFT == told[-1]
    assert all(DRAFT.startswith(text) for text in told)
    assert len(set(told)) >= len(DRAFT)


# --- failures --------------------------------------------------------------------------------------------

REFUSAL = event(None, refusal="I cannot")
FAILURES = [
    (dead, "writer.unreachable", True),
    (silent, "writer.timeout", True),
    (stalls, "writer.timeout", True),
    (cuts, "writer.broken_off", True),
    (ends_early, "writer.broken_off", True),
    (says(event("试试"), done=True), "writer.broken_off", True),
    (status(429), "writer.rate_limited", True),
    (status(500), "writer.unavailable", True),
    (status(503, "<html>down</html>"), "writer.unavailable", True),
    (status(408), "writer.unavailable", True),
    (status(409), "writer.unavailable", True),
    (status(401), "writer.key", False),
    (status(403), "writer.key", False),
    (status(404), "writer.unknown_model", False),
    (status(400), "writer.rejected", False),
    (status(422, "[]"), "writer.rejected", False),
    (status(307, "", Location="http://127.0.0.1:9/v1"), "writer.rejected", False),
    (says("data: {not json\n\n"), "writer.garbled", True),
    (says("data: 5\n\n"), "writer.garbled", True),
    (says('data: {"choices": "none"}\n\n'), "writer.garbled", True),
    (says('data: {"choices": [{"delta": {"content": [1]}}]}\n\n'), "writer.garbled", True),
    (says("\xff\n\n", "<html>\n\n"), "writer.garbled", True),
    (status(200, '{"choices": [{"message": {"content": "hello"}}]}'), "writer.garbled", True),
    (status(200, "<html>login</html>"), "writer.garbled", True),
    (says('data: {"error": {"message": "boom", "code": 500}}\n\n'), "writer.failed", True),
    (says(event(None, "stop")), "writer.empty", False),
    (says(event("  \n", "stop")), "writer.empty", False),
    (says(event("<think>想了很久", "stop")), "writer.empty", False),
    (says(event(None, "tool_calls")), "writer.empty", False),
    (says(event("试试"), event(None, "length")), "writer.truncated", False),
    (says(event("试试"), event(None, "content_filter")), "writer.refused", False),
    (says(REFUSAL, event(None, "stop")), "writer.refused", False),
]


@pytest.mark.parametrize(
    ("reply", "code", "down"), FAILURES, ids=[f"{n}-{f[1]}" for n, f in enumerate(FAILURES)]
)
async def test_each_failure_has_its_code_and_no_words(reply, code, down, caplog):
    caplog.set_level(logging.DEBUG)
    breaker = Breaker(failures=1)
    times = Times(read_s=0.3)
    async with running(reply) as server:
        with pytest.raises(WriterError) as caught:
            await writer_of(server, times=times, breaker=breaker).write(TASK)
    assert caught.value.code == code
    assert caught.value.__context__ is None
    assert caught.value.hint
    assert breaker.circuit is (Circuit.OPEN if down else Circuit.CLOSED)
    for told in (str(caught.value), caplog.text):
        assert not any(words in told for words in (QUESTION, "睡不着", KEY, "试试", "boom"))


async def test_nobody_at_home_is_unreachable():
    async with running(GOOD) as server:
        pass
    with pytest.raises(WriterError) as caught:
        await writer_of(server).write(TASK)
    assert caught.value.code == "writer.unreachable"


async def test_the_whole_time_is_bounded_though_the_server_is_never_silent():
    async with running(drips) as server:
        with pytest.raises(WriterError) as caught:
            await writer_of(server, times=Times(read_s=5, total_s=0.3)).write(TASK)
        await asyncio.wait_for(server.calls[0].hung_up.wait(), 10)
    assert caught.value.code == "writer.timeout"


async def test_without_notes_nothing_is_sent():
    async with running(GOOD) as server:
        with pytest.raises(WriterError) as caught:
            await writer_of(server).write(WritingTask(question=QUESTION, language="en", notes=()))
    assert caught.value.code == "writer.no_notes"
    assert server.calls == []


# --- trying again ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "first", [soon(408), soon(409), soon(429), soon(500), soon(502), soon(503), dead], ids=range(7)
)
async def test_what_may_pass_is_tried_again(first):
    async with running(first, GOOD) as server:
        assert (await writer_of(server, retries=1).write(TASK)).text == DRAFT
    assert len(server.calls) == 2
    assert server.calls[0].body == server.calls[1].body


@pytest.mark.parametrize("number", [400, 401, 403, 404, 422])
async def test_what_will_not_pass_is_not_tried_again(number):
    async with running(status(number)) as server:
        with pytest.raises(WriterError):
            await writer_of(server, retries=3).write(TASK)
    assert len(server.calls) == 1


async def test_tries_come_to_an_end():
    async with running(soon(429)) as server:
        with pytest.raises(WriterError) as caught:
            await writer_of(server, retries=2).write(TASK)
    assert caught.value.code == "writer.rate_limited"
    assert len(server.calls) == 3


@pytest.mark.parametrize(("asked", "waited"), [("7", 7.0), (None, 0.5)])
async def test_the_server_says_how_long_to_wait_else_waits_grow(asked, waited, monkeypatch):
    import anyio  # noqa: PLC0415 - what the client sleeps with

    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr(anyio, "sleep", sleep)
    busy = status(429, **({"Retry_After": asked} if asked else {}))
    async with running(busy, busy, busy, GOOD) as server:
        assert (await writer_of(server, retries=3).write(TASK)).text == DRAFT
    assert len(waits) == 3
    for turn, wait in enumerate(waits):
        longest = waited if asked else waited * 2**turn
        assert longest * (1 if asked else 0.75) <= wait <= longest


async def test_a_wait_ends_with_the_whole_time():
    async with running(status(429, Retry_After="60"), GOOD) as server:
        with pytest.raises(WriterError) as caught:
            await writer_of(server, retries=3, times=Times(total_s=0.3)).write(TASK)
    assert caught.value.code == "writer.timeout"
    assert len(server.calls) == 1


async def test_a_prompt_that_is_too_long_is_tried_shorter():
    def room(most: int) -> Any:
        body = '{"error": {"message": "maximum context length is 9", "code": "context_length_exceeded"}}'

        async def reply(call: Call, out: asyncio.StreamWriter) -> None:
            size = len(call.body["messages"][1]["content"])
            await (GOOD if size <= most else status(400, body))(call, out)

        return reply

    wanted = WritingTask(
        question=QUESTION,
        language="zh-Hans",
        notes=NOTES,
        history=tuple(PastTurn(text=f"第{n}句" + "话" * 900) for n in range(3)),
    )
    async with running(room(2600)) as server:
        assert (await writer_of(server).write(wanted)).text == DRAFT
        sizes = [len(call.body["messages"][1]["content"]) for call in server.calls]
        assert len(sizes) >= 2
        assert sizes == sorted(sizes, reverse=True)
        assert "第2句" in server.calls[-1].body["messages"][1]["content"]
    async with running(room(10)) as server:
        with pytest.raises(WriterError) as caught:
            await writer_of(server).write(wanted)
    assert caught.value.code == "writer.too_long"
    assert all(QUESTION in call.body["messages"][1]["content"] for call in server.calls)


# --- the circuit breaker ---------------------------------------------------------------------------------


async def test_a_server_that_is_down_is_left_alone_and_found_again():
    now = [0.0]
    breaker = Breaker(failures=2, pause_s=30, clock=lambda: now[0])
    async with running(status(500), status(500), status(500), GOOD) as server:
        writer = writer_of(server, breaker=breaker)
        for code in (
            "writer.unavailable",
            "writer.unavailable",
            "writer.circuit_open",
            "writer.circuit_open",
        ):
            with pytest.raises(WriterError) as caught:
                await writer.write(TASK)
            assert caught.value.code == code
        assert len(server.calls) == 2
        now[0] = 30.0
        with pytest.raises(WriterError, match="unavailable"):
            await writer.write(TASK)
        assert len(server.calls) == 3
        now[0] = 60.0
        assert (await writer.write(TASK)).text == DRAFT
        assert breaker.circuit is Circuit.CLOSED


# --- cancelling ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reply", [silent, stalls, drips, status(429, Retry_After="60")], ids=range(4))
async def test_a_cancelled_call_closes_its_connection(reply):
    breaker = Breaker(failures=1)
    async with running(reply) as server:
        work = asyncio.ensure_future(writer_of(server, breaker=breaker, retries=2).write(TASK))
        await server.called.acquire()
        await asyncio.sleep(0.05)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        await asyncio.wait_for(server.calls[0].hung_up.wait(), 10)
    # A call that was given up says nothing about the server.
    assert breaker.circuit is Circuit.CLOSED


async def test_a_cancelled_try_does_not_keep_the_circuit_open():
    now = [0.0]
    breaker = Breaker(failures=1, pause_s=1, clock=lambda: now[0])
    async with running(status(500), silent, GOOD) as server:
        writer = writer_of(server, breaker=breaker)
        with pytest.raises(WriterError):
            await writer.write(TASK)
        now[0] = 1.0
        probe = asyncio.ensure_future(writer.write(TASK))
        await server.called.acquire()
        await server.called.acquire()
        probe.cancel()
        with pytest.raises(asyncio.CancelledError):
            await probe
        assert (await writer.write(TASK)).text == DRAFT


# --- settings --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "",
        "127.0.0.1:8000",
        "ftp://a/v1",
        "http://",
        "http://me:pw@a/v1",
        "http://a/v1?key=1",
        "http://[",
        "http://a:0",
    ],
)
def test_an_address_that_is_none_or_holds_a_key_is_refused_without_repeating_it(url):
    with pytest.raises(SettingsError) as caught:
        OpenAIWriter(url, "m")
    assert caught.value.code == "settings.invalid"
    assert "pw" not in str(caught.value)


@pytest.mark.parametrize("bad", [{"model": " "}, {"retries": -1}, {"max_tokens": 0}])
def test_settings_without_sense_are_refused(bad):
    with pytest.raises(SettingsError):
        OpenAIWriter("http://127.0.0.1:9/v1", **{"model": "m", **bad})


@pytest.mark.parametrize("bad", [{"connect_s": 0}, {"read_s": -1}, {"total_s": float("nan")}])
def test_times_without_sense_are_refused(bad):
    with pytest.raises(SettingsError):
        Times(**bad)


@pytest.mark.parametrize(
    ("model", "name"),
    [("qwen3:8b", "openai/qwen3:8b"), ("/home/zhang/SmolLM2", "openai/SmolLM2"), ("模型 x", "openai/-x")],
)
def test_the_name_is_one_the_record_takes(model, name):
    assert OpenAIWriter("http://127.0.0.1:9/v1", model).name == name


def test_a_missing_library_is_told(monkeypatch):
    monkeypatch.setattr("cbtguard.nodes.writers.source.find_spec", lambda _: None)
    with pytest.raises(DependencyError) as caught:
        OpenAIWriter("http://127.0.0.1:9/v1", "m")
    assert caught.value.code == "dependency.library"


SERVER = {"writer": "openai", "writer_url": "http://127.0.0.1:9/v1", "writer_model": "m"}


def test_settings_make_the_writer_and_tell_no_key(monkeypatch):
    monkeypatch.setenv("MY_KEY", f" {KEY}\n")
    for given in ({"writer_key_env": "MY_KEY"}, {"writer_key": KEY}):
        settings = Settings(**SERVER, **given, limits={"generate_s": 20.0})
        writer = make_writer(settings)
        assert isinstance(writer, OpenAIWriter)
        assert writer._server.key.get_secret_value() == KEY
        assert writer._server.times == Times(total_s=19.0)
        assert KEY not in f"{settings!r} {settings} {writer!r} {vars(writer)} {writer._server}"


@pytest.mark.parametrize(
    "given", [{"writer_url": ""}, {"writer_model": ""}, {"writer_key_env": "NO_SUCH_VARIABLE_HERE"}]
)
def test_settings_that_lack_something_are_refused(given):
    with pytest.raises(SettingsError):
        make_writer(Settings(**{**SERVER, **given}))


# --- conformance and flow --------------------------------------------------------------------------------


class Background:
    """The server on an event loop of its own, for callers that block."""

    def __init__(self, *replies: Any) -> None:
        from cbtguard.graph.loop import LoopThread  # noqa: PLC0415 - only here

        self._loop = LoopThread()
        self._context = running(*replies)

    def __enter__(self) -> Server:
        return self._loop.run(self._context.__aenter__())

    def __exit__(self, *_: object) -> None:
        self._loop.run(self._context.__aexit__(None, None, None))
        self._loop.close()


def test_it_conforms():
    with Background(GOOD) as server:
        check_writer(lambda: writer_of(server)).raise_for_failures()


class WorryTime:
    """Finds the same note always: encoding a library is not what is tested here."""

    name = "fixed"

    def retrieve(self, text: str, *, k: int = 3) -> list[Hit]:
        return [Hit(note_id="worry-time", score=0.5)]


def behind(server: Server, home: Path, **more: Any) -> Settings:
    given = {"writer": "openai", "writer_url": server.url, "writer_model": "small", "writer_retries": 0}
    return Settings(home=home, record="memory", **given, **more)


LONG = "最近工作压力很大，晚上总是睡不着，一直担心项目做不完。"
SOUND = Composer().compose(WritingTask(question=LONG, language="zh-Hans", notes=NOTES[:1])).text


@pytest.mark.parametrize(
    ("reply", "sound"),
    [
        (says(event(SOUND, "stop")), True),
        (says(event("香蕉qwxz" * 60, "stop")), False),
        (status(500), False),
        (dead, False),
        (says("data: {\n\n"), False),
    ],
    ids=["sound", "nonsense", "500", "dead", "garbage"],
)
def test_in_the_flow_only_checked_text_leaves(reply, sound, tmp_path, real_redactor):
    with Background(reply) as server:
        settings = Settings(
            home=tmp_path,
            record="memory",
            writer="openai",
            writer_url=server.url,
            writer_model="small",
            writer_retries=0,
        )
        with Guard(settings, retriever=WorryTime(), redactor=real_redactor) as guard:
            guard.warm()
            answer = guard.ask(LONG)
    assert answer.reply
    assert "qwxz" not in answer.reply
    assert (answer.writer == "openai/small") is sound
    if sound:
        assert answer.route == "answered"


def test_a_server_that_is_slow_does_not_hold_a_turn(tmp_path, real_redactor):
    with Background(silent) as server:
        settings = behind(server, tmp_path, limits={"generate_s": 0.5})
        with Guard(settings, retriever=WorryTime(), redactor=real_redactor) as guard:
            answer = guard.ask(LONG)
        assert len(server.calls) >= 1
    assert answer.reply
    assert any("writer.timeout" in fault for fault in answer.faults)
