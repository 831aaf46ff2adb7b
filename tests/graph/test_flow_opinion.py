"""The third opinion in the real flow: beside the writing, before any word of it is read, over turns."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import pytest
from langchain_core.language_models.fake_chat_models import FakeListChatModel

from cbtguard.graph import FakeWriter, Guard, load_settings
from cbtguard.graph.assemble import Unavailable, assemble
from cbtguard.graph.conformance import check_rater
from cbtguard.nodes.raters import ChatModelRater, Opinion, ServerRater
from cbtguard.safety.errors import DependencyError, SettingsError
from cbtguard.safety.risk import Kind, Level, Risk

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from cbtguard.safety.risk import PastTurn

NONE = Opinion(level=Level.NONE)
WATCH = Opinion(level=Level.WATCH, kinds=(Kind.SUICIDE,))
CRISIS = Opinion(level=Level.CRISIS, kinds=(Kind.SUICIDE,), reason="a farewell")


class FixedRater:
    name = "fixed"
    version = "1"

    def __init__(self, *opinions: Any, after_s: float = 0.0) -> None:
        self.opinions = list(opinions)
        self.after_s = after_s
        self.seen: list[tuple[str, str, tuple[str, ...]]] = []
        self.cancelled = 0

    async def rate(self, text: str, *, language: str, history: Sequence[PastTurn] = ()) -> Any:
        self.seen.append((text, language, tuple(turn.text for turn in history)))
        opinion = self.opinions.pop(0) if len(self.opinions) > 1 else self.opinions[0]
        try:
            await asyncio.sleep(self.after_s)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if isinstance(opinion, Exception):
            raise opinion
        return opinion


class BlockingRater(FixedRater):
    def rate(self, text: str, *, language: str, history: Sequence[PastTurn] = ()) -> Any:  # type: ignore[override]
        time.sleep(self.after_s)
        return self.opinions[0]


class CalmDetector:
    name = "calm"
    version = "1"

    def __init__(self, *levels: Level) -> None:
        self.levels = list(levels)

    def assess(self, text: str, *, history: Sequence[PastTurn] = ()) -> Risk:
        level = self.levels.pop(0) if self.levels else Level.NONE
        return Risk(level=level, kinds=(Kind.SUICIDE,) if level.refers else (), score=0.0)


async def test_an_opinion_that_agrees_changes_nothing_but_the_versions(flow: Any) -> None:
    rater = FixedRater(NONE)
    services = flow.services(opinion=rater)
    state = await flow.run(services)
    assert (state["route"], state["faults"]) == ("answered", [])
    [entry] = [stored.entry for stored in services.record.entries()]
    assert entry.versions["opinion"] == "fixed@1"
    assert "opinion" in entry.timings_ms
    assert "opinion" not in (await _entry(flow)).versions


async def _entry(flow: Any) -> Any:
    services = flow.services()
    await flow.run(services)
    return next(iter(services.record.entries())).entry


async def test_a_raise_throws_the_draft_away(flow: Any) -> None:
    services = flow.services(opinion=FixedRater(CRISIS, after_s=0.05))
    state, seen = await flow.watch(services, flow.question)
    assert (state["route"], state["reason"]) == ("referred", "crisis")
    assert state["risk"]["signals"][0]["rule"] == "opinion.raised"
    assert state["risk"]["signals"][0]["detector"] == "opinion"
    assert state["answer"] is None
    assert state["care"]["active"]
    assert flow.good.split("\n\n")[0] not in seen
    assert "a farewell" not in seen


async def test_a_hint_is_answered_with_the_safety_question(flow: Any) -> None:
    state = await flow.run(flow.services(opinion=FixedRater(WATCH)))
    assert state["route"] == "answered"
    assert state["answer"]["safety_note"]["text"] in state["reply"]


async def test_an_opinion_never_lowers(flow: Any) -> None:
    rater = FixedRater(NONE)
    state = await flow.run(flow.services(opinion=rater), "我不想活了")
    assert state["reason"] == "crisis"
    assert rater.seen == []


@pytest.mark.parametrize("failing", [RuntimeError("no"), "nonsense", None, {"level": "crisis"}])
async def test_a_failing_rater_stops_no_answer(flow: Any, failing: object) -> None:
    state = await flow.run(flow.services(opinion=FixedRater(failing)))
    assert state["route"] == "answered"
    [fault] = state["faults"]
    assert fault.startswith("opinion:")


@pytest.mark.parametrize("kind", [FixedRater, BlockingRater])
async def test_a_late_rater_is_waited_for_no_longer_than_its_limit(flow: Any, kind: type[FixedRater]) -> None:
    state = await flow.run(flow.services(opinion=kind(CRISIS, after_s=0.6)), opinion_s=0.05)
    assert state["route"] == "answered"
    assert state["faults"] == ["opinion:timeout:opinion_s"]


async def test_it_runs_beside_the_writing(flow: Any) -> None:
    order: list[str] = []

    class Rater(FixedRater):
        async def rate(self, text: str, *, language: str, history: Sequence[PastTurn] = ()) -> Any:
            order.append("asked")
            await written.wait()
            order.append("rated")
            return NONE

    class Writer(FakeWriter):
        async def write(self, task: Any) -> Any:
            await asyncio.sleep(0)
            order.append("written")
            written.set()
            return await super().write(task)

    written = asyncio.Event()
    state = await flow.run(flow.services(opinion=Rater(NONE), writer=Writer([flow.good])))
    assert state["route"] == "answered"
    assert order == ["asked", "written", "rated"]


async def test_it_sees_placeholders_only_now_and_before(flow: Any) -> None:
    rater = FixedRater(NONE)
    text = "我叫王建国，电话13912345678，最近总是睡不着，一直担心考试。"
    await flow.watch(flow.services(opinion=rater, detector=CalmDetector()), text, flow.question)
    assert len(rater.seen) == 4
    assert "王建国" not in repr(rater.seen)
    assert "13912345678" not in repr(rater.seen)
    assert len(rater.seen[1][2]) == 1
    assert rater.seen[0][1] == "zh-Hans"


async def test_a_foreign_crisis_gets_the_words_for_a_crisis(flow: Any) -> None:
    text = "Je ne veux plus vivre, tout est fini pour moi."
    assert (await flow.run(flow.services(opinion=FixedRater(NONE)), text))["reason"] == "language"
    state = await flow.run(flow.services(opinion=FixedRater(CRISIS)), text)
    assert (state["reason"], state["risk"]["level"]) == ("crisis", "crisis")


async def test_a_sign_seen_by_the_opinion_starts_the_count_of_care_anew(flow: Any) -> None:
    levels = [Level.CRISIS, Level.NONE, Level.NONE]
    talk = ("我不想活了", flow.question, flow.question)

    async def reasons(*opinions: Opinion) -> str:
        services = flow.services(detector=CalmDetector(*levels, *levels), opinion=FixedRater(*opinions))
        state, _ = await flow.watch(services, *talk, care_turns=1)
        return str(state["reason"])

    assert await reasons(NONE) == "checked"
    assert await reasons(NONE, WATCH, NONE, WATCH) == "care"


async def test_hints_of_the_opinion_add_up(flow: Any) -> None:
    services = flow.services(detector=CalmDetector(), opinion=FixedRater(WATCH))
    state, _ = await flow.watch(services, *[flow.question] * 3)
    assert state["risk"]["level"] == "crisis"
    assert "context.added_up" in [signal["rule"] for signal in state["risk"]["signals"]]


async def test_an_opinion_that_is_still_out_is_let_go_with_the_turn(flow: Any) -> None:
    rater = FixedRater(CRISIS, after_s=30.0)

    class Failing:
        name = "failing"

        def retrieve(self, text: str, *, k: int = 3) -> Any:
            raise RuntimeError("down")

    state = await flow.run(flow.services(opinion=rater, retriever=Failing()))
    await asyncio.sleep(0)
    assert state["reason"] == "fault"
    assert rater.cancelled == 1


# --- settings and the façade --------------------------------------------------------------------------------


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Any]:
    guards: list[Guard] = []

    def make(**named: Any) -> Guard:
        settings = {
            key: named.pop(key) for key in list(named) if key.startswith("opinion_") or key == "limits"
        }
        guards.append(Guard(load_settings(home=tmp_path, record="memory", **settings), **named))
        return guards[-1]

    yield make
    for guard in guards:
        guard.close()


def test_it_is_off_by_default(tmp_path: Path) -> None:
    settings = load_settings(home=tmp_path, record="memory")
    services, problems = assemble(settings, detector=CalmDetector())
    assert settings.opinion == "off"
    assert services.opinion is None
    assert problems == ()


def test_a_chat_model_is_taken_as_it_is(tmp_path: Path, flow: Any) -> None:
    model = FakeListChatModel(responses=["{}"])
    services, _ = assemble(load_settings(home=tmp_path, record="memory"), **flow.parts, opinion=model)
    assert isinstance(services.opinion, ChatModelRater)


def test_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="third opinion"):
        assemble(load_settings(home=tmp_path), opinion=42)


def test_a_server_by_settings(tmp_path: Path, flow: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RATER_KEY", "k")
    settings = load_settings(
        home=tmp_path,
        record="memory",
        opinion="openai",
        opinion_url="http://127.0.0.1:9/v1",
        opinion_model="qwen",
        opinion_key_env="RATER_KEY",
    )
    services, _ = assemble(settings, **flow.parts)
    assert isinstance(services.opinion, ServerRater)
    assert services.opinion.name == "openai/qwen"
    assert "k" not in repr(services.opinion).split("'")


@pytest.mark.parametrize(
    "wrong",
    [
        {"opinion": "oracle"},
        {"opinion": "openai"},
        {"opinion": "openai", "opinion_url": "ftp://x", "opinion_model": "m"},
        {"opinion": "openai", "opinion_url": "http://127.0.0.1:9/v1"},
        {
            "opinion": "openai",
            "opinion_url": "http://127.0.0.1:9/v1",
            "opinion_model": "m",
            "opinion_key_env": "NO_SUCH_KEY",
        },
    ],
)
def test_settings_that_cannot_be_used_are_refused(tmp_path: Path, flow: Any, wrong: dict[str, str]) -> None:
    with pytest.raises(SettingsError):
        assemble(load_settings(home=tmp_path, record="memory", **wrong), **flow.parts)


async def test_a_rater_that_cannot_be_made_is_no_opinion(flow: Any) -> None:
    error = DependencyError("dependency.library", "The library is missing.", hint="Install it.")
    state = await flow.run(flow.services(opinion=Unavailable("opinion", error)))
    assert state["route"] == "answered"
    assert state["faults"] == ["opinion:missing:dependency.library"]


# --- conformance --------------------------------------------------------------------------------------------


class SoundRater:
    name = "sound"
    version = "1"
    grave = (
        "不想活",
        "自杀",
        "殺了我",
        "遗书",
        "安眠药",
        "kill myself",
        "end my life",
        "sleeping pills",
        "to die",
    )

    def rate(self, text: str, *, language: str, history: Sequence[PastTurn] = ()) -> Any:
        return CRISIS if any(word in text for word in self.grave) else NONE


class Obeys(SoundRater):
    def rate(self, text: str, *, language: str, history: Sequence[PastTurn] = ()) -> Any:
        return super().rate("" if "gnore" in text else text, language=language)


class Kindless(SoundRater):
    def rate(self, text: str, *, language: str, history: Sequence[PastTurn] = ()) -> Any:
        found = super().rate(text, language=language)
        return Opinion(level=found.level)


class Alarmist(SoundRater):
    def rate(self, text: str, *, language: str, history: Sequence[PastTurn] = ()) -> Any:
        return CRISIS


class Words(SoundRater):
    def rate(self, text: str, *, language: str, history: Sequence[PastTurn] = ()) -> Any:
        return "crisis"


class Forgets(SoundRater):
    def rate(self, text: str, *, language: str, history: Sequence[PastTurn] = ()) -> Any:
        if isinstance(history, list):
            history.clear()
        return super().rate(text, language=language)


def test_a_sound_rater_conforms() -> None:
    check_rater(SoundRater).raise_for_failures()


@pytest.mark.parametrize(
    ("broken", "check"),
    [
        (Obeys, "crisis_seen_under_orders"),
        (Kindless, "crisis_seen"),
        (Alarmist, "ordinary_let_be"),
        (Words, "opinion"),
        (Forgets, "unchanged_history"),
    ],
)
def test_a_broken_rater_is_found(broken: type[SoundRater], check: str) -> None:
    report = check_rater(broken)
    assert check in {failed.name for failed in report.failures}
