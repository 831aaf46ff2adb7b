"""Watching one turn: every stream mode, the state, the log lines, the reply."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cbtguard.graph.turn import run_turn
from cbtguard.graph.verify.services import QUESTION, Scripted
from cbtguard.nodes import Context, Desk, Limits, fresh_turn
from cbtguard.safety.privacy import Vault

if TYPE_CHECKING:
    from cbtguard.graph.verify.script import Choice

MODES = ("values", "updates", "messages", "custom", "tasks", "debug", "checkpoints")
REGION = "CN"


@dataclass(slots=True, kw_only=True)
class Observation:
    """All that could be seen of one turn."""

    choices: tuple[Choice, ...]
    """Decisions of this turn."""
    calls: list[tuple[int, str, str]]
    drafts: dict[str, int | None]
    chunks: list[tuple[int, str]]
    """What the streams showed: sequence number of the log at that time, and the chunk as text."""
    state: dict[str, Any]
    lines: tuple[Any, ...]
    """Help lines that came with the reply."""
    logged: list[str]
    entries: list[Any]
    """Record entries that this turn added."""
    seconds: float
    """Virtual seconds the turn took."""
    raised: str | None
    """Type of an exception that reached the caller."""
    limits: Limits
    chain_ok: bool = True
    released: list[tuple[int, str]] = field(default_factory=list)
    """What was read before the end: sequence number of the log at that time, and the words."""
    prefixes: list[str] = field(default_factory=list)
    """Beginnings that the checker had judged fit to be read."""
    snapshot: str = ""
    """What the checkpointer kept, as text."""

    def faults(self) -> tuple[Choice, ...]:
        """Decisions at which a service failed."""
        return tuple(c for c in self.choices if c.faulty)

    def chose(self, stop: str) -> str | None:
        """The last outcome of a stop, None when it was not asked."""
        return next((c.outcome for c in reversed(self.choices) if c.stop == stop), None)


class _Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__(level=logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


@dataclass(slots=True)
class _Watched:
    """The compiled graph, run through its streams so that all of them are seen."""

    graph: Any
    run: Scripted
    modes: tuple[str, ...]
    chunks: list[tuple[int, str]] = field(default_factory=list)

    async def ainvoke(self, given: Any, config: Any, **named: Any) -> Any:
        final: Any = None
        modes = list(self.modes)
        if self.graph.checkpointer is None and "checkpoints" in modes:
            modes.remove("checkpoints")
        async for namespace, mode, chunk in self.graph.astream(
            given, config, stream_mode=modes, subgraphs=True, **named
        ):
            self.chunks.append((self.run.log.sequence, f"{namespace} {mode} {chunk!r}"))
            if mode == "values" and not namespace:
                final = chunk
        return final

    async def aget_state(self, config: Any) -> Any:
        return await self.graph.aget_state(config)


async def observe(
    graph: Any,
    run: Scripted,
    limits: Limits,
    *,
    thread: str | None = None,
    vault: Vault | None = None,
    modes: tuple[str, ...] = MODES,
    now: Any = None,
    reads_along: bool = False,
    reviews: Any = None,
    turn_id: str = "t1",
) -> Observation:
    """Run one turn and return all that could be seen of it; ``reads_along``: somebody takes parts early.

    ``reviews`` is where held turns wait; None where none are held.
    """
    desk = Desk(text=QUESTION, vault=vault or Vault())
    released: list[tuple[int, str]] = []
    if reads_along:
        desk.on_part = lambda piece, _: released.append((run.log.sequence, piece))
    context = Context(services=run.services(), desk=desk, limits=limits, reviews=reviews)
    turn = fresh_turn(turn_id=turn_id, at="2026-01-01T00:00:00.000Z", asked_language="auto", region=REGION)
    watched = _Watched(graph, run, modes)
    lines = _Lines()
    root = logging.getLogger()
    before = len(run.script.choices), sum(1 for _ in run.kept.entries()), len(run.log.calls)
    start = now()
    root.addHandler(lines)
    state: dict[str, Any] = {}
    raised = None
    try:
        state = await run_turn(watched, turn, context, thread=thread)
    except BaseException as error:  # noqa: BLE001 - that something got out is the finding
        raised = type(error).__name__
    finally:
        root.removeHandler(lines)
    snapshot = ""
    if thread is not None:
        kept = await graph.aget_state({"configurable": {"thread_id": thread}})
        snapshot = repr(kept.values)
    return Observation(
        choices=tuple(run.script.choices[before[0] :]),
        calls=run.log.calls[before[2] :],
        drafts=run.log.drafts,
        chunks=watched.chunks,
        state=state,
        lines=desk.lines,
        logged=lines.lines,
        entries=list(run.kept.entries(start=before[1] + 1)),
        seconds=now() - start,
        raised=raised,
        limits=limits,
        chain_ok=run.kept.verify().ok,
        released=released,
        prefixes=run.log.prefixes,
        snapshot=snapshot,
    )
