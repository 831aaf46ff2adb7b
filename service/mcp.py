"""The guards as tools of the Model Context Protocol, so that any agent can ask them."""

from __future__ import annotations

import asyncio
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from cbtguard.safety.errors import CbtguardError
from cbtguard.safety.language import normalise_language
from cbtguard.safety.privacy.vault import Vault
from cbtguard.safety.text import clean

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from mcp.server import MCPServer

    from cbtguard.graph import Guard

_ABOUT = """A CBT counselling model behind guards. Show the person the reply of ask as it stands: it was checked or is
a vetted text, and in danger it names people who can help. It is no therapist and no medical device."""


def make_server(guard: Guard) -> MCPServer:
    """Return a server with the tools ask, screen, check and redact.

    Args:
        guard: Answers the questions; who made it closes it.
    """
    from mcp.server import MCPServer  # noqa: PLC0415 - an extra

    server = MCPServer("cbtguard", version=version("cbtguard"), instructions=_ABOUT, log_level="ERROR")
    most = guard.settings.max_characters

    async def ask(
        text: str, thread: str | None = None, region: str | None = None, language: str | None = None
    ) -> dict[str, Any]:
        """Answer what a person wrote, with CBT, or refer them to people. Name the talk in thread."""
        answer = await _told(guard.aask(text, thread=thread, region=region, language=language))
        return dict(answer.as_dict())

    async def screen(text: str) -> dict[str, Any]:
        """Screen a message for crisis risk: level none, watch, crisis or emergency, with signals."""
        risk = await _told(asyncio.to_thread(lambda: guard.services.detector.assess(clean(text, limit=most))))
        return dict(risk.as_dict())

    async def check(question: str, answer: str, language: str | None = None) -> dict[str, Any]:
        """Check an answer to a person, whoever wrote it: five parts, defects, passed."""

        def work() -> Any:
            named = {"language": normalise_language(language).value} if language else {}
            return guard.services.checker.check(
                clean(question, limit=most), clean(answer, limit=most), **named
            )

        return dict((await _told(asyncio.to_thread(work))).as_dict())

    async def redact(text: str) -> dict[str, Any]:
        """Take personal data out of a text; placeholders stand in."""
        found = await _told(
            asyncio.to_thread(lambda: guard.services.redactor.redact(clean(text, limit=most), Vault()))
        )
        entities = [
            {"type": one.type.value, "start": one.start, "end": one.end, "score": one.score}
            for one in found.entities
        ]
        return {"text": found.text, "entities": entities}

    for tool in (ask, screen, check, redact):
        server.tool()(tool)
    return server


async def _told(work: Awaitable[Any]) -> Any:
    """What work brings; of an error its code and hint, never a text that may quote the person."""
    from mcp.server.mcpserver.exceptions import ToolError  # noqa: PLC0415 - an extra

    try:
        return await work
    except CbtguardError as error:
        said = str(error)
    except Exception as error:  # noqa: BLE001 - its text may quote the person
        said = f"The tool failed ({type(error).__name__})."
    raise ToolError(said)
