"""Opinion: a third reader of the message, asked beside the writing, heard before anything is answered.

It may raise what the screen found and never lower it. A rater that fails, is late or answers nonsense has
given no opinion; that is kept as ``opinion:fault:cause`` among the turn's faults, and the turn goes on.
"""

from __future__ import annotations

import asyncio
import contextvars
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from langgraph.runtime import Runtime  # noqa: TC002 - LangGraph resolves annotations

from cbtguard.nodes.context import Context  # noqa: TC001 - LangGraph resolves annotations
from cbtguard.nodes.raters.opinion import Opinion
from cbtguard.nodes.raters.prompt import opinion_texts
from cbtguard.nodes.state import Json, State  # noqa: TC001 - LangGraph resolves annotations
from cbtguard.nodes.stop import ask, timed
from cbtguard.safety.errors import Fault, StopFault
from cbtguard.safety.risk import Kind, Level, Risk, Signal
from cbtguard.safety.risk.verdict import raised

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cbtguard.safety.risk import PastTurn

RULE = "opinion.raised"
"""What the record calls the signal of an opinion that weighed."""
_SCORES = {Level.WATCH: 0.4, Level.CRISIS: 0.7, Level.EMERGENCY: 0.9}
"""An opinion comes without a probability; these stand between those of a hint and of a plain word."""


@dataclass(slots=True, kw_only=True)
class Pending:
    """An opinion that was asked for."""

    task: asyncio.Task[Opinion | str]
    """Ends with the opinion, or with the note ``opinion:fault:cause``."""
    history: tuple[PastTurn, ...]
    care: Json
    """The care state before this message."""


def start(context: Context, text: str, *, language: str, history: Sequence[PastTurn], care: Json) -> None:
    """Ask the rater, if there is one, and go on at once. ``text`` and ``history`` hold placeholders only."""
    rater = context.services.opinion
    if rater is None:
        return
    # In a context of its own: what the run hangs on the current one (callbacks, traces) is not for the rater.
    task = asyncio.get_running_loop().create_task(
        _rated(context, text, language, tuple(history)), context=contextvars.Context()
    )
    context.desk.opinion = Pending(task=task, history=tuple(history), care=care)


def is_out(context: Context) -> bool:
    """Whether an opinion was asked for and is not yet heard."""
    return context.desk.opinion is not None


def lets_out(context: Context, state: State) -> bool:
    """Whether words of a draft may be read early: not before the opinion is there, nor where it sees more danger."""
    pending, risk = context.desk.opinion, state["risk"]
    if pending is None:
        return True
    task = pending.task
    if not task.done() or task.cancelled() or risk is None:
        return False
    heard = task.result()
    if not isinstance(heard, Opinion):
        # A failed opinion is a fault, and a fault may hold the turn.
        return context.reviews is None
    return heard.level.rank <= Level(risk["level"]).rank


def drop(context: Context) -> None:
    """Let go of an opinion that nobody will hear any more."""
    pending, context.desk.opinion = context.desk.opinion, None
    if pending is not None:
        pending.task.cancel()


async def opinion(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Wait for the opinion and put into the state what it changes.

    The draft is thrown away when the opinion leads to people.
    """
    context = runtime.context
    pending = context.desk.opinion
    if pending is None:
        return {}
    with timed(context.desk, "opinion"):
        heard = await pending.task
        context.desk.opinion = None
        if isinstance(heard, str):
            return {"faults": [*state["faults"], heard]}
        update = _weighed(state, pending, heard, context.limits.care_turns)
        if update.get("reason", "checked") != "checked":
            context.desk.draft = None
        return update


def _weighed(state: State, pending: Pending, heard: Opinion, care_turns: int) -> dict[str, Any]:
    """What an opinion changes; nothing when it sees no more danger than the screen did."""
    from cbtguard.nodes.screen import next_care, reason_of  # noqa: PLC0415 - the screen starts the opinion

    known = state["risk"]
    if known is None:
        return {}
    risk = Risk.from_dict(known)
    if heard.level.rank <= risk.level.rank:
        return {}
    risk = raised(risk, _signals(heard, risk, state["question"]), pending.history)
    care = next_care(pending.care, risk.level, care_turns)
    update: dict[str, Any] = {"risk": risk.as_dict(), "care": care}
    reason = reason_of(risk.level, care, state["reason"])
    return update if reason == state["reason"] else {**update, "reason": reason}


def _signals(heard: Opinion, risk: Risk, text: str) -> tuple[Signal, ...]:
    own = opinion_texts()
    # A grave level must name its kind; a rater that names none is taken at its level all the same.
    kinds = heard.kinds or risk.kinds or (Kind.SUICIDE,)
    return tuple(
        Signal(
            detector="opinion",
            rule=RULE,
            kind=kind,
            level=heard.level,
            subject=heard.subject,
            start=0,
            end=len(text),
            evidence=text,
            score=_SCORES[heard.level],
            reason=own.reason,
            reason_zh=own.reason_zh,
        )
        for kind in kinds
    )


async def _rated(context: Context, text: str, language: str, history: tuple[PastTurn, ...]) -> Opinion | str:
    rater: Any = context.services.opinion
    try:
        async with asyncio.timeout(context.limits.opinion_s):
            rate: Callable[..., Any] = rater.rate
            return await ask(context, "opinion", rate, Opinion, text, language=language, history=history)
    except TimeoutError:
        return f"opinion:{Fault.TIMEOUT.value}:opinion_s"
    except StopFault as fault:
        kind = Fault.GARBAGE if fault.cause == "opinion.malformed" else fault.fault
        return f"opinion:{kind.value}:{fault.cause}"
