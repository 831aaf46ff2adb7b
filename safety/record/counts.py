"""What a year of the record adds up to: numbers only, nothing about any one person or talk.

Made for yearly reports such as that of California's SB 243 (Business and Professions Code, section 22603),
which asks how often people were referred to crisis services and forbids any identifier.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cbtguard.safety.errors import RecordError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import tzinfo

    from cbtguard.safety.record.entry import StoredEntry, TurnEntry

CRISIS_LEVELS: Final = frozenset({"crisis", "emergency"})
"""Levels at which a referral is a crisis referral."""

NO_KIND: Final = "unspecified"
"""Row for referrals without a kind of risk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class YearCounts:
    """Counts of one calendar year. `referred` is the sum of the three kinds of referral below it.

    Attributes:
        year: The year, in `zone`.
        zone: Time zone that the year is of.
        turns: Turns that ended in the year, in an answer or a referral.
        answered: Turns that ended in an answer.
        referred: Turns that ended in a referral instead of an answer, held for a reviewer or not.
        crisis_referrals: Referrals at level crisis or emergency: crisis service referrals issued.
        care_referrals: Referrals below these levels, to somebody who was in crisis earlier in the talk.
        other_referrals: Referrals in place of an answer for any other reason.
        safety_notes: Answers that ended with a note naming help lines.
        reviewed: Turns with a reviewer's act.
        other_entries: Entries of the year that end no turn, such as those that open an answer.
        referrals_by_level: Level to referrals.
        referrals_by_kind: Kind of risk to level to referrals; one with two kinds is counted under both.
    """

    year: int
    zone: str
    turns: int
    answered: int
    referred: int
    crisis_referrals: int
    care_referrals: int
    other_referrals: int
    safety_notes: int
    reviewed: int
    other_entries: int
    referrals_by_level: dict[str, int]
    referrals_by_kind: dict[str, dict[str, int]]

    def as_dict(self) -> dict[str, Any]:
        """Return the counts as JSON primitives."""
        return {name: getattr(self, name) for name in self.__slots__}

    def rows(self) -> Iterator[tuple[str, str, str, int]]:
        """Yield measure, level, kind and count, for a table; level and kind are empty for a whole."""
        for name in _WHOLES:
            yield name, "", "", getattr(self, name)
        for level, n in self.referrals_by_level.items():
            yield "referrals", level, "", n
        for kind, by_level in self.referrals_by_kind.items():
            for level, n in by_level.items():
                yield "referrals", level, kind, n


_REFERRED: Final = frozenset({"referred", "held"})
"""Routes that end in a vetted text; on the second a reviewer looks at the turn as well."""
_ACTS: Final = frozenset({"approved", "replaced", "taken_over", "released"})
"""What a reviewer may do with a turn; that nobody came in time and that a talk was handed back are no such acts."""

_WHOLES: Final = (
    "turns",
    "answered",
    "referred",
    "crisis_referrals",
    "care_referrals",
    "other_referrals",
    "safety_notes",
    "reviewed",
    "other_entries",
)


def count_year(entries: Iterable[StoredEntry], year: int, *, zone: str = "UTC") -> YearCounts:
    """Return the counts of a calendar year, reading the entries one at a time.

    Args:
        entries: Entries of a record that was verified.
        year: The year, 1 to 9999.
        zone: IANA name of the time zone whose year it is, such as ``America/Los_Angeles``.

    Raises:
        RecordError: ``record.value`` for a zone that is not known or a year out of range.
    """
    if not 1 <= year <= 9999:
        raise RecordError("record.value", "The year is out of range.", hint="Give a year such as 2026.")
    where = _zone(zone)
    wholes: Counter[str] = Counter()
    levels: Counter[str] = Counter()
    kinds: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for stored in entries:
        entry = stored.entry
        if not _in_year(entry.at, year, where):
            continue
        wholes.update(_marks(entry))
        if entry.route in _REFERRED:
            levels[entry.level] += 1
            for kind in dict.fromkeys(entry.kinds or (NO_KIND,)):
                kinds[kind][entry.level] += 1
    return YearCounts(
        year=year,
        zone=zone,
        **{name: wholes[name] for name in _WHOLES},
        referrals_by_level=dict(sorted(levels.items())),
        referrals_by_kind={kind: dict(sorted(kinds[kind].items())) for kind in sorted(kinds)},
    )


def _marks(entry: TurnEntry) -> Iterator[str]:
    if entry.route not in {"answered", *_REFERRED}:
        yield "other_entries"
        if entry.route == "reviewed" and entry.review is not None and entry.review.act in _ACTS:
            yield "reviewed"
        return
    yield "turns"
    if entry.review is not None:
        yield "reviewed"
    if entry.route == "answered":
        yield "answered"
        if entry.lines:
            yield "safety_notes"
        return
    yield "referred"
    if entry.level in CRISIS_LEVELS:
        yield "crisis_referrals"
    else:
        yield "care_referrals" if entry.reason == "care" else "other_referrals"


def _in_year(at: str, year: int, where: tzinfo) -> bool:
    # A zone is never more than a day away from UTC, and most entries of a long record are of other years.
    if abs(int(at[:4]) - year) > 1:
        return False
    try:
        return datetime.fromisoformat(at).astimezone(where).year == year
    except OverflowError:
        return int(at[:4]) == year


def _zone(name: str) -> tzinfo:
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise RecordError(
            "record.value",
            "The time zone is not known.",
            hint="Give an IANA name such as America/Los_Angeles; where the system has none, install tzdata.",
        ) from error
