"""Running one turn on the compiled graph: bounded in time, and never without a reply."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Any, Protocol

from cbtguard.graph.build import last_resort
from cbtguard.graph.disclosure import disclosed
from cbtguard.graph.earlier import replayed
from cbtguard.graph.joining import id_of, join
from cbtguard.graph.talks import USED_AT
from cbtguard.nodes import fresh_turn, opinion
from cbtguard.nodes.stop import ask
from cbtguard.safety.errors import Fault, RecordError
from cbtguard.safety.privacy.vault import Vault
from cbtguard.safety.record import StoredEntry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cbtguard.nodes import Context, Turn

_log = logging.getLogger("cbtguard.flow")


class Runnable(Protocol):
    """What a turn needs of a compiled graph."""

    async def ainvoke(self, given: Any, config: Any, **named: Any) -> Any:
        """Run to the end and return the state."""
        ...

    async def aget_state(self, config: Any) -> Any:
        """Return the last checkpoint of a thread."""
        ...


async def run_turn(
    graph: Runnable,
    turn: Turn,
    context: Context,
    *,
    thread: str | None = None,
    renew: bool = False,
    earlier: Sequence[str] = (),
    shared: bool = False,
) -> dict[str, Any]:
    """Return the final state of a turn.

    The graph answers for its own faults; here stands what holds if the graph itself fails: the turn's
    time is bounded, and a result that is no answer becomes the last-resort referral.

    Args:
        graph: The compiled flow.
        turn: Its input, from :func:`cbtguard.nodes.fresh_turn`.
        context: Services, bounds and desk.
        thread: Id of the talk; None for a turn that stands alone.
        renew: The vault of the talk is lost; the desk gets one whose numbers go on where the talk's were.
        earlier: What the person wrote before, where the caller keeps the talk; a talk that is kept here
            knows better.
        shared: Whether another process may have a turn of the talk, which then has a thread, at the same time.
    """
    before: str | None = None
    known: dict[str, Any] = {
        "thread": thread or "none",
        "turn": 1,
        **disclosed({}, turn["at"], 1, context.limits),
    }
    config: Any = {"callbacks": []}
    if thread is not None:
        config["configurable"] = {"thread_id": thread}
        # Kept beside the checkpoint in the clear, so that old talks are found without reading them.
        config["metadata"] = {USED_AT: turn["at"]}
    fault = None
    state: Any = None
    try:
        async with asyncio.timeout(context.limits.turn_s):
            if thread is not None:
                snapshot = await graph.aget_state(config)
                past, before = _past(snapshot, thread), id_of(snapshot)
                known["turn"] = int(past.get("turn") or 0) + 1
                known.update(disclosed(past, turn["at"], known["turn"], context.limits))
                _renumber(context, past.get("counters") or {}, renew=renew)
                if context.reviews is not None and past.get("reviews"):
                    known["taken_over"] = await context.reviews.taken_over(past["reviews"])
            if earlier and known["turn"] == 1:
                known |= await replayed(earlier, context)
            state = await graph.ainvoke(
                {**turn, **known}, config, context=context, durability=_durability(thread)
            )
    except TimeoutError:
        fault = f"turn:{Fault.TIMEOUT.value}:turn_s"
    except Exception as error:  # noqa: BLE001 - whatever fails, the person gets a reply
        fault = f"turn:{Fault.RAISED.value}:{type(error).__name__}"
    finally:
        opinion.drop(context)
    if fault is None and not _complete(state):
        fault = f"turn:{Fault.GARBAGE.value}:no_reply"
    if fault is None:
        if shared:
            await join(graph, str(thread), before, turn["at"], context.limits)
        return dict(state)
    _log.error("a turn failed outside its stops: %s", fault)
    return await _fall_back({**fresh_turn(**_basics(turn)), **known}, context, fault)


def _renumber(context: Context, counters: dict[str, int], *, renew: bool) -> None:
    if renew:
        context.desk.vault = Vault(counters)
    else:
        # Another process may have given out numbers since this vault was kept.
        context.desk.vault.advance(counters)


def _past(snapshot: Any, thread: str) -> dict[str, Any]:
    past: dict[str, Any] = snapshot.values
    if past.get("thread", thread) != thread:
        raise RecordError(
            "record.threads_mixed",
            "A talk has the state of another one.",
            hint="Somebody wrote into the store of the talks; forget this one.",
        )
    return past


def _durability(thread: str | None) -> Any:
    # One checkpoint a turn is all that a next turn needs; the record is written by its own stop.
    return "exit" if thread is not None else None


def _basics(turn: Turn) -> dict[str, str]:
    return {key: turn[key] for key in ("turn_id", "at", "asked_language", "region", "language")}


def _complete(state: Any) -> bool:
    """Whether a final state holds a reply on one of the three routes, with what that route needs."""
    if not isinstance(state, dict) or not str(state.get("reply") or "").strip():
        return False
    if state.get("route") == "answered":
        return state.get("answer") is not None and state.get("record_id") is not None
    if state.get("route") == "held":
        whole = state.get("referral") is not None and state.get("record_id") is not None
        return whole and bool(state.get("review"))
    return state.get("route") == "referred" and state.get("referral") is not None


async def _fall_back(state: dict[str, Any], context: Context, fault: str) -> dict[str, Any]:
    """The last-resort referral, recorded if that can still be done."""
    from cbtguard.nodes.record import entry_of  # noqa: PLC0415 - shadowed by the stop of the same name

    referral = last_resort(context, state["language"], state["region"])
    state.update(
        faults=[*state["faults"], fault],
        reason="fault",
        route="referred",
        referral=referral,
        reply=referral["text"],
    )
    with contextlib.suppress(Exception):
        async with asyncio.timeout(context.limits.record_s):
            entry = entry_of(state, context)  # type: ignore[arg-type]
            stored = await ask(context, "record", context.services.record.append, StoredEntry, entry)
            state["record_id"] = stored.record_id
    return state
