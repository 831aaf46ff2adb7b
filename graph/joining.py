"""Two turns of one talk at the same moment, at two processes: neither knew of the other, and what is kept knows both.

Within a process the turns of a talk stand in a row. At two, the one that ends last would leave the talk as if the
other had never been: without its message, and without the care mode that a crisis began.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from cbtguard.graph.talks import USED_AT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cbtguard.nodes import Limits

_log = logging.getLogger("cbtguard.joining")

_MOST = 32
"""Checkpoints that are looked back at."""
_UPDATE = "update"
"""Source of the checkpoints that are written here."""


async def join(graph: Any, thread: str, before: str | None, at: str, limits: Limits) -> None:
    """See whether another process had a turn of this talk since it was read, and if so keep what both know.

    Whoever ends last sees the other's turn. What fails here costs nothing of the reply that stands already.

    Args:
        graph: The compiled flow, with threads.
        thread: Name of the talk.
        before: Id of the checkpoint that this turn began with; None at the start of a talk.
        at: When the turn began.
        limits: Their ``record_s`` and ``history_turns`` count.
    """
    config: Any = {"configurable": {"thread_id": thread}}
    try:
        async with asyncio.timeout(limits.record_s):
            since = []
            async for kept in graph.aget_state_history(config, limit=_MOST):
                if id_of(kept) == before:
                    break
                since.append(kept)
            turns = [kept for kept in since if (kept.metadata or {}).get("source") != _UPDATE]
            if len(turns) < 2:
                return
            both = joined([kept.values for kept in reversed(since)], len(turns), limits.history_turns)
            await graph.aupdate_state({**config, "metadata": {USED_AT: at}}, both, as_node="record")
    except Exception as error:  # noqa: BLE001 - the reply stands, and its entry is written
        _log.error("turns of two processes could not be joined: %s", type(error).__name__)


def id_of(kept: Any) -> str | None:
    """Return the id of a checkpoint's state; None where there is no checkpoint."""
    found = ((getattr(kept, "config", None) or {}).get("configurable") or {}).get("checkpoint_id")
    return None if found is None else str(found)


def joined(states: Sequence[dict[str, Any]], turns: int, history_turns: int) -> dict[str, Any]:
    """Return what stays of a talk after turns that did not know of each other; in doubt it is in care mode.

    Args:
        states: What each left, oldest first.
        turns: How many turns they were.
        history_turns: Messages that are kept.
    """
    cares = [state["care"] for state in states if state.get("care")]
    active = [care for care in cares if care["active"]]
    told = dict.fromkeys(danger for care in active for danger in care.get("told") or ())
    care: dict[str, Any] = {
        "active": bool(active),
        "calm": min((care["calm"] for care in active), default=0),
        "step": max((care["step"] for care in cares), default=0),
    }
    if told:
        care["told"] = list(told)
    last_told = max(states, key=lambda state: str(state.get("disclosed_at") or ""))
    counters: dict[str, int] = {}
    for state in states:
        for kind, highest in (state.get("counters") or {}).items():
            counters[kind] = max(highest, counters.get(kind, 0))
    messages = {(one["text"], one["level"]): one for state in states for one in state.get("history") or ()}
    return {
        "care": care,
        "history": list(messages.values())[-history_turns:],
        "turn": min(int(state.get("turn") or 1) for state in states) - 1 + turns,
        "counters": counters,
        "reviews": list(dict.fromkeys(item for state in states for item in state.get("reviews") or ())),
        **{key: last_told[key] for key in ("disclosed_at", "disclosed_turn") if key in last_told},
    }
