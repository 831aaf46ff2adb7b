"""The proof with a third opinion: it holds on what ships, and finds each way to mistreat an opinion."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import pytest

from cbtguard.graph import build as wiring
from cbtguard.graph.verify import Proof
from cbtguard.graph.verify.clauses import CLAUSES, TALK_CLAUSE
from cbtguard.graph.verify.clock import VirtualLoop
from cbtguard.graph.verify.observe import Observation, observe
from cbtguard.graph.verify.script import FAULTS, Script
from cbtguard.graph.verify.services import OPINION, REMARK, Scripted
from cbtguard.nodes import Limits, release
from cbtguard.nodes import opinion as stop

if TYPE_CHECKING:
    from collections.abc import Callable

    from cbtguard.nodes.retrieval.note import NoteLibrary
    from cbtguard.safety.referral import Referrals

proving = importlib.import_module("cbtguard.graph.verify.prove")
RAISED = ("graver", "graver_late", "emergency")
GOES_ON = ("agree", "hint", "malformed", *FAULTS)


class Aimed(proving._Run):
    """A run in which stops take the given outcomes only."""

    only: dict[str, tuple[str, ...]] = {}  # noqa: RUF012 - never changed

    def scripted(self, script: Script, **named: Any) -> Scripted:
        pick = script.pick

        def aimed(at: str, alternatives: tuple[str, ...]) -> str:
            wanted = self.only.get(at, alternatives)
            return pick(at, tuple(outcome for outcome in alternatives if outcome in wanted))

        script.pick = aimed  # type: ignore[method-assign]
        return super().scripted(script, **named)


@pytest.fixture
def aimed(real_referrals: Referrals, real_library: NoteLibrary) -> Callable[..., Proof]:
    def explore(part: Any, **only: tuple[str, ...]) -> Proof:
        run = Aimed(
            compile_graph=wiring.compile_graph,
            proof=Proof(),
            referrals=real_referrals,
            library=real_library,
            stop_at_first=False,
            progress=None,
        )
        run.only = only
        part(run)
        return run.proof

    return explore


@pytest.fixture
def turn(real_referrals: Referrals, real_library: NoteLibrary) -> Callable[..., Observation]:
    """One turn with these outcomes, the first alternative elsewhere."""

    def run(**outcomes: str) -> Observation:
        loop = VirtualLoop()
        try:
            script = proving._Fixed(**{at: [outcome] for at, outcome in outcomes.items()})
            scripted = Scripted(script, real_referrals, real_library, rater=True)
            return loop.run(
                observe(wiring.compile_graph(proving.LIMITS), scripted, proving.LIMITS, now=loop.time)
            )
        finally:
            loop.close()

    return run


def whats(proof: Proof, clause: str) -> str:
    return "\n".join(v.what for v in proof.violations if v.clause == clause)


# --- what holds ---------------------------------------------------------------------------------------------


def test_the_contract_holds_with_every_opinion_and_every_fault_of_it(aimed: Callable[..., Proof]) -> None:
    only = {"protect": ("identified", "raise"), "screen": ("none", "watch", "crisis", "raise")}
    proof = aimed(proving._opinions, **only, refer=("ok",), record=("ok",))
    assert proof.holds, [v.as_dict() for v in proof.violations]
    assert proof.paths > 100
    assert set(proof.checks) == {clause.id for clause in CLAUSES}


def test_the_contract_holds_over_talks_in_which_only_the_opinion_sees_the_crisis(
    aimed: Callable[..., Proof], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proving, "_OPINION_LEVELS", ("opinion", "none"))
    proof = aimed(proving._opinion_talks)
    assert proof.holds, [v.as_dict() for v in proof.violations]
    assert proof.checks[TALK_CLAUSE] == 16


def test_the_proof_goes_through_opinions() -> None:
    assert set(OPINION) == {"agree", "hint", *RAISED, "malformed"}


@pytest.mark.parametrize("outcome", RAISED)
def test_an_opinion_that_sees_a_crisis_ends_the_turn_with_people(
    outcome: str, turn: Callable[..., Observation]
) -> None:
    seen = turn(opinion=outcome)
    assert (seen.state["route"], seen.state["reason"]) == ("referred", "crisis")
    assert seen.state["risk"]["level"] == ("emergency" if outcome == "emergency" else "crisis")
    assert seen.state["care"]["active"]
    assert seen.chose("check") is None
    assert [entry.entry.rules for entry in seen.entries] == [("opinion.raised",)]
    assert not seen.state["faults"]


@pytest.mark.parametrize("outcome", GOES_ON)
def test_any_other_opinion_lets_the_answer_out(outcome: str, turn: Callable[..., Observation]) -> None:
    seen = turn(opinion=outcome)
    assert seen.state["route"] == "answered"
    assert seen.state["risk"]["level"] == ("watch" if outcome == "hint" else "none")
    noted = [fault for fault in seen.state["faults"] if fault.startswith("opinion:")]
    assert bool(noted) is (outcome in {"malformed", *FAULTS})
    assert list(seen.entries[0].entry.faults) == noted


@pytest.mark.parametrize(
    ("outcome", "note"),
    [
        ("malformed", "opinion:garbage:opinion.malformed"),
        ("garbage", "opinion:garbage:str"),
        ("raise", "opinion:raised:RuntimeError"),
        ("timeout", "opinion:timeout:opinion_s"),
        ("cancel", "opinion:cancelled:cancelled"),
        ("missing", "opinion:missing:ImportError"),
    ],
)
def test_no_opinion_is_noted_with_its_cause(
    outcome: str, note: str, turn: Callable[..., Observation]
) -> None:
    assert turn(opinion=outcome).state["faults"] == [note]


def test_a_late_opinion_is_waited_for_until_its_limit_and_no_longer(turn: Callable[..., Observation]) -> None:
    assert turn(opinion="graver_late").seconds == pytest.approx(3.0)
    assert turn(opinion="timeout").seconds == pytest.approx(proving.LIMITS.opinion_s)


def test_a_hint_adds_the_safety_note(turn: Callable[..., Observation]) -> None:
    assert turn(opinion="agree").state["answer"]["safety_note"] is None
    assert turn(opinion="hint").state["answer"]["safety_note"]["text"]


@pytest.mark.parametrize(("at", "outcome"), [("retrieve", "nothing"), ("protect", "foreign")])
def test_a_referral_for_another_reason_becomes_that_of_a_crisis(
    at: str, outcome: str, turn: Callable[..., Observation]
) -> None:
    assert turn(**{at: outcome, "opinion": "agree"}).state["reason"] in {"no_note", "language"}
    seen = turn(**{at: outcome, "opinion": "graver"})
    assert seen.state["reason"] == "crisis"
    assert seen.state["risk"]["kinds"] == ["abuse"]


@pytest.mark.parametrize("level", ["crisis", "emergency"])
def test_a_crisis_waits_for_no_opinion(level: str, turn: Callable[..., Observation]) -> None:
    seen = turn(screen=level)
    assert seen.chose("opinion") is None
    assert seen.state["reason"] == "crisis"


@pytest.mark.parametrize("outcome", OPINION)
def test_no_identifier_reaches_the_rater_and_no_word_of_it_gets_out(
    outcome: str, turn: Callable[..., Observation]
) -> None:
    seen = turn(opinion=outcome)
    [asked] = [payload for _, what, payload in seen.calls if what == "opinion"]
    assert "<人名1>" in asked
    shown = "".join(chunk for _, chunk in seen.chunks) + repr(seen.state) + repr(seen.entries)
    assert REMARK not in shown


# --- what is planted ----------------------------------------------------------------------------------------


def test_an_opinion_that_is_not_heard_is_found(
    aimed: Callable[..., Proof], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stop, "is_out", lambda context: False)
    proof = aimed(proving._opinions, opinion=("graver",), screen=("none",), protect=("identified",))
    assert "a crisis ended as 'answered'" in whats(proof, "S2")
    assert "does not tell of the opinion" in whats(proof, "S6")


def test_a_draft_that_goes_on_after_a_raise_is_found(
    aimed: Callable[..., Proof], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wiring, "after_opinion", lambda state: "check")
    monkeypatch.setattr(stop, "_weighed", _without_reason(stop._weighed))
    proof = aimed(proving._opinions, opinion=("graver",), screen=("none",), protect=("identified",))
    assert "a draft was checked although the question is a crisis" in whats(proof, "S2")


def test_words_that_are_read_before_the_opinion_is_heard_are_found(
    aimed: Callable[..., Proof], monkeypatch: pytest.MonkeyPatch
) -> None:
    def streamed(run: Any) -> None:
        proving._streamed(run, Limits(generations=1, care_turns=2), proving._Rated, rater=True)

    sound = aimed(streamed)
    assert sound.holds, [v.as_dict() for v in sound.violations]
    assert sound.paths == len(OPINION) + len(FAULTS)

    monkeypatch.setattr(release, "lets_out", lambda context, state: True)
    proof = aimed(streamed, opinion=RAISED)
    assert "words of a draft were read although the question is a crisis" in whats(proof, "S2")


def test_an_opinion_before_the_screen_is_found(
    aimed: Callable[..., Proof], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = wiring.screen

    async def hasty(state: Any, runtime: Any) -> dict[str, Any]:
        context = runtime.context
        await context.services.opinion.rate(state["question"], language="zh-Hans")
        return await real(state, runtime)

    monkeypatch.setattr(wiring, "screen", hasty)
    proof = aimed(proving._opinions, opinion=("agree",), screen=("none",), protect=("identified",))
    assert "opinion was asked before the question was screened" in whats(proof, "S1")


def test_a_failed_opinion_without_a_trace_is_found(
    aimed: Callable[..., Proof], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = stop.opinion

    async def silent(state: Any, runtime: Any) -> dict[str, Any]:
        return {k: v for k, v in (await real(state, runtime)).items() if k != "faults"}

    monkeypatch.setattr(stop, "opinion", silent)
    proof = aimed(
        proving._opinions, opinion=("malformed", "raise"), screen=("none",), protect=("identified",)
    )
    assert "an opinion that failed left no trace" in whats(proof, "S5")


def test_the_words_of_a_rater_are_found(aimed: Callable[..., Proof], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stop, "_weighed", lambda state, pending, heard, turns: {"defects": [heard.reason]})
    proof = aimed(proving._opinions, opinion=("agree",), screen=("none",), protect=("identified",))
    assert "the free words of a rater are visible" in whats(proof, "S3")


def _without_reason(real: Any) -> Any:
    def weighed(*given: Any) -> dict[str, Any]:
        return {k: v for k, v in real(*given).items() if k != "reason"}

    return weighed
