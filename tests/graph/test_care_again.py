"""Care mode remembers what was said in full, answers a mood, and takes a group from the caller alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver

from cbtguard.graph import Guard, Settings
from cbtguard.graph.threads import serializer
from cbtguard.safety.errors import InputError
from cbtguard.safety.risk import Kind, Level, Risk, Subject

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

KINDS = {"死": Kind.SUICIDE, "打": Kind.ABUSE, "声音": Kind.PSYCHOSIS}


class ByWord:
    """Calls a message what its words say."""

    name = "by_word"
    version = "1"

    def assess(self, text: str, *, history: Any = ()) -> Risk:
        kinds = tuple(kind for word, kind in KINDS.items() if word in text)
        level = Level.EMERGENCY if "马上" in text else Level.CRISIS if kinds else Level.NONE
        subject = Subject.OTHER if "他" in text else Subject.SELF
        return Risk(level=level, kinds=kinds, subject=subject, score=0.5)


@pytest.fixture
def make(flow: Any, tmp_path: Path) -> Iterator[Callable[..., Guard]]:
    made: list[Guard] = []

    def guard(settings: dict[str, Any] | None = None, **held: Any) -> Guard:
        services = flow.services(detector=ByWord())
        parts = {name: getattr(services, name) for name in (*flow.parts, "retriever", "writer", "record")}
        if settings:
            parts.pop("referrals")
        parts["detector"] = services.detector
        made.append(Guard(Settings(home=tmp_path, **(settings or {})), **held, **parts))
        return made[-1]

    yield guard
    for one in made:
        one.close()


@pytest.mark.parametrize(
    ("talk", "templates"),
    [
        (["想死", "想死", "想死"], ["crisis/self/suicide", "again/self/suicide", "again/self/suicide"]),
        # Another danger, or somebody else in it, is met in full.
        (["想死", "他打我", "想死"], ["crisis/self/suicide", "crisis/other/abuse", "again/self/suicide"]),
        (["想死", "他想死"], ["crisis/self/suicide", "crisis/other/suicide"]),
        (["有声音叫我死", "声音"], ["crisis/self/suicide+psychosis", "again/self/psychosis"]),
        (["声音", "有声音叫我死"], ["crisis/self/psychosis", "crisis/self/suicide+psychosis"]),
        # An emergency is never a repetition, and nothing after it is one on its account.
        (["想死", "马上去死", "马上去死"], ["crisis/self/suicide", *["emergency/self/suicide"] * 2]),
        (
            ["马上去死", "想死", "想死"],
            ["emergency/self/suicide", "crisis/self/suicide", "again/self/suicide"],
        ),
        # When care mode has let go, the whole text is given anew.
        (
            ["想死", "嗯", "嗯", "嗯", "嗯", "想死"],
            ["crisis/self/suicide", "care", "care", "care", None, "crisis/self/suicide"],
        ),
        (
            ["想死", "谢谢", "开玩笑的", "滚"],
            ["crisis/self/suicide", "care/thanks", "care/denial", "care/anger"],
        ),
    ],
)
def test_what_was_said_in_full_is_not_said_in_full_again(
    make: Callable[..., Guard], talk: list[str], templates: list[str | None]
) -> None:
    guard = make()
    answers = [guard.ask(text, thread="t") for text in talk]
    assert [a.referral.template if a.referral else None for a in answers] == templates
    assert len({answer.reply for answer in answers}) == len(answers)


def test_without_a_talk_nothing_is_remembered(make: Callable[..., Guard]) -> None:
    guard = make()
    templates = [guard.ask("想死").referral for _ in range(2)]
    assert [found.template for found in templates if found] == ["crisis/self/suicide"] * 2


@pytest.mark.parametrize(("text", "shown"), [("想死", "12355"), ("嗯", "12355")])
def test_a_group_brings_its_lines_up_and_is_kept_nowhere(
    make: Callable[..., Guard], text: str, shown: str
) -> None:
    saver = InMemorySaver(serde=serializer())
    guard = make(checkpointer=saver)
    guard.ask("想死", thread="t", audience=["youth", "lgbt"])
    answer = guard.ask(text, thread="t", audience=["youth", "lgbt"])
    assert answer.referral is not None
    assert answer.referral.lines[0].contact == shown
    assert shown in answer.reply
    kept = "".join(str(item.checkpoint) for item in saver.list(None))
    kept += "".join(str(entry) for entry in guard.services.record.entries())
    assert "self/suicide" in kept
    assert "lgbt" not in kept
    assert "audience" not in kept
    other = guard.ask("想死", thread="t")
    assert other.referral is not None
    assert other.referral.lines[0].contact == "12356"


async def test_every_way_of_asking_takes_a_group(make: Callable[..., Guard]) -> None:
    guard = make()
    assert "12355" in (await guard.aask("想死", audience=("youth",))).reply
    events = [event async for event in guard.astream("想死", audience="youth")]
    assert events[-1].answer is not None
    assert "12355" in events[-1].answer.reply
    assert list(guard.stream("想死", audience=["youth"]))[-1].answer is not None


@pytest.mark.parametrize("audience", [["young"], "young", ["youth", ""]])
def test_a_group_nobody_knows_is_a_typed_error(make: Callable[..., Guard], audience: Any) -> None:
    with pytest.raises(InputError) as caught:
        make().ask("想死", audience=audience)
    assert caught.value.code == "input.audience_unknown"


def test_the_age_is_a_setting(make: Callable[..., Guard]) -> None:
    strict = make({"directory_age_days": 1}).ask("想死").reply
    lax = make({"directory_age_days": 100_000}).ask("想死").reply
    assert strict.count("号码请再核对") == 3
    assert "号码请再核对" not in lax
