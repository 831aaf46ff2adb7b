from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from cbtguard.graph import Answer, Guard, Limits, Route, Settings
from cbtguard.graph.disclosure import disclosed
from cbtguard.safety.referral import FileDirectory, Referrals

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

QUESTION = "最近总是睡不着，一躺下就想明天的会议，越想越清醒"
CRISIS = "我不想活了，今晚就跳下去"
MINUTE = 60.0
HOUR = 3600.0


class Clock:
    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def make(flow: Any, tmp_path: Path, clock: Clock) -> Iterator[Callable[..., Guard]]:
    made: list[Guard] = []

    def guard(**settings: Any) -> Guard:
        services = flow.services()
        own = {name: getattr(services, name) for name in (*flow.parts, "retriever", "writer", "record")}
        made.append(Guard(Settings(**{"home": tmp_path, **settings}), clock=clock, **own))
        return made[-1]

    yield guard
    for one in made:
        one.close()


def shown(guard: Guard, clock: Clock, *hours: float) -> list[bool]:
    """Return whether each turn of a talk tells that this is a machine, at hours since its start."""
    start, found = clock.now, []
    for hour in hours:
        clock.now = start + hour * HOUR
        answer = guard.ask(QUESTION, thread="t")
        assert not answer.faults
        found.append(answer.notice is not None)
    return found


@pytest.mark.parametrize(
    ("hours", "told"),
    [
        ((0, 1 / 60, 1, 2 + 59 / 60), (True, False, False, False)),
        ((0, 3), (True, True)),
        ((0, 2 + 59 / 60, 3), (True, False, True)),
        # Three hours from the last telling, not from the start.
        ((0, 1, 4, 6 + 59 / 60, 7), (True, False, True, False, True)),
        ((0, 240), (True, True)),
        ((0, 0, 0), (True, False, False)),
        # A clock that was set back: nobody can tell, so it is told.
        ((0, -1, 0), (True, True, False)),
    ],
)
def test_a_talk_is_told_at_its_start_and_after_three_hours(
    make: Callable[..., Guard], clock: Clock, hours: tuple[float, ...], told: tuple[bool, ...]
) -> None:
    assert shown(make(), clock, *hours) == list(told)


def test_the_hours_are_a_limit(make: Callable[..., Guard], clock: Clock) -> None:
    guard = make(limits={"disclosure_hours": 0.5})
    assert shown(guard, clock, 0, 0.4, 0.5) == [True, False, True]


def test_hours_without_end(make: Callable[..., Guard], clock: Clock) -> None:
    guard = make(limits={"disclosure_hours": 1e300})
    assert shown(guard, clock, 0, 1000) == [True, False]


def test_the_time_outlives_a_restart(make: Callable[..., Guard], clock: Clock) -> None:
    first = make(threads="sqlite")
    assert shown(first, clock, 0) == [True]
    first.close()
    assert shown(make(threads="sqlite"), clock, 0, 3) == [False, True]


def test_a_turn_without_a_talk_always_tells(make: Callable[..., Guard], clock: Clock) -> None:
    guard = make()
    for _ in range(3):
        assert guard.ask(QUESTION).notice
        clock.now += MINUTE


def test_each_talk_has_its_own_time(make: Callable[..., Guard], clock: Clock) -> None:
    guard = make()
    assert guard.ask(QUESTION, thread="one").notice
    clock.now += 2 * HOUR
    assert guard.ask(QUESTION, thread="other").notice
    clock.now += HOUR
    assert guard.ask(QUESTION, thread="one").notice
    assert guard.ask(QUESTION, thread="other").notice is None


def turns(guard: Guard, clock: Clock, text: str, language: str) -> tuple[Answer, Answer]:
    first = guard.ask(text, thread="t", language=language)
    clock.now += 3 * HOUR
    return first, guard.ask(text, thread="t", language=language)


@pytest.mark.parametrize("language", ["zh-Hans", "zh-Hant", "en"])
def test_both_notices_are_vetted_text(
    make: Callable[..., Guard], clock: Clock, language: str, flow: Any
) -> None:
    texts = Referrals(FileDirectory())
    assert texts.disclosure(language) != texts.disclosure_again(language)
    for text in (texts.disclosure(language), texts.disclosure_again(language)):
        assert texts.is_vetted(text)
    first, again = turns(make(), clock, QUESTION, language)
    assert first.notice == texts.disclosure(language)
    assert again.notice is not None
    assert texts.is_vetted(again.notice)
    expected = texts.disclosure_again if again.route is Route.ANSWERED else texts.disclosure
    assert again.notice == expected(language)


def test_the_reminder_of_a_break_does_not_stand_before_words_that_lead_to_people(
    make: Callable[..., Guard], clock: Clock, real_referrals: Referrals
) -> None:
    first, again = turns(make(), clock, CRISIS, "zh-Hans")
    assert (first.route, again.route) == (Route.REFERRED, Route.REFERRED)
    assert first.notice == again.notice == real_referrals.disclosure("zh-Hans")


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("zh-Hans", ["人工智能程序", "不是真人", "歇一歇"]),
        ("zh-Hant", ["AI 程式", "不是真人", "休息一下"]),
        ("en", ["AI program", "not with a person", "a break"]),
    ],
)
def test_the_reminder_says_what_the_laws_ask_for(
    real_referrals: Referrals, language: str, words: list[str]
) -> None:
    text = real_referrals.disclosure_again(language)
    assert [word for word in words if word not in text] == []


@pytest.mark.parametrize(
    "past",
    [
        {},
        {"disclosed_at": None},
        {"disclosed_at": ""},
        {"disclosed_at": "yesterday"},
        {"disclosed_at": 5},
        {"disclosed_at": "2026-01-31T08:00:00"},
        {"disclosed_at": "2026-01-31T09:00:01.000Z"},
    ],
)
def test_where_nobody_can_say_when_it_was_told_it_is_told(past: dict[str, Any]) -> None:
    at = "2026-01-31T09:00:00.000Z"
    assert disclosed(past, at, 7, Limits()) == {"disclosed_at": at, "disclosed_turn": 7}


def test_a_desk_without_a_reminder_gives_its_notice_again(flow: Any, clock: Clock, tmp_path: Path) -> None:
    class Desk:
        def __init__(self, real: Referrals) -> None:
            self.version = real.version
            for name in ("crisis", "care", "fallback", "safety_note", "disclosure", "last_resort"):
                setattr(self, name, getattr(real, name))

    services = flow.services()
    own = {name: getattr(services, name) for name in (*flow.parts, "retriever", "writer", "record")}
    own["referrals"] = Desk(own["referrals"])
    with Guard(Settings(home=tmp_path), clock=clock, **own) as guard:
        first, again = turns(guard, clock, QUESTION, "zh-Hans")
    assert first.notice is not None
    assert first.notice == again.notice
