"""The wiring of the flow as a LangGraph state machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeVar

from langgraph.errors import NodeCancelledError, NodeError, NodeTimeoutError
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime  # noqa: TC002 - LangGraph resolves the annotations of a node
from langgraph.types import Command

from cbtguard.graph.routes import (
    after_check,
    after_compose,
    after_opinion,
    after_refer,
    after_retrieve,
    after_screen,
)
from cbtguard.nodes import (
    Context,
    Limits,
    State,
    Turn,
    check,
    fill,
    generate,
    hold,
    opinion,
    protect,
    record,
    refer,
    retrieve,
    screen,
)
from cbtguard.nodes.holding import holds
from cbtguard.safety.errors import Fault, StopFault

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver
    from langgraph.graph.state import CompiledStateGraph

Way = TypeVar("Way", bound=str)

RECURSION_LIMIT = 60
"""LangGraph's own default is about 10,000; the longest turn needs 9 steps and two a draft."""


_OF_A_PERSON = frozenset({"held", "taken_over"})
"""Reasons whose texts say that a person reads what was written."""
_GRACE_S = 1.0
"""An opinion ends by its own time limit; the stop that waits for it gives it this much more."""


class Composed(Turn):
    """What leaves the compose subgraph; LangGraph filters by it."""


def build(limits: Limits | None = None) -> StateGraph[Any, Any, Any, Any]:
    """Return the graph: protect, screen, retrieve, compose (generate <-> check, fill), refer, hold, record.

    Every stop has a timeout and an error handler that leads on to people; every conditional edge names all
    its ends. Services and bounds come with the run's context, so one compiled graph serves any settings;
    ``limits`` only sets the timeouts.
    """
    limits = limits or Limits()
    graph: StateGraph[Any, Any, Any, Any] = StateGraph(State, Context)
    guarded: dict[str, Any] = {"error_handler": to_refer}
    graph.add_node("protect", protect, timeout=limits.protect_s, **guarded)
    graph.add_node("screen", screen, timeout=limits.screen_s, **guarded)
    graph.add_node("retrieve", retrieve, timeout=limits.retrieve_s, **guarded)
    graph.add_node(
        "compose",
        build_compose(limits).compile(checkpointer=False, name="compose"),
        timeout=limits.generations * (limits.generate_s + limits.check_s)
        + 2 * limits.check_s
        + limits.opinion_s
        + _GRACE_S,
        **guarded,
    )
    graph.add_node("reconsider", opinion.opinion, timeout=limits.opinion_s + _GRACE_S, **guarded)
    graph.add_node("refer", refer, timeout=limits.refer_s, error_handler=to_last_resort)
    graph.add_node("hold", hold, timeout=limits.record_s, error_handler=to_unheld)
    graph.add_node("record", record, timeout=limits.record_s, error_handler=to_unrecorded)
    graph.add_edge(START, "protect")
    graph.add_edge("protect", "screen")

    def screened(state: State, runtime: Runtime[Context]) -> Literal["retrieve", "refer", "reconsider"]:
        return reconsidered(after_screen(state), runtime.context)

    def retrieved(state: State, runtime: Runtime[Context]) -> Literal["compose", "refer", "reconsider"]:
        return reconsidered(after_retrieve(state), runtime.context)

    graph.add_conditional_edges(
        "screen", screened, {"retrieve": "retrieve", "refer": "refer", "reconsider": "reconsider"}
    )
    graph.add_conditional_edges(
        "retrieve", retrieved, {"compose": "compose", "refer": "refer", "reconsider": "reconsider"}
    )
    graph.add_conditional_edges("compose", after_compose, {"record": "record", "refer": "refer"})
    graph.add_edge("reconsider", "refer")

    def referred(state: State, runtime: Runtime[Context]) -> Literal["hold", "record"]:
        return after_refer(state, held=holds(state, runtime.context))

    graph.add_conditional_edges("refer", referred, {"hold": "hold", "record": "record"})
    graph.add_edge("hold", "record")
    graph.add_edge("record", END)
    return graph


