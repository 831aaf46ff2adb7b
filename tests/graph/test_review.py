"""Human review through the façade: what is held, what a reviewer can do with it, and what the person gets."""

from __future__ import annotations

import asyncio
import gc
import importlib
import weakref
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from langgraph.errors import NodeError

from cbtguard.graph import FakeStreamingWriter, FakeWriter, Guard, Route, Settings
from cbtguard.graph.review import Act, Policy, ReviewAct, Status
from cbtguard.graph.review.wiring import to_review
from cbtguard.nodes.context import Desk
from cbtguard.nodes.reviewer import fresh_item
from cbtguard.safety.errors import CbtguardError, OpinionError, RecordError, ReviewError, SettingsError
from cbtguard.safety.privacy import Vault
from cbtguard.safety.record import MemoryRecord, count_year
from cbtguard.safety.risk import Kind, Level, Risk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from cbtguard.nodes.raters.opinion import Opinion

CALM = "最近总是睡不着，一躺下就想明天的会议，越想越清醒"
WATCH = "我叫王小明，最近总是睡不着，觉得活着没意思"
CRISIS = "我叫王小明，我不想活了"
MIXED = "最近总是睡不着 and I keep thinking about work all night long"
OWN = "<人名1>，我是值班的咨询师，谢谢你告诉我们。你现在安全吗？"
ANNA = "anna@clinic.example"


class ByWord:
    """Calls a message what its words say, whatever the rules think of it."""

    name = "by_word"
    version = "1"

    def assess(self, text: str, *, history: Any = ()) -> Risk:
        level = Level.CRISIS if "不想活" in text else Level.WATCH if "没意思" in text else Level.NONE
        return Risk(level=level, kinds=(Kind.SUICIDE,) if level is not Level.NONE else (), score=0.5)


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


class Deaf:
    """A rater that never gives an opinion."""

    name = "deaf"
    version = "1"

    def rate(self, text: str, *, language: str, history: Any = ()) -> Opinion:
        raise OpinionError("opinion.malformed", "nothing said", hint="-")


class _Full(OSError):
    """Can be referred to weakly."""


class Lost:
    """A retriever that fails."""

    name = "lost"

    def retrieve(self, text: str, *, k: int = 3) -> Any:
        raise OSError("no index")


class Brittle(MemoryRecord):
    """A record that fails while it is told to."""

    broken = False

    def append(self, entry: Any) -> Any:
        if self.broken:
            raise RecordError("record.full", "no space", hint="-")
        return super().append(entry)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def make(flow: Any, tmp_path: Path, clock: Clock) -> Iterator[Callable[..., Guard]]:
    made: list[Guard] = []

    def guard(review: str = "crisis", settings: dict[str, Any] | None = None, **parts: Any) -> Guard:
        whole = {"detector": ByWord(), **parts}
        services = flow.services(**whole)
        own = {name: getattr(services, name) for name in (*flow.parts, "retriever", "writer", "record")}
        made.append(
            Guard(
                Settings(home=tmp_path, review=review, **(settings or {})),
                clock=clock,
                **{**own, **{k: v for k, v in whole.items() if k in {"opinion", "filler"}}},
            )
        )
        return made[-1]

    yield guard
    for one in made:
        one.close()


def act(name: str, text: str | None = None, note: str = "") -> ReviewAct:
    return ReviewAct(act=Act(name), reviewer=ANNA, text=text, note=note)


def refused(code: str, do: Callable[[], object]) -> ReviewError:
    with pytest.raises(ReviewError) as caught:
        do()
    assert caught.value.code == code
    assert caught.value.hint
    return caught.value


def entries(guard: Guard) -> list[Any]:
    return [stored.entry for stored in guard.services.record.entries()]


