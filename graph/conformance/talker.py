"""Turns of an invented person on a thread store: the real flow, with scripted services."""

from __future__ import annotations

import inspect
from functools import cache
from typing import TYPE_CHECKING, Any

from langgraph.checkpoint.base import BaseCheckpointSaver

from cbtguard.graph.build import compile_graph
from cbtguard.graph.conformance.common import require, require_type
from cbtguard.graph.talks import Talks
from cbtguard.graph.turn import run_turn
from cbtguard.graph.verify.script import Script
from cbtguard.graph.verify.services import QUESTION, Scripted
from cbtguard.nodes import Context, Desk, Limits, fresh_turn
from cbtguard.nodes.retrieval.note import NoteLibrary
from cbtguard.safety.referral import FileDirectory, Referrals

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from cbtguard.safety.privacy.vault import Vault

AT = "2026-01-31T08:00:00.000Z"
"""When a turn takes place, unless it is told otherwise."""


class Talker:
    """Makes stores, runs turns on them, and closes them when a check ends."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make
        self._made: list[Talks] = []
        self._graphs: dict[int, Any] = {}

    async def store(self) -> Talks:
        """Return a new store."""
        made = self._make()
        if inspect.isawaitable(made):
            made = await made
        talks = Talks(made) if isinstance(made, BaseCheckpointSaver) else made
        require_type(talks, Talks, "the store")
        self._made.append(talks)
        await talks.check_key()
        return talks

    async def adopt(self, made: Awaitable[Talks]) -> Talks:
        """Return a store that was opened again, to be closed with the others."""
        talks = await made
        self._made.append(talks)
        return talks

    async def close(self) -> None:
        """Close all stores."""
        self._graphs.clear()
        while self._made:
            await self._made.pop().close()

    async def turn(
        self, talks: Talks, thread: str, vault: Vault, *, at: str = AT, level: str = "none"
    ) -> dict[str, Any]:
        """Run a turn and return its state; a turn that fails is the store's fault."""
        scripted = Scripted(Levelled(level), *_texts())
        limits = Limits()
        graph: Any = self._graphs.get(id(talks)) or compile_graph(limits, checkpointer=talks.saver)
        self._graphs[id(talks)] = graph
        context = Context(services=scripted.services(), desk=Desk(text=QUESTION, vault=vault), limits=limits)
        turn = fresh_turn(turn_id=f"{thread}-{at}", at=at, asked_language="auto", region="CN")
        state = await run_turn(graph, turn, context, thread=thread)
        require(not state["faults"], f"a turn on the store fails: {', '.join(state['faults'])}")
        return state


@cache
def _texts() -> tuple[Referrals, NoteLibrary]:
    """Return what takes long to read, once."""
    return Referrals(FileDirectory()), NoteLibrary()


class Levelled(Script):
    """Screens a message at a given level; everything else does as it should."""

    def __init__(self, level: str) -> None:
        super().__init__()
        self._level = level

    def pick(self, stop: str, alternatives: tuple[str, ...]) -> str:
        """Return the outcome of one call of a service."""
        wanted = self._level if stop == "screen" else alternatives[0]
        self._prefix = (*(i for i, _ in self.taken), alternatives.index(wanted))
        return super().pick(stop, alternatives)