def build_compose(limits: Limits) -> StateGraph[Any, Any, Any, Any]:
    """Return the subgraph in which drafts are written and checked.

    A draft never enters its state: it lies on the desk of the run's context, so that no stream mode,
    checkpoint or trace can show it, not even with ``subgraphs=True``.
    """
    graph: StateGraph[Any, Any, Any, Any] = StateGraph(State, Context)
    graph.add_node("generate", generate, timeout=limits.generate_s)
    graph.add_node("check", check, timeout=limits.check_s)
    graph.add_node("fill", fill, timeout=limits.check_s)
    graph.add_edge(START, "generate")
    graph.add_node("opinion", opinion.opinion, timeout=limits.opinion_s + _GRACE_S)
    graph.add_edge("fill", "check")

    def written(_: State, runtime: Runtime[Context]) -> Literal["check", "opinion"]:
        return "opinion" if opinion.is_out(runtime.context) else "check"

    graph.add_conditional_edges("generate", written, {"check": "check", "opinion": "opinion"})
    graph.add_conditional_edges("opinion", after_opinion, {"check": "check", "done": END})

    def again(state: State, runtime: Runtime[Context]) -> Literal["generate", "fill", "done"]:
        return after_check(state, runtime.context.limits.generations)

    graph.add_conditional_edges("check", again, {"generate": "generate", "fill": "fill", "done": END})
    return graph


def reconsidered(way: Way, context: Context) -> Way | Literal["reconsider"]:
    """Return the way of a turn; where an opinion is still out, it is heard before a text is chosen."""
    return "reconsider" if way == "refer" and opinion.is_out(context) else way


def compile_graph(
    limits: Limits | None = None, *, checkpointer: BaseCheckpointSaver[Any] | None = None
) -> CompiledStateGraph[Any, Any, Any, Any]:
    """Return the compiled flow, with threads when a checkpointer is given."""
    compiled = build(limits).compile(checkpointer=checkpointer, name="cbtguard")
    return compiled.with_config(recursion_limit=RECURSION_LIMIT)


def fault_of(error: NodeError) -> str:
    """Return ``stop:fault:cause`` for a failed stop; no word of the error's text is in it."""
    cause = error.error
    if isinstance(cause, StopFault):
        return f"{cause.stop}:{cause.fault.value}:{cause.cause}"
    if isinstance(cause, NodeTimeoutError):
        return f"{cause.node}:{Fault.TIMEOUT.value}:{cause.kind}"
    if isinstance(cause, NodeCancelledError):
        return f"{error.node}:{Fault.CANCELLED.value}:cancelled"
    return f"{error.node}:{Fault.RAISED.value}:{type(cause).__name__}"


def to_refer(state: State, error: NodeError) -> Command[Literal["refer"]]:
    """Go on to the referral. A crisis that was already seen keeps its own text."""
    return Command(
        goto="refer",
        update={
            "faults": [*state["faults"], fault_of(error)],
            "reason": "fault",
            "answer": None,
            "notes": [],
        },
    )


def to_last_resort(
    state: State, error: NodeError, runtime: Runtime[Context]
) -> Command[Literal["hold", "record"]]:
    """The directory or the texts failed: the text that needs neither stands in."""
    update: dict[str, Any] = {
        "faults": [*state["faults"], fault_of(error)],
        "answer": None,
        "route": "referred",
        "referral": last_resort(runtime.context, state["language"], state["region"]),
    }
    then: State = {**state, **update}  # type: ignore[typeddict-item]
    return Command(goto=after_refer(then, held=holds(then, runtime.context)), update=update)


def to_unheld(state: State, error: NodeError, runtime: Runtime[Context]) -> Command[Literal["record"]]:
    """Nobody will see the turn: it is a referral like any other, and no text may say that a person reads it."""
    update: dict[str, Any] = {"faults": [*state["faults"], fault_of(error)], "review": ""}
    if state["referral"] is None or state["reason"] in _OF_A_PERSON:
        update |= {
            "reason": "fault",
            "referral": last_resort(runtime.context, state["language"], state["region"]),
        }
    return Command(goto="record", update=update)


def to_unrecorded(state: State, error: NodeError, runtime: Runtime[Context]) -> Command[Any]:
    """The entry could not be kept: an answer does not leave without one, a referral does.

    Nobody in danger may meet silence because a disk is full.
    """
    referral = state["referral"] or last_resort(runtime.context, state["language"], state["region"])
    return Command(
        goto=END,
        update={
            "faults": [*state["faults"], fault_of(error)],
            "answer": None,
            "route": "referred",
            "reason": state["reason"] if state["referral"] else "fault",
            "referral": referral,
            "reply": referral["text"],
            "record_id": None,
        },
    )


def last_resort(context: Context, language: str, region: str) -> dict[str, Any]:
    """Return the referral that needs no directory, as the state holds referrals."""
    return {
        "text": context.services.referrals.last_resort(language),
        "template": "last_resort",
        "variant": 0,
        "lines": [],
        "region": region,
        "language": language,
    }
