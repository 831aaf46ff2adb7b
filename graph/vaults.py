"""Vaults of talks: in memory, or sealed in a SQLite file or a PostgreSQL database."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

from cbtguard.graph.sealed import sealer_of
from cbtguard.graph.talks import SERVERS, path_of, stamp
from cbtguard.safety.privacy.vault import Vault

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cbtguard.graph.settings import Settings
    from cbtguard.graph.vault_rows import Rows
    from cbtguard.safety.sealing import Sealer

PURPOSE: Final = "vaults"
"""What vaults are sealed as."""


@runtime_checkable
class VaultStore(Protocol):
    """Keeps the vault of each talk. Raw personal data lies in it: never store it unencrypted.

    A store may have ``idle(before)``, which returns the talks whose vaults were put before a time, for retention, and
    ``close()``.
    """

    def get(self, thread: str) -> Vault | None:
        """Return the vault of a talk, None when it is not known (any more)."""
        ...

    def put(self, thread: str, vault: Vault) -> None:
        """Keep the vault of a talk."""
        ...

    def forget(self, thread: str) -> bool | None:
        """Drop the vault of a talk for good; return whether there was one, None where nobody can tell."""
        ...


class MemoryVaults:
    """Vaults in memory, the longest unused dropped first; a restart forgets them all.

    A forgotten vault costs the person a name in a reply, never a wrong name: numbers go on where they were.
    """

    def __init__(self, capacity: int = 10_000) -> None:
        self._vaults: OrderedDict[str, Vault] = OrderedDict()
        self._capacity = capacity
        self._lock = threading.Lock()

    def get(self, thread: str) -> Vault | None:
        """Return the vault of a talk."""
        with self._lock:
            vault = self._vaults.get(thread)
            if vault is not None:
                self._vaults.move_to_end(thread)
            return vault

    def put(self, thread: str, vault: Vault) -> None:
        """Keep the vault of a talk."""
        with self._lock:
            self._vaults[thread] = vault
            self._vaults.move_to_end(thread)
            while len(self._vaults) > self._capacity:
                self._vaults.popitem(last=False)

    def forget(self, thread: str) -> bool:
        """Drop the vault of a talk; return whether there was one."""
        with self._lock:
            return self._vaults.pop(thread, None) is not None


class SealedVaults:
    """Vaults that outlive the process, each sealed under the key and bound to its talk.

    Args:
        rows: Keeps the sealed bytes.
        sealer: Seals them.
        clock: Seconds since the epoch, for retention.
    """

    def __init__(self, rows: Rows, sealer: Sealer, clock: Callable[[], float] = time.time) -> None:
        self._rows = rows
        self._sealer = sealer
        self._clock = clock

    def get(self, thread: str) -> Vault | None:
        """Return the vault of a talk.

        Raises:
            RecordError: ``record.sealed`` for another key or another talk's vault; ``record.vaults_unreadable``.
        """
        sealed = self._rows.read(thread)
        if sealed is None:
            return None
        return Vault.unsealed(sealed, lambda found: self._sealer.open(found, thread.encode()))

    def put(self, thread: str, vault: Vault) -> None:
        """Seal and keep the vault of a talk.

        Raises:
            RecordError: ``record.vaults_unreadable``.
        """
        sealed = vault.sealed(lambda plain: self._sealer.seal(plain, thread.encode()))
        self._rows.write(thread, stamp(self._clock()), sealed)

    def forget(self, thread: str) -> bool:
        """Drop the vault of a talk, which needs no key; return whether there was one.

        Raises:
            RecordError: ``record.vaults_unreadable``.
        """
        return self._rows.delete(thread)

    def wipe(self) -> bool:
        """See that nothing of what was dropped is left behind in files; return whether that could be done."""
        return self._rows.wipe()

    def idle(self, before: str) -> tuple[str, ...]:
        """Return the names of talks whose vaults were put before a time, ISO 8601 with milliseconds."""
        return self._rows.idle(before)

    def close(self) -> None:
        """Let go of files and connections. A second call does nothing."""
        self._rows.close()

    def __repr__(self) -> str:
        return "SealedVaults(...)"


class LeftVaults(MemoryVaults):
    """Vaults in memory, beside sealed ones of a time when the setting was ``store``: these are forgotten too.

    Args:
        rows: Where the sealed ones lie. They are not read, which would need the key.
    """

    def __init__(self, rows: Rows) -> None:
        super().__init__()
        self._rows = rows

    def forget(self, thread: str) -> bool:
        """Drop the vaults of a talk; return whether there was one."""
        return super().forget(thread) | self._rows.delete(thread)

    def wipe(self) -> bool:
        """As in `SealedVaults`."""
        return self._rows.wipe()

    def idle(self, before: str) -> tuple[str, ...]:
        """As in `SealedVaults`."""
        return self._rows.idle(before)

    def close(self) -> None:
        """As in `SealedVaults`."""
        self._rows.close()


def vaults_path(talks: Path) -> Path:
    """Return the file of the vaults, which lies beside that of the talks."""
    return talks.with_name(f"{talks.stem}.vaults.sqlite")


def open_vaults(settings: Settings, clock: Callable[[], float] = time.time) -> VaultStore:
    """Return the vaults that the settings name; `check_keeping` has seen that these agree with each other.

    Raises:
        RecordError: ``record.vaults_unreadable``; ``record.value`` for what is no connection string.
        DependencyError: ``dependency.library`` when a package of an extra is not installed.
    """
    sealer = sealer_of(settings, PURPOSE) if settings.vaults == "store" else None
    if settings.threads == "memory":
        return MemoryVaults()
    rows = _rows(settings, make=sealer is not None)
    if rows is None:
        return MemoryVaults()
    return LeftVaults(rows) if sealer is None else SealedVaults(rows, sealer, clock)


def _rows(settings: Settings, *, make: bool) -> Rows | None:
    """Return the rows beside the talks; None where there are none and none are to be made."""
    from cbtguard.graph.vault_rows import PostgresRows, SqliteRows  # noqa: PLC0415 - only where it is used

    if settings.threads.startswith(SERVERS):
        return PostgresRows(settings.threads) if make or PostgresRows.exist(settings.threads) else None
    path = vaults_path(path_of(settings))
    return SqliteRows(path) if make or path.exists() else None
