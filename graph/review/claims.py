"""Claims: of several who act on an item at once, on one machine or on many, one does.

A checkpointer keeps the first of two writes with the same task id and place. So a claim is such a write
beside the checkpoint at which the item waits; every act that changes the item leads to another checkpoint.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver

PATIENCE_S: Final = 60.0
"""After so many seconds a claim counts as given up: its process died, or its store failed."""
_CHANNEL: Final = "claim"
_MOST: Final = 1_000


async def claim(saver: BaseCheckpointSaver[Any], config: Any, token: str, now: float) -> bool:
    """Return whether the act with this token may be done on the item as it is now.

    Args:
        saver: Where the item is kept.
        config: Names the item's thread.
        token: Differs for each act.
        now: Seconds since the epoch, by the clock of the services.
    """
    kept = await saver.aget_tuple(config)
    if kept is None:
        return False
    for number in range(_MOST):
        task = f"claim-{number}"
        await saver.aput_writes(kept.config, [(_CHANNEL, f"{token} {now}")], task)
        # Read where it was written: by then another act may have led on to a newer checkpoint.
        again = await saver.aget_tuple(kept.config)
        newest = await saver.aget_tuple(config)
        if again is None or newest is None or _place(newest) != _place(kept):
            return False
        held = next((str(value) for by, _, value in again.pending_writes or () if by == task), "")
        owner, _, since = held.partition(" ")
        if owner == token:
            return True
        if now - float(since or now) < PATIENCE_S:
            return False
    return False


def _place(kept: Any) -> str:
    return str(kept.config["configurable"]["checkpoint_id"])
