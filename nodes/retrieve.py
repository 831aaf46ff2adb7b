"""Retrieve: the technique notes an answer may stand on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langgraph.runtime import Runtime  # noqa: TC002 - LangGraph resolves annotations

from cbtguard.nodes.context import Context  # noqa: TC001 - LangGraph resolves annotations
from cbtguard.nodes.retrieval.hybrid import Hit
from cbtguard.nodes.state import State  # noqa: TC001 - LangGraph resolves annotations
from cbtguard.nodes.stop import ask, garbage, timed

NOTES = 3
"""Notes a writer is given."""


async def retrieve(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Put the hits into the state; none of them means that nothing fits."""
    context = runtime.context
    with timed(context.desk, "retrieve"):
        hits: Sequence[Any] = await ask(
            context,
            "retrieve",
            context.services.retriever.retrieve,
            Sequence,  # type: ignore[type-abstract]
            state["question"],
            k=NOTES,
        )
        if isinstance(hits, str | bytes) or len(hits) > NOTES:
            raise garbage("retrieve", "hits")
        for hit in hits:
            if not isinstance(hit, Hit) or hit.note_id not in context.services.library:
                raise garbage("retrieve", "hit")
        return {
            "notes": [{"note_id": hit.note_id, "score": hit.score} for hit in hits],
            "reason": "checked" if hits else "no_note",
        }
