"""The suite for vault stores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cbtguard.graph.conformance import bench
from cbtguard.graph.conformance.bench import call, together
from cbtguard.graph.conformance.common import require, require_type
from cbtguard.safety.privacy.entities import EntityType
from cbtguard.safety.privacy.vault import Vault

if TYPE_CHECKING:
    from collections.abc import Callable

    from cbtguard.graph.conformance.report import ConformanceReport
    from cbtguard.graph.threads import VaultStore

_NAMES = ("王小明", "Emily Watson", "李雪", "Omar Haddad")


def check_vault_store(make: Callable[[], VaultStore], *, limit_s: float = bench.LIMIT_S) -> ConformanceReport:
    """Return whether a vault store keeps each talk's vault apart, whole and until it is told to forget.

    Args:
        make: Makes the store; called once.
        limit_s: Longest one check may take.
    """
    trials = (unknown, kept, replaced, talks_apart, forgotten, hidden, thread_safe)
    return bench.run("vault store", make, trials, limit_s)


async def unknown(store: Any) -> None:
    """A talk nobody put is None, and forgetting it does nothing."""
    require(await call(store.get, _key(0)) is None, "a talk that nobody put is there")
    await call(store.forget, _key(0))
    require(await call(store.get, _key(0)) is None, "forgetting makes a talk")


async def kept(store: Any) -> None:
    """A vault comes back with its values and its numbers, as often as it is asked for."""
    vault, text = _vault(_NAMES[0])
    await call(store.put, _key(1), vault)
    for _ in range(2):
        found = await call(store.get, _key(1))
        require_type(found, Vault, "what was put")
        require(found.restore(text) == _NAMES[0], "a vault comes back without its values")
        require(found.counters == vault.counters, "a vault comes back with other numbers")


async def replaced(store: Any) -> None:
    """The vault that was put last counts."""
    vault, _ = _vault(_NAMES[0])
    await call(store.put, _key(2), vault)
    second = vault.placeholder(EntityType.PERSON, _NAMES[1], "en")
    await call(store.put, _key(2), vault)
    found = await call(store.get, _key(2))
    require_type(found, Vault, "what was put")
    require(found.restore(second) == _NAMES[1], "what a later turn told is not kept")
    newer, text = _vault(_NAMES[2])
    await call(store.put, _key(2), newer)
    found = await call(store.get, _key(2))
    require_type(found, Vault, "what was put")
    require(found.restore(text) == _NAMES[2], "an older vault is in the place of the one that was put last")


async def talks_apart(store: Any) -> None:
    """One talk's vault is never another's."""
    texts = {}
    for number, name in enumerate(_NAMES):
        vault, texts[number] = _vault(name)
        await call(store.put, _key(10 + number), vault)
    for number, name in enumerate(_NAMES):
        found = await call(store.get, _key(10 + number))
        require_type(found, Vault, "what was put")
        require(found.restore(texts[number]) == name, "one talk gets the vault of another")
        require(found.values == {name}, "the vault of one talk holds values of another")


async def forgotten(store: Any) -> None:
    """A talk that was forgotten is gone, and no other one with it."""
    for number in (20, 21):
        await call(store.put, _key(number), _vault(_NAMES[0])[0])
    await call(store.forget, _key(20))
    require(await call(store.get, _key(20)) is None, "a forgotten talk is still there")
    require(await call(store.get, _key(21)) is not None, "forgetting one talk drops another")
    await call(store.forget, _key(20))


async def hidden(store: Any) -> None:
    """The store shows no value when it is printed."""
    vault, _ = _vault(_NAMES[3])
    await call(store.put, _key(30), vault)
    require(_NAMES[3] not in f"{store!r} {store!s}", "the store shows personal data when it is printed")


async def thread_safe(store: Any) -> None:
    """Eight callers at once put, get and forget without a fault and without a mix-up."""

    async def talk(number: int) -> None:
        for turn in range(5):
            vault, text = _vault(f"{_NAMES[number % len(_NAMES)]}{number}")
            await call(store.put, _key(100 + number), vault)
            found = await call(store.get, _key(100 + number))
            require(found is not None, "a vault is lost while others are put")
            require(found.restore(text) in vault.values, "one talk gets the vault of another")
            if turn % 2:
                await call(store.forget, _key(100 + number))

    await together(talk, [(number,) for number in range(bench.AT_ONCE)])


def _vault(name: str) -> tuple[Vault, str]:
    vault = Vault()
    return vault, vault.placeholder(EntityType.PERSON, name, "zh")


def _key(number: int) -> str:
    """A name of a talk as the flow gives it: 32 hexadecimal digits."""
    return f"{number:032x}"