# --- what is held -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "text", "route", "reason"),
    [
        ("off", WATCH, Route.ANSWERED, "checked"),
        ("off", CRISIS, Route.REFERRED, "crisis"),
        ("unclear", CALM, Route.ANSWERED, "checked"),
        ("unclear", WATCH, Route.HELD, "held"),
        ("unclear", MIXED, Route.HELD, "checked_out"),
        ("unclear", "……😔😔", Route.HELD, "held"),
        ("unclear", "Je ne dors plus et je suis très fatigué depuis des mois.", Route.HELD, "language"),
        ("unclear", CRISIS, Route.REFERRED, "crisis"),
        ("crisis", CALM, Route.ANSWERED, "checked"),
        ("crisis", WATCH, Route.HELD, "held"),
        ("crisis", CRISIS, Route.HELD, "crisis"),
        ("all", CALM, Route.HELD, "held"),
    ],
)
def test_the_policy_decides_what_waits(
    make: Callable[..., Guard], flow: Any, policy: str, text: str, route: Route, reason: str
) -> None:
    guard = make(policy)
    answer = guard.ask(text)
    assert (answer.route, answer.reason) == (route, reason)
    assert bool(answer.review) == (route is Route.HELD)
    if route is not Route.ANSWERED:
        assert guard.services.referrals.is_vetted(answer.reply)
        assert answer.writer is None
        assert flow.good[:20] not in answer.reply
    if policy == "off":
        refused("review.off", guard.reviews)
    else:
        assert [item.id for item in guard.reviews()] == ([answer.review] if answer.review else [])


def test_a_fault_and_a_failed_opinion_are_unclear(make: Callable[..., Guard], flow: Any) -> None:
    broken = make("unclear", retriever=Lost())
    answer = broken.ask(CALM)
    assert (answer.route, answer.reason) == (Route.HELD, "fault")
    deaf = make("unclear", opinion=Deaf())
    answer = deaf.ask(CALM)
    assert (answer.route, answer.reason) == (Route.HELD, "held")
    assert [item.draft for item in deaf.reviews()] == [flow.good]


def test_a_setting_that_is_no_policy_is_refused() -> None:
    from cbtguard.graph import load_settings  # noqa: PLC0415 - only here

    with pytest.raises(SettingsError) as caught:
        load_settings(review="sometimes")
    assert "review" in caught.value.message
    assert {policy.value for policy in Policy} == {"off", "unclear", "crisis", "all"}


def test_the_reply_comes_at_once_with_its_entry_and_the_item_holds_no_identifier(
    make: Callable[..., Guard], flow: Any, clock: Clock
) -> None:
    guard = make()
    answer = guard.ask(WATCH, thread="t")
    [item] = guard.reviews()
    assert (item.status, item.level, item.kinds, item.turn) == (Status.OPEN, "watch", ("suicide",), 1)
    assert item.thread == guard.reference("t")
    assert "王小明" not in str(item.as_dict())
    assert "<人名1>" in item.question
    assert item.reply == answer.reply
    assert item.draft is not None
    assert item.draft.startswith(flow.good)
    assert item.opened_at < item.deadline
    [entry] = entries(guard)
    assert (entry.route, entry.turn_id, entry.review) == ("held", item.id, None)
    assert answer.record_id
    assert answer.as_dict()["review"] == item.id


def test_the_stream_shows_no_word_of_the_draft(make: Callable[..., Guard], flow: Any) -> None:
    guard = make("all", writer=FakeStreamingWriter([flow.good]))
    events = list(guard.stream(WATCH, thread="t"))
    assert events[-1].answer is not None
    assert events[-1].answer.route is Route.HELD
    told = "\n".join(event.text or "" for event in events)
    assert told.strip()
    assert not any(sentence in told for sentence in flow.good.split("。") if len(sentence) > 6)
    assert {event.kind for event in events} == {"stop", "text", "answer"}
    kept = guard._loop.run(guard._talk(guard.reference("t")))
    assert not any(sentence in str(kept) for sentence in flow.good.split("。") if len(sentence) > 6)


# --- the acts -----------------------------------------------------------------------------------------------


def test_approve_gives_the_draft_with_names_put_back(make: Callable[..., Guard], flow: Any) -> None:
    guard = make(writer=FakeWriter([f"<人名1>，{flow.good}"]))
    answer = guard.ask(WATCH, thread="t")
    assert answer.review
    assert guard.deliveries("t") == ()
    assert guard.follow_up(answer.review).status is Status.OPEN
    done = guard.review(answer.review, act("approve"))
    assert done.status is Status.APPROVED
    [delivery] = guard.deliveries("t")
    assert delivery == done.delivery == guard.follow_up(answer.review).delivery
    assert delivery.text.startswith("王小明，")
    assert delivery.writer == "fake"
    *_, entry = entries(guard)
    assert (entry.route, entry.writer, entry.review.act) == ("reviewed", "fake", "approved")
    assert delivery.record_id == list(guard.services.record.entries())[-1].record_id
    assert guard.reviews() == ()


