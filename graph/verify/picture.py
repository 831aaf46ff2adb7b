"""The flow as a Mermaid picture, the error routes drawn too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin, get_type_hints

from langgraph.graph import END, START

if TYPE_CHECKING:
    from collections.abc import Iterator

    from langgraph.graph.state import CompiledStateGraph

_SHAPES = {START: "([start])", END: "([end])"}


def mermaid(graph: CompiledStateGraph[Any, Any, Any, Any]) -> str:
    """Return a Mermaid flowchart of a compiled flow: edges, conditional edges, and where errors lead.

    Error routes are dotted. They are read from the graph's own error handlers, which LangGraph does not draw.
    """
    lines = ["flowchart TD"]
    builder = graph.builder
    stops = [name for name, spec in builder.nodes.items() if not spec.is_error_handler]
    lines += [f"  {_id(name)}{_SHAPES[name]}" for name in (START, END)]
    for name in stops:
        inner = getattr(builder.nodes[name].runnable, "builder", None)
        if inner is None:
            lines.append(f"  {name}[{name}]")
            continue
        lines.append(f"  subgraph {name}")
        lines += [f"    {stop}[{stop}]" for stop in inner.nodes]
        ends = {_id(START), _id(END)}
        lines += [f"    {line}" for line in _edges(inner) if ends.isdisjoint(line.split())]
        lines.append("  end")
    lines += [f"  {line}" for line in _edges(builder)]
    for name in stops:
        handler = builder.nodes[name].error_handler_node
        for target in _targets(builder, handler) if handler else ():
            lines.append(f"  {_id(name)} -. error, timeout .-> {_id(target)}")
    return "\n".join(lines) + "\n"


def error_routes(graph: CompiledStateGraph[Any, Any, Any, Any]) -> dict[str, tuple[str, ...]]:
    """Return, for each stop, where its error handler leads; a stop without one has no entry."""
    builder = graph.builder
    return {
        name: tuple(_targets(builder, spec.error_handler_node))
        for name, spec in builder.nodes.items()
        if not spec.is_error_handler and spec.error_handler_node
    }


def _edges(builder: Any) -> Iterator[str]:
    for start, end in sorted(builder.edges):
        yield f"{_id(start)} --> {_id(end)}"
    for start, branches in builder.branches.items():
        for branch in branches.values():
            for label, end in (branch.ends or {}).items():
                yield f"{_id(start)} -- {label} --> {_id(end)}"


def _targets(builder: Any, handler: str) -> Iterator[str]:
    """Where a handler's ``Command`` may go, from its annotation; the end when it says nothing."""
    runnable = builder.nodes[handler].runnable
    function = getattr(runnable, "func", None) or getattr(runnable, "afunc", None)
    returned = get_type_hints(function, localns={"Literal": Literal}).get("return") if function else None
    named = [arg for arg in get_args(returned) if get_origin(arg) is Literal]
    yield from get_args(named[0]) if named else (END,)


def _id(name: str) -> str:
    return {START: "start_", END: "end_"}.get(name, name)
