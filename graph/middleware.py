"""The guards around an agent of LangChain's: no model before the screen, no personal data, no unchecked text."""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.runnables.config import var_child_runnable_config
from langgraph.config import get_config
from langgraph.errors import GraphBubbleUp

from cbtguard.graph.node import thread_of
from cbtguard.graph.outside import Look, Question
from cbtguard.graph.speech import said, shown, summary
from cbtguard.nodes.writers.prompt import build_prompt
from cbtguard.safety.errors import DependencyError, SettingsError

try:
    from langchain.agents.middleware import AgentMiddleware, AgentState, ModelResponse, hook_config
except ImportError as error:
    raise DependencyError(
        "dependency.library",
        "The middleware needs LangChain, which is not installed.",
        hint="Install cbtguard[agent].",
    ) from error

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence

    from langchain.agents.middleware import ModelRequest, ToolCallRequest
    from langgraph.runtime import Runtime

    from cbtguard.graph.answer import Answer
    from cbtguard.graph.guard import Guard

_MARK = "cbtguard"


class GuardMiddleware(AgentMiddleware[AgentState[Any], Any, Any]):
    """Puts the flow around a model and its tools; stands first in the list of an agent's middleware.

    Before each call of the model personal data is taken out of all messages, tool results too, and the person's
    message is screened: a crisis, and whatever else the flow refers, ends the run in the referral. What the
    model writes to the person is the draft of a turn of the flow: checked, mended from the notes or replaced by a
    referral, recorded, and only then, with personal data put back, a message. Text that a model writes beside
    tool calls goes to nobody and is dropped. Tools are given placeholders.

    Callbacks of the run do not see the model's calls, as these would see drafts; a model's own callbacks do.

    Args:
        guard: Whose flow it is; whoever made it closes it.
        region: Region whose help lines are shown; the setting when None.
        language: Language of replies; the setting when None.
        guided: Whether the model is given the shipped task and the technique notes beside its own system
            prompt. Without them few answers have the five parts that pass.
        trusted_tools: Names of tools that get the originals in place of placeholders, as one that books an
            appointment needs to.
    """

    def __init__(
        self,
        guard: Guard,
        *,
        region: str | None = None,
        language: str | None = None,
        guided: bool = True,
        trusted_tools: Collection[str] = (),
    ) -> None:
        super().__init__()
        self._guard = guard
        self._region = region
        self._language = language
        self._guided = guided
        self._trusted = frozenset(trusted_tools)

    # --- before ------------------------------------------------------------------------------------------

    @hook_config(can_jump_to=["end"])
    def before_agent(self, state: AgentState[Any], runtime: Runtime[Any]) -> dict[str, Any] | None:
        """End the run in the referral, where the flow would not let a model write."""
        del runtime
        question = self._question(state["messages"])
        look = self._guard.outside(self._guard.looked(question))
        if look.task is not None:
            return None
        return {"messages": [self._referred(question, look)], "jump_to": "end"}

    @hook_config(can_jump_to=["end"])
    async def abefore_agent(self, state: AgentState[Any], runtime: Runtime[Any]) -> dict[str, Any] | None:
        """As :meth:`before_agent`."""
        del runtime
        question = self._question(state["messages"])
        look = await self._guard.aoutside(self._guard.looked(question))
        if look.task is not None:
            return None
        return {"messages": [await self._areferred(question, look)], "jump_to": "end"}

    # --- the model ---------------------------------------------------------------------------------------

    def wrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[Any], Any]
    ) -> ModelResponse[Any]:
        """Call the model with protected messages; let out tool calls, and of texts what the flow lets out."""
        question = self._question(request.messages)
        look = self._guard.outside(self._guard.looked(question, _texts(request.messages)))
        if look.task is None:
            return ModelResponse(result=[self._referred(question, look)])
        protected = self._protected(request, look)
        try:
            with _unseen():
                wrote = handler(protected)
        except GraphBubbleUp:
            raise
        except Exception:  # noqa: BLE001 - a model that fails is a writer that fails: the flow refers
            wrote = None
        if (calls := _calls(wrote)) is not None:
            return ModelResponse(result=[calls])
        taken = self._guard.taken(question, _draft(wrote), look.vault, name=_name(request))
        return ModelResponse(result=[_message(self._guard.outside(taken), question, _last(wrote))])

    async def awrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[Any], Awaitable[Any]]
    ) -> ModelResponse[Any]:
        """As :meth:`wrap_model_call`; the model has as long as a writer, ``generate_s``."""
        question = self._question(request.messages)
        look = await self._guard.aoutside(self._guard.looked(question, _texts(request.messages)))
        if look.task is None:
            return ModelResponse(result=[await self._areferred(question, look)])
        protected = self._protected(request, look)
        try:
            with _unseen():
                async with asyncio.timeout(self._guard.settings.bounds().generate_s):
                    wrote = await handler(protected)
        except GraphBubbleUp:
            raise
        except Exception:  # noqa: BLE001 - a model that fails is a writer that fails: the flow refers
            wrote = None
        if (calls := _calls(wrote)) is not None:
            return ModelResponse(result=[calls])
        taken = self._guard.taken(question, _draft(wrote), look.vault, name=_name(request))
        return ModelResponse(result=[_message(await self._guard.aoutside(taken), question, _last(wrote))])

    # --- tools -------------------------------------------------------------------------------------------

    def wrap_tool_call(self, request: ToolCallRequest, handler: Callable[[Any], Any]) -> Any:
        """Give originals to tools that are trusted with them."""
        if request.tool_call["name"] not in self._trusted:
            return handler(request)
        messages = request.state["messages"]
        look = self._guard.outside(self._guard.looked(self._question(messages), _texts(messages)))
        return handler(_restored(request, look))

    async def awrap_tool_call(
        self, request: ToolCallRequest, handler: Callable[[Any], Awaitable[Any]]
    ) -> Any:
        """As :meth:`wrap_tool_call`."""
        if request.tool_call["name"] not in self._trusted:
            return await handler(request)
        messages = request.state["messages"]
        look = await self._guard.aoutside(self._guard.looked(self._question(messages), _texts(messages)))
        return await handler(_restored(request, look))

    # --- after -------------------------------------------------------------------------------------------

    def after_agent(self, state: AgentState[Any], runtime: Runtime[Any]) -> dict[str, Any] | None:
        """Take through the flow what else ended the run: a tool's own text, or another middleware's."""
        del runtime
        if (last := _foreign(state["messages"])) is None:
            return None
        question = self._question(state["messages"])
        texts = (_plain(last.content),)
        look = self._guard.outside(self._guard.looked(question, texts))
        taken = self._guard.taken(question, (look.texts or (None,))[0], look.vault, name="agent")
        return _in_place_of(last, _message(self._guard.outside(taken), question, None))

    async def aafter_agent(self, state: AgentState[Any], runtime: Runtime[Any]) -> dict[str, Any] | None:
        """As :meth:`after_agent`."""
        del runtime
        if (last := _foreign(state["messages"])) is None:
            return None
        question = self._question(state["messages"])
        texts = (_plain(last.content),)
        look = await self._guard.aoutside(self._guard.looked(question, texts))
        taken = self._guard.taken(question, (look.texts or (None,))[0], look.vault, name="agent")
        return _in_place_of(last, _message(await self._guard.aoutside(taken), question, None))

    # --- inside ------------------------------------------------------------------------------------------

    def _question(self, messages: Sequence[Any]) -> Question:
        text, earlier = said(messages)
        return Question(
            text=text,
            thread=thread_of(get_config()),
            earlier=earlier,
            region=self._region,
            language=self._language,
        )

    def _referred(self, question: Question, look: Look) -> AIMessage:
        answer = self._guard.outside(self._guard.taken(question, None, look.vault, name="agent"))
        return _message(answer, question, None)

    async def _areferred(self, question: Question, look: Look) -> AIMessage:
        answer = await self._guard.aoutside(self._guard.taken(question, None, look.vault, name="agent"))
        return _message(answer, question, None)

    def _protected(self, request: ModelRequest[Any], look: Look) -> ModelRequest[Any]:
        if request.response_format is not None:
            raise SettingsError(
                "settings.invalid",
                "An agent behind the guards gives no structured response: nothing could check it.",
                hint="Leave response_format out.",
            )
        messages = [_rebuilt(*pair) for pair in zip(request.messages, look.texts, strict=True)]
        if not self._guided or look.task is None:
            return request.override(messages=messages)
        # The history stands in the messages already.
        prompt = build_prompt(look.task, history=0)
        place = max(n for n, message in enumerate(messages) if isinstance(message, HumanMessage))
        messages[place] = HumanMessage(content=prompt.user, id=messages[place].id)
        own = request.system_message.text if request.system_message is not None else ""
        system = SystemMessage(content=f"{own}\n\n{prompt.system}".strip())
        return request.override(messages=messages, system_message=system)


