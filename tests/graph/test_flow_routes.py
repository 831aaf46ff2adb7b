from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from cbtguard.graph import Draft, FakeWriter, Hit
from cbtguard.safety.errors import DependencyError, RecordError, WriterError
from cbtguard.safety.privacy import Redaction
from cbtguard.safety.record import MemoryRecord
from cbtguard.safety.risk import Kind, Level, Risk

if TYPE_CHECKING:
    from collections.abc import Callable

    from cbtguard.safety.referral import Referrals


class Part:
    """A service with one method, made of a function."""

    name = "prepared"
    version = "1"

    def __init__(self, method: str, does: Callable[..., Any]) -> None:
        setattr(self, method, does)


def says(level: Level) -> Part:
    kinds = (Kind.SUICIDE,) if level is not Level.NONE else ()
    return Part("assess", lambda text, *, history=(): Risk(level=level, kinds=kinds, score=0.5))


def fails(error: BaseException) -> Callable[..., Any]:
    def call(*_: Any, **__: Any) -> Any:
        raise error

    return call


class Desk:
    """The real texts, with some methods replaced."""

    def __init__(self, real: Referrals, **own: Any) -> None:
        self.version = real.version
        self.real = real
        self.__dict__.update(own)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)


class Broken(MemoryRecord):
    def append(self, entry: Any) -> Any:
        raise RecordError("record.full", "There is no space left.", hint="Free some.")


@pytest.mark.parametrize(
    ("level", "route", "reason", "template"),
    [
        (Level.NONE, "answered", "checked", None),
        (Level.WATCH, "answered", "checked", None),
        (Level.CRISIS, "referred", "crisis", "crisis/self/suicide"),
        (Level.EMERGENCY, "referred", "crisis", "emergency/self/suicide"),
    ],
)
async def test_the_level_decides(
    flow: Any, level: Level, route: str, reason: str, template: str | None
) -> None:
    services = flow.services(detector=says(level))
    state = await flow.run(services)
    assert (state["route"], state["reason"], state["faults"]) == (route, reason, [])
    assert state["record_id"] == next(services.record.entries()).record_id
    if template is None:
        assert state["reply"].startswith(flow.good)
        assert (state["answer"]["safety_note"] is not None) is (level is Level.WATCH)
        assert state["reply"].endswith(
            state["answer"]["safety_note"]["text"] if level is Level.WATCH else flow.good
        )
    else:
        assert state["referral"]["template"] == template
        assert services.referrals.is_vetted(state["reply"])
        assert services.writer.tasks == []


@pytest.mark.parametrize(
    ("text", "parts", "reason", "template"),
    [
        ("Je ne dors plus et je suis très fatiguée de tout", {}, "language", "fallback/language"),
        (None, {"retriever": Part("retrieve", lambda text, k: ())}, "no_note", "fallback/no_note"),
        (None, {"writer": FakeWriter(["你好。"] * 3)}, "checked_out", "fallback/checked_out"),
    ],
)
async def test_what_cannot_be_answered_is_referred(
    flow: Any, text: str | None, parts: dict[str, Any], reason: str, template: str
) -> None:
    services = flow.services(**parts)
    state = await flow.run(services, text)
    assert (state["route"], state["reason"], state["referral"]["template"]) == ("referred", reason, template)
    assert state["faults"] == []
    assert services.referrals.is_vetted(state["reply"])


@pytest.mark.parametrize("generations", [1, 2, 3, 5])
async def test_drafts_are_bounded(flow: Any, generations: int) -> None:
    writer = FakeWriter(["你好。"] * 9)
    state = await flow.run(flow.services(writer=writer), generations=generations)
    assert len(writer.tasks) == state["attempts"] == generations
    assert [task.attempt for task in writer.tasks] == list(range(1, generations + 1))
    assert all(task.defects for task in writer.tasks[1:])
    assert state["route"] == "referred"


@pytest.mark.parametrize("bad", [0, 1, 2])
async def test_the_first_good_draft_is_taken(flow: Any, bad: int) -> None:
    writer = FakeWriter([*["你好。"] * bad, flow.good, flow.good])
    state = await flow.run(flow.services(writer=writer))
    assert (state["route"], state["attempts"], state["reply"]) == ("answered", bad + 1, flow.good)
    assert state["defects"] == []


BUSY = WriterError("writer.busy", "Busy.", hint="Wait.")


@pytest.mark.parametrize(
    ("part", "service", "fault"),
    [
        ("redactor", Part("redact", fails(ValueError("x"))), "protect:raised:ValueError"),
        ("redactor", Part("redact", lambda text, vault: text), "protect:garbage:str"),
        (
            "redactor",
            Part("redact", lambda text, vault: Redaction(text=" ", entities=(), placeholders=())),
            "protect:garbage:empty",
        ),
        ("detector", Part("assess", fails(ImportError("torch"))), "screen:missing:ImportError"),
        ("detector", Part("assess", lambda text, history: {"level": "none"}), "screen:garbage:dict"),
        ("detector", Part("assess", fails(asyncio.CancelledError())), "screen:cancelled:cancelled"),
        (
            "retriever",
            Part("retrieve", fails(DependencyError("dependency.encoder", "Not here.", hint="Install it."))),
            "retrieve:missing:dependency.encoder",
        ),
        ("retriever", Part("retrieve", lambda text, k: "worry-time"), "retrieve:garbage:hits"),
        ("retriever", Part("retrieve", lambda text, k: None), "retrieve:garbage:NoneType"),
        ("retriever", Part("retrieve", lambda text, k: ["worry-time"]), "retrieve:garbage:hit"),
        (
            "retriever",
            Part("retrieve", lambda text, k: [Hit(note_id="worry-time", score=0.5)] * 4),
            "retrieve:garbage:hits",
        ),
        (
            "retriever",
            Part("retrieve", lambda text, k: [Hit(note_id="no-such-note", score=0.5)]),
            "retrieve:garbage:hit",
        ),
        (
            "writer",
            FakeWriter([WriterError("writer.busy", "Busy.", hint="Wait.")]),
            "generate:raised:writer.busy",
        ),
        ("writer", FakeWriter([RuntimeError("x")]), "generate:raised:RuntimeError"),
        ("writer", FakeWriter([TimeoutError()]), "generate:timeout:TimeoutError"),
        ("writer", FakeWriter([Draft(text=None)]), "generate:garbage:draft"),  # type: ignore[arg-type]
        ("checker", Part("check", lambda *_, **__: True), "check:garbage:bool"),
        ("checker", Part("check", fails(KeyError("x"))), "check:raised:KeyError"),
    ],
)
async def test_a_stop_that_fails_ends_in_the_referral(flow: Any, part: str, service: Any, fault: str) -> None:
    services = flow.services(**{part: service})
    state = await flow.run(services)
    assert (state["route"], state["reason"], state["faults"]) == ("referred", "fault", [fault])
    assert state["referral"]["template"] == "fallback/fault"
    assert services.referrals.is_vetted(state["reply"])
    assert state["record_id"] == next(services.record.entries()).record_id
    assert next(services.record.entries()).entry.faults == (fault,)


