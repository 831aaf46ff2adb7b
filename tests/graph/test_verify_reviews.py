"""The proof of human review: it holds on what ships, and finds what is planted."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Literal

import pytest
from langgraph.errors import NodeError  # noqa: TC002 - LangGraph resolves the annotations of a handler
from langgraph.runtime import Runtime  # noqa: TC002 - LangGraph resolves the annotations of a stop
from langgraph.types import Command

from cbtguard.graph import build as wiring
from cbtguard.graph.review import wiring as review_wiring
from cbtguard.graph.verify import Proof, reviewed
from cbtguard.nodes import Context, State  # noqa: TC001 - LangGraph resolves the annotations of a stop
from cbtguard.nodes.reviewer import STATUS_AFTER, Act, ItemState

if TYPE_CHECKING:
    from collections.abc import Callable

    from cbtguard.nodes.retrieval.note import NoteLibrary
    from cbtguard.safety.referral import Referrals

    Plant = Callable[[pytest.MonkeyPatch], None]

proving = importlib.import_module("cbtguard.graph.verify.prove")
REAL = {name: getattr(wiring, name) for name in ("check", "screen", "record")}
REAL |= {name: getattr(review_wiring, name) for name in ("judge", "settle")}


@pytest.fixture
def explore(
    real_referrals: Referrals, real_library: NoteLibrary, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Proof]:
    """Walk held turns as the full proof does, with these outcomes only."""

    def walk(*, stop_at_first: bool = True, **only: tuple[str, ...]) -> Proof:
        class Aimed(reviewed.Holding):
            def _few(self, stop: str, alternatives: tuple[str, ...]) -> tuple[str, ...]:
                few = super()._few(stop, alternatives)
                # Behind the act the script itself lets every stop do as it should.
                return tuple(outcome for outcome in few if outcome in only.get(stop, few)) or few

        monkeypatch.setattr(reviewed, "Holding", Aimed)
        run = proving._Run(
            compile_graph=wiring.compile_graph,
            proof=Proof(),
            referrals=real_referrals,
            library=real_library,
            stop_at_first=stop_at_first,
            progress=None,
        )
        proving._reviews(run)
        return run.proof

    return walk


@pytest.mark.slow
def test_what_ships_holds_for_every_act_on_a_hint(explore: Callable[..., Proof]) -> None:
    proof = explore(protect=("identified",), screen=("watch",), generate=("sound",), check=("pass",))
    assert proof.holds, proof.violations
    assert proof.acts > 60
    assert set(proof.checks) == {"S1", "S2", "S3", "S4", "S5", "S6", "S7", "S8"}
    assert proof.as_dict()["acts"] == proof.acts


@pytest.mark.slow
def test_what_ships_holds_however_a_turn_came_to_be_held(explore: Callable[..., Proof]) -> None:
    proof = explore(act=("approve", "replace"), act_text=("clean",), act_check=("clean",), act_record=("ok",))
    assert proof.holds, proof.violations
    assert proof.acts > 20
    assert proof.paths > proof.acts


# --- what is planted ----------------------------------------------------------------------------------------


def a_draft_that_waits_lies_in_the_state(monkeypatch: pytest.MonkeyPatch) -> None:
    async def check(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
        update: dict[str, Any] = await REAL["check"](state, runtime)
        proposal = runtime.context.desk.proposal
        return {**update, "repaired": [proposal["text"]]} if proposal else update

    monkeypatch.setattr(wiring, "check", check)


def a_held_turn_is_answered_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    async def record(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
        proposal = runtime.context.desk.proposal
        update: dict[str, Any] = await REAL["record"](state, runtime)
        return {**update, "reply": proposal["text"]} if proposal else update

    monkeypatch.setattr(wiring, "record", record)


def a_text_says_that_somebody_reads_though_nobody_will(monkeypatch: pytest.MonkeyPatch) -> None:
    def to_unheld(state: State, error: NodeError) -> Command[Literal["record"]]:
        return Command(
            goto="record", update={"faults": [*state["faults"], wiring.fault_of(error)], "review": ""}
        )

    monkeypatch.setattr(wiring, "to_unheld", to_unheld)


def a_turn_is_held_before_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    def to_unheld(state: State, error: NodeError) -> Command[Literal["record"]]:
        faults = [*state["faults"], wiring.fault_of(error)]
        return Command(goto="record", update={"faults": faults, "review": state["turn_id"]})

    monkeypatch.setattr(wiring, "to_unheld", to_unheld)


def an_act_without_an_entry_gives_the_text(monkeypatch: pytest.MonkeyPatch) -> None:
    async def settle(state: ItemState, runtime: Runtime[Context]) -> dict[str, Any]:
        try:
            return dict(await REAL["settle"](state, runtime))
        except Exception:  # noqa: BLE001 - the plant
            act = Act((state["act"] or {})["act"])
            given = {"text": state["item"]["draft"] or "", "writer": "scripted/writer", "at": ""}
            return {"act": None, "refused": "", "status": STATUS_AFTER[act].value, "delivery": given}

    monkeypatch.setattr(review_wiring, "settle", settle)


def an_act_has_two_entries(monkeypatch: pytest.MonkeyPatch) -> None:
    async def settle(state: ItemState, runtime: Runtime[Context]) -> dict[str, Any]:
        await REAL["settle"](state, runtime)
        return dict(await REAL["settle"](state, runtime))

    monkeypatch.setattr(review_wiring, "settle", settle)


def any_words_go_through(monkeypatch: pytest.MonkeyPatch) -> None:
    async def judge(state: ItemState) -> dict[str, Any]:
        return {"note": ""}

    monkeypatch.setattr(review_wiring, "judge", judge)


def a_refused_act_ends_the_item(monkeypatch: pytest.MonkeyPatch) -> None:
    def build(limits: Any = None) -> Any:
        graph = REAL_BUILD(limits)
        [branch] = graph.branches["judge"].values()
        branch.ends["review"] = "__end__"
        return graph

    monkeypatch.setattr(review_wiring, "build_review", build)


REAL_BUILD = review_wiring.build_review


def a_released_item_gives_the_draft(monkeypatch: pytest.MonkeyPatch) -> None:
    async def settle(state: ItemState, runtime: Runtime[Context]) -> dict[str, Any]:
        update: dict[str, Any] = await REAL["settle"](state, runtime)
        return {**update, "delivery": {"text": state["item"]["draft"], "writer": "-", "at": "-"}}

    monkeypatch.setattr(review_wiring, "settle", settle)


def own_words_pass_for_the_writers(monkeypatch: pytest.MonkeyPatch) -> None:
    async def settle(state: ItemState, runtime: Runtime[Context]) -> dict[str, Any]:
        update: dict[str, Any] = await REAL["settle"](state, runtime)
        return {**update, "delivery": {**update["delivery"], "writer": "scripted/writer"}}

    monkeypatch.setattr(review_wiring, "settle", settle)


def nobody_notices_who_took_over(monkeypatch: pytest.MonkeyPatch) -> None:
    async def screen(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
        return dict(await REAL["screen"]({**state, "taken_over": ""}, runtime))

    monkeypatch.setattr(wiring, "screen", screen)


@pytest.mark.parametrize(
    ("plant", "clause", "says", "act"),
    [
        (a_draft_that_waits_lies_in_the_state, "S3", "a draft that waits", ("release",)),
        (a_held_turn_is_answered_all_the_same, "S3", "is not a vetted text", ("release",)),
        (a_text_says_that_somebody_reads_though_nobody_will, "S5", "although nobody will", ("release",)),
        (a_turn_is_held_before_nobody, "S5", "although nobody was asked", ("release",)),
        (an_act_without_an_entry_gives_the_text, "S6", "has entries of the acts []", ("approve",)),
        (an_act_without_an_entry_gives_the_text, "S5", "kept from the reviewer", ("approve",)),
        (an_act_has_two_entries, "S6", "has entries of the acts", ("release",)),
        (any_words_go_through, "S4", "an identifier is in the checkpoint", ("known_name",)),
        (any_words_go_through, "S5", "known_name closed the item", ("known_name",)),
        (a_refused_act_ends_the_item, "S5", "nobody can act any more", ("hand_back",)),
        (a_released_item_gives_the_draft, "S3", "gives a text", ("release",)),
        (own_words_pass_for_the_writers, "S3", "marked as a person's", ("replace",)),
        (nobody_notices_who_took_over, "S8", "although a person had taken over", ("take_over",)),
    ],
)
def test_what_is_planted_is_found(
    explore: Callable[..., Proof],
    monkeypatch: pytest.MonkeyPatch,
    plant: Plant,
    clause: str,
    says: str,
    act: tuple[str, ...],
) -> None:
    plant(monkeypatch)
    proof = explore(
        stop_at_first=False,
        protect=("identified",),
        screen=("watch",),
        retrieve=("fits",),
        generate=("sound",),
        check=("pass",),
        refer=("ok",),
        record=("ok",),
        note=("ok",),
        act=act,
        act_record=("ok", "raise"),
        act_text=("clean",),
        act_check=("clean",),
    )
    assert not proof.holds
    assert proof.counts.get(clause)
    assert any(v.clause == clause and says in v.what for v in proof.violations), proof.violations
    assert all(v.path for v in proof.violations)