@contextmanager
def _unseen() -> Iterator[None]:
    """Hide the model's call from the run's callbacks and streams, which would show its draft."""
    token = var_child_runnable_config.set({**get_config(), "callbacks": []})
    try:
        yield
    finally:
        var_child_runnable_config.reset(token)


def _texts(messages: Sequence[Any]) -> tuple[str, ...]:
    return tuple(_plain(message.content) for message in messages)


def _plain(content: Any) -> str:
    """The text of a content; what else it holds goes to nobody, as nothing here could read it."""
    if isinstance(content, str):
        return content
    blocks = content if isinstance(content, list) else []
    texts = [block if isinstance(block, str) else block.get("text", "") for block in blocks]
    return "\n".join(text for text in texts if isinstance(text, str) and text)


def _rebuilt(message: Any, text: str) -> Any:
    """A message with nothing in it but a protected text and what the protocol of tools needs."""
    if isinstance(message, ToolMessage):
        return ToolMessage(
            content=text, tool_call_id=message.tool_call_id, name=message.name, status=message.status
        )
    if isinstance(message, AIMessage):
        return AIMessage(content=text, tool_calls=message.tool_calls, id=message.id)
    if isinstance(message, SystemMessage):
        return SystemMessage(content=text, id=message.id)
    return HumanMessage(content=text, id=message.id)