async def sleepy(*_: Any, **__: Any) -> Any:
    await asyncio.sleep(60)


@pytest.mark.parametrize(
    ("part", "method", "stop"),
    [
        ("redactor", "redact", "protect"),
        ("detector", "assess", "screen"),
        ("retriever", "retrieve", "retrieve"),
        ("writer", "write", "generate"),
        ("checker", "check", "check"),
    ],
)
@pytest.mark.parametrize("blocking", [True, False])
async def test_a_stop_that_hangs_is_left(
    flow: Any, part: str, method: str, stop: str, blocking: bool
) -> None:
    does = (lambda *_, **__: time.sleep(0.6)) if blocking else sleepy
    state = await flow.run(flow.services(**{part: Part(method, does)}), **{f"{stop}_s": 0.2})
    assert (state["route"], state["reason"]) == ("referred", "fault")
    assert [fault.rsplit(":", 1)[0] for fault in state["faults"]] == [f"{stop}:timeout"]
    assert state["record_id"] is not None


@pytest.mark.parametrize("level", [Level.NONE, Level.CRISIS])
async def test_without_a_record_no_answer_leaves_but_a_referral_does(flow: Any, level: Level) -> None:
    services = flow.services(record=Broken(), detector=says(level))
    state = await flow.run(services)
    assert (state["route"], state["record_id"]) == ("referred", None)
    assert state["faults"] == ["record:raised:record.full"]
    assert flow.good not in str(state)
    assert services.referrals.is_vetted(state["reply"])
    expected = "last_resort" if level is Level.NONE else "crisis/self/suicide"
    assert state["referral"]["template"] == expected


@pytest.mark.parametrize(
    ("does", "fault"),
    [
        (fails(ValueError("x")), "refer:raised:ValueError"),
        (lambda **_: "拨打热线", "refer:garbage:str"),
        (sleepy, "refer:timeout:run_timeout"),
    ],
)
async def test_when_referring_fails_the_last_resort_stands(flow: Any, does: Any, fault: str) -> None:
    desk = Desk(flow.parts["referrals"], crisis=does)
    services = flow.services(referrals=desk, detector=says(Level.CRISIS))
    state = await flow.run(services, refer_s=0.2)
    assert (state["route"], state["referral"]["template"]) == ("referred", "last_resort")
    assert [f.rsplit(":", 1)[0] for f in state["faults"]] == [fault.rsplit(":", 1)[0]]
    assert state["reply"] == desk.real.last_resort("zh-Hans")
    assert state["record_id"] is not None


async def test_a_referral_without_a_line_is_not_shown(flow: Any) -> None:
    real = flow.parts["referrals"]
    desk = Desk(real, crisis=lambda **named: replace(real.crisis(**named), lines=()))
    state = await flow.run(flow.services(referrals=desk, detector=says(Level.CRISIS)))
    assert state["faults"] == ["refer:garbage:no_line"]
    assert state["reply"] == real.last_resort("zh-Hans")


async def test_a_turn_that_takes_too_long_ends_in_the_last_resort(flow: Any) -> None:
    services = flow.services(retriever=Part("retrieve", lambda *_, **__: time.sleep(0.6)))
    state = await flow.run(services, turn_s=0.25)
    assert (state["route"], state["reason"]) == ("referred", "fault")
    assert state["faults"] == ["turn:timeout:turn_s"]
    assert state["reply"] == services.referrals.last_resort("zh-Hans")
    assert state["record_id"] == next(services.record.entries()).record_id


async def test_a_turn_that_takes_too_long_and_cannot_be_recorded_is_still_answered(flow: Any) -> None:
    services = flow.services(writer=Part("write", sleepy), record=Broken())
    state = await flow.run(services, turn_s=0.25)
    assert state["reply"] == services.referrals.last_resort("zh-Hans")
    assert state["record_id"] is None


async def test_a_citation_of_a_note_that_was_not_given_never_passes(flow: Any) -> None:
    class Lenient(type(flow.parts["checker"])):  # type: ignore[misc]
        def check(self, question: str, answer: str, **_: Any) -> Any:
            return super().check(question, answer)

    writer = FakeWriter([Draft(text=flow.good, citations=("no-such-note",))] * 3)
    state = await flow.run(flow.services(writer=writer, checker=Lenient()))
    assert (state["route"], state["reason"]) == ("referred", "checked_out")
    assert state["defects"] == ["invented_citation"]
