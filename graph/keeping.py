"""Keeping: what a guard keeps between turns, opened on first use; where a store fails, a turn goes on without it."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any, TypeVar

from cbtguard.graph.forgetting import DAY_S, Forgotten, Swept, forget, sweep
from cbtguard.graph.talks import Talks, check_keeping, open_talks, stamp
from cbtguard.graph.threads import ThreadLocks
from cbtguard.graph.vaults import MemoryVaults, open_vaults
from cbtguard.safety.errors import CbtguardError, InputError, RecordError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from langgraph.checkpoint.base import BaseCheckpointSaver

    from cbtguard.graph.settings import Settings
    from cbtguard.graph.vaults import VaultStore
    from cbtguard.safety.privacy.vault import Vault

T = TypeVar("T")

_log = logging.getLogger("cbtguard.keeping")

_SWEEP_EVERY_S = 3600.0
"""Retention is seen to about once an hour, by whoever keeps talks."""

_RETRY_S = 5.0
"""A store that could not be opened is not tried again for so long."""
_MOST_DAYS = 365_000.0


class Keeping:
    """Talks and vaults of one guard; used from its event loop only.

    Args:
        settings: Where they are, for how long, and under which key.
        checkpointer: The caller's own, in place of the setting ``threads``.
        vaults: The caller's own, in place of the setting ``vaults``.
        clock: Seconds since the epoch.
        tell: Told of each error that a turn went on without.

    Raises:
        SettingsError: ``settings.key`` or ``settings.vaults``.
    """

    def __init__(
        self,
        settings: Settings,
        checkpointer: BaseCheckpointSaver[Any] | None = None,
        vaults: VaultStore | None = None,
        *,
        clock: Callable[[], float] = time.time,
        tell: Callable[[CbtguardError], None] = lambda _: None,
    ) -> None:
        if checkpointer is None or vaults is None:
            check_keeping(settings)
        self._settings = settings
        self._clock = clock
        self._tell = tell
        self._own = Talks(checkpointer) if checkpointer is not None else None
        self._talks: Talks | None = self._own
        self._fits = self._own is not None
        self._vaults = vaults
        self._own_vaults = vaults
        self._opening = asyncio.Lock()
        self._failed: dict[str, tuple[float, CbtguardError]] = {}
        self._unread: set[str] = set()
        self._swept_at = float("-inf")
        self._sweeping: asyncio.Task[None] | None = None
        self.locks = ThreadLocks()

    @property
    def outlives(self) -> bool:
        """Whether talks are there after a restart."""
        return self._own is not None or self._settings.threads != "memory"

    async def talks(self) -> Talks:
        """Return the talks, to go on with: those that are kept open with the key that is set.

        Raises:
            CbtguardError: When they cannot be opened, or the key does not fit.
        """
        talks = await self._any_talks()
        if not self._fits:
            await talks.check_key()
            self._fits = True
        return talks

    async def vault(self, name: str) -> Vault | None:
        """Return the vault of a talk; None where there is none, or where its store fails, which is told."""
        self._unread.discard(name)
        try:
            store = await self._vault_store()
            if isinstance(store, MemoryVaults):  # never blocks
                return store.get(name)
            async with asyncio.timeout(self._settings.bounds().record_s):
                return await asyncio.to_thread(store.get, name)
        except Exception as error:  # noqa: BLE001 - whatever fails, the person gets a reply, with neutral words
            self._unread.add(name)
            self._trouble(error, "read")
            return None

    async def keep(self, name: str, vault: Vault) -> None:
        """Keep the vault of a talk; a store that fails is told of, and costs words and not the reply.

        One that could not be read at the beginning of the turn is left as it is: it knows more than this one.
        """
        if name in self._unread:
            self._unread.discard(name)
            return
        try:
            store = await self._vault_store()
            if isinstance(store, MemoryVaults):
                store.put(name, vault)
                return
            async with asyncio.timeout(self._settings.bounds().record_s):
                await asyncio.to_thread(store.put, name, vault)
        except Exception as error:  # noqa: BLE001 - the reply stands already
            self._trouble(error, "kept")

    async def forget(self, name: str) -> Forgotten:
        """Delete what is kept of a talk; waits for a turn that is under way.

        Raises:
            CbtguardError: When a store cannot be opened or used.
        """
        async with self.locks.hold(name):
            return await forget(name, await self._any_talks(), await self._vault_store())

    async def sweep(self, days: float | None) -> Swept:
        """Delete what was not used for so many days; the setting ``retention_days`` when None.

        Raises:
            InputError: ``input.days`` for a number below 0.
            CbtguardError: As `forget`.
        """
        days = self._settings.retention_days if days is None else days
        if days is None:
            return Swept(before=None, talks=0, checkpoints=0, vaults=0, wiped=True)
        if not 0 <= days < _MOST_DAYS:
            raise InputError(
                "input.days", "The number of days is below 0 or too large.", hint="Give days, such as 30."
            )
        self._swept_at = self._clock()
        before = stamp(max(0.0, self._swept_at - days * DAY_S))
        return await sweep(before, await self._any_talks(), await self._vault_store(), self.locks)

    def retain(self) -> None:
        """See to retention in the background, where it is set and was not seen to for an hour."""
        due = self._clock() - self._swept_at >= _SWEEP_EVERY_S
        if self._settings.retention_days is None or not due or self._sweeping is not None:
            return
        self._swept_at = self._clock()
        self._sweeping = asyncio.create_task(self._retained())

    async def close(self) -> None:
        """Let go of what was opened here. A second call does nothing."""
        if self._sweeping is not None:
            self._sweeping.cancel()
            await asyncio.gather(self._sweeping, return_exceptions=True)
        if self._talks is not self._own and self._talks is not None:
            await self._talks.close()
        self._talks = self._own
        close = getattr(self._vaults, "close", None)
        if self._vaults is not self._own_vaults and callable(close):
            await asyncio.to_thread(close)
        self._vaults = self._own_vaults

    async def _retained(self) -> None:
        try:
            await self.sweep(None)
        except Exception as error:  # noqa: BLE001 - nobody waits for it; it is tried again in an hour
            self._trouble(error, "swept")
        finally:
            self._sweeping = None

    async def _any_talks(self) -> Talks:
        # Two first turns at once must not open two stores.
        async with self._opening:
            if self._talks is None:
                self._talks = await self._opened("talks", open_talks(self._settings))
            return self._talks

    async def _vault_store(self) -> VaultStore:
        async with self._opening:
            if self._vaults is None:
                opening = asyncio.to_thread(open_vaults, self._settings, self._clock)
                self._vaults = await self._opened("vaults", opening)
            return self._vaults

    async def _opened(self, what: str, opening: Coroutine[Any, Any, T]) -> T:
        """Return an opened store. One that just failed fails at once: many who write must not wait in a row."""
        failed = self._failed.get(what)
        if failed is not None and time.monotonic() - failed[0] < _RETRY_S:
            opening.close()
            raise failed[1]
        try:
            return await opening
        except CbtguardError as error:
            self._failed[what] = (time.monotonic(), error)
            raise

    def _trouble(self, error: Exception, what: str) -> None:
        if not isinstance(error, CbtguardError):
            error = RecordError(
                "record.vaults_unreadable",
                f"A vault cannot be {what} ({type(error).__name__}).",
                hint="Check the store of the vaults; until then placeholders may become neutral words.",
            )
        _log.error("what is kept cannot be %s: %s", what, error)
        self._tell(error)
