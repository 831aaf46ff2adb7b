"""The wiring of an item that waits for a reviewer: a small LangGraph state machine on a thread of its own.

A held turn does not pause the talk's own run: new input on an interrupted thread would drop the interrupt,
and somebody in distress writes on. See decision 15.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from langgraph.errors import NodeError  # noqa: TC002 - LangGraph resolves the annotations of a handler
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime  # noqa: TC002 - the same
from langgraph.types import Command

from cbtguard.nodes.context import Context
from cbtguard.nodes.limits import Limits
from cbtguard.nodes.reviewer import ItemState, Status, judge, review, settle

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver
    from langgraph.graph.state import CompiledStateGraph

_STEPS = 12
"""Most steps of one run: an act takes three."""


def build_review(limits: Limits | None = None) -> StateGraph[Any, Any, Any, Any]:
    """Return the graph: review (interrupt) -> judge -> settle; what is refused goes back and waits again."""
    limits = limits or Limits()
    graph: StateGraph[Any, Any, Any, Any] = StateGraph(ItemState, Context)
    graph.add_node("review", review)
    graph.add_node("judge", judge, timeout=limits.protect_s + limits.check_s, error_handler=to_review)
    graph.add_node("settle", settle, timeout=limits.record_s, error_handler=to_review)
    graph.add_edge(START, "review")
    graph.add_edge("review", "judge")
    graph.add_conditional_edges("judge", after_judge, {"review": "review", "settle": "settle"})
    graph.add_conditional_edges("settle", after_settle, {"review": "review", "done": END})
    return graph


def compile_review(
    limits: Limits | None = None, *, checkpointer: BaseCheckpointSaver[Any]
) -> CompiledStateGraph[Any, Any, Any, Any]:
    """Return the compiled graph of an item; without a checkpointer nothing could wait."""
    compiled = build_review(limits).compile(checkpointer=checkpointer, name="cbtguard-review")
    return compiled.with_config(recursion_limit=_STEPS)


def after_judge(state: ItemState) -> Literal["review", "settle"]:
    """Wait again where the act was refused."""
    return "review" if state["refused"] or state["act"] is None else "settle"


def after_settle(state: ItemState) -> Literal["review", "done"]:
    """A talk that was taken over waits to be handed back; everything else is over."""
    return "review" if state["status"] == Status.TAKEN_OVER else "done"


def to_review(state: ItemState, error: NodeError, runtime: Runtime[Context]) -> Command[Literal["review"]]:
    """The act could not be judged or has no entry: it was not done, and the item waits as before."""
    from cbtguard.graph.build import fault_of  # noqa: PLC0415 - the flow's wiring is not needed to read this one

    del state
    # LangGraph remembers a handled exception by its id(). Once freed, the interrupt that comes next may be
    # allocated at the same place, is then taken for handled, and the item would never wait again.
    runtime.context.desk.handled.append(error.error)
    return Command(goto="review", update={"act": None, "refused": fault_of(error)})
