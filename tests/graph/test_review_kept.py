"""Items outlive the process: opened in one that is killed, resolved in another; and several act on one store."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver

from cbtguard.graph.review import Act, Policy, ReviewQueue, Status
from cbtguard.graph.review.claims import PATIENCE_S, claim
from cbtguard.graph.settings import Settings
from cbtguard.graph.talks import Talks, open_talks
from cbtguard.graph.threads import serializer
from cbtguard.safety.errors import ReviewError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

PROGRAM = """
import os, sys
from cbtguard.graph import FakeWriter, Guard, Hit, load_settings
from cbtguard.graph.conformance.material import material
from cbtguard.safety.risk import Kind, Level, Risk, RuleDetector

class Fixed:
    name = "fixed"
    def retrieve(self, text, *, k=3):
        return (Hit(note_id="sleep-stimulus-control", score=0.9), Hit(note_id="worry-time", score=0.7))

class ByWord:
    name, version = "by_word", "1"
    def assess(self, text, *, history=()):
        return Risk(level=Level.WATCH, kinds=(Kind.SUICIDE,), score=0.5)

def guard(dsn=""):
    good = material().exchanges[0].answer
    where = {"threads": dsn} if dsn else {}
    settings = load_settings(review="crisis", **where)
    return Guard(settings, detector=ByWord(), retriever=Fixed(), writer=FakeWriter([good] * 5))
