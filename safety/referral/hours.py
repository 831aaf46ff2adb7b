"""Opening hours: when a line is staffed, in its own time zone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from datetime import datetime

ALWAYS = "24/7"
VARIES = "varies"
DAY = 24 * 60
"""Minutes."""
WEEK = 7 * DAY
_DAYS = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")
_NAMES = "|".join(_DAYS)
_SPAN = re.compile(rf"({_NAMES})(?:-({_NAMES}))? ([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A stretch of time that returns each week."""

    start: int
    """Minutes since Monday 00:00, local time."""
    end: int
    """After ``start``; above :data:`WEEK` where it passes the end of Sunday."""

    def holds(self, minute: int) -> bool:
        """Whether a minute of the week lies inside; the end does not."""
        return self.start <= minute < self.end or self.start <= minute + WEEK < self.end


@cache
def spans_of(hours: str) -> tuple[Span, ...] | None:
    """Return the spans of hours such as ``Mo-Fr 18:00-02:00; Sa 10:00-24:00``.

    Returns:
        One span for each day, in order; None for ``24/7`` and ``varies``, which have none.

    Raises:
        ValueError: For anything else.
    """
    if hours in {ALWAYS, VARIES}:
        return None
    found: list[Span] = []
    for part in hours.split("; "):
        match = _SPAN.fullmatch(part)
        if match is None:
            raise ValueError(hours)
        first, last = _DAYS.index(match[1]), _DAYS.index(match[2] or match[1])
        opens, closes = int(match[3]) * 60 + int(match[4]), int(match[5]) * 60 + int(match[6])
        if closes > DAY or opens == closes:
            raise ValueError(hours)
        # Fr-Mo runs over the end of the week, 18:00-02:00 over midnight.
        length = (closes - opens) % DAY
        for day in range(first, first + (last - first) % 7 + 1):
            start = day % 7 * DAY + opens
            found.append(Span(start=start, end=start + length))
    return tuple(found)


def is_open(hours: str, timezone: str, at: datetime) -> bool | None:
    """Return whether a line is staffed at a moment; None where its hours are not known (``varies``).

    Args:
        hours: As in :attr:`cbtguard.safety.referral.Line.hours`.
        timezone: IANA name the hours are in.
        at: A moment with a time zone of any kind.
    """
    if hours == ALWAYS:
        return True
    spans = spans_of(hours)
    if spans is None:
        return None
    local = at.astimezone(ZoneInfo(timezone))
    minute = local.weekday() * DAY + local.hour * 60 + local.minute
    return any(span.holds(minute) for span in spans)
