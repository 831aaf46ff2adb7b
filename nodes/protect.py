"""Protect: personal data goes out before anything else reads the message."""

from __future__ import annotations

from collections import Counter
from typing import Any

from langgraph.runtime import Runtime  # noqa: TC002 - LangGraph resolves annotations

from cbtguard.nodes.context import Context  # noqa: TC001 - LangGraph resolves annotations
from cbtguard.nodes.state import State  # noqa: TC001 - LangGraph resolves annotations
from cbtguard.nodes.stop import ask, garbage, timed
from cbtguard.safety.privacy.entities import Redaction


async def protect(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Put the protected question into the state; the originals stay in the vault on the desk."""
    del state
    context = runtime.context
    desk = context.desk
    with timed(desk, "protect"):
        redaction = await ask(
            context, "protect", context.services.redactor.redact, Redaction, desk.text, desk.vault
        )
        if not redaction.text.strip():
            raise garbage("protect", "empty")
        if desk.vault.known(redaction.text):
            raise garbage("protect", "identifier_left")
        desk.redaction = redaction
        return {
            "question": redaction.text,
            "counters": desk.vault.counters,
            "redactions": dict(Counter(entity.type.value for entity in redaction.entities)),
        }
