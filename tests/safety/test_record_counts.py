from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from cbtguard.safety.errors import RecordError
from cbtguard.safety.record import MemoryRecord, Review, TurnEntry, count_year

if TYPE_CHECKING:
    from cbtguard.safety.record import StoredEntry

WHOLE: dict[str, Any] = {
    "turn_id": "t-1",
    "thread": "hmac:0f1e",
    "turn": 1,
    "at": "2026-06-15T08:00:00.000Z",
    "route": "answered",
    "reason": "checked",
    "level": "none",
    "kinds": (),
    "subject": "self",
    "rules": (),
    "language": "zh-Hans",
    "region": "US",
    "writer": None,
    "attempts": 1,
    "defects": (),
    "notes": (),
    "lines": (),
    "faults": (),
    "redactions": {},
    "versions": {},
    "timings_ms": {},
}
CRISIS = {"route": "referred", "reason": "crisis", "level": "crisis", "lines": ("us-988",)}


def kept(*entries: dict[str, Any]) -> list[StoredEntry]:
    with MemoryRecord() as record:
        return [record.append(TurnEntry(**{**WHOLE, **own})) for own in entries]


def test_a_year_is_counted() -> None:
    review = Review(act="released", reviewer="0f1e" * 4, at="2026-06-15T08:01:00.000Z")
    entries = kept(
        {},
        {"level": "watch", "kinds": ("suicide",), "lines": ("us-988",)},
        {**CRISIS, "kinds": ("suicide",)},
        {**CRISIS, "kinds": ("suicide", "self_harm"), "level": "emergency", "reason": "fault"},
        {**CRISIS, "kinds": (), "review": review},
        {**CRISIS, "level": "none", "reason": "care"},
        {**CRISIS, "level": "watch", "reason": "no_note", "kinds": ("abuse",)},
        {"route": "opened"},
        {"at": "2025-06-15T08:00:00.000Z"},
        {**CRISIS, "at": "2027-06-15T08:00:00.000Z"},
    )
    found = count_year(entries, 2026)
    assert found.as_dict() == {
        "year": 2026,
        "zone": "UTC",
        "turns": 7,
        "answered": 2,
        "referred": 5,
        "crisis_referrals": 3,
        "care_referrals": 1,
        "other_referrals": 1,
        "safety_notes": 1,
        "reviewed": 1,
        "other_entries": 1,
        "referrals_by_level": {"crisis": 2, "emergency": 1, "none": 1, "watch": 1},
        "referrals_by_kind": {
            "abuse": {"watch": 1},
            "self_harm": {"emergency": 1},
            "suicide": {"crisis": 1, "emergency": 1},
            "unspecified": {"crisis": 1, "none": 1},
        },
    }
    rows = list(found.rows())
    assert ("crisis_referrals", "", "", 3) in rows
    assert ("referrals", "emergency", "self_harm", 1) in rows
    assert found.answered + found.referred == found.turns
    assert found.crisis_referrals + found.care_referrals + found.other_referrals == found.referred
    assert sum(n for measure, _, kind, n in rows if measure == "referrals" and not kind) == found.referred


def test_counts_name_nobody() -> None:
    entries = kept({**CRISIS, "turn_id": "turn-77", "thread": "thread-88"})
    shown = str(count_year(entries, 2026).as_dict())
    assert not [word for word in ("turn-77", "thread-88", "us-988", entries[0].hash) if word in shown]


def test_a_year_without_entries_is_counted_too() -> None:
    found = count_year([], 2026)
    assert (found.turns, found.referrals_by_level, found.referrals_by_kind) == (0, {}, {})


@pytest.mark.parametrize(
    ("at", "zone", "year"),
    [
        ("2027-01-01T07:59:59.999Z", "America/Los_Angeles", 2026),
        ("2027-01-01T08:00:00.000Z", "America/Los_Angeles", 2027),
        ("2026-12-31T16:00:00.000Z", "Asia/Shanghai", 2027),
        ("2026-12-31T15:59:59.999Z", "Asia/Shanghai", 2026),
        ("2026-12-31T23:59:59.999+00:00", "UTC", 2026),
        ("2027-01-01T00:00:00.000Z", "UTC", 2027),
        ("0001-01-01T00:00:00.000Z", "America/Los_Angeles", 1),
        ("9999-12-31T23:59:59.999Z", "Asia/Shanghai", 9999),
    ],
)
def test_the_year_is_that_of_the_zone(at: str, zone: str, year: int) -> None:
    entries = kept({"at": at})
    counted = [other for other in (year - 1, year, year + 1) if 1 <= other <= 9999]
    assert [count_year(entries, other, zone=zone).turns for other in counted] == [
        int(other == year) for other in counted
    ]


@pytest.mark.parametrize(
    ("year", "zone"), [(0, "UTC"), (10_000, "UTC"), (2026, "Mars/Olympus"), (2026, "../x"), (2026, "")]
)
def test_what_is_no_year_or_zone_is_refused(year: int, zone: str) -> None:
    with pytest.raises(RecordError) as caught:
        count_year([], year, zone=zone)
    assert caught.value.code == "record.value"
