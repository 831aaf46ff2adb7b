"""Two processes behind one address: talks and record in one PostgreSQL, and an end that drops nobody."""

from __future__ import annotations

import base64
import json
import os
import shutil
import signal
import threading
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from cbtguard.graph.conformance.material import material
from cbtguard.graph.records import open_record
from cbtguard.graph.settings import load_settings
from cbtguard.lab.served import Served, served
from cbtguard.lab.stub_writer import StubWriter

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

EXCHANGE = material().exchanges[0]
CRISIS = "我不想活了，今晚就跳下去"
NAME = "李晓雯"


@pytest.fixture
def writer() -> Iterator[StubWriter]:
    stub = StubWriter(f"<人名1>，{EXCHANGE.answer}", seconds=0.2)
    yield stub
    stub.stop()


@pytest.fixture
def pair(tmp_path: Path, postgres: str, writer: StubWriter) -> Iterator[tuple[Served, Served]]:
    """Two services as on two machines: each with a home of its own, and the one file that they share."""
    settings = {
        "record": postgres,
        "threads": postgres,
        "threads_key": base64.b64encode(os.urandom(32)).decode(),
        "vaults": "store",
        "writer": "openai",
        "writer_model": "stub",
        "writer_url": writer.url,
    }
    first_home, second_home = tmp_path / "first", tmp_path / "second"
    with served(first_home, settings, {"drain_s": 20}) as first:
        # The key of the names of talks is made with the first of them.
        ask(first, EXCHANGE.question, "warm-up")
        second_home.mkdir()
        shutil.copy(first_home / "thread.key", second_home)
        with served(second_home, settings, {"drain_s": 20}) as second:
            yield first, second


def ask(service: Served, text: str, thread: str) -> dict[str, Any]:
    with httpx.Client(base_url=service.url, trust_env=False, timeout=60) as client:
        answer = client.post("/v1/ask", json={"text": text, "thread": thread})
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def test_a_talk_goes_on_at_the_other_process_and_the_record_is_one_chain(
    pair: tuple[Served, Served], postgres: str, tmp_path: Path
) -> None:
    first, second = pair
    one = ask(first, f"我叫{NAME}，{EXCHANGE.question}", "talk")
    two = ask(second, f"{NAME}又来了，{EXCHANGE.question}", "talk")
    assert [(told["route"], told["turn"]) for told in (one, two)] == [("answered", 1), ("answered", 2)]
    # The second knows which number the first gave the name.
    assert [told["reply"].startswith(NAME) for told in (one, two)] == [True, True]
    assert one["notice"]
    assert two["notice"] is None
    assert ask(first, CRISIS, "talk")["reason"] == "crisis"
    assert ask(second, EXCHANGE.question, "talk")["reason"] == "care"
    assert ask(first, EXCHANGE.question, "another")["reason"] == "checked"

    record = open_record(load_settings(home=tmp_path, record=postgres))
    assert record.verify().ok
    entries = [stored.entry for stored in record.entries()]
    assert [stored.seq for stored in record.entries()] == list(range(1, len(entries) + 1))
    (talk,) = {entry.thread for entry in entries if entry.reason in {"crisis", "care"}}
    assert [entry.turn for entry in entries if entry.thread == talk] == [1, 2, 3, 4]
    record.close()


def test_one_ends_and_nobody_is_dropped(pair: tuple[Served, Served], writer: StubWriter) -> None:
    first, second = pair
    ask(first, f"我叫{NAME}，{EXCHANGE.question}", "talk")
    writer.seconds = 3.0
    asked, told = writer.asked, []

    def in_work() -> None:
        body = {"text": EXCHANGE.question, "thread": "talk"}
        with (
            httpx.Client(base_url=first.url, trust_env=False, timeout=60) as client,
            client.stream("POST", "/v1/ask/stream", json=body) as answer,
        ):
            told.extend(
                json.loads(line.removeprefix("data: "))
                for line in answer.iter_lines()
                if line.startswith("data: ")
            )

    turn = threading.Thread(target=in_work)
    turn.start()
    while writer.asked == asked:
        time.sleep(0.02)
    first.process.send_signal(signal.SIGTERM)
    time.sleep(0.5)
    with httpx.Client(base_url=first.url, trust_env=False, timeout=10) as client:
        assert client.get("/readyz").status_code == 503
        refused = client.post("/v1/ask", json={"text": EXCHANGE.question})
        assert (refused.status_code, refused.json()["code"]) == (503, "busy.draining")
    writer.seconds = 0.2
    # Whoever is sent on is served by the other one.
    assert ask(second, EXCHANGE.question, "other")["route"] == "answered"
    turn.join(60)
    assert (told[-1]["route"], told[-1]["turn"]) == ("answered", 2)
    assert first.process.wait(30) == 0
    assert ask(second, EXCHANGE.question, "talk")["turn"] == 3
