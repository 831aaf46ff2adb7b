"""Which lines of a region fit whom and when: closed ones step back, lines for a group come up for that group."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain, combinations, product
from typing import TYPE_CHECKING

from cbtguard.safety.errors import InputError
from cbtguard.safety.referral.hours import is_open, spans_of
from cbtguard.safety.referral.model import Audience

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import datetime

    from cbtguard.safety.referral.model import Line


def audience_of(words: Collection[str]) -> tuple[str, ...]:
    """Return the groups that a caller named, each once, in the order of :class:`Audience`.

    Raises:
        InputError: ``input.audience_unknown``.
    """
    named = {words} if isinstance(words, str) else set(words)
    if not named <= set(Audience):
        raise InputError(
            "input.audience_unknown",
            "A group of people is not one that lines are for.",
            hint=f"Use some of {', '.join(Audience)}.",
        )
    return tuple(str(one) for one in Audience if one in named and one is not Audience.EVERYONE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstance:
    """What decides, besides the danger, which lines are shown first."""

    audience: frozenset[str] = frozenset()
    """Values of :class:`~cbtguard.safety.referral.Audience` that the caller named."""
    closed: frozenset[str] = frozenset()
    """Ids of the lines that are not staffed now."""

    def is_for(self, line: Line) -> bool:
        """Whether a line is meant for the group the caller named."""
        return bool(self.audience.intersection(line.audience))

    def fits(self, line: Line) -> bool:
        """Whether a line is for everyone or for that group."""
        return Audience.EVERYONE in line.audience or self.is_for(line)


PLAIN = Circumstance()
"""Nobody named a group, and no line is known to be closed."""


class Fitting:
    """The circumstances that the lines of one region tell apart.

    Args:
        lines: The lines of the region that may be shown.
    """

    def __init__(self, lines: Iterable[Line]) -> None:
        self._lines = tuple(lines)
        self._groups = frozenset(chain.from_iterable(line.audience for line in self._lines)) - {
            Audience.EVERYONE
        }

    def of(self, audience: Collection[str], at: datetime) -> Circumstance:
        """Return the circumstance of a caller at a moment; groups without a line here do not count."""
        closed = (line.id for line in self._lines if is_open(line.hours, line.timezone, at) is False)
        return Circumstance(audience=self._groups.intersection(audience), closed=frozenset(closed))

    def every(self) -> tuple[Circumstance, ...]:
        """Return every circumstance there can be, the plain one first."""
        groups = sorted(self._groups)
        named = [frozenset(some) for size in range(len(groups) + 1) for some in combinations(groups, size)]
        return tuple(Circumstance(audience=a, closed=c) for c, a in product(self._closed(), named))

    def _closed(self) -> list[frozenset[str]]:
        """Return every set of lines that can be closed at once.

        Within a time zone all turns of a week are tried; between zones, whose distance changes with summer
        time, every pair is taken.
        """
        zones: dict[str, list[Line]] = {}
        for line in self._lines:
            if spans_of(line.hours) is not None:
                zones.setdefault(line.timezone, []).append(line)
        parts: list[list[frozenset[str]]] = []
        for lines in zones.values():
            spans = {line.id: spans_of(line.hours) or () for line in lines}
            turns = sorted({m for own in spans.values() for s in own for m in (s.start, s.end)})
            found = {
                frozenset(one for one, own in spans.items() if not any(s.holds(turn) for s in own)): None
                for turn in turns
            }
            parts.append(list(found))
        sets = [frozenset[str]().union(*some) for some in product(*parts)]
        return sorted({frozenset[str](), *sets}, key=lambda one: (len(one), sorted(one)))
