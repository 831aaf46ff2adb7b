"""The directory of help lines looked over: age of each check, who is open now, what a region lacks."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from itertools import product
from typing import TYPE_CHECKING, Any

from cbtguard.safety.referral import Service
from cbtguard.safety.referral.hours import ALWAYS
from cbtguard.safety.risk import Kind, Level

if TYPE_CHECKING:
    from datetime import datetime

    from cbtguard.safety.referral import FileDirectory, Line

_TALK = frozenset({Service.PSYCHOLOGICAL, Service.WEB_DIRECTORY})


class Status(StrEnum):
    """How far the last check of a line can be relied on."""

    FRESH = "fresh"
    STALE = "stale"
    """Checked longer ago than allowed."""
    NEVER = "never"
    """Never checked against a published source."""
    WITHHELD = "withheld"
    """In the files, shown to nobody."""


class Opening(StrEnum):
    """Whether a line is staffed at the moment of the audit."""

    OPEN = "open"
    CLOSED = "closed"
    UNKNOWN = "unknown"


class Gap(StrEnum):
    """What a region lacks."""

    ONE_TALK_LINE = "one_talk_line"
    """A single line to talk to: busy means nobody."""
    NO_CHECKED_TALK_LINE = "no_checked_talk_line"
    """Every line to talk to is stale or was never checked."""
    NO_TALK_LINE_ALL_DAY = "no_talk_line_all_day"
    """No line to talk to is known to be open day and night."""
    ALL_CLOSED = "all_closed"
    """Every line to talk to is closed now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LineAudit:
    """One line, looked over."""

    id: str
    region: str
    contact: str
    source: str
    verified_on: str | None
    """Month of the last check, such as ``2026-11``."""
    age_days: int | None
    """Days since that month began; None when never checked."""
    status: Status
    opening: Opening
    own: bool
    """From an operator's file."""
    shown: bool
    """Whether some situation shows it when nobody names a group."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionAudit:
    """One region, looked over."""

    region: str
    talk: int
    """Lines to talk to."""
    gaps: tuple[Gap, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectoryAudit:
    """The whole directory, looked over at one moment."""

    at: str
    """UTC, ISO 8601."""
    age_days: int
    """Days after which a check counts no longer."""
    version: str
    lines: tuple[LineAudit, ...]
    regions: tuple[RegionAudit, ...]

    @property
    def due(self) -> tuple[LineAudit, ...]:
        """The lines that people may read and that somebody ought to check."""
        return tuple(line for line in self.lines if line.status in {Status.STALE, Status.NEVER})

    def as_dict(self) -> dict[str, Any]:
        """Return the audit as JSON primitives."""
        return {
            "at": self.at,
            "age_days": self.age_days,
            "version": self.version,
            "due": [line.id for line in self.due],
            "lines": [
                {
                    "id": line.id,
                    "region": line.region,
                    "contact": line.contact,
                    "source": line.source,
                    "verified_on": line.verified_on,
                    "age_days": line.age_days,
                    "status": line.status.value,
                    "opening": line.opening.value,
                    "own": line.own,
                    "shown": line.shown,
                }
                for line in self.lines
            ],
            "regions": [
                {"region": one.region, "talk": one.talk, "gaps": [gap.value for gap in one.gaps]}
                for one in self.regions
            ],
        }


def audit_directory(directory: FileDirectory, at: datetime, *, age_days: int) -> DirectoryAudit:
    """Return what an operator should know of a directory at a moment.

    Args:
        directory: Read with the same ``age_days``; it says which lines are stale.
        at: A moment with a time zone.
        age_days: Days after which a check counts no longer.
    """
    shown = {
        line.id
        for region, level, kind in product(directory.regions(), Level, ("", *Kind))
        for line in directory.lines(region, level=level, kinds=(kind,) if kind else ())
    }
    lines = (*directory.all_lines(), *directory.withheld_lines())
    return DirectoryAudit(
        at=at.isoformat(timespec="minutes"),
        age_days=age_days,
        version=directory.version,
        lines=tuple(_line(line, at, directory.is_own(line.id), line.id in shown) for line in lines),
        regions=tuple(_region(region, directory, at) for region in directory.regions()),
    )


def _line(line: Line, at: datetime, own: bool, shown: bool) -> LineAudit:
    opened = line.is_open(at)
    checked = line.verified_on
    return LineAudit(
        id=line.id,
        region=line.region,
        contact=line.contact,
        source=line.source,
        verified_on=checked.isoformat()[:7] if checked else None,
        age_days=(at.date() - checked).days if checked else None,
        status=_status(line),
        opening=Opening.UNKNOWN if opened is None else Opening.OPEN if opened else Opening.CLOSED,
        own=own,
        shown=shown,
    )


def _status(line: Line) -> Status:
    if line.withheld:
        return Status.WITHHELD
    if line.verified_on is None:
        return Status.NEVER
    return Status.STALE if line.stale else Status.FRESH


def _region(region: str, directory: FileDirectory, at: datetime) -> RegionAudit:
    here = (line for line in directory.all_lines() if line.region == region)
    talk = [line for line in here if _TALK.intersection(line.serves)]
    # A list of lines on the web is more than one line to talk to.
    alone = len(talk) == 1 and Service.WEB_DIRECTORY not in talk[0].serves
    found = {
        Gap.ONE_TALK_LINE: alone,
        Gap.NO_CHECKED_TALK_LINE: all(_status(line) is not Status.FRESH for line in talk),
        Gap.NO_TALK_LINE_ALL_DAY: all(line.hours != ALWAYS for line in talk),
        Gap.ALL_CLOSED: all(line.is_open(at) is False for line in talk),
    }
    return RegionAudit(
        region=region, talk=len(talk), gaps=tuple(gap for gap, holds in found.items() if holds)
    )
