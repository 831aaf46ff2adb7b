"""A draft that fails is mended part by part, then filled from the notes, then referred; never let through."""

from __future__ import annotations

from typing import Any

import pytest

from cbtguard.graph import FakeWriter, Guard, Settings
from cbtguard.graph.conformance.material import material
from cbtguard.nodes.writers.composer import Composer
from cbtguard.nodes.writers.fake import FakeStreamingWriter
from cbtguard.nodes.writers.task import Filling
from cbtguard.safety.structure import Part

BLOCKS = material().exchanges[0].answer.split("\n\n")
SOUND = "\n\n".join(BLOCKS)
NO_END = "\n\n".join(BLOCKS[:4])
HARM = "想开点，别矫情。"


@pytest.mark.parametrize(
    ("outputs", "route", "repaired", "filled", "attempts"),
    [
        ([SOUND], "answered", [], [], 1),
        ([NO_END, BLOCKS[4]], "answered", ["encouragement"], [], 2),
        ([NO_END, "嗯。", BLOCKS[4]], "answered", ["encouragement", "encouragement"], [], 3),
        ([NO_END, "嗯。", "好。"], "answered", ["encouragement", "encouragement"], ["encouragement"], 3),
        (["你好。", SOUND], "answered", [], [], 2),
        (["你好。", "你好。", "你好。"], "referred", [], [], 3),
        ([BLOCKS[0], BLOCKS[0], BLOCKS[0]], "referred", [], [], 3),
    ],
)
async def test_mended_by_parts(
    flow: Any, outputs: list[str], route: str, repaired: list[str], filled: list[str], attempts: int
) -> None:
    writer = FakeWriter(outputs)
    services = flow.services(writer=writer, filler=Composer())
    state = await flow.run(services)
    assert (state["route"], state["repaired"], state["attempts"]) == (route, repaired, attempts)
    assert (state["filled"], state["faults"]) == (filled, [])
    assert writer.left == 0
    assert HARM not in state["reply"]
    for task in writer.tasks[1:]:
        assert (task.part is None) is (task.draft == "")
    if route == "answered":
        checked = services.checker.check(flow.question, state["answer"]["text"], language="zh-Hans")
        assert checked.passed


@pytest.mark.parametrize("written", [HARM, "嗯。", "<|im_end|>", "Chin up, it will pass."])
async def test_nothing_harmful_or_odd_comes_in_with_a_repair(flow: Any, written: str) -> None:
    services = flow.services(writer=FakeWriter([NO_END, written, written]), filler=Composer())
    state = await flow.run(services)
    assert written not in state["reply"]
    assert state["attempts"] == 3


async def test_the_part_that_is_missing_is_what_the_writer_is_asked_for(flow: Any) -> None:
    writer = FakeWriter([NO_END, BLOCKS[4]])
    state = await flow.run(flow.services(writer=writer))
    assert [task.part for task in writer.tasks] == [None, Part.ENCOURAGEMENT]
    assert writer.tasks[1].draft == NO_END
    assert "missing_encouragement" in writer.tasks[1].defects
    assert state["answer"]["text"] == SOUND


async def test_without_a_filler_or_with_fills_off_a_half_answer_is_referred(flow: Any) -> None:
    for services, limits in (
        (flow.services(writer=FakeWriter([NO_END, "嗯。", "好。"])), {}),
        (flow.services(writer=FakeWriter([NO_END, "嗯。", "好。"]), filler=Composer()), {"fills": 0}),
    ):
        state = await flow.run(services, **limits)
        assert (state["route"], state["reason"], state["filled"]) == ("referred", "checked_out", [])


class BadFiller:
    def __init__(self, parts: dict[Part, str]) -> None:
        self.parts = parts
        self.calls = 0

    def fill(self, task: Any, parts: Any) -> Filling:
        self.calls += 1
        return Filling(parts=self.parts, citations=("worry-time",))


