"""The guards around a real agent of LangChain's, whose model says what it is told to."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import AgentMiddleware, ModelCallLimitMiddleware
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver

from cbtguard.graph import Guard, Settings
from cbtguard.graph.middleware import GuardMiddleware
from cbtguard.nodes.writers.composer import Composer
from cbtguard.safety.errors import InputError, SettingsError
from cbtguard.safety.record import MemoryRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

CRISIS = "我不想活了，今晚就跳下去"
NAME, PHONE = "李晓雯", "13812345678"
OTHER_PHONE = "13987654321"
UNSOUND = "想开点，没什么大不了的，这是草稿里的话。"
MODES = ["values", "updates", "messages", "custom", "debug", "tasks", "checkpoints"]


class Scripted(GenericFakeChatModel):
    """Says one message after the other, and keeps what it was shown."""

    seen: list[list[Any]] = []  # noqa: RUF012 - a field of pydantic's

    def bind_tools(self, tools: Any, **_: Any) -> Any:
        return self

    def _generate(self, messages: Any, *args: Any, **named: Any) -> Any:
        self.seen.append(list(messages))
        return super()._generate(messages, *args, **named)

    @property
    def shown(self) -> str:
        return "\n".join(str(message) for call in self.seen for message in call)


def model(*said: Any) -> Scripted:
    turned = [AIMessage(one) if isinstance(one, str) else one for one in said]
    return Scripted(messages=iter(turned), seen=[])


def calling(name: str, text: str = "", **args: Any) -> AIMessage:
    return AIMessage(text, tool_calls=[{"name": name, "args": args, "id": f"call-{name}"}])


@pytest.fixture
def record() -> MemoryRecord:
    return MemoryRecord()


@pytest.fixture
def guard(flow: Any, record: MemoryRecord, tmp_path: Path) -> Iterator[Guard]:
    services = flow.services(record=record, filler=Composer())
    own = {name: getattr(services, name) for name in (*flow.parts, "retriever", "writer", "record", "filler")}
    with Guard(Settings(home=tmp_path), **own) as made:
        yield made


@pytest.fixture(params=["sync", "async"])
def run(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Invoke an agent, in both ways that there are."""
    import asyncio  # noqa: PLC0415 - only here

    def invoke(agent: Any, asked: Any, config: Any = None) -> dict[str, Any]:
        given = asked if isinstance(asked, dict) else {"messages": [HumanMessage(asked)]}
        if request.param == "sync":
            state: dict[str, Any] = agent.invoke(given, config)
            return state
        return asyncio.run(agent.ainvoke(given, config))  # type: ignore[no-any-return]

    return invoke


