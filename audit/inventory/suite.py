"""The suite over the inventory: each entry is a case."""

from __future__ import annotations

import asyncio
import re
import time
from functools import cache
from typing import TYPE_CHECKING, Any

from cbtguard.audit.case import Case, Expect, Suite
from cbtguard.audit.inventory.book import Part, part_of, read_inventory, told
from cbtguard.audit.outcome import Outcome, Verdict

if TYPE_CHECKING:
    from cbtguard.audit.target import Target

_UNFIT = re.compile(r"[^A-Za-z0-9._-]+")


def inventory_cases() -> tuple[Case, ...]:
    """Return a case for each entry of the inventory; its turn is the name of the entry."""
    return tuple(
        Case(
            id=f"inventory.{part}.{number:04}.{_UNFIT.sub('-', name)[:60]}",
            suite=Suite.INVENTORY,
            language="en",
            source="the inventory of the release",
            expect=Expect.PRESENT,
            reason="What keeps people safe is there as it was when a person looked it over.",
            turns=(part, name),
            tags={"part": part},
        )
        for part, entries in read_inventory().items()
        for number, name in enumerate(entries, 1)
    )


@cache
def _part(name: str) -> Part:
    return part_of(name)


@cache
def _data() -> dict[str, dict[str, Any]]:
    return read_inventory()


async def judge_entry(case: Case, target: Target) -> Outcome:
    """Return the outcome of one entry; what the release in this process holds counts."""
    part, name = case.turns
    start = time.perf_counter()
    what = await asyncio.to_thread(told, _part(part), name, _data()[part][name])
    return Outcome(
        case=case.id,
        target=target.name,
        verdict=Verdict.FAIL if what else Verdict.PASS,
        why="; ".join(what) or "it is as it should be",
        ms=(time.perf_counter() - start) * 1000,
    )
