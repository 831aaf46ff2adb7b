from __future__ import annotations

import asyncio
import threading
import time
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver

from cbtguard.graph import Answer, FakeWriter, Guard, MemoryVaults, Route, Settings
from cbtguard.graph.threads import serializer
from cbtguard.safety.errors import InputError
from cbtguard.safety.record import SqliteRecord
from cbtguard.safety.risk import Kind, Level, Risk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from cbtguard.safety.structure import Review

QUESTION = "最近总是睡不着，一躺下就想明天的会议，越想越清醒"
CRISIS = "我不想活了，今晚就跳下去"


class ByWord:
    """Calls a message what its words say, whatever the rules think of it."""

    name = "by_word"
    version = "1"

    def assess(self, text: str, *, history: Any = ()) -> Risk:
        level = Level.CRISIS if "不想活" in text else Level.WATCH if "没意思" in text else Level.NONE
        return Risk(level=level, kinds=(Kind.SUICIDE,) if level is not Level.NONE else (), score=0.5)


@pytest.fixture
def make(flow: Any, tmp_path: Path) -> Iterator[Callable[..., Guard]]:
    made: list[Guard] = []

    def guard(settings: dict[str, Any] | None = None, **parts: Any) -> Guard:
        held = {k: parts.pop(k) for k in ("checkpointer", "vaults") if k in parts}
        services = flow.services(**parts)
        own = {name: getattr(services, name) for name in (*flow.parts, "retriever", "writer", "record")}
        made.append(Guard(Settings(**{"home": tmp_path, **(settings or {})}), **held, **own))
        return made[-1]

    yield guard
    for one in made:
        one.close()


def test_ask(make: Callable[..., Guard], flow: Any) -> None:
    answer = make().ask(QUESTION)
    assert (answer.route, answer.reply, answer.writer) == (Route.ANSWERED, flow.good, "fake")
    assert answer.notice
    assert all(part.present for part in answer.parts.values())
    assert [citation.note_id for citation in answer.citations] == ["sleep-stimulus-control"]
    assert answer.record_id
    assert set(answer.timings_ms) == {"protect", "screen", "retrieve", "generate", "check", "record"}


async def test_aask_and_ask_inside_a_running_loop(make: Callable[..., Guard], flow: Any) -> None:
    guard = make()
    assert (await guard.aask(QUESTION)).reply == flow.good
    assert guard.ask(QUESTION).reply == flow.good


def kinds(events: list[Any]) -> list[tuple[str, str | None]]:
    return [(event.kind, event.stop) for event in events]


STOPS = ["protect", "screen", "retrieve", "generate", "check", "record"]


def holds(events: list[Any], reply: str) -> None:
    assert [event.stop for event in events if event.kind == "stop"] == STOPS
    assert "\n\n".join(event.text for event in events if event.kind == "text") == reply
    assert events[-1].kind == "answer"
    assert events[-1].answer.reply == reply
    first_text = next(i for i, event in enumerate(events) if event.kind == "text")
    assert {event.kind for event in events[:first_text]} == {"stop"}


def test_stream(make: Callable[..., Guard], flow: Any) -> None:
    holds(list(make().stream(QUESTION)), flow.good)


async def test_astream(make: Callable[..., Guard], flow: Any) -> None:
    holds([event async for event in make().astream(QUESTION)], flow.good)


async def test_a_stream_may_be_left_early(make: Callable[..., Guard], flow: Any) -> None:
    guard = make()
    events = guard.astream(QUESTION)
    assert (await anext(events)).kind == "stop"
    await events.aclose()
    assert (await guard.aask(QUESTION)).reply == flow.good


def test_a_stream_of_what_cannot_be_used_raises(make: Callable[..., Guard]) -> None:
    with pytest.raises(InputError):
        list(make().stream(""))


def test_batch_keeps_the_order_and_the_errors(make: Callable[..., Guard]) -> None:
    outcomes = list(make().batch([QUESTION, "", CRISIS, "x" * 30_000, QUESTION]))
    assert [o.route.value if isinstance(o, Answer) else o.code for o in outcomes] == [
        "answered",
        "input.empty",
        "referred",
        "input.too_long",
        "answered",
    ]


