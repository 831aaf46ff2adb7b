"""Two guards on one store: two messages of one talk at the same moment, each at its own guard."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest

from cbtguard.graph import Draft, Guard, Settings
from cbtguard.graph.joining import joined

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

CRISIS = "我不想活了，今晚就跳下去"


class Gated:
    """Writes once the gate is open."""

    name = "gated"

    def __init__(self, text: str) -> None:
        self.text = text
        self.began = threading.Event()
        self.gate = threading.Event()

    async def write(self, task: Any) -> Draft:
        self.began.set()
        await asyncio.to_thread(self.gate.wait, 20)
        return Draft(text=self.text, citations=tuple(note.id for note in task.notes[:1]))


@pytest.fixture
def make(flow: Any, tmp_path: Path) -> Iterator[Callable[..., Guard]]:
    made: list[Guard] = []

    def guard(store: str, **parts: Any) -> Guard:
        services = flow.services(**parts)
        own = {name: getattr(services, name) for name in (*flow.parts, "retriever", "writer", "record")}
        made.append(Guard(Settings(home=tmp_path, threads=store), **own))
        return made[-1]

    yield guard
    for one in made:
        one.close()


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
@pytest.mark.parametrize("begun", [False, True])
async def test_a_crisis_at_the_other_guard_is_not_forgotten(
    make: Callable[..., Guard], flow: Any, request: pytest.FixtureRequest, kind: str, begun: bool
) -> None:
    store = kind if kind == "sqlite" else request.getfixturevalue("postgres")
    writer = Gated(flow.good)
    first, second = make(store, writer=writer), make(store)
    if begun:
        assert (await second.aask(flow.question, thread="talk")).turn == 1
    slow = asyncio.ensure_future(first.aask(flow.question, thread="talk"))
    assert await asyncio.to_thread(writer.began.wait, 10)
    assert (await second.aask(CRISIS, thread="talk")).reason == "crisis"
    writer.gate.set()
    # Its message was no sign of danger, and it could not know of the other one.
    assert (await slow).reason == "checked"
    later = await first.aask(flow.question, thread="talk")
    assert (later.reason, later.turn) == ("care", 3 + begun)
    assert (await second.aask("谢谢", thread="talk")).reason == "care"
    # What is kept of the talk holds both messages.
    graph = await second._threaded_graph()
    name = second._thread_name("talk")
    kept = (await second._loop.wait(graph.aget_state({"configurable": {"thread_id": name}}))).values
    assert CRISIS in [past["text"] for past in kept["history"]]
    # Care ends as always, once it is calm.
    for _ in range(2):
        assert (await first.aask(flow.question, thread="talk")).reason in {"care", "checked"}
    assert (await first.aask(flow.question, thread="talk")).reason == "checked"


async def test_talks_that_one_guard_keeps_are_as_before(make: Callable[..., Guard], flow: Any) -> None:
    guard = make("sqlite")
    for turn in (1, 2):
        assert (await guard.aask(flow.question, thread="talk")).turn == turn
    graph = await guard._threaded_graph()

    async def kept() -> int:
        config = {"configurable": {"thread_id": guard._thread_name("talk")}}
        return len([state async for state in graph.aget_state_history(config)])

    assert await guard._loop.wait(kept()) == 2


CALM = {"active": False, "calm": 0, "step": 0}


@pytest.mark.parametrize(
    ("cares", "care"),
    [
        ((None, None), CALM),
        ((CALM, CALM), CALM),
        ((CALM, {"active": True, "calm": 0, "step": 1}), {"active": True, "calm": 0, "step": 1}),
        (
            ({"active": True, "calm": 2, "step": 3, "told": ["self/suicide"]}, {**CALM, "step": 4}),
            {"active": True, "calm": 2, "step": 4, "told": ["self/suicide"]},
        ),
        (
            (
                {"active": True, "calm": 3, "step": 1, "told": ["self/suicide"]},
                {"active": True, "calm": 0, "step": 2, "told": ["other/abuse", "self/suicide"]},
            ),
            {"active": True, "calm": 0, "step": 2, "told": ["self/suicide", "other/abuse"]},
        ),
    ],
)
def test_in_doubt_a_talk_is_in_care_mode(cares: tuple[Any, ...], care: dict[str, Any]) -> None:
    states = [{"care": one, "turn": 4} for one in cares]
    both = joined(states, 2, 6)
    assert (both["care"], both["turn"]) == (care, 5)
    assert joined(states[::-1], 2, 6)["care"] | {"told": None} == care | {"told": None}


def test_messages_numbers_and_items_of_both_are_kept() -> None:
    one = {"history": [{"text": "a", "level": "none"}, {"text": "b", "level": "crisis"}], "reviews": ["x"]}
    two = {"history": [{"text": "a", "level": "none"}, {"text": "c", "level": "none"}], "reviews": ["y", "x"]}
    states = [{**one, "counters": {"PERSON": 2, "PHONE": 1}}, {**two, "counters": {"PERSON": 3}}]
    both = joined(states, 2, 2)
    assert [past["text"] for past in both["history"]] == ["b", "c"]
    assert both["counters"] == {"PERSON": 3, "PHONE": 1}
    assert both["reviews"] == ["x", "y"]
