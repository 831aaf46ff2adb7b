"""The suite for directories of help lines."""

from __future__ import annotations

import re
from itertools import product
from typing import TYPE_CHECKING, Any

from cbtguard.graph.conformance import bench, common
from cbtguard.graph.conformance.bench import call
from cbtguard.graph.conformance.common import require, require_identifier, require_type
from cbtguard.safety.language import Language
from cbtguard.safety.referral import ELSEWHERE, Line, Referrals, Service
from cbtguard.safety.risk import Kind, Level

if TYPE_CHECKING:
    from collections.abc import Callable

    from cbtguard.graph.conformance.report import ConformanceReport
    from cbtguard.safety.referral import Directory

_REGION = re.compile(r"[A-Z]{2}")
_TALK = frozenset({Service.PSYCHOLOGICAL, Service.WEB_DIRECTORY})


def check_directory(make: Callable[[], Directory], *, limit_s: float = bench.LIMIT_S) -> ConformanceReport:
    """Return whether a directory has someone to talk to, police and ambulance everywhere, each line usable.

    Args:
        make: Makes the directory; called once.
        limit_s: Longest one check may take.
    """
    trials = (
        common.name,
        common.version,
        regions,
        lines,
        complete_lines,
        someone_to_talk_to,
        police_and_ambulance,
        own_region_only,
        none_withheld,
        unchanged_kinds,
        carries_the_texts,
    )
    return bench.run("directory", make, (*trials, deterministic, thread_safe), limit_s)


async def regions(directory: Any) -> None:
    """Codes of two capital letters, each once, elsewhere among them."""
    codes = await call(directory.regions)
    require_type(codes, tuple, "regions")
    require(len(set(codes)) == len(codes), "a region comes twice")
    require(ELSEWHERE in codes, f"there is no region {ELSEWHERE}")
    require(
        all(isinstance(c, str) and _REGION.fullmatch(c) for c in codes), "a region is no code of two capitals"
    )


async def lines(directory: Any) -> None:
    """Every region has lines, for every level and kind."""
    for region, level, kinds in await _situations(directory):
        found = await call(directory.lines, region, kinds=kinds, level=level)
        require_type(found, tuple, "the result")
        require(len(found) > 0, f"{region} has no line at level {level}")
        for line in found:
            require_type(line, Line, "a line")
        require(len({line.id for line in found}) == len(found), f"{region} names a line twice")


async def complete_lines(directory: Any) -> None:
    """A line can be shown in every language, may enter the record, and says when it was never checked."""
    for region in await call(directory.regions):
        for line in await call(directory.lines, region, level=Level.EMERGENCY.value):
            require_identifier(line.id, "a line's id")
            for tag in Language:
                require(bool(line.name.get(tag)), f"the line {line.id} has no name in {tag}")
                require(bool(line.hours_text.get(tag)), f"the line {line.id} has no hours in {tag}")
            require(bool(line.contact) or region == ELSEWHERE, f"the line {line.id} has no contact")
            known = line.verified_on is not None or line.caution is not None
            require(known, f"the line {line.id} was never verified and has no caution")


async def someone_to_talk_to(directory: Any) -> None:
    """Every region has a psychological line, or elsewhere a directory of such lines."""
    for region, level, kinds in await _situations(directory):
        served = await _served(directory, region, level, kinds)
        require(bool(served & _TALK), f"{region} has no line to talk to at level {level}")


async def police_and_ambulance(directory: Any) -> None:
    """Every region has police and ambulance when it is grave."""
    for region, level, kinds in await _situations(directory):
        if Level(level).refers:
            served = await _served(directory, region, level, kinds)
            require(Service.POLICE in served, f"{region} has no police at level {level}")
            require(Service.AMBULANCE in served, f"{region} has no ambulance at level {level}")


async def own_region_only(directory: Any) -> None:
    """A region's lines are its own."""
    for region in await call(directory.regions):
        for line in await call(
            directory.lines, region, level=Level.CRISIS.value, kinds=(Kind.SUICIDE.value,)
        ):
            require(line.region == region, f"{region} names the line {line.id} of another region")


async def none_withheld(directory: Any) -> None:
    """A line that is withheld is shown to nobody."""
    for region, level, kinds in await _situations(directory):
        for line in await call(directory.lines, region, kinds=kinds, level=level):
            require(not line.withheld, f"the line {line.id} is withheld and shown")


async def unchanged_kinds(directory: Any) -> None:
    """The kinds are read, not changed."""
    kinds = [Kind.SELF_HARM.value, Kind.SUICIDE.value]
    await call(directory.lines, ELSEWHERE, kinds=kinds, level=Level.CRISIS.value)
    require(kinds == [Kind.SELF_HARM.value, Kind.SUICIDE.value], "the kinds were changed")


async def carries_the_texts(directory: Any) -> None:
    """The shipped referral texts can be made from it."""
    await bench.in_thread(lambda: Referrals(directory))


async def deterministic(directory: Any) -> None:
    """The same question gets the same lines."""
    await common.require_steady(_asking(directory), await _situations(directory), "the result")


async def thread_safe(directory: Any) -> None:
    """Eight askers at once get what each would get alone."""
    cases = await _situations(directory)
    inputs = cases[:: max(1, len(cases) // bench.AT_ONCE)][: bench.AT_ONCE]
    await common.require_shareable(_asking(directory), inputs, "the result")


def _asking(directory: Any) -> Any:
    async def ask(region: str, level: str, kinds: tuple[str, ...]) -> Any:
        return await call(directory.lines, region, kinds=kinds, level=level)

    return ask


async def _served(directory: Any, region: str, level: str, kinds: tuple[str, ...]) -> set[str]:
    found = await call(directory.lines, region, kinds=kinds, level=level)
    return {service for line in found for service in line.serves}


async def _situations(directory: Any) -> list[tuple[str, str, tuple[str, ...]]]:
    kinds = ((), *((kind.value,) for kind in Kind))
    return list(product(await call(directory.regions), (level.value for level in Level), kinds))
