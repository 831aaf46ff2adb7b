from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from cbtguard.graph import MemoryVaults
from cbtguard.graph.conformance import (
    ConformanceReport,
    check_desk,
    check_directory,
    check_record_store,
    check_vault_store,
)
from cbtguard.safety.privacy import Vault
from cbtguard.safety.record import MemoryRecord
from cbtguard.safety.referral import FileDirectory, Service

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cbtguard.safety.record import StoredEntry, TurnEntry
    from cbtguard.safety.referral import Line, Referrals


def failed(report: ConformanceReport) -> set[str]:
    return {check.name for check in report.failures}


class Elsewhere(FileDirectory):
    def regions(self) -> tuple[str, ...]:
        return tuple(code for code in super().regions() if code != "ZZ")


class Changed(FileDirectory):
    def lines(self, region: str, *, kinds: Sequence[str] = (), level: str = "none") -> Any:
        return self.turned(super().lines(region, kinds=kinds, level=level), region, kinds)

    def turned(self, lines: tuple[Line, ...], region: str, kinds: Any) -> Any:
        return lines


def without(service: str) -> Callable[..., Any]:
    return lambda self, lines, region, kinds: tuple(line for line in lines if service not in line.serves)


@pytest.mark.parametrize(
    ("turned", "check"),
    [
        (without(Service.POLICE), "police_and_ambulance"),
        (without(Service.AMBULANCE), "police_and_ambulance"),
        (
            lambda self, lines, region, kinds: tuple(
                line for line in lines if {Service.POLICE, Service.AMBULANCE} & set(line.serves)
            ),
            "someone_to_talk_to",
        ),
        (without(Service.POLICE), "carries_the_texts"),
        (lambda self, lines, region, kinds: () if region == "SG" else lines, "lines"),
        (lambda self, lines, region, kinds: tuple(replace(x, region="CN") for x in lines), "own_region_only"),
        (lambda self, lines, region, kinds: tuple(replace(x, withheld=True) for x in lines), "none_withheld"),
        (
            lambda self, lines, region, kinds: tuple(
                replace(x, verified_on=None, caution=None) for x in lines
            ),
            "complete_lines",
        ),
        (lambda self, lines, region, kinds: tuple(replace(x, id="热线") for x in lines), "complete_lines"),
        (
            lambda self, lines, region, kinds: lines[:: -1 if time.perf_counter_ns() // 1000 % 2 else 1],
            "deterministic",
        ),
        (
            lambda self, lines, region, kinds: (isinstance(kinds, list) and kinds.reverse()) or lines,
            "unchanged_kinds",
        ),
    ],
)
def test_a_broken_directory_is_caught(turned: Callable[..., Any], check: str) -> None:
    report = check_directory(type("Broken", (Changed,), {"turned": turned}))
    assert check in failed(report), str(report)


def test_a_directory_without_an_elsewhere_is_caught() -> None:
    assert "regions" in failed(check_directory(Elsewhere))


class Desk:
    """The real texts, with one method turned into something else."""

    def __init__(self, real: Referrals, method: str, turned: Callable[[Any, dict[str, Any]], Any]) -> None:
        self.version = real.version
        for name in ("crisis", "care", "fallback", "safety_note", "disclosure", "last_resort"):
            setattr(self, name, getattr(real, name))
        own = getattr(real, method)

        def call(*args: Any, **named: Any) -> Any:
            return turned(own(*args, **named), named)

        setattr(self, method, call)


@pytest.mark.parametrize(
    ("method", "turned", "check"),
    [
        ("crisis", lambda found, named: found.text, "crisis"),
        ("crisis", lambda found, named: replace(found, lines=()), "crisis"),
        ("crisis", lambda found, named: replace(found, text="请拨打热线。"), "crisis"),
        (
            "crisis",
            lambda found, named: replace(
                found, lines=tuple(x for x in found.lines if not {"police", "ambulance"} & set(x.serves))
            ),
            "help_comes_first_in_an_emergency",
        ),
        ("crisis", lambda found, named: {}[0] if named["region"] == "QQ" else found, "unknown_region"),
        (
            "care",
            lambda found, named: replace(found, text="我在。"),
            "no_two_turns_alike",
        ),
        ("fallback", lambda found, named: replace(found, language="en"), "fallback"),
        ("safety_note", lambda found, named: replace(found, text=found.text + "{line}"), "safety_note"),
        ("disclosure", lambda found, named: "", "disclosure"),
        ("last_resort", lambda found, named: {}["x"], "last_resort"),
    ],
)
def test_a_broken_desk_is_caught(real_referrals: Referrals, method: str, turned: Any, check: str) -> None:
    report = check_desk(lambda: Desk(real_referrals, method, turned))  # type: ignore[arg-type,return-value]
    assert check in failed(report), str(report)


class Skips(MemoryRecord):
    def append(self, entry: TurnEntry) -> StoredEntry:
        stored = super().append(entry)
        return replace(stored, seq=stored.seq + 1)


class Loses(MemoryRecord):
    def append(self, entry: TurnEntry) -> StoredEntry:
        stored = super().append(entry)
        if len(self._rows) > 2:
            del self._rows[0]
        return stored


class Rewrites(MemoryRecord):
    def append(self, entry: TurnEntry) -> StoredEntry:
        return super().append(replace(entry, notes=()))


class Unlocked(MemoryRecord):
    last = 0

    def append(self, entry: TurnEntry) -> StoredEntry:
        seq = self.last + 1
        time.sleep(0.003)
        self.last = seq
        return replace(super().append(entry), seq=seq)


class Drops(MemoryRecord):
    """Keeps an entry that it was sent before only once."""

    def append(self, entry: TurnEntry) -> StoredEntry:
        for stored in self.entries():
            if stored.entry == entry:
                return stored
        return super().append(entry)


class AnyWindow(MemoryRecord):
    def entries(self, *, start: int = 1, limit: int | None = None) -> Any:
        return super().entries(start=max(1, start), limit=None)


class Trusting(MemoryRecord):
    def verify(self, *, expected_head: str | None = None) -> Any:
        return super().verify()


class StaysOpen(MemoryRecord):
    def close(self) -> None:
        """Nothing."""


@pytest.mark.parametrize(
    ("broken", "check"),
    [
        (Skips, "seals"),
        (Loses, "seals"),
        (Rewrites, "seals"),
        (Unlocked, "dense_under_threads"),
        (Drops, "append_only"),
        (AnyWindow, "windows"),
        (Trusting, "anchored"),
        (StaysOpen, "closed"),
        (MemoryRecord, "durable"),
    ],
)
def test_a_broken_record_is_caught(broken: type[MemoryRecord], check: str) -> None:
    reopen = (lambda _: broken()) if check == "durable" else None
    report = check_record_store(broken, reopen=reopen)
    assert check in failed(report), str(report)


class Copies(MemoryVaults):
    def get(self, thread: str) -> Vault | None:
        found = super().get(thread)
        return Vault(found.counters) if found else None


class OneForAll(MemoryVaults):
    def put(self, thread: str, vault: Vault) -> None:
        super().put("the one", vault)

    def get(self, thread: str) -> Vault | None:
        return super().get("the one")


class NeverForgets(MemoryVaults):
    def forget(self, thread: str) -> None:
        """Nothing."""


class FirstStays(MemoryVaults):
    def put(self, thread: str, vault: Vault) -> None:
        if self.get(thread) is None:
            super().put(thread, vault)


class Makes(MemoryVaults):
    def get(self, thread: str) -> Vault | None:
        return super().get(thread) or Vault()


class Prints(MemoryVaults):
    def __repr__(self) -> str:
        return f"Prints({[sorted(vault.values) for vault in self._vaults.values()]})"


@pytest.mark.parametrize(
    ("broken", "check"),
    [
        (Copies, "kept"),
        (OneForAll, "talks_apart"),
        (NeverForgets, "forgotten"),
        (FirstStays, "replaced"),
        (Makes, "unknown"),
        (Prints, "hidden"),
        (OneForAll, "thread_safe"),
    ],
)
def test_a_broken_vault_store_is_caught(broken: type[MemoryVaults], check: str) -> None:
    report = check_vault_store(broken)
    assert check in failed(report), str(report)