def test_replace_gives_a_persons_words_and_records_their_hash_only(make: Callable[..., Guard]) -> None:
    guard = make()
    answer = guard.ask(CRISIS, thread="t")
    assert answer.review
    done = guard.review(answer.review, {"act": "replace", "reviewer": ANNA, "text": OWN, "note": "回电了"})
    assert done.delivery is not None
    assert done.delivery.text == OWN.replace("<人名1>", "王小明")
    assert done.delivery.writer == "reviewer"
    entry = entries(guard)[-1]
    assert entry.writer == "reviewer"
    assert entry.versions["reviewed_text"].startswith("hmac-sha256:")
    whole = str([entry.as_dict() for entry in entries(guard)])
    assert not any(word in whole for word in ("咨询师", "anna", "回电", "王小明"))


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("王小明，你好，我在。", "review.text_identifier"),
        ("你可以打13912345678找我。", "review.text_identifier"),
        ("别去想跳楼的事。", "review.text_means"),
        ("别去烧 炭。", "review.text_means"),
        ("Please put the noose away.", "review.text_means"),
        ("希望对你有帮助。<|im_end|>", "review.text_leak"),
    ],
)
def test_words_that_nobody_may_read_are_refused_and_kept_nowhere(
    make: Callable[..., Guard], text: str, code: str
) -> None:
    guard = make()
    answer = guard.ask(CRISIS, thread="t")
    assert answer.review
    error = refused(code, lambda: guard.review(str(answer.review), act("replace", text)))
    assert text not in str(error)
    assert guard.follow_up(answer.review).status is Status.OPEN
    saver: Any = guard._checkpointer
    assert not any(text in str(kept) for kept in saver.list(None))
    assert len(entries(guard)) == 1
    assert guard.review(answer.review, act("replace", OWN)).status is Status.REPLACED


@pytest.mark.parametrize(
    "given",
    [
        {"act": "frobnicate", "reviewer": ANNA},
        {"act": "approve"},
        {"act": "approve", "reviewer": "  "},
        {"act": "approve", "reviewer": ANNA, "text": "秘密的话"},
        {"act": "replace", "reviewer": ANNA, "text": "  "},
        {"act": "replace", "reviewer": ANNA, "text": "话" * 4001},
        {"act": "expire", "reviewer": ANNA},
        {"act": "release", "reviewer": ANNA, "秘密的话": 1},
        {},
    ],
)
def test_nonsense_is_refused_and_the_item_waits(make: Callable[..., Guard], given: dict[str, Any]) -> None:
    guard = make()
    answer = guard.ask(WATCH)
    error = refused("review.act", lambda: guard.review(str(answer.review), given))
    assert "秘密" not in str(error)
    assert [item.status for item in guard.reviews()] == [Status.OPEN]
    assert len(entries(guard)) == 1


def test_a_crisis_has_nothing_to_approve(make: Callable[..., Guard]) -> None:
    guard = make()
    answer = guard.ask(CRISIS, thread="t")
    assert [item.draft for item in guard.reviews()] == [None]
    refused("review.no_draft", lambda: guard.review(str(answer.review), act("approve")))
    refused("review.act", lambda: guard.review(str(answer.review), act("hand_back")))
    assert guard.review(str(answer.review), act("release")).delivery is None
    refused("review.closed", lambda: guard.review(str(answer.review), act("release")))
    refused("review.unknown", lambda: guard.review("no-such-item", act("release")))
    refused("review.unknown", lambda: guard.follow_up("no-such-item"))


def test_a_draft_from_before_a_crisis_is_not_given_in_it(make: Callable[..., Guard]) -> None:
    guard = make()
    early, late = guard.ask(WATCH, thread="t"), guard.ask(WATCH, thread="t")
    guard.review(str(early.review), act("approve"))
    assert len(guard.deliveries("t")) == 1
    crisis = guard.ask(CRISIS, thread="t")
    refused("review.overtaken", lambda: guard.review(str(late.review), act("approve")))
    assert guard.deliveries("t") == ()
    assert guard.follow_up(str(early.review)).delivery is None
    guard.review(str(crisis.review), act("replace", OWN))
    assert [delivery.writer for delivery in guard.deliveries("t")] == ["reviewer"]


# --- a person takes over ------------------------------------------------------------------------------------


