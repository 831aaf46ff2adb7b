"""Any OpenAI-compatible server as a writer: OpenAI, vLLM, llama.cpp, Ollama, ``transformers serve``."""

from __future__ import annotations

import asyncio
import weakref
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from cbtguard.nodes.writers import failures
from cbtguard.nodes.writers.breaker import Breaker
from cbtguard.nodes.writers.failures import AnswerError, Failure, failure_of
from cbtguard.nodes.writers.finish import begun, ended, finished
from cbtguard.nodes.writers.naming import recordable, short
from cbtguard.nodes.writers.prompt import shorter_prompts
from cbtguard.nodes.writers.server import Server, Times
from cbtguard.nodes.writers.source import need_library
from cbtguard.safety.errors import CbtguardError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from openai import AsyncOpenAI

    from cbtguard.nodes.writers.prompt import Prompt
    from cbtguard.nodes.writers.task import Draft, WritingTask

_MOST_CHARACTERS = 20_000
"""A server that writes on and on is cut short here; the checker finds such a text too long."""


class OpenAIWriter:
    """Writes with the chat completions of a server. Their tokens go to whoever calls, and to no trace.

    What a server may answer with later is asked again with growing, jittered waits (HTTP 408, 409, 429 and
    5xx, and connections that fail), or after the wait it asks for; a circuit breaker leaves a server alone
    that failed several times in a row. A prompt that is too long for the model is tried shorter, earlier
    messages first. Redirects are not followed: a prompt goes to no other address. Citations are as in
    :func:`cbtguard.nodes.writers.finish.finished`.

    Args:
        url: Base address, such as ``http://127.0.0.1:8000/v1``.
        model: Model, as the server calls it.
        key: Key, if the server wants one; kept out of every message and ``repr``. The variables of the
            ``openai`` library are not read: a key of theirs would go to any address.
        times: Time limits.
        retries: Further tries of a failed request, at least 0.
        max_tokens: Longest draft; None to leave it to the server.
        temperature: 0 for the likeliest text; None to leave it to the server.
        headers: Further headers, for gateways.
        extra: Further fields of the request, such as ``{"max_completion_tokens": 900}``.
        breaker: The circuit breaker; one of its own by default.

    Raises:
        SettingsError: ``settings.invalid`` for an address, model or bound that cannot be used.
        DependencyError: ``dependency.library`` when ``openai`` is not installed.
    """

    def __init__(
        self,
        url: str,
        model: str,
        *,
        key: str | SecretStr | None = None,
        times: Times | None = None,
        retries: int = 2,
        max_tokens: int | None = 900,
        temperature: float | None = 0.0,
        headers: Mapping[str, str] | None = None,
        extra: Mapping[str, Any] | None = None,
        breaker: Breaker | None = None,
    ) -> None:
        self._server = Server(
            url=url,
            key=key if isinstance(key, SecretStr) else SecretStr(key or ""),
            times=times or Times(),
            retries=retries,
            headers=dict(headers or {}),
        )
        if not model.strip() or (max_tokens is not None and max_tokens < 1):
            raise SettingsError(
                "settings.invalid",
                "A server needs a model name, and drafts of at least one token.",
                hint="Set writer_model, and leave the rest unset for the defaults.",
            )
        need_library("openai", "A writer behind a server needs it.")
        self.name = recordable(f"openai/{short(model)}")
        asked = {"model": model, "max_tokens": max_tokens, "temperature": temperature}
        self._request: dict[str, Any] = {name: value for name, value in asked.items() if value is not None}
        self._extra = dict(extra or {})
        self._breaker = breaker or Breaker()
        # A client belongs to the event loop it was first used in.
        self._clients: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, AsyncOpenAI] = (
            weakref.WeakKeyDictionary()
        )

    def __repr__(self) -> str:
        return f"OpenAIWriter({self.name!r})"

    async def write(self, task: WritingTask) -> Draft:
        """Return the model's draft.

        Raises:
            WriterError: As :meth:`stream`.
        """
        return await self.stream(task, lambda _: None)

    async def stream(self, task: WritingTask, on_text: Callable[[str], None]) -> Draft:
        """Return the model's draft, and tell how it begins while it is being written.

        A cancelled call closes its connection, which ends the server's work.

        Args:
            task: What is to be written.
            on_text: Given all that is certain of the draft so far, each time it has grown.

        Raises:
            WriterError: ``writer.no_notes``; ``writer.unreachable``, ``writer.timeout``,
                ``writer.broken_off``, ``writer.unavailable``, ``writer.rate_limited`` or ``writer.failed``
                for a server that is down; ``writer.circuit_open`` while it is left alone; ``writer.key``,
                ``writer.unknown_model``, ``writer.rejected`` or ``writer.garbled`` for one that is set up in
                another way; ``writer.truncated``, ``writer.refused`` or ``writer.empty`` for an answer
                that is no whole draft; ``writer.too_long`` for a question that the model has no room for.
        """
        permit = self._breaker.admit()
        if permit is None:
            raise failures.KEPT_BACK.error(self.name)
        well: bool | None = None
        failure: Failure | None = None
        draft: Draft | None = None
        try:
            async with asyncio.timeout(self._server.times.total_s):
                draft = await self._draft(task, on_text)
            well = True
        except CbtguardError:
            raise
        except Exception as error:  # noqa: BLE001 - a client of a service fails in any way
            failure = failure_of(error)
            well = not failure.down
        finally:
            self._breaker.settle(permit, well)
        # Raised out here: the original may quote the prompt or the draft.
        if draft is None:
            raise (failure or failures.FAILED).error(self.name)
        return draft

    async def _draft(self, task: WritingTask, on_text: Callable[[str], None]) -> Draft:
        import openai  # noqa: PLC0415 - keeps start-up short

        for prompt in shorter_prompts(task):
            try:
                text = await self._text(prompt, lambda text: on_text(begun(text, language=task.language)))
            except openai.APIStatusError as error:
                if failure_of(error) is not failures.TOO_LONG:
                    raise
                continue
            draft = finished(text, language=task.language, notes=prompt.notes)
            if not draft.text:
                raise AnswerError(failures.EMPTY)
            return draft
        raise AnswerError(failures.TOO_LONG)

    async def _text(self, prompt: Prompt, told: Callable[[str], None]) -> str:
        messages: Any = prompt.messages()
        completions = self._client().chat.completions
        stream: Any = await completions.create(
            messages=messages, stream=True, extra_body=self._extra or None, **self._request
        )
        async with stream:
            return await _collected(stream, told)

    def _client(self) -> AsyncOpenAI:
        loop = asyncio.get_running_loop()
        if loop not in self._clients:
            self._clients[loop] = self._server.new_client()
        return self._clients[loop]


async def _collected(stream: Any, told: Callable[[str], None]) -> str:
    """Return the text of a stream, up to the first stop mark; ``told`` is given it as it grows.

    Raises:
        AnswerError: When the stream ends early, or says that the text is not whole.
    """
    import openai  # noqa: PLC0415 - keeps start-up short

    text, reason = "", None
    try:
        async for chunk in stream:
            # The last chunk may hold numbers only.
            for choice in chunk.choices or ():
                if getattr(choice.delta, "refusal", None):
                    raise AnswerError(failures.FILTERED)
                text += getattr(choice.delta, "content", None) or ""
                reason = choice.finish_reason or reason
            told(text)
            if ended(text) or len(text) > _MOST_CHARACTERS:
                return text
    except openai.APITimeoutError:
        raise
    except openai.APIConnectionError as error:
        raise AnswerError(failures.BROKEN_OFF) from error
    if reason == "length":
        raise AnswerError(failures.TRUNCATED)
    if reason == "content_filter":
        raise AnswerError(failures.FILTERED)
    if reason is None:
        raise AnswerError(failures.BROKEN_OFF if text else failures.GARBLED)
    return text
