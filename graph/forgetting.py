"""Forgetting: what a guard keeps of a talk, deleted for good; and retention, which does so by age."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cbtguard.graph.talks import Talks
    from cbtguard.graph.threads import ThreadLocks
    from cbtguard.graph.vaults import VaultStore

DAY_S = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgotten:
    """What was removed of one talk. The record is not touched: its entries hold no text, and its chain stays whole."""

    name: str
    """Keyed hash under which the talk stands in the record."""
    checkpoints: int
    """States that were deleted; 0 for a talk that nobody knew."""
    vault: bool | None
    """Whether there was a vault; None where its store cannot tell."""
    wiped: bool
    """Whether the bytes are gone from files as well. False for PostgreSQL, which cleans up in its own time, and
    where another process held the file at that moment."""

    def as_dict(self) -> dict[str, Any]:
        """Return the result as JSON primitives."""
        return {"name": self.name, "checkpoints": self.checkpoints, "vault": self.vault, "wiped": self.wiped}

    def describe(self) -> str:
        """Return a line for a person."""
        if not self.checkpoints and not self.vault:
            return f"Nothing was kept of this talk. Its name in the record is {self.name}."
        vault = " and its vault" if self.vault else ""
        return f"Forgotten: {self.checkpoints} checkpoints{vault}. Its name in the record is {self.name}."


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """What retention removed."""

    before: str | None
    """Talks that were last used before this time were removed; None where nothing has an end."""
    talks: int
    checkpoints: int
    vaults: int
    wiped: bool
    """As in `Forgotten`; True where there was nothing to remove."""

    def as_dict(self) -> dict[str, Any]:
        """Return the result as JSON primitives."""
        return {
            "before": self.before,
            "talks": self.talks,
            "checkpoints": self.checkpoints,
            "vaults": self.vaults,
            "wiped": self.wiped,
        }

    def describe(self) -> str:
        """Return a line for a person."""
        if self.before is None:
            return "Nothing is forgotten: no retention is set."
        return (
            f"Forgotten: {self.talks} talks last used before {self.before}, {self.checkpoints} checkpoints and "
            f"{self.vaults} vaults."
        )


async def forget(name: str, talks: Talks, vaults: VaultStore) -> Forgotten:
    """Delete checkpoints, writes and vault of a talk; whoever calls holds the talk.

    The vault goes first: should the rest fail, personal data is what is gone.

    Raises:
        RecordError: When a store cannot be used; then something of the talk may be left, and it can be tried again.
    """
    vault = await asyncio.to_thread(vaults.forget, name)
    for item in await talks.belonging(name):
        await talks.forget(item)
    checkpoints = await talks.forget(name)
    return Forgotten(name=name, checkpoints=checkpoints, vault=vault, wiped=await _wipe(talks, vaults))


async def sweep(before: str, talks: Talks, vaults: VaultStore, locks: ThreadLocks) -> Swept:
    """Delete what was last used before a time, talk by talk; a talk that is used meanwhile stays.

    Raises:
        RecordError: As `forget`; what was deleted until then is gone.
    """
    names = dict.fromkeys(await talks.idle(before))
    old_vaults = set(await _idle_vaults(vaults, before))
    forgotten = checkpoints = dropped = 0
    for name in names:
        async with locks.hold(name):
            if name not in await talks.idle(before, name):
                continue
            dropped += bool(await asyncio.to_thread(vaults.forget, name))
            for item in await talks.belonging(name):
                await talks.forget(item)
            checkpoints += await talks.forget(name)
            forgotten += 1
    # Vaults whose talks are gone already, by other hands.
    for name in sorted(old_vaults - set(names)):
        async with locks.hold(name):
            if name in await _idle_vaults(vaults, before):
                dropped += bool(await asyncio.to_thread(vaults.forget, name))
    wiped = await _wipe(talks, vaults) if checkpoints or dropped else True
    return Swept(before=before, talks=forgotten, checkpoints=checkpoints, vaults=dropped, wiped=wiped)


async def _idle_vaults(vaults: VaultStore, before: str) -> tuple[str, ...]:
    idle = getattr(vaults, "idle", None)
    return () if idle is None else tuple(await asyncio.to_thread(idle, before))


async def _wipe(talks: Talks, vaults: VaultStore) -> bool:
    own = getattr(vaults, "wipe", None)
    done = True if own is None else bool(await asyncio.to_thread(own))
    return await talks.wipe() and done
