"""Hold: the turn is laid before a reviewer; the person reads the vetted reply meanwhile."""

from __future__ import annotations

from typing import Any

from langgraph.runtime import Runtime  # noqa: TC002 - LangGraph resolves annotations

from cbtguard.nodes.context import Context  # noqa: TC001 - LangGraph resolves annotations
from cbtguard.nodes.holding import KEPT_ITEMS, item_of
from cbtguard.nodes.state import State  # noqa: TC001 - LangGraph resolves annotations
from cbtguard.nodes.stop import ask, garbage, timed


async def hold(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Open an item for a reviewer. Only then may the entry, and after it the reply, say that one waits."""
    context = runtime.context
    with timed(context.desk, "hold"):
        if context.reviews is None:
            raise garbage("hold", "no_queue")
        item = item_of(state, context)
        opened = await ask(context, "hold", context.reviews.open, str, item)
        if opened != item["id"]:
            raise garbage("hold", "item")
        kept = [*(state.get("reviews") or []), opened][-KEPT_ITEMS:]
        taken = state["taken_over"]
        # Were that one dropped, the flow would answer again in the middle of a talk between two people.
        return {"review": opened, "reviews": kept if not taken or taken in kept else [taken, *kept[1:]]}