def led(state: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = state["messages"][-1].response_metadata["cbtguard"]
    return found


def routes(record: MemoryRecord) -> list[tuple[str, str]]:
    return [(one.entry.route, one.entry.reason) for one in record.entries()]


def test_a_sound_text_leaves_and_is_recorded(
    guard: Guard, flow: Any, record: MemoryRecord, run: Callable[..., Any]
) -> None:
    says = model(flow.good)
    state = run(create_agent(says, middleware=[GuardMiddleware(guard)]), flow.question)
    assert state["messages"][-1].content.endswith(flow.good)
    assert state["messages"][-1].content.startswith(led(state)["notice"])
    assert routes(record) == [("answered", "checked")]
    (entry,) = [one.entry for one in record.entries()]
    assert entry.writer == "agent:Scripted"
    # The model was given the task and the notes.
    assert "让床只属于睡眠" in says.shown


def test_a_crisis_never_reaches_the_model(
    guard: Guard, flow: Any, record: MemoryRecord, run: Callable[..., Any]
) -> None:
    says = model(flow.good, flow.good)
    agent = create_agent(says, middleware=[GuardMiddleware(guard, region="HK")], checkpointer=InMemorySaver())
    config = {"configurable": {"thread_id": "talk"}}
    state = run(agent, CRISIS, config)
    assert (led(state)["reason"], led(state)["region"]) == ("crisis", "HK")
    assert "18111" in state["messages"][-1].content
    # The talk is in care mode then, and the model is not asked either.
    assert led(run(agent, flow.question, config))["reason"] == "care"
    assert says.seen == []
    assert routes(record) == [("referred", "crisis"), ("referred", "care")]


def test_a_text_that_does_not_pass_is_a_referral(
    guard: Guard, flow: Any, record: MemoryRecord, run: Callable[..., Any]
) -> None:
    state = run(create_agent(model(UNSOUND), middleware=[GuardMiddleware(guard)]), flow.question)
    assert led(state)["reason"] == "checked_out"
    assert UNSOUND not in str(state)
    assert routes(record) == [("referred", "checked_out")]


def test_a_text_that_lacks_a_part_is_mended_from_the_notes(
    guard: Guard, flow: Any, record: MemoryRecord, run: Callable[..., Any]
) -> None:
    lacking = "\n\n".join(flow.good.split("\n\n")[:-1])
    state = run(create_agent(model(lacking), middleware=[GuardMiddleware(guard)]), flow.question)
    assert led(state)["route"] == "answered"
    assert lacking.split("\n\n")[0] in state["messages"][-1].content
    assert guard.services.checker.check(flow.question, state["messages"][-1].content).passed
    assert routes(record) == [("answered", "checked")]


def test_personal_data_stays_home_and_comes_back_at_the_end(
    guard: Guard, flow: Any, record: MemoryRecord, run: Callable[..., Any]
) -> None:
    asked_of: list[str] = []

    @tool
    def look_up(who: str) -> str:
        """Find somebody."""
        asked_of.append(who)
        return f"{NAME}的电话是{PHONE}，她同事王建国的电话是{OTHER_PHONE}。"

    @tool
    def book(who: str) -> str:
        """Book an hour."""
        asked_of.append(who)
        return "booked"

    paragraphs = flow.good.split("\n\n")
    personal = "\n\n".join([f"<人名1>，{paragraphs[0]}", *paragraphs[1:]])
    says = model(
        calling("look_up", "草稿里的话", who="<人名1>"), calling("book", who="<人名1>"), personal, flow.good
    )
    agent = create_agent(
        says,
        tools=[look_up, book],
        middleware=[GuardMiddleware(guard, trusted_tools=["book"])],
        checkpointer=InMemorySaver(),
    )
    config = {"configurable": {"thread_id": "talk"}}
    state = run(agent, f"我叫{NAME}，电话{PHONE}，{flow.question}", config)
    assert asked_of == ["<人名1>", NAME]
    assert f"{NAME}，{paragraphs[0]}" in state["messages"][-1].content
    assert "草稿里的话" not in str(state)
    # In the next turn the reply stands among the messages, restored; the model sees it protected.
    run(agent, flow.question, config)
    assert len(says.seen) == 4
    for secret in (NAME, PHONE, OTHER_PHONE, "王建国"):
        assert secret not in says.shown
        assert secret not in str(list(record.entries()))
    assert routes(record) == [("answered", "checked")] * 2


async def test_drafts_are_in_no_stream(guard: Guard, flow: Any) -> None:
    for said, leaves in ((UNSOUND, False), (flow.good, True)):
        agent = create_agent(
            model(said, said, said), middleware=[GuardMiddleware(guard)], checkpointer=InMemorySaver()
        )
        asked = {"messages": [HumanMessage(flow.question)]}
        seen: list[Any] = []
        a, b, c = ({"configurable": {"thread_id": f"{leaves}-{n}"}} for n in range(3))
        seen += [x async for x in agent.astream(asked, a, stream_mode=MODES, subgraphs=True)]  # type: ignore[arg-type]
        seen += [x async for x in agent.astream_events(asked, b, version="v2")]  # type: ignore[arg-type]
        seen += list(agent.stream(asked, c, stream_mode=MODES, subgraphs=True))  # type: ignore[arg-type,call-overload]
        seen += [x async for x in agent.aget_state_history(a)]  # type: ignore[arg-type]
        assert ("草稿里的话" in str(seen)) is False
        assert (flow.good.split("\n\n")[0] in str(seen)) is leaves


def test_callbacks_of_the_run_see_no_draft(guard: Guard, flow: Any) -> None:
    told: list[str] = []

    class Nosy(BaseCallbackHandler):
        def on_chain_end(self, outputs: Any, **_: Any) -> None:
            told.append(str(outputs))

        def on_llm_end(self, response: Any, **_: Any) -> None:
            told.append(str(response))

        def on_chat_model_start(self, serialized: Any, messages: Any, **_: Any) -> None:
            told.append(str(messages))

    agent = create_agent(model(UNSOUND), middleware=[GuardMiddleware(guard)])
    agent.invoke({"messages": [HumanMessage(flow.question)]}, {"callbacks": [Nosy()]})
    assert told
    assert "草稿里的话" not in "".join(told)


def test_a_model_that_fails_is_a_referral(
    guard: Guard, flow: Any, record: MemoryRecord, run: Callable[..., Any]
) -> None:
    class Broken(Scripted):
        def _generate(self, *_: Any, **__: Any) -> Any:
            raise RuntimeError(flow.question)

    agent = create_agent(Broken(messages=iter([])), middleware=[GuardMiddleware(guard)])
    state = run(agent, flow.question)
    assert led(state)["reason"] == "fault"
    (entry,) = [one.entry for one in record.entries()]
    assert entry.faults == ("generate:raised:writer.outside",)


def test_a_tool_that_ends_the_run_does_not_speak_to_the_person(
    guard: Guard, flow: Any, record: MemoryRecord, run: Callable[..., Any]
) -> None:
    @tool(return_direct=True)
    def advice() -> str:
        """Give advice."""
        return UNSOUND

    agent = create_agent(model(calling("advice")), tools=[advice], middleware=[GuardMiddleware(guard)])
    state = run(agent, flow.question)
    assert isinstance(state["messages"][-2], ToolMessage)
    assert led(state)["route"] == "referred"
    assert routes(record) == [("referred", "checked_out")]


def test_what_another_middleware_says_is_checked_too(
    guard: Guard, flow: Any, record: MemoryRecord, run: Callable[..., Any]
) -> None:
    @tool
    def again() -> str:
        """Go on."""
        return "more"

    class Chatty(AgentMiddleware[Any, Any, Any]):
        def after_agent(self, state: Any, runtime: Any) -> Any:
            last = state["messages"][-1]
            return {"messages": [last.model_copy(update={"content": UNSOUND})]}

    limited = ModelCallLimitMiddleware(run_limit=1, exit_behavior="end")
    agent = create_agent(
        model(calling("again"), flow.good), tools=[again], middleware=[GuardMiddleware(guard), limited]
    )
    assert led(run(agent, flow.question))["route"] == "referred"
    agent = create_agent(model(flow.good), middleware=[GuardMiddleware(guard), Chatty()])
    state = run(agent, flow.question)
    assert led(state)["route"] == "referred"
    assert UNSOUND not in str(state)


def test_a_record_that_is_gone_lets_no_answer_out(guard: Guard, flow: Any, run: Callable[..., Any]) -> None:
    guard.services.record.close()
    state = run(create_agent(model(flow.good), middleware=[GuardMiddleware(guard)]), flow.question)
    assert (led(state)["route"], led(state)["record_id"]) == ("referred", None)


def test_without_a_thread_earlier_messages_count(guard: Guard, flow: Any, run: Callable[..., Any]) -> None:
    says = model(flow.good)
    agent = create_agent(says, middleware=[GuardMiddleware(guard)])
    talk = [HumanMessage(CRISIS), AIMessage("…"), HumanMessage(flow.question)]
    assert led(run(agent, {"messages": talk}))["reason"] == "care"
    assert says.seen == []


def test_what_cannot_be_guarded_is_refused(guard: Guard, flow: Any, run: Callable[..., Any]) -> None:
    agent = create_agent(model(flow.good), middleware=[GuardMiddleware(guard)])
    with pytest.raises(InputError):
        run(agent, {"messages": [HumanMessage([{"type": "image", "url": "x"}])]})
    schema = {"title": "mood", "type": "object", "properties": {"mood": {"type": "string"}}}
    structured = create_agent(
        model(flow.good), middleware=[GuardMiddleware(guard)], response_format={**schema, "description": "m"}
    )
    with pytest.raises(SettingsError):
        run(structured, flow.question)


def test_the_text_alone_reaches_an_unguided_model(guard: Guard, flow: Any) -> None:
    says = model(flow.good)
    agent = create_agent(says, system_prompt="Be kind.", middleware=[GuardMiddleware(guard, guided=False)])
    agent.invoke({"messages": [HumanMessage(flow.question, name=NAME, additional_kwargs={"who": NAME})]})
    assert [message.content for message in says.seen[0]] == ["Be kind.", flow.question]
    assert NAME not in says.shown


def test_without_langchain_the_extra_is_named() -> None:
    code = (
        "import sys; sys.modules['langchain'] = None\n"
        "try: import cbtguard.graph.middleware\n"
        "except Exception as error: print(error.code, error.hint)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "dependency.library Install cbtguard[agent]."
