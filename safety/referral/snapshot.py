"""What a directory says at one moment, taken over whole, so that no later fault can lose a line."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from cbtguard.safety.errors import DataError
from cbtguard.safety.referral.gravity import GRAVITY
from cbtguard.safety.referral.model import ELSEWHERE
from cbtguard.safety.referral.render import Shown
from cbtguard.safety.risk.model import Level

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cbtguard.safety.referral.directory import Directory
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
        self._shown: dict[tuple[str, str, tuple[Kind, ...]], Shown] = {}
        # Equal replies share one object, which keeps the index of openings small.
        same: dict[Shown, Shown] = {}
        for region in self.regions:
            spare = directory.lines(region, level=Level.EMERGENCY)
            for level, kinds in _situations():
                shown = Shown.of(directory.lines(region, kinds=kinds, level=level), spare)
                if shown is None:
                    raise _incomplete(directory, f"lacks a line to talk to, police or ambulance in {region}")
                self._shown[region, level, kinds] = same.setdefault(shown, shown)

    def region(self, region: str) -> str:
        """Return the region itself, or elsewhere for one the directory does not have."""
        return region if region in self.regions else ELSEWHERE

    def shown(self, region: str, level: str, kinds: tuple[Kind, ...] = ()) -> Shown:
        """Return the lines of a reply; ``kinds`` in order of gravity, one at most below level crisis."""
        return self._shown[region, level, kinds]


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