async def test_abatch_keeps_the_order_and_the_errors(make: Callable[..., Guard]) -> None:
    outcomes = await make({"concurrency": 2}).abatch([CRISIS, "", QUESTION])
    assert [o.route.value if isinstance(o, Answer) else o.code for o in outcomes] == [
        "referred",
        "input.empty",
        "answered",
    ]


class Counting(FakeWriter):
    """Notes how many turns write at once."""

    inside = most = 0

    async def write(self, task: Any) -> Any:
        self.inside += 1
        self.most = max(self.most, self.inside)
        await asyncio.sleep(0.02)
        self.inside -= 1
        return await super().write(task)


async def test_one_talk_takes_one_turn_at_a_time(make: Callable[..., Guard], flow: Any) -> None:
    for threads, most in ((["a"] * 6, 1), (list("abcdef"), 2)):
        writer = Counting([flow.good] * 9)
        guard = make(writer=writer, detector=ByWord())
        answers = await asyncio.gather(*(guard.aask(QUESTION, thread=thread) for thread in threads))
        turns = sorted(answer.turn for answer in answers)
        assert turns == (list(range(1, 7)) if most == 1 else [1] * 6)
        assert (writer.most == 1) is (most == 1)
        assert [answer.notice is not None for answer in answers].count(True) == (1 if most == 1 else 6)