def test_a_talk_that_was_taken_over_goes_straight_to_the_person(
    make: Callable[..., Guard], flow: Any
) -> None:
    writer = FakeWriter([flow.good] * 3)
    guard = make(writer=writer)
    first = guard.ask(WATCH, thread="t")
    guard.review(str(first.review), act("take_over", note="李雷已联系，电话13912345678"))
    [item] = guard.reviews()
    assert item.status is Status.TAKEN_OVER
    assert item.note
    assert "13912345678" not in item.note
    assert "李雷" not in item.note
    asked = len(writer.tasks)
    replies = []
    for text in (CALM, CALM, CRISIS):
        answer = guard.ask(text, thread="t")
        assert answer.route is Route.HELD
        assert guard.services.referrals.is_vetted(answer.reply)
        assert answer.referral is not None
        assert answer.referral.lines
        replies.append((answer.reason, answer.reply))
    assert [reason for reason, _ in replies] == ["taken_over", "taken_over", "crisis"]
    assert len({reply for _, reply in replies}) == 3
    assert len(writer.tasks) == asked
    assert guard.ask(CALM, thread="another").route is Route.ANSWERED
    refused("review.closed", lambda: guard.review(str(first.review), act("release")))
    assert guard.review(str(first.review), act("hand_back")).status is Status.HANDED_BACK
    assert guard.ask(CALM, thread="t").reason == "care"
    acts = [entry.review.act for entry in entries(guard) if entry.review]
    assert acts == ["taken_over", "handed_back"]


def test_a_long_talk_with_a_person_never_falls_back_to_the_flow(
    make: Callable[..., Guard], monkeypatch: pytest.MonkeyPatch
) -> None:
    # The package shows the stop under the module's name.
    monkeypatch.setattr(importlib.import_module("cbtguard.nodes.hold"), "KEPT_ITEMS", 3)
    guard = make()
    first = guard.ask(WATCH, thread="t")
    guard.review(str(first.review), act("take_over"))
    assert {guard.ask(CALM, thread="t").reason for _ in range(6)} == {"taken_over"}
    guard.review(str(first.review), act("hand_back"))
    assert guard.ask(CALM, thread="t").route is Route.ANSWERED


def test_a_person_writes_on_while_an_item_waits(make: Callable[..., Guard], clock: Clock) -> None:
    guard = make()
    held = []
    for text in (WATCH, WATCH, CRISIS):
        held.append(guard.ask(text, thread="t"))
        clock.now += 1
    assert [answer.turn for answer in held] == [1, 2, 3]
    assert [item.id for item in guard.reviews()] == [answer.review for answer in held]
    assert [len(item.history) for item in guard.reviews()] == [0, 1, 2]
    guard.review(str(held[0].review), act("release"))
    assert [item.turn for item in guard.reviews()] == [2, 3]


# --- the deadline -------------------------------------------------------------------------------------------


def test_after_the_deadline_the_safe_reply_stands(make: Callable[..., Guard], clock: Clock) -> None:
    guard = make(settings={"review_deadline_s": 60})
    answer = guard.ask(WATCH, thread="t")
    clock.now += 59.999
    assert len(guard.reviews()) == 1
    clock.now += 0.001
    refused("review.expired", lambda: guard.review(str(answer.review), act("approve")))
    assert guard.reviews() == ()
    assert guard.follow_up(str(answer.review)).status is Status.EXPIRED
    assert guard.deliveries("t") == ()
    refused("review.expired", lambda: guard.review(str(answer.review), act("release")))
    reviewed = [entry for entry in entries(guard) if entry.route == "reviewed"]
    assert [(entry.review.act, set(entry.review.reviewer)) for entry in reviewed] == [("expired", {"0"})]


def test_a_talk_that_was_taken_over_has_no_deadline(make: Callable[..., Guard], clock: Clock) -> None:
    guard = make()
    answer = guard.ask(WATCH, thread="t")
    guard.review(str(answer.review), act("take_over"))
    clock.now += 86_400
    assert guard.ask(CALM, thread="t").reason == "taken_over"
    assert guard.review(str(answer.review), act("hand_back")).status is Status.HANDED_BACK


# --- what fails ---------------------------------------------------------------------------------------------