def _last(wrote: Any) -> AIMessage | None:
    result = [wrote] if isinstance(wrote, AIMessage) else list(getattr(wrote, "result", ()))
    found = [message for message in result if isinstance(message, AIMessage)]
    return found[-1] if found else None


def _calls(wrote: Any) -> AIMessage | None:
    """The model's tool calls without the text beside them; None where it made none."""
    last = _last(wrote)
    if last is None or not last.tool_calls:
        return None
    return AIMessage(content="", tool_calls=last.tool_calls, id=last.id, usage_metadata=last.usage_metadata)


def _draft(wrote: Any) -> str | None:
    last = _last(wrote)
    return None if last is None else _plain(last.content)


def _message(answer: Answer, question: Question, wrote: AIMessage | None) -> AIMessage:
    text = shown(answer, begun=answer.turn == 1 and bool(question.earlier))
    led = {**summary(answer), "digest": _digest(text)}
    return AIMessage(
        content=text,
        response_metadata={_MARK: led},
        id=wrote.id if wrote is not None else None,
        usage_metadata=wrote.usage_metadata if wrote is not None else None,
    )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]


def _foreign(messages: Sequence[Any]) -> Any | None:
    """The last message, where it is none that was let out, or is not what it was then."""
    last = messages[-1]
    led = last.response_metadata.get(_MARK) if isinstance(last, AIMessage) else None
    same = isinstance(led, dict) and led.get("digest") == _digest(_plain(last.content))
    return None if same else last


def _in_place_of(last: Any, message: AIMessage) -> dict[str, Any]:
    # What a tool brought stays among the messages; what was said to the person does not.
    return {
        "messages": [message.model_copy(update={"id": last.id}) if isinstance(last, AIMessage) else message]
    }


def _name(request: ModelRequest[Any]) -> str:
    return f"agent:{type(request.model).__name__}"


def _restored(request: ToolCallRequest, look: Look) -> ToolCallRequest:
    """The request with originals; a vault that could not be made again knows none, and neutral words stand in."""
    call = request.tool_call
    return request.override(tool_call={**call, "args": _deep(call["args"], look.vault.restore)})


def _deep(value: Any, restore: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return restore(value)
    if isinstance(value, dict):
        return {name: _deep(one, restore) for name, one in value.items()}
    if isinstance(value, list):
        return [_deep(one, restore) for one in value]
    return value


__all__ = ["GuardMiddleware"]
