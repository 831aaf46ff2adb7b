"""The reviewer's side of the façade: what waits, one act on it, and what the person may then read."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from cbtguard.graph.review.acts import act_of
from cbtguard.graph.review.items import Delivery, FollowUp, ReviewItem, delivery_of
from cbtguard.graph.review.refusals import refusal
from cbtguard.nodes.reviewer import Act, Status
from cbtguard.safety.errors import CbtguardError, ReviewError
from cbtguard.safety.privacy.vault import Vault

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from cbtguard.graph.keeping import Keeping
    from cbtguard.graph.loop import LoopThread
    from cbtguard.graph.review.acts import ReviewAct
    from cbtguard.graph.review.queue import ReviewQueue
    from cbtguard.graph.threads import ThreadLocks, ThreadNames
    from cbtguard.nodes import Services
    from cbtguard.nodes.reviewer import ItemState

_ALONE = "none"
"""Thread of an item whose question stood alone."""


class ReviewMethods(ABC):
    """Human review; :class:`cbtguard.graph.Guard` has these methods."""

    _loop: LoopThread
    _locks: ThreadLocks
    _keeping: Keeping
    _pool: Any

    def reviews(self) -> tuple[ReviewItem, ...]:
        """Return what waits for a reviewer, the oldest first.

        Raises:
            ReviewError: ``review.off``; ``review.unreadable`` when the store of the talks fails.
        """
        return self._loop.run(self._listed())

    async def areviews(self) -> tuple[ReviewItem, ...]:
        """As :meth:`reviews`, without blocking the caller's event loop."""
        return await self._loop.wait(self._listed())

    def review(self, item: str, act: ReviewAct | Mapping[str, Any]) -> FollowUp:
        """Do a reviewer's act. When this returns, the act has its entry in the record.

        Args:
            item: Id of the item.
            act: A :class:`ReviewAct`, or a mapping with its fields.

        Raises:
            ReviewError: When the act was not done. The item then waits as before, unless an earlier act
                (``review.closed``) or the clock (``review.expired``) closed it.
        """
        return self._loop.run(self._reviewed(item, act))

    async def areview(self, item: str, act: ReviewAct | Mapping[str, Any]) -> FollowUp:
        """As :meth:`review`, without blocking the caller's event loop."""
        return await self._loop.wait(self._reviewed(item, act))

    def follow_up(self, item: str) -> FollowUp:
        """Return what became of a held turn so far; ``Answer.review`` names the item.

        Raises:
            ReviewError: ``review.unknown``; as :meth:`reviews`.
        """
        return self._loop.run(self._followed(item))

    async def afollow_up(self, item: str) -> FollowUp:
        """As :meth:`follow_up`, without blocking the caller's event loop."""
        return await self._loop.wait(self._followed(item))

    def deliveries(self, thread: str) -> tuple[Delivery, ...]:
        """Return all that reviewers have let through in a talk, the oldest first, handed on already or not.

        An approved draft is left out once the talk has come into a crisis: it was written before.

        Args:
            thread: The caller's own id of the talk.

        Raises:
            InputError: ``input.thread``.
            ReviewError: As :meth:`reviews`.
        """
        return self._loop.run(self._delivered(thread))

    async def adeliveries(self, thread: str) -> tuple[Delivery, ...]:
        """As :meth:`deliveries`, without blocking the caller's event loop."""
        return await self._loop.wait(self._delivered(thread))

    def reference(self, thread: str) -> str:
        """Return the keyed hash under which a talk stands in the record, in reviews and in contact events.

        Raises:
            InputError: ``input.thread``.
        """
        name = self._thread_name(thread)
        return name if name is not None else _ALONE

    # --- inside ------------------------------------------------------------------------------------------

    async def _listed(self) -> tuple[ReviewItem, ...]:
        async with self._reviewing() as queue:
            return await queue.waiting()

    async def _reviewed(self, item: str, act: ReviewAct | Mapping[str, Any]) -> FollowUp:
        given = act_of(act)
        async with self._reviewing() as queue, self._locks.hold(f"review-{item}"):
            state = await queue.state(item)
            if state is None:
                raise refusal("review.unknown")
            drafted = state["status"] == Status.OPEN and bool(state["item"]["draft"])
            if given.act is Act.APPROVE and drafted and await self._in_care(state):
                raise refusal("review.overtaken")
            names = self._keyed_names()
            text = (given.text or "").strip()
            done = await queue.act(
                item,
                given.act,
                reviewer=names.of(f"reviewer {given.reviewer}"),
                text=text,
                digest=names.of(f"text {text}") if text else "",
                note=given.note,
                vault=await self._vault_of(state),
            )
            return await self._followup_of(done)

    async def _followed(self, item: str) -> FollowUp:
        async with self._reviewing() as queue:
            state = await queue.state(item)
            if state is None:
                raise refusal("review.unknown")
            followed = await self._followup_of(state)
            if state["status"] == Status.APPROVED and await self._in_care(state):
                return FollowUp(review=followed.review, status=followed.status, delivery=None)
            return followed

    async def _delivered(self, thread: str) -> tuple[Delivery, ...]:
        name = self.reference(thread)
        async with self._reviewing() as queue:
            talk = await self._talk(name)
            found = []
            for item in talk.get("reviews") or []:
                state = await queue.state(item)
                if state is None or (state["status"] == Status.APPROVED and _cares(talk)):
                    continue
                delivery = delivery_of(state, await self._vault_of(state))
                if delivery is not None:
                    found.append(delivery)
            return tuple(sorted(found, key=lambda one: one.at))

    async def _in_care(self, state: ItemState) -> bool:
        """Whether the talk of an item has come into a crisis that is not over."""
        thread = state["item"]["thread"]
        return thread != _ALONE and _cares(await self._talk(thread))

    async def _talk(self, name: str) -> dict[str, Any]:
        graph = await self._threaded_graph()
        kept = await graph.aget_state({"configurable": {"thread_id": name}})
        return dict(kept.values)

    async def _followup_of(self, state: ItemState) -> FollowUp:
        delivery = delivery_of(state, await self._vault_of(state))
        return FollowUp(review=state["item"]["id"], status=Status(state["status"]), delivery=delivery)

    async def _vault_of(self, state: ItemState) -> Vault:
        item = state["item"]
        name = item["id"] if item["thread"] == _ALONE else item["thread"]
        return await self._keeping.vault(name) or Vault()

    @asynccontextmanager
    async def _reviewing(self) -> AsyncIterator[ReviewQueue]:
        """The queue; what its store raises becomes a typed error."""
        services = await self._made_services()
        queue = self._review_queue(services)
        if queue is None:
            raise refusal("review.off")
        failed = ""
        try:
            yield queue
        except CbtguardError:
            raise
        except Exception as error:  # noqa: BLE001 - the store's own errors may quote what is kept
            failed = type(error).__name__
        if failed:
            raise ReviewError(
                "review.unreadable",
                f"The store of the talks failed ({failed}); look at the item again.",
                hint="Check the setting threads and the disk or server behind it.",
            )

    # --- what the façade gives -----------------------------------------------------------------------------

    @abstractmethod
    async def _made_services(self) -> Services:
        """See :class:`cbtguard.graph.Guard`."""

    @abstractmethod
    def _review_queue(self, services: Services) -> ReviewQueue | None:
        """See :class:`cbtguard.graph.Guard`."""

    @abstractmethod
    def _thread_name(self, thread: str | None) -> str | None:
        """See :class:`cbtguard.graph.Guard`."""

    @abstractmethod
    def _keyed_names(self) -> ThreadNames:
        """See :class:`cbtguard.graph.Guard`."""

    @abstractmethod
    async def _threaded_graph(self) -> Any:
        """See :class:`cbtguard.graph.Guard`."""


def _cares(talk: Mapping[str, Any]) -> bool:
    return bool((talk.get("care") or {}).get("active"))
