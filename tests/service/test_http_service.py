"""The service's own shape, its errors, and what an operator sees: real requests to a real server."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from cbtguard.graph import Draft
from cbtguard.graph.conformance.material import material
from cbtguard.safety.record import from_jsonl, verify_entries
from cbtguard.service.http.health import directory_age
from cbtguard.service.http.traces import Tracing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

GOOD = material().exchanges[0].answer
QUESTION = "最近总是睡不着，一躺下就想明天的会议，越想越清醒"
CRISIS = "我不想活了，今晚就跳下去"
NAME, PHONE = "李晓雯", "13812345678"
PERSONAL = f"我叫{NAME}，电话{PHONE}，{QUESTION}"
STOPS = ["protect", "screen", "retrieve", "generate", "check", "record"]


class Gated:
    """Writes once the gate is open."""

    name = "gated"

    def __init__(self) -> None:
        self.began = threading.Event()
        self.gate = threading.Event()
        self.ended = threading.Event()

    async def write(self, task: Any) -> Draft:
        self.began.set()
        try:
            for _ in range(4000):
                if self.gate.is_set():
                    break
                await asyncio.sleep(0.005)
        finally:
            self.ended.set()
        return Draft(text=GOOD, citations=tuple(note.id for note in task.notes[:1]))


def told(body: str) -> list[tuple[str, Any]]:
    """The events of a stream."""
    found = []
    for block in body.strip().split("\n\n"):
        if not block.startswith(":"):
            event, data = block.split("\n")
            found.append((event.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return found


@pytest.fixture(scope="module")
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture(scope="module")
def running(serving: Callable[..., Any], exporter: InMemorySpanExporter) -> Any:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return serving(tracing=Tracing(provider.get_tracer("test")))[0]


@pytest.fixture(scope="module")
def client(running: Any) -> Iterator[httpx.Client]:
    with running.client() as made:
        yield made


# --- answers ------------------------------------------------------------------------------------------------


def test_ask(client: httpx.Client) -> None:
    answer = client.post("/v1/ask", json={"text": QUESTION, "region": "HK", "thread": "t"})
    body = answer.json()
    assert (answer.status_code, body["route"], body["reply"]) == (200, "answered", GOOD)
    assert (body["thread"], body["turn"], body["region"]) == ("t", 1, "HK")
    assert answer.headers["X-Cbtguard-Record"] == body["record_id"]
    assert answer.headers["X-Cbtguard-Route"] == "answered"


def test_personal_data_comes_back_to_the_one_who_wrote_it(client: httpx.Client, running: Any) -> None:
    client.post("/v1/ask", json={"text": PERSONAL})
    task = running.guard.services.writer.tasks[-1]
    assert NAME not in task.question
    assert PHONE not in task.question


def test_ask_with_earlier_messages(client: httpx.Client) -> None:
    body = client.post("/v1/ask", json={"text": QUESTION, "earlier": [CRISIS, " "]}).json()
    assert (body["route"], body["reason"]) == ("referred", "care")


def test_stream(client: httpx.Client) -> None:
    answer = client.post("/v1/ask/stream", json={"text": QUESTION})
    events = told(answer.text)
    assert answer.headers["Content-Type"].startswith("text/event-stream")
    assert [data["stop"] for kind, data in events if kind == "stop"] == STOPS
    assert all(data["ms"] >= 0 for kind, data in events if kind == "stop")
    assert "".join(data["text"] for kind, data in events if kind == "text") == GOOD
    assert events[-1][0] == "answer"
    assert events[-1][1]["reply"] == GOOD


def test_guards_alone(client: httpx.Client) -> None:
    assert client.post("/v1/screen", json={"text": CRISIS}).json()["risk"]["level"] == "emergency"
    redacted = client.post("/v1/redact", json={"text": PERSONAL}).json()
    assert NAME not in redacted["text"]
    assert {"type", "start", "end", "score"} == set(redacted["entities"][0])
    checked = client.post("/v1/check", json={"question": QUESTION, "answer": "想开点"}).json()
    assert not checked["passed"]
    assert client.post("/v1/check", json={"question": QUESTION, "answer": GOOD, "language": "zh-CN"}).json()[
        "passed"
    ]


def test_the_record_can_be_read_verified_and_taken_along(client: httpx.Client, running: Any) -> None:
    for text in (QUESTION, CRISIS):
        client.post("/v1/ask", json={"text": text})
    everything = client.get("/v1/records").json()["entries"]
    assert [row["seq"] for row in everything] == list(range(1, len(everything) + 1))
    newest = client.get("/v1/records", params={"last": 2}).json()["entries"]
    assert newest == everything[-2:]
    assert client.get(f"/v1/records/{newest[0]['record_id']}").json() == newest[0]
    page = client.get("/v1/records", params={"limit": 1}).json()
    following = client.get("/v1/records", params={"limit": 1, "after": page["next_after"]}).json()
    assert page["entries"] + following["entries"] == everything[:2]
    grave = client.get("/v1/records", params={"level": "emergency", "route": "referred"}).json()["entries"]
    assert [row["entry"]["level"] for row in grave] == ["emergency"]
    assert client.get("/v1/records", params={"since": "2999"}).json() == {"entries": [], "next_after": None}
    report = client.get("/v1/records/verify").json()
    assert (report["ok"], report["entries"]) == (True, len(everything))
    assert not client.get("/v1/records/verify", params={"head": "1" * 64}).json()["ok"]
    exported = client.get("/v1/records/export").text
    assert verify_entries(from_jsonl(exported.splitlines(keepends=True))).entries == len(everything)
    assert (
        len(client.get("/v1/records/export", params={"format": "csv"}).text.splitlines())
        == len(everything) + 1
    )
    assert QUESTION not in exported


# --- errors -------------------------------------------------------------------------------------------------

SECRET = "秘密的话"  # noqa: S105 - words that nothing may quote
JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("method", "path", "named", "status", "code"),
    [
        ("POST", "/v1/ask", {"content": b'{"text": "\xe7', "headers": JSON}, 400, "input.not_json"),
        ("POST", "/v1/ask", {"content": b"[" * 100_000, "headers": JSON}, 400, "input.not_json"),
        ("POST", "/v1/ask", {"json": [SECRET]}, 422, "input.malformed"),
        ("POST", "/v1/ask", {"json": {"text": QUESTION, SECRET: SECRET}}, 422, "input.malformed"),
        ("POST", "/v1/ask", {"json": {"text": {SECRET: 1}}}, 422, "input.malformed"),
        ("POST", "/v1/ask", {"content": b'{"text": "\\ud800"}', "headers": JSON}, 422, "input.empty"),
        ("POST", "/v1/ask", {"json": {"text": ""}}, 422, "input.empty"),
        ("POST", "/v1/ask", {"json": {"text": SECRET * 6000}}, 413, "input.too_long"),
        ("POST", "/v1/ask", {"json": {"text": "x" * 300_000}}, 413, "input.body_too_long"),
        ("POST", "/v1/ask", {"json": {"text": QUESTION, "region": SECRET}}, 422, "input.region_unknown"),
        ("POST", "/v1/ask", {"json": {"text": QUESTION, "language": SECRET}}, 422, None),
        ("POST", "/v1/ask", {"json": {"text": QUESTION, "thread": SECRET * 100}}, 422, "input.thread"),
        (
            "POST",
            "/v1/ask",
            {"content": b'{"text": "a", "thread": "\\ud800"}', "headers": JSON},
            422,
            "input.thread",
        ),
        ("POST", "/v1/ask/stream", {"json": {"text": ""}}, 422, "input.empty"),
        ("POST", "/v1/ask", {"content": SECRET.encode()}, 415, "input.media_type"),
        ("POST", "/v1/ask", {"data": {"text": SECRET}}, 415, "input.media_type"),
        ("GET", "/v1/ask", {}, 405, "input.method"),
        ("GET", f"/v1/{SECRET}", {}, 404, "input.path_unknown"),
        ("GET", f"/v1/records/{SECRET}", {}, 404, "input.record_unknown"),
        ("GET", "/v1/records/r1-0000000000000000", {}, 404, "input.record_unknown"),
        ("GET", "/v1/records", {"params": {"limit": SECRET}}, 422, "input.malformed"),
    ],
)
def test_errors_are_problems_that_quote_nobody(
    client: httpx.Client, method: str, path: str, named: dict[str, Any], status: int, code: str | None
) -> None:
    answer = client.request(method, path, **named)
    body = answer.json()
    assert (answer.status_code, body["status"]) == (status, status)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert code is None or body["code"] == code
    assert body["type"] == f"urn:cbtguard:problem:{body['code']}"
    assert body["instance"].endswith(answer.headers["X-Request-Id"])
    assert {"title", "detail", "hint", "error"} <= set(body)
    assert SECRET not in json.dumps(body, ensure_ascii=False)


def test_a_body_of_unknown_length_is_bounded_too(client: httpx.Client) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(400):
            yield b" " * 1024

    assert client.post("/v1/ask", content=endless(), headers=JSON).status_code == 413


def test_a_body_that_does_not_arrive_is_not_waited_for(serving: Callable[..., Any]) -> None:
    running, _ = serving(body_s=0.2)
    host = running.url.removeprefix("http://")

    async def slow() -> bytes:
        reader, writer = await asyncio.open_connection(*host.split(":"))
        head = f"POST /v1/ask HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n"
        writer.write(head.encode() + b"{")
        answer = await reader.read(64)
        writer.close()
        return answer

    assert b" 408 " in asyncio.run(slow())


def test_a_failure_that_nobody_foresaw(
    client: httpx.Client, running: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: str, **__: Any) -> Any:
        raise RuntimeError(SECRET)

    monkeypatch.setattr(running.guard.services.detector, "assess", broken)
    answer = client.post("/v1/screen", json={"text": QUESTION})
    assert (answer.status_code, answer.json()["code"]) == (500, "service.unexpected")
    # A turn refers all the same.
    assert client.post("/v1/ask", json={"text": QUESTION}).json()["route"] == "referred"
    assert not any(SECRET in line for line in running.log)
    assert any('"error": "RuntimeError"' in line for line in running.log)


def test_every_response_is_guarded_by_headers(client: httpx.Client) -> None:
    for path in ("/healthz", "/v1/nothing", "/openapi.json"):
        headers = client.get(path).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert headers["Cache-Control"] == "no-store"
        assert "Server" not in headers


def test_pages_of_other_sites_may_not_call(client: httpx.Client, serving: Callable[..., Any]) -> None:
    ask = {"text": QUESTION}
    assert client.post("/v1/ask", json=ask, headers={"Host": "evil.example"}).status_code == 421
    assert client.post("/v1/ask", json=ask, headers={"Origin": "https://evil.example"}).status_code == 403
    for origin in ("http://localhost:3000", "http://[::1]", "http://127.0.0.1"):
        assert client.post("/v1/ask", json=ask, headers={"Origin": origin}).status_code == 200
    for host in ("[", ":", "127.0.0.1.evil.example", "a]", "@127.0.0.1"):
        assert client.get("/healthz", headers={"Host": host}).status_code == 421
    assert client.get("/healthz", headers={"Host": "[::1]:80"}).status_code == 200
    wish = {"Origin": "https://app.example", "Access-Control-Request-Method": "POST"}
    assert "Access-Control-Allow-Origin" not in client.options("/v1/ask", headers=wish).headers
    other, _ = serving(origins=("https://app.example",))
    with other.client() as own:
        assert (
            own.options("/v1/ask", headers=wish).headers["Access-Control-Allow-Origin"]
            == "https://app.example"
        )
        evil = {**wish, "Origin": "https://evil.example"}
        assert "Access-Control-Allow-Origin" not in own.options("/v1/ask", headers=evil).headers


# --- what an operator sees ----------------------------------------------------------------------------------


def test_health(client: httpx.Client) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    ready = client.get("/readyz")
    assert (ready.status_code, set(ready.json()["checks"].values())) == (200, {"ok"})


def test_a_part_that_cannot_be_made_makes_it_unready_and_refers(
    serving: Callable[..., Any], tmp_path: Any
) -> None:
    running, _ = serving(settings={"privacy_file": tmp_path / "none.yaml"}, own={"redactor": None})
    running.guard._parts.pop("redactor")
    running.guard._services = None
    with running.client() as client:
        answer = client.post("/v1/ask", json={"text": QUESTION})
        assert answer.json()["route"] == "referred"
        ready = client.get("/readyz")
        assert ready.status_code == 503
        assert ready.json()["checks"]["parts"].startswith(("data.", "settings."))


def test_a_record_that_is_gone_makes_it_unready(serving: Callable[..., Any]) -> None:
    running, _ = serving()
    running.guard.services.record.close()
    with running.client() as client:
        assert client.get("/readyz").json()["checks"]["record"] == "record.closed"
        answer = client.post("/v1/ask", json={"text": QUESTION})
        assert (answer.status_code, answer.json()["route"], answer.json()["record_id"]) == (
            200,
            "referred",
            None,
        )
        assert "cbtguard_unrecorded_turns_total 1.0" in client.get("/metrics").text


def test_help_lines_that_nobody_checked_again_make_it_unready(serving: Callable[..., Any]) -> None:
    running, _ = serving(directory_days=1)
    age = directory_age(running.guard.settings)
    assert age is not None
    with running.client() as client:
        assert client.get("/readyz").json()["checks"]["directory"] == ("ok" if age <= 1 else "stale")


def test_metrics_count_and_quote_nobody(serving: Callable[..., Any]) -> None:
    running, _ = serving()
    with running.client() as client:
        for text in (PERSONAL, CRISIS):
            client.post("/v1/ask", json={"text": text})
        client.post("/v1/ask", json={"text": ""})
        client.get(f"/v1/{SECRET}")
        page = client.get("/metrics").text
    for line in (
        'cbtguard_turns_total{level="none",reason="checked",route="answered"} 1.0',
        'cbtguard_turns_total{level="emergency",reason="crisis",route="referred"} 1.0',
        'cbtguard_stop_seconds_count{stop="screen"} 2.0',
        'cbtguard_turn_seconds_count{route="answered"} 1.0',
        "cbtguard_first_text_seconds_count 2.0",
        'cbtguard_redactions_total{type="PERSON"} 1.0',
        'cbtguard_requests_total{method="POST",route="/v1/ask",status="200"} 2.0',
        'cbtguard_requests_total{method="POST",route="/v1/ask",status="422"} 1.0',
        'cbtguard_refused_requests_total{code="input.empty"} 1.0',
        'cbtguard_requests_total{method="GET",route="?",status="404"} 1.0',
        "cbtguard_turns_in_work 0.0",
    ):
        assert line in page
    assert not any(word in page for word in (NAME, PHONE, SECRET, "睡不着"))


def test_spans_name_each_stop_and_quote_nobody(client: httpx.Client, exporter: InMemorySpanExporter) -> None:
    exporter.clear()
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    client.post("/v1/ask", json={"text": PERSONAL}, headers={"traceparent": parent})
    spans = exporter.get_finished_spans()
    assert [span.name for span in spans] == [*(f"cbtguard.stop.{stop}" for stop in STOPS), "cbtguard.turn"]
    turn = spans[-1]
    assert turn.attributes is not None
    assert (turn.attributes["cbtguard.route"], turn.attributes["cbtguard.level"]) == ("answered", "none")
    assert all(f"{span.context.trace_id:032x}" == parent[3:35] for span in spans if span.context)
    assert not any(word in span.to_json() for span in spans for word in (NAME, PHONE, "睡不着"))


def test_the_log_names_requests_and_quotes_nobody(client: httpx.Client, running: Any) -> None:
    del running.log[:]
    client.post("/v1/ask", json={"text": PERSONAL, "thread": SECRET}, params={"q": SECRET})
    client.post("/v1/ask/stream", json={"text": PERSONAL, "language": SECRET})
    client.get(f"/{SECRET}")
    client.request("SECRETWORD", "/v1/ask")
    rows = [json.loads(line) for line in running.log]
    requests = [row for row in rows if row["event"] == "request"]
    assert [(row["route"], row["status"]) for row in requests] == [
        ("/v1/ask", 200),
        ("/v1/ask/stream", 422),
        ("?", 404),
        (requests[3]["route"], 405),
    ]
    assert requests[3]["method"] == "OTHER"
    assert requests[0]["turn_route"] == "answered"
    assert requests[0]["risk"] == "none"
    assert requests[0]["record"]
    assert not any(
        word in line for line in running.log for word in (NAME, PHONE, SECRET, "SECRETWORD", "睡不着")
    )


# --- callers who leave, and the end -------------------------------------------------------------------------


async def leave(url: str, path: str, gated: Gated, **body: Any) -> None:
    """Ask, and close the connection while the writer writes."""
    async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
        task = asyncio.ensure_future(client.post(path, json={"text": QUESTION, **body}))
        assert await asyncio.to_thread(gated.began.wait, 10)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize("path", ["/v1/ask", "/v1/ask/stream"])
def test_a_caller_who_leaves_ends_the_writing_and_the_entry_is_kept(
    serving: Callable[..., Any], path: str
) -> None:
    gated = Gated()
    running, _ = serving(own={"writer": gated})
    asyncio.run(leave(running.url, path, gated))
    assert gated.ended.wait(10)
    for _ in range(500):
        if running.entries():
            break
        threading.Event().wait(0.01)
    (entry,) = running.entries()
    assert (entry.route, entry.faults) == ("referred", ("generate:cancelled:left",))
    with running.client() as client:
        page = client.get("/metrics").text
    assert "cbtguard_left_turns_total 1.0" in page
    assert "cbtguard_turns_in_work 0.0" in page


def ask_apart(running: Any, path: str = "/v1/ask") -> tuple[threading.Thread, list[httpx.Response]]:
    answers: list[httpx.Response] = []

    def ask() -> None:
        with running.client() as client:
            answers.append(client.post(path, json={"text": QUESTION}))

    thread = threading.Thread(target=ask)
    thread.start()
    return thread, answers


def test_the_end_lets_turns_in_work_finish(serving: Callable[..., Any]) -> None:
    gated = Gated()
    running, _ = serving(own={"writer": gated})
    thread, answers = ask_apart(running)
    assert gated.began.wait(10)
    with running.client() as client:
        running.server.handle_exit(15, None)
        refused = client.post("/v1/ask", json={"text": QUESTION})
        assert (refused.status_code, refused.json()["code"]) == (503, "busy.draining")
        assert int(refused.headers["Retry-After"]) >= 1
        assert client.post("/v1/ask/stream", json={"text": QUESTION}).status_code == 503
        assert client.get("/readyz").json()["checks"]["serving"] == "draining"
        assert client.get("/healthz").status_code == 200
    gated.gate.set()
    thread.join(20)
    assert [answer.json()["route"] for answer in answers] == ["answered"]
    running.thread.join(20)
    assert not running.thread.is_alive()


@pytest.mark.parametrize("path", ["/v1/ask", "/v1/ask/stream"])
def test_the_end_is_bounded_and_nobody_is_left_without_a_reply(
    serving: Callable[..., Any], path: str
) -> None:
    gated = Gated()
    running, _ = serving(own={"writer": gated}, drain_s=0.3)
    thread, answers = ask_apart(running, path)
    assert gated.began.wait(10)
    running.server.handle_exit(15, None)
    thread.join(20)
    running.thread.join(20)
    assert not running.thread.is_alive()
    assert [answer.status_code for answer in answers] == [200]
    assert '"route": "referred"' in answers[0].text.replace('":"', '": "')
    assert [entry.route for entry in running.entries()] == ["referred"]
