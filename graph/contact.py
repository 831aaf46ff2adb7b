"""Contacts: somebody who is told of a crisis, such as a guardian's service; never in the way of the reply."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from cbtguard.nodes import Context, Desk
from cbtguard.nodes.moments import stamp
from cbtguard.nodes.stop import ask
from cbtguard.safety.errors import Fault, StopFault
from cbtguard.safety.privacy.vault import Vault
from cbtguard.safety.record import StoredEntry, TurnEntry

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from cbtguard.graph.settings import Settings
    from cbtguard.nodes import Services
    from cbtguard.nodes.state import Json

_log = logging.getLogger("cbtguard.contact")

CONTACTED = "contacted"
"""Route of the entry that says how the telling of a contact ended; ``turn_id`` joins it with the turn's own."""
_MOST = 256
"""Contacts that may be under way at once; of what comes beyond, the record says that it was not told."""
_PAUSE_S = 0.2
"""Before the second try; doubles with each further one."""
_GOODBYE_S = 10.0
"""Longest wait for contacts under way when the guard is closed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactEvent:
    """What a contact is told: no word that the person wrote, and no id of theirs."""

    id: str
    """Id of the turn; the same for every try, so that a receiver can drop repetitions."""
    thread: str
    """Keyed hash of the talk as :meth:`Guard.reference` gives it; ``none`` for a question that stood alone."""
    level: str
    kinds: tuple[str, ...]
    subject: str
    """``self``, or ``other`` where the person writes of somebody else."""
    region: str
    at: str
    """When the turn began, UTC, ISO 8601 with milliseconds."""

    def as_dict(self) -> dict[str, Any]:
        """Return the event as JSON primitives."""
        return {**asdict(self), "kinds": list(self.kinds)}


@runtime_checkable
class ContactHook(Protocol):
    """Tells somebody of a crisis. It is called beside the flow, several times if it fails.

    ``notify`` may also be an ordinary function; it is then run in a thread. Whatever it raises counts as not told; a
    :class:`~cbtguard.safety.errors.ContactError` ``contact.refused`` is not tried again.
    """

    @property
    def name(self) -> str:
        """Short identifier that ends up in the record."""
        ...

    async def notify(self, event: ContactEvent) -> None:
        """Tell of an event; return once it has arrived."""
        ...


def make_contact(settings: Settings) -> ContactHook | None:
    """Return the contact that the settings name, None for nobody; nothing is sent yet.

    Raises:
        SettingsError: ``settings.invalid`` for an address or a key that cannot be used.
    """
    if not settings.contact_webhook:
        return None
    from cbtguard.graph.webhook import WebhookContact  # noqa: PLC0415 - imports an HTTP client

    return WebhookContact.of(settings)


class Contacts:
    """Tells a contact of turns, each in a task of its own, and keeps in the record how that ended.

    Args:
        hook: Whom to tell; None for nobody.
        settings: Levels, time for a try, further tries.
        services: For the record and the clock.
        pool: Where the record is written.
    """

    def __init__(
        self, hook: ContactHook | None, settings: Settings, services: Services, pool: Executor | None
    ) -> None:
        self._hook = hook
        self._settings = settings
        self._services = services
        self._pool = pool
        # A hook that blocks and hangs must not take the threads that replies need.
        self._own = ThreadPoolExecutor(2, thread_name_prefix="cbtguard-contact") if hook is not None else None
        self._tasks: set[asyncio.Task[None]] = set()

    def tell(self, state: Json) -> None:
        """Start telling of a finished turn, if its level is one to tell of; returns at once."""
        risk = state["risk"]
        if self._hook is None or risk is None or risk["level"] not in self._settings.contact_levels:
            return
        event = ContactEvent(
            id=state["turn_id"],
            thread=state.get("thread") or "none",
            level=risk["level"],
            kinds=tuple(risk["kinds"]),
            subject=risk["subject"],
            region=state["region"],
            at=state["at"],
        )
        full = len(self._tasks) >= _MOST
        work = self._told(self._hook, event, dict(state), full=full)
        # In a context of its own: what the caller hangs on theirs is not for the contact.
        task = asyncio.get_running_loop().create_task(work, context=contextvars.Context())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Wait a moment for what is under way, then let go; what was not told by then has an entry that says so."""
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=_GOODBYE_S)
            for task in late:
                task.cancel()
            if late:
                await asyncio.gather(*late, return_exceptions=True)
        closing = getattr(self._hook, "aclose", None)
        if callable(closing):
            await closing()
        if self._own is not None:
            self._own.shutdown(wait=False, cancel_futures=True)

    async def _told(self, hook: ContactHook, event: ContactEvent, state: Json, *, full: bool) -> None:
        faults: list[str] = []
        told = False
        try:
            if full:
                faults.append(f"contact:{Fault.RAISED.value}:too_many")
            else:
                told = await self._tried(hook, event, faults)
        except asyncio.CancelledError:
            faults.append(f"contact:{Fault.CANCELLED.value}:closed")
            await self._kept(hook, event, state, faults, told=False)
            raise
        await self._kept(hook, event, state, faults, told=told)

    async def _tried(self, hook: ContactHook, event: ContactEvent, faults: list[str]) -> bool:
        """Whether a try arrived; each that did not leaves its fault in the list."""
        most = self._settings.contact_retries + 1
        context = Context(services=self._services, desk=Desk(text="", vault=Vault()), pool=self._own)
        while len(faults) < most:
            if faults:
                await asyncio.sleep(_PAUSE_S * 2 ** (len(faults) - 1))
            try:
                async with asyncio.timeout(self._settings.contact_timeout_s):
                    await ask(context, "contact", hook.notify, object, event)
            except TimeoutError:
                faults.append(f"contact:{Fault.TIMEOUT.value}:contact_timeout_s")
            except StopFault as fault:
                faults.append(f"contact:{fault.fault.value}:{fault.cause}")
                if fault.cause == "contact.refused":
                    break
            else:
                return True
        return False

    async def _kept(
        self, hook: ContactHook, event: ContactEvent, state: Json, faults: list[str], *, told: bool
    ) -> None:
        entry = TurnEntry(
            turn_id=event.id,
            thread=event.thread,
            turn=state.get("turn") or 1,
            at=stamp(self._services.clock()),
            route=CONTACTED,
            reason="told" if told else "not_told",
            level=event.level,
            kinds=event.kinds,
            subject=event.subject,
            rules=(),
            language=state["language"],
            region=event.region,
            writer=None,
            attempts=0,
            defects=(),
            notes=(),
            lines=(),
            faults=tuple(faults),
            redactions={},
            versions={"contact": hook.name},
            timings_ms={},
        )
        if not told:
            _log.error("a contact could not be told: %s", faults[-1] if faults else "unknown")
        context = Context(services=self._services, desk=Desk(text="", vault=Vault()), pool=self._pool)
        try:
            await ask(context, "record", self._services.record.append, StoredEntry, entry)
        except StopFault as fault:
            _log.error("the telling of a contact has no entry: %s", fault.cause)