@pytest.mark.parametrize(
    ("given", "reason"),
    [({Part.ENCOURAGEMENT: HARM}, "checked_out"), ({}, "fault"), ({Part.ENCOURAGEMENT: " "}, "fault")],
)
async def test_what_a_filler_gives_is_checked_too_and_asked_for_once(
    flow: Any, given: dict[Part, str], reason: str
) -> None:
    filler = BadFiller(given)
    services = flow.services(writer=FakeWriter([NO_END, "嗯。", "好。"]), filler=filler)
    state = await flow.run(services)
    assert (state["route"], state["reason"], filler.calls) == ("referred", reason, 1)
    assert HARM not in state["reply"]


def test_the_answer_says_what_was_mended_and_filled() -> None:
    writer = FakeWriter([NO_END, "嗯。", "好。"])
    with Guard(Settings(record="memory"), writer=writer) as guard:
        answer = guard.ask(material().exchanges[0].question)
    assert answer.filled == ("encouragement",)
    assert answer.as_dict()["repaired"] == ["encouragement", "encouragement"]


def streamed(outputs: list[Any], **parts: Any) -> tuple[list[Any], list[str]]:
    with Guard(Settings(record="memory"), writer=FakeStreamingWriter(outputs), **parts) as guard:
        guard.warm()
        events = list(guard.stream(material().exchanges[0].question))
        routes = [stored.entry.route for stored in guard.services.record.entries()]
    return events, routes


def test_parts_are_read_while_the_rest_is_being_written() -> None:
    events, routes = streamed([SOUND])
    kinds = [event.kind if event.kind != "stop" else event.stop for event in events]
    assert kinds.index("text") < kinds.index("generate")
    told = "".join(event.text for event in events if event.kind == "text")
    assert "".join(told.split()) == "".join(events[-1].answer.reply.split())
    assert events[-1].answer.reply.startswith(SOUND)
    assert events[-1].answer.route == "answered"
    # The first words leave behind an entry of their own.
    assert routes == ["opened", "answered"]


def test_a_later_fault_leaves_what_was_read_and_withdraws_the_rest() -> None:
    broken = [SOUND.replace(BLOCKS[4], HARM), RuntimeError("cut")]
    events, routes = streamed(broken)
    assert "withdrawn" in [event.kind for event in events]
    assert all(HARM not in (event.text or "") for event in events)
    assert events[-1].answer.route == "referred"
    assert routes == ["opened", "referred"]


def test_what_was_read_is_how_the_mended_answer_begins() -> None:
    events, _ = streamed([NO_END, BLOCKS[4]])
    answer = events[-1].answer
    assert answer.repaired == ("encouragement",)
    assert "withdrawn" not in [event.kind for event in events]
    told = "".join(event.text for event in events if event.kind == "text")
    assert "".join(told.split()) == "".join(answer.reply.split())


class Lying(FakeStreamingWriter):
    """Tells one text and hands in another."""

    async def stream(self, task: Any, on_text: Any) -> Any:
        await super().stream(task, on_text)
        return await self.write(task)


def test_a_writer_whose_draft_is_not_what_it_told_is_referred() -> None:
    with Guard(Settings(record="memory"), writer=Lying([SOUND, "另一个开头。" + SOUND])) as guard:
        events = list(guard.warm().stream(material().exchanges[0].question))
    assert events[-1].answer.route == "referred"
    assert events[-1].answer.faults == ("check:garbage:released",)


class Blind:
    """A checker that cannot judge beginnings."""

    name = "blind"
    version = "1"

    def __init__(self, checker: Any) -> None:
        self.check = checker.check


def test_a_checker_that_cannot_judge_beginnings_lets_nothing_out_early(real_checker: Any) -> None:
    events, routes = streamed([SOUND], checker=Blind(real_checker))
    kinds = [event.kind if event.kind != "stop" else event.stop for event in events]
    assert kinds.index("generate") < kinds.index("text")
    assert routes == ["answered"]


def test_an_identifier_keeps_the_beginning_back() -> None:
    echo = SOUND.replace("。", "，陈晓雨。", 1)
    writer = FakeStreamingWriter([echo, SOUND])
    with Guard(Settings(record="memory"), writer=writer) as guard:
        events = list(guard.warm().stream(f"我叫陈晓雨，{material().exchanges[0].question}"))
    answer = events[-1].answer
    assert (answer.route, answer.attempts) == ("answered", 2)
    assert "陈晓雨" not in "".join(event.text or "" for event in events)
