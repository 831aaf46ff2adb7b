"""Opening hours in time zones, over midnight, and unknown; and which lines step back or come up for it."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from cbtguard.safety.errors import DataError, InputError
from cbtguard.safety.referral import FileDirectory, Line, Referrals
from cbtguard.safety.referral.fitting import Circumstance, audience_of
from cbtguard.safety.referral.hours import WEEK, is_open, spans_of

EXAMPLE = Path(__file__).parents[2] / "docs" / "lines-example.yaml"
TODAY = date(2026, 11, 23)
LANGUAGES = ("zh-Hans", "zh-Hant", "en")
CHECK = {"zh-Hans": "号码请再核对", "zh-Hant": "號碼請再確認", "en": "please check the number"}


def when(text: str) -> datetime:
    return datetime.fromisoformat(text)


def example(today: date = TODAY, age_days: int = 180) -> FileDirectory:
    return FileDirectory(extra=[EXAMPLE], today=today, age_days=age_days)


def at(text: str) -> float:
    return when(text).timestamp()


@pytest.mark.parametrize(
    ("hours", "timezone", "moment", "wanted"),
    [
        ("24/7", "Asia/Shanghai", "2026-11-23T03:00+08:00", True),
        ("varies", "Asia/Shanghai", "2026-11-23T12:00+08:00", None),
        # 2026-11-23 is a Monday.
        ("Mo-Fr 09:00-17:00", "Asia/Shanghai", "2026-11-23T09:00+08:00", True),
        ("Mo-Fr 09:00-17:00", "Asia/Shanghai", "2026-11-23T08:59+08:00", False),
        ("Mo-Fr 09:00-17:00", "Asia/Shanghai", "2026-11-23T17:00+08:00", False),
        ("Mo-Fr 09:00-17:00", "Asia/Shanghai", "2026-11-28T12:00+08:00", False),
        # The same moment said in another zone.
        ("Mo-Fr 09:00-17:00", "Asia/Shanghai", "2026-11-23T01:30+00:00", True),
        ("Mo-Fr 09:00-17:00", "Asia/Shanghai", "2026-11-22T20:30-05:00", True),
        # Over midnight: Friday's evening ends on Saturday, and Monday has no night behind it.
        ("Mo-Fr 18:00-02:00", "Asia/Shanghai", "2026-11-28T01:59+08:00", True),
        ("Mo-Fr 18:00-02:00", "Asia/Shanghai", "2026-11-28T02:00+08:00", False),
        ("Mo-Fr 18:00-02:00", "Asia/Shanghai", "2026-11-23T01:00+08:00", False),
        ("Mo-Fr 18:00-02:00", "Asia/Shanghai", "2026-11-24T01:00+08:00", True),
        # Over the end of the week.
        ("Su 20:00-04:00", "Asia/Shanghai", "2026-11-23T03:59+08:00", True),
        ("Su 20:00-04:00", "Asia/Shanghai", "2026-11-23T04:00+08:00", False),
        ("Sa-Mo 10:00-12:00", "Asia/Shanghai", "2026-11-22T11:00+08:00", True),
        ("Sa-Mo 10:00-12:00", "Asia/Shanghai", "2026-11-24T11:00+08:00", False),
        ("Mo-Su 08:00-24:00", "Asia/Shanghai", "2026-11-23T23:59+08:00", True),
        ("Mo-Su 08:00-24:00", "Asia/Shanghai", "2026-11-24T00:00+08:00", False),
        ("Mo 08:00-10:00; We 20:00-22:00", "Asia/Shanghai", "2026-11-25T21:00+08:00", True),
        ("Mo 08:00-10:00; We 20:00-22:00", "Asia/Shanghai", "2026-11-25T09:00+08:00", False),
        # London moves its clock: nine in the morning there is another UTC hour in July.
        ("Mo-Fr 09:00-17:00", "Europe/London", "2026-07-06T08:30+00:00", True),
        ("Mo-Fr 09:00-17:00", "Europe/London", "2026-11-23T08:30+00:00", False),
    ],
)
def test_a_line_is_open_in_its_own_time(hours, timezone, moment, wanted):
    assert is_open(hours, timezone, when(moment)) is wanted


@pytest.mark.parametrize(
    "hours",
    [
        "",
        "always",
        "09:00-17:00",
        "Mo-Xx 09:00-17:00",
        "Mo 9:00-17:00",
        "Mo 09:00-25:00",
        "Mo 24:00-02:00",
        "Mo 09:00-24:30",
        "Mo 09:60-17:00",
        "Mo 09:00-09:00",
        "Mo 09:00-17:00;Tu 09:00-17:00",
        "Mo 09:00-17:00; ",
    ],
)
def test_hours_that_nobody_can_read_are_refused(hours):
    with pytest.raises(ValueError, match=f"^{re.escape(hours)}$"):
        spans_of(hours)


@given(st.integers(0, 6), st.integers(0, 1439), st.integers(0, 1439), st.integers(0, WEEK - 1))
def test_a_span_holds_its_length_of_the_week(day, opens, closes, minute):
    if opens == closes:
        return
    name = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")[day]
    (span,) = spans_of(f"{name} {opens // 60:02}:{opens % 60:02}-{closes // 60:02}:{closes % 60:02}")
    assert 0 < span.end - span.start < 1440
    assert span.holds(minute) == ((minute - span.start) % WEEK < span.end - span.start)


# --- the example of the documentation -------------------------------------------------------------------------


def contacts(directory: FileDirectory, moment: str, *audience: str) -> list[str]:
    now = directory.fitting("CN").of(audience, when(moment))
    return [line.id for line in directory.lines("CN", kinds=["suicide"], level="crisis", circumstance=now)]


def test_the_example_loads_and_is_complete():
    directory = example()
    assert directory.normalise_region("马来西亚") == "MY"
    assert {line.id for line in directory.all_lines() if directory.is_own(line.id)} == {
        "cn-campus",
        "cn-12338",
        "my-listeners",
        "my-000",
    }
    referrals = Referrals(directory, clock=lambda: at("2026-11-23T12:00+00:00"))
    text = referrals.crisis(level="emergency", kinds=["suicide"], subject="self", region="MY", language="en")
    assert "000" in text.text


@pytest.mark.parametrize(
    ("moment", "audience", "first"),
    [
        ("2026-11-23T20:00+08:00", ["youth"], "cn-campus"),
        ("2026-11-24T01:30+08:00", ["youth"], "cn-campus"),
        # Closed: the youth line comes up in its place.
        ("2026-11-23T12:00+08:00", ["youth"], "cn-12355"),
        ("2026-11-23T20:00+08:00", [], "cn-12356"),
        ("2026-11-23T20:00+08:00", ["women"], "cn-12356"),
        ("2026-11-23T20:00+08:00", ["veterans"], "cn-12356"),
    ],
)
def test_who_asks_and_when_decides_what_comes_first(moment, audience, first):
    found = contacts(example(), moment, *audience)
    assert found[0] == first
    assert "cn-12356" in found
    assert ("cn-campus" in found) == (first == "cn-campus")


def test_an_own_line_for_everyone_comes_first_while_it_is_open(tmp_path):
    data = yaml.safe_load(EXAMPLE.read_text("utf-8"))
    data["lines"][0]["audience"] = ["everyone"]
    path = tmp_path / "own.yaml"
    path.write_text(yaml.safe_dump(data, allow_unicode=True), encoding="utf-8")
    directory = FileDirectory(extra=[path], today=TODAY)
    assert contacts(directory, "2026-11-23T20:00+08:00")[0] == "cn-campus"
    assert contacts(directory, "2026-11-23T12:00+08:00")[0] == "cn-12356"
    by_day = Referrals(directory, clock=lambda: at("2026-11-23T12:00+08:00"))
    by_night = Referrals(directory, clock=lambda: at("2026-11-23T20:00+08:00"))
    call = {"level": "crisis", "kinds": ["suicide"], "subject": "self", "region": "CN", "language": "zh"}
    assert "010-0000-0001" in by_night.crisis(**call).text
    assert "010-0000-0001" in by_night.care(region="CN", language="zh", variant=0).text
    assert "010-0000-0001" not in by_day.care(region="CN", language="zh", variant=0).text
    # Either may have been the text of this talk.
    for text in (by_day.crisis(**call).text, by_night.crisis(**call).text):
        assert by_day.is_vetted(text)
        assert by_night.is_vetted(text)


def test_the_last_line_for_everyone_stays():
    directory = example()
    for region in directory.regions():
        for circumstance in directory.fitting(region).every():
            for level in ("none", "watch", "crisis", "emergency"):
                lines = directory.lines(region, kinds=["suicide"], level=level, circumstance=circumstance)
                talk = [line for line in lines if {"psychological", "web_directory"} & set(line.serves)]
                assert any("everyone" in line.audience for line in talk)
                assert len(lines) <= 8


@given(st.integers(1_767_225_600, 1_830_000_000), st.sets(st.sampled_from(["youth", "women", "lgbt"])))
def test_every_moment_is_among_the_circumstances(seconds, audience):
    fitting = EXAMPLES.fitting("CN")
    assert fitting.of(audience, datetime.fromtimestamp(seconds, tz=UTC)) in fitting.every()


EXAMPLES = example()


def test_circumstances_of_two_time_zones_are_all_there():
    lines = [line for line in EXAMPLES.all_lines() if line.id in {"cn-campus", "cn-12338"}]
    assert len(lines) == 2
    assert {Circumstance(), *EXAMPLES.fitting("CN").every()} == set(EXAMPLES.fitting("CN").every())
    hour = datetime(2026, 3, 28, tzinfo=UTC)
    seen = {EXAMPLES.fitting("CN").of((), hour + timedelta(minutes=30 * step)) for step in range(700)}
    assert len(seen) >= 3
    assert seen <= set(EXAMPLES.fitting("CN").every())


# --- who is asked for ------------------------------------------------------------------------------------------


def test_groups_are_known_by_name():
    assert audience_of(["women", "youth", "women"]) == ("youth", "women")
    assert audience_of("youth") == ("youth",)
    assert audience_of(["everyone"]) == ()
    with pytest.raises(InputError) as caught:
        audience_of(["sad"])
    assert caught.value.code == "input.audience_unknown"
    assert "sad" not in caught.value.message


# --- age -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("age_days", "today", "stale"),
    [(180, TODAY, False), (21, TODAY, True), (22, TODAY, False), (180, date(2027, 5, 1), True)],
)
def test_a_check_grows_old(age_days, today, stale):
    line = next(x for x in FileDirectory(age_days=age_days, today=today).all_lines() if x.id == "cn-12356")
    assert line.stale is stale
    assert line.as_dict()["stale"] is stale


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_old_number_is_shown_with_care(language):
    def reply(today: date) -> tuple[str, ...]:
        referrals = Referrals(FileDirectory(today=today))
        found = referrals.crisis(
            level="crisis", kinds=["suicide"], subject="self", region="HK", language=language
        )
        assert referrals.is_vetted(found.text)
        care = referrals.care(region="HK", language=language, variant=2).text
        return found.text, care

    fresh, old = reply(TODAY), reply(date(2029, 1, 1))
    assert not any(CHECK[language] in text for text in fresh)
    assert old[0].count(CHECK[language]) == 3
    assert old[1].count(CHECK[language]) == 1
    police = next(row for row in old[0].splitlines() if " 999" in row or "- 999" in row)
    assert CHECK[language] not in police


def test_a_caution_is_not_said_twice():
    referrals = Referrals(FileDirectory(today=date(2029, 1, 1)))
    text = referrals.crisis(level="crisis", kinds=["abuse"], subject="self", region="HK", language="en").text
    assert all(row.count(CHECK["en"]) <= 1 for row in text.splitlines())


@pytest.mark.parametrize("language", LANGUAGES)
def test_texts_stay_short_when_every_number_is_old(language):
    referrals = Referrals(FileDirectory(today=date(2031, 1, 1)))
    for region in ("CN", "HK", "TW", "SG", "US", "GB", "ZZ"):
        for kind in ("suicide", "abuse"):
            text = referrals.crisis(
                level="crisis", kinds=[kind], subject="self", region=region, language=language
            ).text
            assert len(text.split()) <= 340 if language == "en" else len(text) <= 620


def test_the_version_follows_the_ages():
    assert FileDirectory(today=TODAY).version == FileDirectory(today=TODAY).version
    assert FileDirectory(today=TODAY).version != FileDirectory(today=date(2029, 1, 1)).version


def test_fresh_lines_come_before_old_ones():
    for one, other in pairwise(FileDirectory(today=TODAY).lines("CN", kinds=["suicide"], level="crisis")):
        if one.serves == other.serves:
            assert one.stale <= other.stale


# --- what an operator's file may not say --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("place", "change", "names"),
    [
        (0, {"contact": "12"}, "cn-campus"),
        (0, {"contact": "1234567890123456"}, "cn-campus"),
        (0, {"contact": "010--12345"}, "cn-campus"),
        (0, {"contact": "12356"}, "cn-campus"),
        (0, {"contact": "1-23 56"}, "cn-campus"),
        (0, {"contact": "campus.example.org"}, "cn-campus"),
        (0, {"channels": ["web"]}, "cn-campus"),
        (0, {"hours": "Mo-Fr 18:00-18:00"}, "cn-campus"),
        (0, {"hours": "Mo-Fr 6pm-2am"}, "cn-campus"),
        (0, {"id": "cn-120"}, "cn-120"),
        (1, {"replaces": False}, "cn-12338"),
        (2, {"region": "XX", "id": "xx-listeners"}, "xx-listeners"),
        (2, {"caution": None}, "my-listeners"),
        (3, {"serves": ["police"]}, "regions/MY"),
    ],
)
def test_the_error_names_file_and_entry(tmp_path, place, change, names):
    data = yaml.safe_load(EXAMPLE.read_text("utf-8"))
    data["lines"][place] |= change
    path = tmp_path / "own.yaml"
    path.write_text(yaml.safe_dump(data, allow_unicode=True), encoding="utf-8")
    with pytest.raises(DataError) as caught:
        FileDirectory(extra=[path])
    assert caught.value.code == "data.malformed"
    assert names in caught.value.message
    assert "own.yaml" in caught.value.message or names.startswith("regions")


def test_lines_know_their_hours():
    line = next(line for line in EXAMPLES.all_lines() if line.id == "cn-campus")
    assert isinstance(line, Line)
    assert line.is_open(when("2026-11-24T01:30+08:00")) is True
    assert line.is_open(when("2026-11-24T03:30+08:00")) is False
