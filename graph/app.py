"""The flow as a graph that a LangGraph server runs: ``langgraph.json`` names it by its module path.

Settings come from the environment (``CBTGUARD_*``) and from the TOML file that ``CBTGUARD_SETTINGS`` names.
"""

from __future__ import annotations

import atexit
import os
import threading
from typing import Annotated, Any, TypedDict

from langchain_core.messages import AnyMessage  # noqa: TC002 - LangGraph resolves the annotations of a state
from langgraph.channels import EphemeralValue
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages

from cbtguard.graph.guard import Guard
from cbtguard.graph.node import as_node

SETTINGS = "CBTGUARD_SETTINGS"
"""Variable of the environment that names a settings file."""

_lock = threading.Lock()
_guards: list[Guard] = []


class Asked(TypedDict, total=False):
    """Input: a talk's messages, or one text."""

    messages: Annotated[list[AnyMessage], add_messages]
    text: Annotated[str, EphemeralValue(str)]
    """Of this turn only."""
    region: str | None
    language: str | None


class Told(TypedDict):
    """Output: checked or vetted text, and what led to it."""

    messages: Annotated[list[AnyMessage], add_messages]
    reply: str
    guard: dict[str, Any]


class Talk(TypedDict):
    """All of the state."""

    messages: Annotated[list[AnyMessage], add_messages]
    text: Annotated[str, EphemeralValue(str)]
    region: str | None
    language: str | None
    reply: str
    guard: dict[str, Any]


def guard() -> Guard:
    """Return the guard of this process, made at the first question.

    Raises:
        SettingsError: When the settings cannot be used.
    """
    with _lock:
        if not _guards:
            _guards.append(Guard(os.environ.get(SETTINGS) or None))
            atexit.register(_guards[0].close)
        return _guards[0]


def build() -> StateGraph[Any, Any, Any, Any]:
    """Return the graph: one node, the flow."""
    graph: StateGraph[Any, Any, Any, Any] = StateGraph(Talk, input_schema=Asked, output_schema=Told)
    graph.add_node("cbtguard", as_node(guard, early=True))
    graph.add_edge(START, "cbtguard")
    graph.add_edge("cbtguard", END)
    return graph


graph = build().compile(name="cbtguard")
"""Where talks are kept is the server's to say: a checkpointer of one's own is not taken by it."""
