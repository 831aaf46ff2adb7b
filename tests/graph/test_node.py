"""The flow as a node of somebody's graph, and as the graph that a LangGraph server runs."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypedDict

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages

from cbtguard.graph import Draft, FakeStreamingWriter, FakeWriter, Guard, Keys, Settings, app, as_node
from cbtguard.safety.errors import InputError
from cbtguard.safety.record import MemoryRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).resolve().parents[2]
MODES = ["values", "updates", "messages", "custom", "debug", "tasks", "checkpoints"]
CRISIS = "我不想活了，今晚就跳下去"
NAME = "李晓雯"
UNSOUND = "想开点，没什么大不了的，草稿里的话。"


class Theirs(TypedDict, total=False):
    messages: Annotated[list[Any], add_messages]
    seen: list[str]
    led: dict[str, Any]


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


def their_graph(guard: Any, **named: Any) -> Any:
    """A larger graph: something of theirs before the node and behind it."""
    graph: Any = StateGraph(Theirs)
    graph.add_node("before", lambda state: {"seen": ["before"]})
    graph.add_node("counsel", as_node(guard, keys=Keys(text=None, reply=None, guard="led"), **named))
    graph.add_node("behind", lambda state: {"seen": [*state["seen"], state["messages"][-1].content]})
    graph.add_edge(START, "before")
    graph.add_edge("before", "counsel")
    graph.add_edge("counsel", "behind")
    graph.add_edge("behind", END)
    return graph.compile(checkpointer=InMemorySaver())


def in_talk(name: str) -> Any:
    return {"configurable": {"thread_id": name}}


def test_a_node_of_a_larger_graph(make: Callable[..., Guard], flow: Any) -> None:
    record = MemoryRecord()
    graph = their_graph(make(record=record))

    def asked() -> Any:
        return {"messages": [HumanMessage(flow.question)]}

    state = graph.invoke(asked(), in_talk("a"))
    assert state["led"]["route"] == "answered"
    assert state["led"]["notice"]
    assert state["messages"][-1].content == f"{state['led']['notice']}\n\n{flow.good}"
    assert state["seen"] == ["before", state["messages"][-1].content]
    crisis = graph.invoke({"messages": [HumanMessage(CRISIS)]}, in_talk("a"))
    assert (crisis["led"]["reason"], crisis["led"]["turn"]) == ("crisis", 2)
    assert crisis["led"]["referral"]["lines"]
    # The talk is the thread's.
    assert graph.invoke(asked(), in_talk("a"))["led"]["reason"] == "care"
    assert graph.invoke(asked(), in_talk("b"))["led"]["reason"] == "checked"
    assert [one.entry.reason for one in record.entries()] == ["checked", "crisis", "care", "checked"]


async def test_without_a_thread_earlier_messages_are_screened_again(
    make: Callable[..., Guard], flow: Any
) -> None:
    graph: Any = StateGraph(Theirs)
    graph.add_node("counsel", as_node(make, keys=Keys(text=None, reply=None, guard="led")))
    graph.add_edge(START, "counsel")
    past = [
        HumanMessage(CRISIS),
        AIMessage("…"),
        {"role": "user", "content": [{"type": "image", "url": "x"}]},
    ]
    state = await graph.compile().ainvoke({"messages": [*past[:2], HumanMessage(flow.question)]})
    assert state["led"]["reason"] == "care"
    assert not state["messages"][-1].content.startswith(state["led"]["notice"])


@pytest.mark.parametrize("early", [False, True])
async def test_drafts_are_in_no_stream_and_no_checkpoint(
    make: Callable[..., Guard], flow: Any, early: bool
) -> None:
    guard = make(writer=FakeStreamingWriter([UNSOUND] * 9), record=MemoryRecord())
    graph = their_graph(guard, early=early)
    question = f"我叫{NAME}，{flow.question}"
    asked = {"messages": [HumanMessage(question)]}
    stream = graph.astream(asked, in_talk("a"), stream_mode=MODES, subgraphs=True)
    seen = [chunk async for chunk in stream]
    seen += [chunk async for chunk in graph.astream_events(asked, in_talk("b"), version="v2")]
    seen += [state async for state in graph.aget_state_history(in_talk("a"))]
    text = "\n".join(map(str, seen))
    assert "草稿里的话" not in text
    # The flow is no part of the graph's own run: its steps and its state show nowhere.
    assert "asked_language" not in text
    assert {namespace for namespace, *_ in (c for c in seen if isinstance(c, tuple) and len(c) == 3)} == {()}


def test_custom_events_and_sync_streams(make: Callable[..., Guard], flow: Any) -> None:
    guard = make(writer=FakeStreamingWriter([flow.good] * 9))
    graph = their_graph(guard, early=True)
    asked = {"messages": [HumanMessage(flow.question)]}
    events = [chunk["cbtguard"] for chunk in graph.stream(asked, in_talk("a"), stream_mode="custom")]
    assert [event["stop"] for event in events if event["kind"] == "stop"][-1] == "record"
    texts = [event for event in events if event["kind"] == "text"]
    assert texts[0]["early"]
    assert "".join(event["text"] for event in texts).replace("\n", "") == flow.good.replace("\n", "")


@pytest.mark.parametrize(
    ("messages", "code"),
    [
        ([], "input.empty"),
        ([AIMessage("hello")], "input.empty"),
        ([HumanMessage("  ")], "input.empty"),
        ([HumanMessage([{"type": "image", "url": "x"}])], "input.unsupported"),
    ],
)
def test_what_is_no_question_is_a_typed_error(
    make: Callable[..., Guard], messages: list[Any], code: str
) -> None:
    with pytest.raises(InputError) as caught:
        their_graph(make()).invoke({"messages": messages}, in_talk("a"))
    assert caught.value.code == code


def test_a_writer_that_fails_is_a_referral(make: Callable[..., Guard], flow: Any) -> None:
    class Broken:
        name = "broken"

        async def write(self, task: Any) -> Draft:
            raise RuntimeError(task.question)

    state = their_graph(make(writer=Broken())).invoke(
        {"messages": [HumanMessage(flow.question)]}, in_talk("a")
    )
    assert (state["led"]["route"], state["led"]["reason"]) == ("referred", "fault")


# --- the graph of langgraph.json ----------------------------------------------------------------------------


@pytest.fixture
def served(make: Callable[..., Guard], flow: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(app, "_guards", [make(writer=FakeWriter([flow.good] * 9))])
    return app.build().compile(checkpointer=InMemorySaver())


def test_the_graph_takes_messages_or_a_text_and_gives_checked_text(served: Any, flow: Any) -> None:
    told = served.invoke({"text": flow.question, "region": "HK"}, in_talk("a"))
    assert set(told) == {"messages", "reply", "guard"}
    assert (told["guard"]["region"], told["reply"]) == ("HK", told["messages"][-1].content)
    # A text is of its turn only.
    told = served.invoke({"messages": [{"role": "user", "content": CRISIS}]}, in_talk("a"))
    assert told["guard"]["reason"] == "crisis"
    assert told["messages"][-1].response_metadata["cbtguard"] == told["guard"]


def test_the_file_names_the_graph_by_its_module_path() -> None:
    file = json.loads((ROOT / "langgraph.json").read_text(encoding="utf-8"))
    assert file["graphs"] == {"cbtguard": "cbtguard.graph.app:graph"}
    assert app.graph.name == "cbtguard"


def test_the_guard_is_made_once_from_the_file_that_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(f'home = "{tmp_path}"\nregion = "TW"\n', encoding="utf-8")
    monkeypatch.setenv(app.SETTINGS, str(file))
    monkeypatch.setattr(app, "_guards", [])
    made = app.guard()
    assert made.settings.region == "TW"
    assert app.guard() is made
    made.close()


# --- what the documentation says ----------------------------------------------------------------------------

BLOCKS = re.findall(
    r"```python\n(.*?)```", (ROOT / "docs" / "langgraph.md").read_text(encoding="utf-8"), re.DOTALL
)


@pytest.mark.parametrize("number", [n for n, block in enumerate(BLOCKS) if "127.0.0.1" not in block])
def test_the_examples_run(
    number: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CBTGUARD_HOME", str(tmp_path))
    exec(compile(BLOCKS[number], f"langgraph.md block {number}", "exec"), {})  # noqa: S102 - our own
    printed = capsys.readouterr().out
    for wanted in re.findall(r"print\(.*\)  # (\w+)", BLOCKS[number]):
        assert wanted in printed
