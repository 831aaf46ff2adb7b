"""The flow as one node of somebody else's graph."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableConfig, RunnableLambda
from langgraph.config import get_stream_writer

from cbtguard.graph.speech import said, shown, summary
from cbtguard.safety.errors import CbtguardError

if TYPE_CHECKING:
    from collections.abc import Callable

    from cbtguard.graph.answer import Answer, Event
    from cbtguard.graph.guard import Guard


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """Which keys of a graph's state the node reads and writes; None for those that are none of its business."""

    text: str | None = "text"
    """The question as a text; where the state holds one, the messages are not read."""
    messages: str | None = "messages"
    """LangChain's messages: the last one of a person is the question, and the reply is added."""
    region: str | None = "region"
    language: str | None = "language"
    reply: str | None = "reply"
    """Gets the reply as a text, with the notice before it where that is due."""
    guard: str | None = "guard"
    """Gets what led to the reply: route, reason, risk, citations, referral, record id."""


def as_node(
    guard: Guard | Callable[[], Guard], *, keys: Keys | None = None, early: bool = False
) -> RunnableLambda[Any, dict[str, Any]]:
    """Return the flow as a node, for ``add_node`` of a graph that is invoked with or without an event loop.

    Only the reply, checked or vetted, enters the state, and what led to it. The thread of the graph's run names
    the talk; without one, earlier messages of the person are screened again. Stops and texts of the turn go to
    ``stream_mode="custom"``, as mappings with the key ``cbtguard``.

    Args:
        guard: Answers; whoever made it closes it. A function is called for it at each turn.
        keys: Of the state.
        early: Whether the first parts go to the custom stream before the reply is whole, each once it has
            passed. If the rest then fails, ``withdrawn`` says so.

    Raises:
        InputError: Out of the run, when the question cannot be used. Whatever else goes wrong is a referral.
    """
    names = keys or Keys()

    def run(state: Any, config: RunnableConfig) -> dict[str, Any]:
        made = guard() if callable(guard) else guard
        asked = _asked(state, config, names)
        tell, answer = get_stream_writer(), None
        for event in made.stream(**asked, early=early):
            answer = _passed_on(event, tell) or answer
        return _told(answer, asked, names)

    async def arun(state: Any, config: RunnableConfig) -> dict[str, Any]:
        # Making a guard reads files.
        made = await asyncio.to_thread(guard) if callable(guard) else guard
        asked = _asked(state, config, names)
        tell, answer = get_stream_writer(), None
        async for event in made.astream(**asked, early=early):
            answer = _passed_on(event, tell) or answer
        return _told(answer, asked, names)

    return RunnableLambda(run, afunc=arun, name="cbtguard")


def thread_of(config: Any) -> str | None:
    """Return the thread of a run, None where it has none."""
    named = (config.get("configurable") or {}).get("thread_id")
    return None if named is None else str(named)


def _asked(state: Any, config: RunnableConfig, names: Keys) -> dict[str, Any]:
    text = _value(state, names.text)
    earlier: tuple[str, ...] = ()
    if not isinstance(text, str) or not text:
        text, earlier = said(_value(state, names.messages) or ())
    return {
        "text": text,
        "earlier": earlier,
        "thread": thread_of(config),
        "region": _value(state, names.region),
        "language": _value(state, names.language),
    }


def _value(state: Any, name: str | None) -> Any:
    if name is None:
        return None
    return state.get(name) if isinstance(state, dict) else getattr(state, name, None)


def _passed_on(event: Event, tell: Callable[[Any], None]) -> Answer | None:
    if event.answer is None:
        tell({"cbtguard": event.as_dict()})
    return event.answer


def _told(answer: Answer | None, asked: dict[str, Any], names: Keys) -> dict[str, Any]:
    if answer is None:
        raise CbtguardError("stop.garbage", "The turn ended without an answer.", hint="Look at the log.")
    led = summary(answer)
    reply = shown(answer, begun=answer.turn == 1 and bool(asked["earlier"]))
    told = {
        names.messages: [AIMessage(content=reply, response_metadata={"cbtguard": led})],
        names.reply: reply,
        names.guard: led,
    }
    return {name: value for name, value in told.items() if name is not None}


__all__ = ["Keys", "as_node", "thread_of"]
