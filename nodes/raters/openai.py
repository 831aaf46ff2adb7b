"""An OpenAI-compatible server as a rater: OpenAI, vLLM, llama.cpp, Ollama, ``transformers serve``."""

from __future__ import annotations

import asyncio
import weakref
from typing import TYPE_CHECKING, Any

from cbtguard.nodes.raters.opinion import Opinion, opinion_of
from cbtguard.nodes.raters.prompt import messages, opinion_texts, schema
from cbtguard.nodes.writers.failures import failure_of
from cbtguard.nodes.writers.naming import recordable, short
from cbtguard.nodes.writers.source import need_library
from cbtguard.safety.errors import OpinionError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from openai import AsyncOpenAI

    from cbtguard.nodes.writers.server import Server
    from cbtguard.safety.risk import PastTurn

_MAX_TOKENS = 300
"""An opinion has about 60; a reason that rambles must not take the time of the answer."""


class ServerRater:
    """Rates with the chat completions of a server, by a JSON schema where the server takes one.

    A server that refuses the schema is asked without it from then on; its text is then read strictly.

    Args:
        server: Where it is and how long it may take.
        model: Model, as the server calls it.
        extra: Further fields of the request.

    Raises:
        SettingsError: ``settings.invalid`` without a model name.
        DependencyError: ``dependency.library`` when ``openai`` is not installed.
    """

    def __init__(self, server: Server, model: str, *, extra: dict[str, Any] | None = None) -> None:
        if not model.strip():
            raise SettingsError("settings.invalid", "A server needs a model name.", hint="Set opinion_model.")
        need_library("openai", "A rater behind a server needs it.")
        self.name = recordable(f"openai/{short(model)}")
        self.version = opinion_texts().version
        self._server = server
        self._model = model
        self._extra = dict(extra or {})
        self._schema = True
        # A client belongs to the event loop it was first used in.
        self._clients: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, AsyncOpenAI] = (
            weakref.WeakKeyDictionary()
        )

    def __repr__(self) -> str:
        return f"ServerRater({self.name!r})"

    async def rate(self, text: str, *, language: str, history: Sequence[PastTurn] = ()) -> Opinion:
        """Return the model's opinion; see :class:`cbtguard.nodes.raters.opinion.Rater`.

        Raises:
            OpinionError: ``opinion.malformed`` for an answer in another form, ``opinion.failed`` when the server
                fails.
        """
        del language
        answer, cause = "", ""
        try:
            answer = await self._ask(text, history)
        except Exception as error:  # noqa: BLE001 - a client of a service fails in any way
            cause = failure_of(error).code.removeprefix("writer.")
        # Raised out here: the original may quote the message.
        if cause:
            raise OpinionError(
                "opinion.failed",
                f"The server of {self.name!r} gave no opinion ({cause}).",
                hint="Check opinion_url, opinion_model and the server's log.",
            )
        return opinion_of(answer)

    async def _ask(self, text: str, history: Sequence[PastTurn]) -> str:
        import openai  # noqa: PLC0415 - keeps start-up short

        if self._schema:
            try:
                return await self._text(text, history, response_format=_form())
            except (openai.BadRequestError, openai.UnprocessableEntityError):
                self._schema = False
        return await self._text(text, history)

    async def _text(self, text: str, history: Sequence[PastTurn], **form: Any) -> str:
        asked: Any = messages(text, history)
        done = await self._client().chat.completions.create(
            model=self._model,
            messages=asked,
            max_tokens=_MAX_TOKENS,
            temperature=0.0,
            extra_body=self._extra or None,
            **form,
        )
        return str(done.choices[0].message.content or "") if done.choices else ""

    def _client(self) -> AsyncOpenAI:
        loop = asyncio.get_running_loop()
        if loop not in self._clients:
            self._clients[loop] = self._server.new_client()
        return self._clients[loop]


def _form() -> dict[str, Any]:
    return {
        "type": "json_schema",
        "json_schema": {"name": opinion_texts().name, "strict": True, "schema": schema()},
    }
