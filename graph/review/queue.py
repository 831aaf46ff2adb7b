"""The queue of held turns: kept in the talks' own checkpoint store, so that it outlives a restart."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import secrets
from typing import TYPE_CHECKING, Any, TypeVar

from langgraph.types import Command

from cbtguard.graph.review.claims import claim
from cbtguard.graph.review.items import ReviewItem, shown
from cbtguard.graph.review.refusals import refusal
from cbtguard.graph.review.wiring import compile_review
from cbtguard.graph.talks import TALK, USED_AT
from cbtguard.nodes import Context, Desk, Limits
from cbtguard.nodes.moments import seconds, stamp
from cbtguard.nodes.reviewer import NOBODY, Act, ItemState, Resumed, Status, fresh_item
from cbtguard.safety.errors import CbtguardError
from cbtguard.safety.privacy.vault import Vault

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Sequence
    from concurrent.futures import Executor

    from langgraph.checkpoint.base import BaseCheckpointSaver

    from cbtguard.nodes import Services
    from cbtguard.nodes.holding import Policy
    from cbtguard.nodes.state import Json

_log = logging.getLogger("cbtguard.review")
_MARK = {"cbtguard": "review"}
"""Metadata of the checkpoints of items: what tells them from those of talks."""
_WAITING = frozenset({Status.OPEN.value, Status.TAKEN_OVER.value})
T = TypeVar("T")


class ReviewQueue:
    """Opens, lists and resolves items. Each is a run of the review graph on a thread named by the item.

    Args:
        policy: Which turns are held.
        deadline_s: Seconds after which the safe reply stands.
        services: The parts in use; the record, the redactor, the checker and the clock are asked.
        saver: Gives the checkpointer.
        limits: Bounds of the stops.
        pool: Where blocking services run.
        graph: The compiled review graph; made on first use when None.
    """

    def __init__(
        self,
        *,
        policy: Policy,
        deadline_s: float,
        services: Services,
        saver: Callable[[], Awaitable[BaseCheckpointSaver[Any]]],
        limits: Limits | None = None,
        pool: Executor | None = None,
        graph: Any = None,
    ) -> None:
        self.policy = policy
        self._deadline_s = deadline_s
        self._services = services
        self._saver = saver
        self._limits = limits or Limits()
        self._pool = pool
        self._graph = graph

    async def open(self, item: Json) -> str:
        """Keep a held turn; see :class:`cbtguard.nodes.holding.Reviews`.

        Raises:
            ReviewError: ``review.not_done`` when the item does not wait afterwards.
        """
        now = self._services.clock()
        whole = {**item, "opened_at": stamp(now), "deadline": stamp(now + self._deadline_s)}
        desk = Desk(text="", vault=Vault())
        out = await self._run(fresh_item(whole), str(item["id"]), desk, talk=str(item["thread"]))
        if "__interrupt__" not in out:
            raise refusal("review:garbage:not_waiting")
        return str(item["id"])

    async def taken_over(self, items: Sequence[str]) -> str:
        """Return which of these items was taken over and not handed back; empty where none was."""
        for item in items:
            state = await self._values(item)
            if state is not None and state["status"] == Status.TAKEN_OVER:
                return item
        return ""

    async def waiting(self) -> tuple[ReviewItem, ...]:
        """Return what waits for a reviewer, the oldest first: open items, and talks that were taken over.

        Items whose time is over are closed on the way.
        """
        saver = await self._saver()
        newest: dict[str, Any] = {}
        async for kept in saver.alist(None, filter=_MARK):
            # Within a thread the newest checkpoint comes first.
            newest.setdefault(kept.config["configurable"]["thread_id"], kept.checkpoint["channel_values"])
        items: list[ReviewItem] = []
        for values in newest.values():
            if values.get("status") not in _WAITING:
                continue
            item = shown(values)
            if self._is_late(item):
                await self._expired(item.id)
            else:
                items.append(item)
        return tuple(sorted(items, key=lambda item: (item.opened_at, item.id)))

    async def state(self, item: str) -> ItemState | None:
        """Return an item as it is kept, closed if its time is over; None where there is none."""
        values = await self._values(item)
        if values is not None and self._is_late(shown(values)):
            await self._expired(item)
            values = await self._values(item)
        return values

    async def act(
        self,
        item: str,
        act: Act,
        *,
        reviewer: str,
        text: str = "",
        digest: str = "",
        note: str = "",
        vault: Vault | None = None,
    ) -> ItemState:
        """Do an act and return the item as it then is.

        Args:
            item: Id of the item.
            act: What to do.
            reviewer: Keyed hash of who does it.
            text: The reviewer's own words, for ``replace``.
            digest: Keyed hash of them.
            note: For colleagues.
            vault: That of the talk: its values may not stand in the text.

        Raises:
            ReviewError: When the act was not done; the item then waits as before, unless it was closed.
        """
        state = await self.state(item)
        if state is None:
            raise refusal("review.unknown")
        if state["status"] not in _WAITING:
            raise refusal("review.expired" if state["status"] == Status.EXPIRED else "review.closed")
        desk = Desk(text=text, vault=vault or Vault(), remark=note)
        return await self._resolve(item, Resumed(act=act, reviewer=reviewer, digest=digest), desk)

    async def _resolve(self, item: str, given: Resumed, desk: Desk) -> ItemState:
        saver = await self._saver()
        config = self._config(item)
        # Two reviewers, in two processes perhaps, may act at the same moment: the first one does.
        if not await claim(saver, config, secrets.token_hex(8), self._services.clock()):
            raise refusal("review.busy")
        waiting = await self._values(item)
        if waiting is None or waiting["status"] not in _WAITING:
            raise refusal("review.closed")
        out = await self._run(Command(resume=given.model_dump(mode="json")), item, desk)
        if out["refused"]:
            raise refusal(out["refused"])
        done = await self._values(item)
        if done is None:
            raise refusal("review.unknown")
        return done

    async def _expired(self, item: str) -> None:
        """Close an item whose time is over. If that fails it is late all the same, and is closed another time."""
        try:
            await self._resolve(item, Resumed(act=Act.EXPIRE, reviewer=NOBODY), Desk(text="", vault=Vault()))
        except CbtguardError as error:
            _log.warning("an item whose time is over could not be closed: %s", error.code)

    def _is_late(self, item: ReviewItem) -> bool:
        return item.status is Status.OPEN and self._services.clock() >= seconds(item.deadline)

    async def _values(self, item: str) -> ItemState | None:
        kept = await (await self._compiled()).aget_state(self._config(item))
        values: Any = kept.values
        return values if values and "item" in values else None

    async def _run(self, given: Any, item: str, desk: Desk, *, talk: str = "") -> Any:
        graph = await self._compiled()
        context = Context(services=self._services, desk=desk, limits=self._limits, pool=self._pool)
        config = self._config(item)
        config["metadata"] = {**_MARK, USED_AT: stamp(self._services.clock())}
        if talk:
            config["metadata"][TALK] = talk
        return await _apart(graph.ainvoke(given, config, context=context, durability="exit"))

    async def _compiled(self) -> Any:
        if self._graph is None:
            self._graph = compile_review(self._limits, checkpointer=await self._saver())
        return self._graph

    @staticmethod
    def _config(item: str) -> Any:
        return {"configurable": {"thread_id": f"review-{item}"}, "metadata": _MARK, "callbacks": []}


async def _apart(work: Coroutine[Any, Any, T]) -> T:
    """Run a graph from within a stop of another one without becoming its subgraph."""
    task = asyncio.get_running_loop().create_task(work, context=contextvars.Context())
    try:
        return await task
    finally:
        task.cancel()
