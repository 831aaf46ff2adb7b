"""A running service of cbtguard, asked over HTTP as its callers ask it."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING, Any

from cbtguard.audit.target import Reply
from cbtguard.audit.targets.reading import no_sense, reply_of_answer, risk_fields
from cbtguard.audit.targets.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class ServiceTarget:
    """``/v1/ask``, ``/v1/screen``, ``/v1/check`` and ``/v1/redact`` of a service.

    Args:
        name: As the report shows it.
        url: Address without ``/v1``.
        key: A key with the scope ask; None where none is asked for.
    """

    kind = "service"
    can = frozenset({"ask", "screen", "check", "redact", "trace"})

    def __init__(self, name: str, url: str, key: str | None = None) -> None:
        self.name = name
        self._url = url
        self._wire = Wire(name, url, key)

    def describe(self) -> Mapping[str, str]:
        """Return the address; a service keeps the versions of its parts in its record."""
        return {"url": self._url}

    async def ask(self, turns: Sequence[str], *, region: str, note: str | None = None) -> list[Reply]:
        """Go through a talk that the service keeps under a name of its own."""
        del note
        thread = f"audit-{uuid.uuid4().hex}"
        replies = []
        for text in turns:
            body = {"text": text, "thread": thread, "region": region}
            found, ms = await self._timed("/v1/ask", body)
            if not isinstance(found.get("reply"), str):
                raise no_sense(self.name, "answers without a reply")
            replies.append(reply_of_answer(found, ms))
        return replies

    async def screen(self, text: str) -> Reply:
        """Return the verdict of the screen alone."""
        found, ms = await self._timed("/v1/screen", {"text": text})
        if not isinstance(found.get("risk"), dict):
            raise no_sense(self.name, "screens without a risk")
        return Reply(text="", ms=ms, **risk_fields(found["risk"]))

    async def check(self, question: str, answer: str) -> Reply:
        """Return what the checker finds in a written answer."""
        found, ms = await self._timed("/v1/check", {"question": question, "answer": answer})
        try:
            parts = {str(name): bool(part["present"]) for name, part in found["parts"].items()}
            defects = tuple(dict.fromkeys(str(one["code"]) for one in found["defects"]))
        except (KeyError, TypeError, AttributeError):
            raise no_sense(self.name, "checks without parts and defects") from None
        return Reply(text=answer, parts=parts, defects=defects, ms=ms)

    async def redact(self, text: str) -> str:
        """Return the text without personal data."""
        found, _ = await self._timed("/v1/redact", {"text": text})
        if not isinstance(found.get("text"), str):
            raise no_sense(self.name, "takes personal data out and gives no text")
        return str(found["text"])

    async def close(self) -> None:
        """Let go of the connections."""
        await self._wire.close()

    async def _timed(self, path: str, body: Mapping[str, Any]) -> tuple[dict[str, Any], float]:
        start = time.perf_counter()
        return await self._wire.post(path, body), (time.perf_counter() - start) * 1000