"""
OPENS = """
made = guard(sys.argv[1])
first = made.ask("我叫王小明，最近总是睡不着", thread="t")
second = made.ask("我叫王小明，还是睡不着", thread="t")
print(first.route, first.review, second.review, flush=True)
os._exit(9)
"""
ACTS = """
import json
made = guard(sys.argv[1])
items = made.reviews()
first = made.review(items[0].id, {"act": "approve", "reviewer": "anna"})
made.review(items[1].id, {"act": "take_over", "reviewer": "anna"})
print(json.dumps({"items": [item.as_dict() for item in items], "first": first.as_dict()}), flush=True)
os._exit(9)
"""
GOES_ON = """
import json
made = guard(sys.argv[1])
answer = made.ask("还是睡不着", thread="t")
given = [delivery.as_dict() for delivery in made.deliveries("t")]
statuses = [item.status for item in made.reviews()]
routes = [stored.entry.route for stored in made.services.record.entries()]
whole = {"route": answer.route, "reason": answer.reason, "turn": answer.turn, "given": given}
whole |= {"statuses": statuses, "routes": routes, "ok": made.services.record.verify().ok}
print(json.dumps(whole), flush=True)
made.close()
"""


def run(program: str, home: Path, dsn: str) -> str:
    environment = {**os.environ, "CBTGUARD_HOME": str(home), "CBTGUARD_THREADS": "sqlite"}
    done = subprocess.run(
        [sys.executable, "-W", "error::RuntimeWarning", "-c", PROGRAM + program, dsn],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.stdout.strip(), done.stderr
    return done.stdout.strip().splitlines()[-1]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_an_item_outlives_the_process(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    dsn = "" if kind == "sqlite" else request.getfixturevalue("postgres")
    route, *reviews = run(OPENS, tmp_path, dsn).split()
    assert route == "held"
    acted = json.loads(run(ACTS, tmp_path, dsn))
    assert [item["id"] for item in acted["items"]] == reviews
    assert all("王小明" not in str(item) for item in acted["items"])
    assert acted["first"]["status"] == "approved"
    after = json.loads(run(GOES_ON, tmp_path, dsn))
    assert (after["route"], after["reason"], after["turn"]) == ("held", "taken_over", 3)
    assert [given["review"] for given in after["given"]] == reviews[:1]
    assert after["statuses"] == ["taken_over", "open"]
    assert after["routes"] == ["held", "held", "reviewed", "reviewed", "held"]
    assert after["ok"]
    if kind == "sqlite":
        stored = b"".join(path.read_bytes() for path in tmp_path.glob("threads.sqlite*"))
        assert "王小明".encode() not in stored
        assert b"anna" not in stored


# --- the queue on each store --------------------------------------------------------------------------------


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def opened(kind: str, where: Any) -> AsyncIterator[Any]:
    if kind == "memory":
        yield where
    else:
        talks = await open_talks(Settings(threads=str(where)))
        yield talks.saver
        await talks.close()


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Any]:
    places = {
        "memory": lambda: InMemorySaver(serde=serializer()),
        "sqlite": lambda: tmp_path / "threads.sqlite",
        "postgres": lambda: request.getfixturevalue("postgres"),
    }
    return request.param, places[request.param]()


def queue_on(saver: Any, services: Any) -> ReviewQueue:
    async def give() -> Any:
        return saver

    return ReviewQueue(policy=Policy.CRISIS, deadline_s=900, services=services, saver=give)


def item(name: str) -> dict[str, Any]:
    return {
        "id": name,
        "thread": "0f1e" * 4,
        "turn": 1,
        "reason": "held",
        "level": "watch",
        "kinds": ["suicide"],
        "subject": "self",
        "rules": [],
        "language": "zh-Hans",
        "region": "CN",
        "faults": [],
        "question": "睡不着",
        "history": [],
        "reply": "…",
        "draft": "草稿",
        "writer": "fake",
        "notes": [],
        "lines": [],
    }


async def test_the_queue_is_read_by_whoever_opens_the_store(store: tuple[str, Any], flow: Any) -> None:
    clock = Clock()
    services = flow.services(clock=clock)
    async with opened(*store) as saver:
        queue = queue_on(saver, services)
        for name in ("a", "b", "c", "d"):
            assert await queue.open(item(name)) == name
            clock.now += 1
        await queue.act("b", Act.RELEASE, reviewer="0f1e" * 4)
        await queue.act("c", Act.TAKE_OVER, reviewer="0f1e" * 4)
    async with opened(*store) as saver:
        queue = queue_on(saver, services)
        assert [(i.id, i.status) for i in await queue.waiting()] == [
            ("a", Status.OPEN),
            ("c", Status.TAKEN_OVER),
            ("d", Status.OPEN),
        ]
        assert await queue.taken_over(["a", "c"]) == "c"
        assert await queue.taken_over(["a", "b", "unknown"]) == ""
        clock.now += 900
        assert [i.id for i in await queue.waiting()] == ["c"]
        late = await queue.state("a")
        assert late is not None
        assert late["status"] == Status.EXPIRED
        assert await Talks(saver).belonging("f" * 16) == ()
        assert await Talks(saver).belonging("0f1e" * 4) == tuple(f"review-{name}" for name in "abcd")


async def test_one_act_of_many_is_done_whoever_sends_it(store: tuple[str, Any], flow: Any) -> None:
    services = flow.services()
    async with opened(*store) as saver:
        await queue_on(saver, services).open(item("a"))
        # Queues of their own know nothing of each other, as in several processes.
        acts = [
            queue_on(saver, services).act("a", act, reviewer=f"{number:016x}")
            for number, act in enumerate((Act.APPROVE, Act.RELEASE, Act.TAKE_OVER, Act.APPROVE))
        ]
        outcomes = await asyncio.gather(*acts, return_exceptions=True)
        done = [outcome for outcome in outcomes if not isinstance(outcome, BaseException)]
        assert len(done) == 1
        codes = {outcome.code for outcome in outcomes if isinstance(outcome, ReviewError)}
        assert codes <= {"review.busy", "review.closed", "review.act"}
        [entry] = [stored.entry for stored in services.record.entries()]
        assert entry.review.act == done[0]["status"]


async def test_a_claim_whose_owner_died_is_given_up(store: tuple[str, Any], flow: Any) -> None:
    clock = Clock()
    services = flow.services(clock=clock)
    async with opened(*store) as saver:
        queue = queue_on(saver, services)
        await queue.open(item("a"))
        config = {"configurable": {"thread_id": "review-a"}}
        assert await claim(saver, config, "dead", clock.now)
        with pytest.raises(ReviewError) as caught:
            await queue.act("a", Act.RELEASE, reviewer="0f1e" * 4)
        assert caught.value.code == "review.busy"
        clock.now += PATIENCE_S
        assert (await queue.act("a", Act.RELEASE, reviewer="0f1e" * 4))["status"] == Status.RELEASED
        nothing = {"configurable": {"thread_id": "review-z"}}
        assert not await claim(saver, nothing, "x", clock.now)
