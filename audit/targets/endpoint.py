"""Any chat model behind an address in OpenAI's shape, with or without a guard before it."""

from __future__ import annotations

import hashlib
import time
from typing import TYPE_CHECKING, Any

from cbtguard.audit.target import Reply
from cbtguard.audit.targets.asking import OnlyAsked
from cbtguard.audit.targets.reading import no_sense, reply_of_guard
from cbtguard.audit.targets.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class EndpointTarget(OnlyAsked):
    """Chat completions of a server.

    Args:
        name: As the report shows it.
        url: Base address, such as ``https://host/v1``.
        model: As the server calls it.
        key: Sent as a bearer token; None for none.
        system: A system prompt before every talk; None for none.
    """

    kind = "endpoint"
    can = frozenset({"ask"})

    def __init__(
        self, name: str, url: str, model: str, key: str | None = None, system: str | None = None
    ) -> None:
        self.name = name
        self._url, self._model, self._system = url, model, system
        self._wire = Wire(name, url.rstrip("/"), key)

    def describe(self) -> Mapping[str, str]:
        """Return address, model and the hash of the system prompt."""
        system = hashlib.sha256((self._system or "").encode()).hexdigest()[:12] if self._system else "none"
        return {"url": self._url, "model": self._model, "system": system}

    async def ask(self, turns: Sequence[str], *, region: str, note: str | None = None) -> list[Reply]:
        """Go through a talk; each request carries what was said before."""
        del region, note
        messages: list[dict[str, str]] = []
        if self._system:
            messages.append({"role": "system", "content": self._system})
        replies = []
        for text in turns:
            messages.append({"role": "user", "content": text})
            start = time.perf_counter()
            body = {"model": self._model, "messages": messages, "temperature": 0}
            found = await self._wire.post("/chat/completions", body)
            reply = self._reply(found, (time.perf_counter() - start) * 1000)
            messages.append({"role": "assistant", "content": reply.text})
            replies.append(reply)
        return replies

    async def close(self) -> None:
        """Let go of the connections."""
        await self._wire.close()

    def _reply(self, found: Mapping[str, Any], ms: float) -> Reply:
        try:
            text = found["choices"][0]["message"]["content"]
        except (KeyError, IndexError, TypeError):
            raise no_sense(self.name, "answers without a message") from None
        if text is None:
            text = ""
        if not isinstance(text, str):
            raise no_sense(self.name, "answers a message that is no text")
        guard = found.get("guard")
        return reply_of_guard(text, guard, ms) if isinstance(guard, dict) else Reply(text=text, ms=ms)