def test_no_act_without_its_entry(make: Callable[..., Guard]) -> None:
    record = Brittle()
    guard = make(record=record)
    answer = guard.ask(WATCH, thread="t")
    record.broken = True
    refused("review.not_done", lambda: guard.review(str(answer.review), act("approve")))
    assert guard.deliveries("t") == ()
    assert len(guard.reviews()) == 1
    record.broken = False
    assert guard.review(str(answer.review), act("approve")).delivery is not None
    assert [entry.route for entry in entries(guard)] == ["held", "reviewed"]
    assert record.verify().ok


def test_a_reply_whose_entry_failed_is_no_held_one_but_a_person_is_asked(make: Callable[..., Guard]) -> None:
    record = Brittle()
    guard = make(record=record)
    record.broken = True
    answer = guard.ask(CRISIS)
    assert (answer.route, answer.record_id) == (Route.REFERRED, None)
    assert [item.id for item in guard.reviews()] == [answer.review]


def test_where_nobody_can_be_asked_no_text_says_that_somebody_reads(
    make: Callable[..., Guard], tmp_path: Path
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("", encoding="utf-8")
    guard = make(settings={"threads": str(blocked / "threads.sqlite")})
    answer = guard.ask(WATCH)
    assert (answer.route, answer.reason, answer.review) == (Route.REFERRED, "fault", None)
    assert answer.faults == ("hold:raised:record.threads_unreadable",)
    assert answer.reply == guard.services.referrals.last_resort("zh-Hans")
    crisis = guard.ask(CRISIS)
    assert (crisis.route, crisis.reason) == (Route.REFERRED, "crisis")
    with pytest.raises(CbtguardError) as caught:
        guard.reviews()
    assert caught.value.code == "record.threads_unreadable"


async def test_of_two_reviewers_at_once_one_acts(make: Callable[..., Guard]) -> None:
    guard = make()
    answer = await guard.aask(WATCH, thread="t")
    acts = [guard.areview(str(answer.review), act(name)) for name in ("approve", "release", "approve")]
    outcomes = await asyncio.gather(*acts, return_exceptions=True)
    assert sum(not isinstance(outcome, BaseException) for outcome in outcomes) == 1
    assert all(isinstance(outcome, ReviewError) for outcome in outcomes if isinstance(outcome, BaseException))
    assert [entry.route for entry in entries(guard)] == ["held", "reviewed"]
    assert len(await guard.areviews()) == 0
    assert len(await guard.adeliveries("t")) <= 1
    assert (await guard.afollow_up(str(answer.review))).status in {Status.APPROVED, Status.RELEASED}


def test_held_turns_are_referrals_in_the_yearly_counts(make: Callable[..., Guard]) -> None:
    guard = make()
    crisis, watch = guard.ask(CRISIS), guard.ask(WATCH)
    guard.ask(CALM)
    guard.review(str(crisis.review), act("release"))
    assert watch.review
    counts = count_year(guard.services.record.entries(), 2027)
    assert (counts.turns, counts.answered, counts.referred) == (3, 1, 2)
    assert (counts.crisis_referrals, counts.reviewed, counts.other_entries) == (1, 1, 1)


def test_a_forgotten_talk_takes_its_items_along(make: Callable[..., Guard]) -> None:
    guard = make()
    guard.ask(WATCH, thread="ours")
    other = guard.ask(WATCH, thread="theirs")
    assert len(guard.reviews()) == 2
    guard.forget("ours")
    assert [item.id for item in guard.reviews()] == [other.review]
    assert guard.deliveries("ours") == ()
    assert guard.services.record.verify().ok


def test_retention_reaches_items_too(make: Callable[..., Guard], clock: Clock) -> None:
    guard = make(settings={"review_deadline_s": 86_400.0 * 29})
    guard.ask(WATCH, thread="ours")
    clock.now += 86_400.0 * 20
    guard.sweep(10)
    assert guard.reviews() == ()


def test_what_a_handler_dealt_with_lives_to_the_end_of_the_run() -> None:
    # LangGraph knows handled exceptions by id(): a freed one could stand for the interrupt that comes next.
    desk = Desk(text="", vault=Vault())
    runtime: Any = SimpleNamespace(context=SimpleNamespace(desk=desk))
    failed = _Full("disk full")
    kept = weakref.ref(failed)

    command = to_review(fresh_item({"id": "t1"}), NodeError(node="settle", error=failed), runtime)
    del failed
    gc.collect()

    assert command.goto == "review"
    assert kept() is not None
    assert [desk.handled[0]] == [kept()]