def test_callers_in_many_threads(make: Callable[..., Guard]) -> None:
    guard = make(detector=ByWord())
    found: list[Answer] = []
    workers = [
        threading.Thread(target=lambda: found.append(guard.ask(QUESTION, thread="t"))) for _ in range(8)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(answer.turn for answer in found) == list(range(1, 9))


def test_two_guards_share_one_record(make: Callable[..., Guard], tmp_path: Path) -> None:
    path = tmp_path / "shared.sqlite"
    with SqliteRecord(path) as one, SqliteRecord(path) as other:
        guards = [make(record=one), make(record=other)]
        ids = [guards[i % 2].ask(QUESTION).record_id for i in range(6)]
        assert [stored.record_id for stored in one.entries()] == ids
        assert other.verify().ok
        assert other.verify().entries == 6


def test_a_thread_id_is_hashed_with_a_key(make: Callable[..., Guard], flow: Any) -> None:
    thread = "wang.jianguo@example.com"
    names = set()
    for _ in range(2):
        guard = make()
        answers = [guard.ask(QUESTION, thread=thread) for _ in range(2)]
        assert {answer.thread for answer in answers} == {thread}
        entries = [stored.entry for stored in guard.services.record.entries()]
        assert len({entry.thread for entry in entries}) == 1
        assert [entry.turn for entry in entries] == [1, 2]
        assert thread not in str([entry.as_dict() for entry in entries])
        names.add(entries[0].thread)
    # Each guard in memory has a key of its own.
    assert len(names) == 2


def test_a_talk_goes_on_in_a_new_guard(make: Callable[..., Guard], flow: Any) -> None:
    settings = {"threads": "sqlite"}
    first = make(settings)
    first.ask(f"我叫王建国，{QUESTION}", thread="t")
    first.close()
    answer = make(settings).ask(QUESTION, thread="t")
    assert answer.turn == 2
    assert answer.notice is None


def test_a_lost_vault_gives_neutral_words(make: Callable[..., Guard], flow: Any) -> None:
    """Never the wrong person, not even where a checker lets a placeholder of an earlier turn pass."""

    class Lenient:
        name = "lenient"
        version = "1"

        def check(self, question: str, answer: str, **_: Any) -> Review:
            return replace(flow.parts["checker"].check(question, flow.good), defects=())

    saver, vaults = InMemorySaver(serde=serializer()), MemoryVaults()
    greeting = flow.good.replace("你说", "<人名1>，<人名2>，你说", 1)
    writer = FakeWriter([flow.good, greeting, greeting])
    guard = make(checkpointer=saver, vaults=vaults, writer=writer, detector=ByWord(), checker=Lenient())
    guard.ask(f"我叫王建国，{QUESTION}", thread="t")
    answer = guard.ask(f"王建国和陈晓雨吵架了，我叫陈晓雨，{QUESTION}", thread="t")
    assert "王建国，" in answer.reply
    for name in list(vaults._vaults):
        vaults.forget(name)
    lost = guard.ask(f"我叫李雪梅，{QUESTION}", thread="t")
    assert "李雪梅" not in lost.reply
    assert "王建国" not in lost.reply
    assert "那个人，那个人，你说" in lost.reply
    counters = vaults._vaults.popitem()[1].counters
    assert counters["PERSON"] == 3


def test_care_mode_lasts_and_ends(make: Callable[..., Guard]) -> None:
    guard = make({"limits": {"care_turns": 2}}, detector=ByWord())
    talk = [CRISIS, QUESTION, "活着没意思", QUESTION, QUESTION, QUESTION, QUESTION]
    answers = [guard.ask(text, thread="t") for text in talk]
    assert [answer.reason for answer in answers] == [
        "crisis",
        "care",
        "care",
        "care",
        "care",
        "checked",
        "checked",
    ]
    assert [answer.route.value for answer in answers] == ["referred"] * 5 + ["answered"] * 2
    care = [answer.reply for answer in answers[1:5]]
    assert all(one != other for one, other in pairwise(care))
    assert all(answer.referral for answer in answers[:5])
    assert guard.ask(QUESTION, thread="another").route is Route.ANSWERED


@pytest.mark.parametrize(
    ("named", "code"),
    [
        ({"region": "Atlantis"}, "input.region_unknown"),
        ({"region": ""}, "input.region_unknown"),
        ({"language": "tlh"}, "input.language_unknown"),
        ({"language": ""}, "input.language_unknown"),
        ({"thread": ""}, "input.thread"),
        ({"thread": "   "}, "input.thread"),
        ({"thread": "x" * 513}, "input.thread"),
    ],
)
def test_what_cannot_be_used_is_refused(make: Callable[..., Guard], named: dict[str, str], code: str) -> None:
    guard = make()
    with pytest.raises(InputError) as caught:
        guard.ask(QUESTION, **named)
    assert caught.value.code == code
    assert caught.value.hint
    assert list(guard.services.record.entries()) == []


@pytest.mark.parametrize(
    ("named", "language", "region"),
    [
        ({}, "zh-Hans", "CN"),
        ({"region": "香港", "language": "zh-TW"}, "zh-Hant", "HK"),
        ({"region": "uk", "language": "EN"}, "en", "GB"),
    ],
)
def test_region_and_language_reach_the_referral(
    make: Callable[..., Guard], named: dict[str, str], language: str, region: str
) -> None:
    answer = make().ask(CRISIS, **named)
    assert (answer.language, answer.region) == (language, region)
    assert answer.referral is not None
    assert {line.region for line in answer.referral.lines} == {region}


def test_a_checkpointer_that_fails_costs_the_talk_and_not_the_reply(make: Callable[..., Guard]) -> None:
    class Failing(InMemorySaver):
        async def aget_tuple(self, config: Any) -> Any:
            raise OSError("the disk is gone")

    vaults = MemoryVaults()
    guard = make(checkpointer=Failing(serde=serializer()), vaults=vaults)
    answer = guard.ask(QUESTION, thread="t")
    assert (answer.route, answer.faults) == (Route.REFERRED, ("turn:raised:OSError",))
    assert answer.record_id
    assert not vaults._vaults


def test_the_turn_after_one_that_took_too_long(make: Callable[..., Guard], flow: Any) -> None:
    class SlowOnce:
        name = "slow"
        calls = 0

        def retrieve(self, text: str, *, k: int = 3) -> Any:
            self.calls += 1
            if self.calls == 1:
                time.sleep(1.0)
            return flow.services().retriever.retrieve(text, k=k)

    guard = make({"limits": {"turn_s": 0.5}}, retriever=SlowOnce())
    guard.warm()
    assert guard.ask(QUESTION, thread="t").faults == ("turn:timeout:turn_s",)
    guard._limits = Settings(limits={"turn_s": 30.0}).bounds()
    answer = guard.ask(QUESTION, thread="t")
    assert (answer.route, answer.reply, answer.faults) == (Route.ANSWERED, flow.good, ())


def test_closing_twice_does_nothing(make: Callable[..., Guard]) -> None:
    guard = make()
    guard.ask(QUESTION)
    guard.close()
    guard.close()
    assert guard._keeping._talks is None
