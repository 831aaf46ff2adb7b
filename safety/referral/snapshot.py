"""What a directory says at one moment, taken over whole, so that no later fault can lose a line."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from cbtguard.safety.errors import DataError
from cbtguard.safety.referral.directory import FittingDirectory
from cbtguard.safety.referral.fitting import PLAIN
from cbtguard.safety.referral.gravity import GRAVITY
from cbtguard.safety.referral.model import ELSEWHERE
from cbtguard.safety.referral.render import Shown
from cbtguard.safety.risk.model import Level

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from datetime import datetime

    from cbtguard.safety.referral.directory import Directory
    from cbtguard.safety.referral.fitting import Circumstance
    from cbtguard.safety.referral.model import Line
    from cbtguard.safety.risk.model import Kind


class Snapshot:
    """The lines of a directory for every region, level and set of kinds.

    Raises:
        DataError: ``data.malformed`` when a region has no line to talk to, no police or no ambulance, or
            when there is nothing for elsewhere.
    """

    def __init__(self, directory: Directory) -> None:
        self.regions = directory.regions()
        if ELSEWHERE not in self.regions:
            raise _incomplete(directory, f"has no region {ELSEWHERE}")
        self._shown: dict[tuple[str, str, tuple[Kind, ...]], dict[Circumstance, Shown]] = {}
        self._fitting = (
            {region: directory.fitting(region) for region in self.regions}
            if isinstance(directory, FittingDirectory)
            else {}
        )
        # Equal replies share one object, which keeps the index of openings small.
        same: dict[Shown, Shown] = {}
        for region in self.regions:
            spare = directory.lines(region, level=Level.EMERGENCY)
            for level, kinds in _situations():
                found: dict[Circumstance, Shown] = {}
                for circumstance, lines in _lines(directory, region, level, kinds):
                    shown = Shown.of(lines, spare, circumstance)
                    if shown is None:
                        problem = f"lacks a line to talk to, police or ambulance in {region}"
                        raise _incomplete(directory, problem)
                    found[circumstance] = same.setdefault(shown, shown)
                self._shown[region, level, kinds] = found

    def region(self, region: str) -> str:
        """Return the region itself, or elsewhere for one the directory does not have."""
        return region if region in self.regions else ELSEWHERE

    def circumstance(self, region: str, audience: Collection[str], at: datetime) -> Circumstance:
        """Return the circumstance of a caller at a moment; the plain one for a directory that knows none."""
        fitting = self._fitting.get(region)
        return fitting.of(audience, at) if fitting else PLAIN

    def shown(
        self,
        region: str,
        level: str,
        kinds: tuple[Kind, ...] = (),
        circumstance: Circumstance = PLAIN,
    ) -> Shown:
        """Return the lines of a reply; ``kinds`` in order of gravity, one at most below level crisis."""
        return self._shown[region, level, kinds][circumstance]

    def every(self, region: str, level: str, kinds: tuple[Kind, ...] = ()) -> frozenset[Shown]:
        """Return the lines of a reply in every circumstance, each once."""
        return frozenset(self._shown[region, level, kinds].values())


def _lines(
    directory: Directory, region: str, level: str, kinds: tuple[Kind, ...]
) -> Iterator[tuple[Circumstance, tuple[Line, ...]]]:
    if not isinstance(directory, FittingDirectory):
        yield PLAIN, directory.lines(region, kinds=kinds, level=level)
        return
    for circumstance in directory.fitting(region).every():
        yield circumstance, directory.lines(region, kinds=kinds, level=level, circumstance=circumstance)


def followers(lead: Kind) -> Iterator[tuple[Kind, ...]]:
    """Yield every set of kinds less grave than the lead, each in order of gravity; the empty one first."""
    after = GRAVITY[GRAVITY.index(lead) + 1 :]
    for size in range(len(after) + 1):
        yield from combinations(after, size)


def _situations() -> Iterator[tuple[str, tuple[Kind, ...]]]:
    yield Level.NONE, ()
    yield Level.WATCH, ()
    for lead in GRAVITY:
        yield Level.WATCH, (lead,)
        for rest in followers(lead):
            yield Level.CRISIS, (lead, *rest)
            yield Level.EMERGENCY, (lead, *rest)


def _incomplete(directory: Directory, problem: str) -> DataError:
    return DataError(
        "data.malformed",
        f"The directory {directory.name!r} {problem}.",
        hint="Every region, and elsewhere (ZZ), needs all three kinds of line.",
    )
