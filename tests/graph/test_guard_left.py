"""Turns that nobody waits for any more, and talks that the caller keeps."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from cbtguard.graph import Answer, Draft, FakeWriter, Guard, Route, Settings
from cbtguard.safety.errors import InputError
from cbtguard.safety.record import MemoryRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

QUESTION = "最近总是睡不着，一躺下就想明天的会议，越想越清醒"
CRISIS = "我不想活了，今晚就跳下去"


class Slow:
    """Writes for ever, unless it is let."""

    name = "slow"

    def __init__(self) -> None:
        self.began = threading.Event()
        self.ended = False

    async def write(self, task: Any) -> Draft:
        self.began.set()
        try:
            await asyncio.sleep(60)
        finally:
            self.ended = True
        return Draft(text="")


@pytest.fixture
def make(flow: Any, tmp_path: Path) -> Iterator[Callable[..., Guard]]:
    made: list[Guard] = []

    def guard(**parts: Any) -> Guard:
        services = flow.services(**parts)
        own = {name: getattr(services, name) for name in (*flow.parts, "retriever", "writer", "record")}
        made.append(Guard(Settings(home=tmp_path), **own))
        return made[-1]

    yield guard
    for one in made:
        one.close()


def entries(record: MemoryRecord, most: float = 5.0) -> list[Any]:
    """The record's entries, once there is one."""
    end = time.monotonic() + most
    while not (found := list(record.entries())) and time.monotonic() < end:
        time.sleep(0.01)
    return [stored.entry for stored in found]


async def until_writing(guard: Guard, **asked: Any) -> Any:
    events = guard.astream(QUESTION, **asked)
    while (await anext(events)).stop != "retrieve":
        pass
    return events


async def test_a_stream_that_is_left_ends_the_writing_and_is_recorded(make: Callable[..., Guard]) -> None:
    record, writer = MemoryRecord(), Slow()
    events = await until_writing(make(writer=writer, record=record))
    await events.aclose()
    (entry,) = await asyncio.to_thread(entries, record)
    assert (entry.route, entry.reason) == ("referred", "fault")
    assert entry.faults == ("generate:cancelled:left",)
    assert writer.ended


async def test_asking_that_is_cancelled_is_recorded(make: Callable[..., Guard]) -> None:
    record, writer = MemoryRecord(), Slow()
    guard = make(writer=writer, record=record)
    task = asyncio.ensure_future(guard.aask(QUESTION))
    assert await asyncio.to_thread(writer.began.wait, 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [entry.faults for entry in await asyncio.to_thread(entries, record)] == [
        ("generate:cancelled:left",)
    ]


async def test_care_holds_though_the_caller_left_at_once(make: Callable[..., Guard], flow: Any) -> None:
    record = MemoryRecord()
    guard = make(record=record, writer=FakeWriter([flow.good]))
    events = guard.astream(CRISIS, thread="talk")
    await anext(events)
    await events.aclose()
    assert [entry.reason for entry in await asyncio.to_thread(entries, record)] == ["crisis"]
    assert (await guard.aask(QUESTION, thread="talk")).reason == "care"


async def test_a_guard_in_a_hurry_refers_and_goes_on(make: Callable[..., Guard]) -> None:
    writer = Slow()
    guard = make(writer=writer)
    events = await until_writing(guard)
    guard.hurry()
    rest = [event async for event in events]
    answer = rest[-1].answer
    assert isinstance(answer, Answer)
    assert (answer.route, answer.faults) == (Route.REFERRED, ("generate:cancelled:left",))
    assert answer.reply == "\n\n".join(event.text for event in rest if event.kind == "text")
    assert answer.record_id


async def test_closing_waits_for_the_entries_of_turns_that_were_left(make: Callable[..., Guard]) -> None:
    record, writer = MemoryRecord(), Slow()
    kept: list[Any] = []
    # A closed record tells no more.
    record.close = lambda: kept.extend(record.entries())  # type: ignore[method-assign]
    guard = make(writer=writer, record=record)
    events = await until_writing(guard)
    await events.aclose()
    guard.close()
    assert [stored.entry.route for stored in kept] == ["referred"]


# --- earlier messages ---------------------------------------------------------------------------------------


async def last(guard: Guard, text: str, **asked: Any) -> Answer:
    *_, end = [event async for event in guard.astream(text, early=False, **asked)]
    assert end.answer is not None
    return end.answer


@pytest.mark.parametrize(
    ("earlier", "reason"),
    [
        ((), "checked"),
        ((QUESTION,), "checked"),
        ((CRISIS,), "care"),
        ((CRISIS, QUESTION, QUESTION), "care"),
        ((CRISIS, QUESTION, QUESTION, QUESTION), "checked"),
        ((CRISIS, *[QUESTION] * 11), "checked"),
        ((QUESTION,) * 40, "checked"),
    ],
)
async def test_earlier_messages_are_screened_again(
    make: Callable[..., Guard], earlier: tuple[str, ...], reason: str
) -> None:
    assert (await last(make(), QUESTION, earlier=earlier)).reason == reason


async def test_earlier_messages_reach_the_writer_without_personal_data(
    make: Callable[..., Guard], flow: Any
) -> None:
    writer = FakeWriter([flow.good])
    await last(make(writer=writer), QUESTION, earlier=["我叫李晓雯，电话13812345678，我很累"])
    (task,) = writer.tasks
    (past,) = task.history
    assert "李晓雯" not in past.text
    assert "13812345678" not in past.text


async def test_a_known_talk_knows_better(make: Callable[..., Guard], flow: Any) -> None:
    guard = make(writer=FakeWriter([flow.good] * 3))
    assert (await last(guard, QUESTION, thread="a")).reason == "checked"
    assert (await last(guard, QUESTION, thread="a", earlier=[CRISIS])).reason == "checked"
    assert (await last(guard, QUESTION, thread="b", earlier=[CRISIS])).reason == "care"


class Broken:
    name = "broken"
    version = "1"

    def __init__(self, whole: Any) -> None:
        self._whole = whole

    def redact(self, text: str, vault: Any) -> Any:
        if text.startswith("kaputt"):
            raise RuntimeError(text)
        return self._whole.redact(text, vault)


async def test_earlier_messages_that_cannot_be_read_lead_to_people(
    make: Callable[..., Guard], flow: Any
) -> None:
    guard = make(redactor=Broken(flow.parts["redactor"]))
    answer = await last(guard, QUESTION, earlier=["kaputt 1"])
    assert (answer.route, answer.reason) == (Route.REFERRED, "care")
    assert answer.faults == ("earlier:raised:RuntimeError",)


async def test_earlier_messages_that_are_too_long_are_refused(make: Callable[..., Guard]) -> None:
    with pytest.raises(InputError, match="too_long"):
        await last(make(), QUESTION, earlier=["x" * 30_000])
