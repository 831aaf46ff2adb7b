"""The proof proved: it finds what is planted, holds on what ships, and its clock and walk are exact."""

from __future__ import annotations

import asyncio
import importlib
import json
import logging
import re
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langgraph.config import get_stream_writer
from langgraph.errors import NodeError  # noqa: TC002 - LangGraph resolves the annotations of a handler
from langgraph.graph import END
from langgraph.runtime import Runtime  # noqa: TC002 - LangGraph resolves the annotations of a stop
from langgraph.types import Command

from cbtguard.graph import build as wiring
from cbtguard.graph.verify import Proof, Violation, error_routes, mermaid, prove, reviewed
from cbtguard.graph.verify.clauses import CLAUSES, TALK_CLAUSE
from cbtguard.graph.verify.clock import Hang, VirtualLoop
from cbtguard.graph.verify.observe import observe
from cbtguard.graph.verify.script import FAULTS, Choice, Script
from cbtguard.graph.verify.services import PHONE, SECRETS, Scripted
from cbtguard.nodes import Context, Limits, State
from cbtguard.nodes.record import reply_of
from cbtguard.service.cli import main
from cbtguard.service.cli.verify import table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from cbtguard.nodes.retrieval.note import NoteLibrary
    from cbtguard.safety.referral import Referrals

    Compile = Callable[..., Any]
    Plant = Callable[[pytest.MonkeyPatch], Compile | None]

proving = importlib.import_module("cbtguard.graph.verify.prove")
observing = importlib.import_module("cbtguard.graph.verify.observe")

STOPS = ("protect", "screen", "retrieve", "compose", "refer", "record")
REAL = {name: getattr(wiring, name) for name in (*STOPS, "generate", "check") if name != "compose"}


# --- exploring a bounded part -------------------------------------------------------------------------------


class Bounded(proving._Run):
    """A run of the proof with fewer faults, that ends where the test has seen enough."""

    faults: tuple[str, ...] = FAULTS
    only: dict[str, tuple[str, ...]] = {}  # noqa: RUF012 - never changed
    until: Callable[[Proof], Any] = staticmethod(lambda proof: False)

    @property
    def over(self) -> bool:
        return bool(self.until(self.proof))

    def scripted(self, script: Script) -> Scripted:
        pick = script.pick

        def aimed(stop: str, alternatives: tuple[str, ...]) -> str:
            wanted = self.only.get(stop, alternatives)
            return pick(stop, tuple(outcome for outcome in alternatives if outcome in wanted))

        script.pick = aimed  # type: ignore[method-assign]
        return Scripted(script, self.referrals, self.library, self.faults)


@pytest.fixture
def bounded(real_referrals: Referrals, real_library: NoteLibrary) -> Callable[..., Bounded]:
    def make(compile_graph: Compile = wiring.compile_graph, **changes: Any) -> Bounded:
        run = Bounded(
            compile_graph=compile_graph,
            proof=Proof(),
            referrals=real_referrals,
            library=real_library,
            stop_at_first=False,
            progress=None,
        )
        for name, value in changes.items():
            setattr(run, name, value)
        return run

    return make


@pytest.fixture
def explore(bounded: Callable[..., Bounded]) -> Callable[..., Proof]:
    """Walks single turns as the full proof does."""

    def walk(compile_graph: Compile, *, faults: tuple[str, ...] = ("raise",), **changes: Any) -> Proof:
        run = bounded(compile_graph, faults=faults, **changes)
        proving._single_turns(run)
        return run.proof

    return walk


@pytest.fixture
def converse(bounded: Callable[..., Bounded], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Proof]:
    """Walks talks as the full proof does, over fewer kinds of turn."""

    def walk(levels: tuple[str, ...], compile_graph: Compile = wiring.compile_graph) -> Proof:
        monkeypatch.setattr(proving, "_TALK_LEVELS", levels)
        run = bounded(compile_graph)
        proving._talks(run)
        return run.proof

    return walk


# --- what is planted ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """A flow made unsafe, and what the proof must say of it."""

    name: str
    clause: str
    says: str
    faults: tuple[str, ...]
    only: dict[str, tuple[str, ...]]
    levels: tuple[str, ...]
    plant: Plant


PLANTS: list[Planted] = []


def planted(
    clause: str,
    says: str,
    *,
    faults: tuple[str, ...] = (),
    levels: tuple[str, ...] = (),
    **only: tuple[str, ...],
) -> Any:
    """Register a plant: single turns with these faults and outcomes only, or talks over these levels."""

    def register(plant: Plant) -> Plant:
        entry = Planted(
            name=plant.__name__,
            clause=clause,
            says=says,
            faults=faults,
            only=only,
            levels=levels,
            plant=plant,
        )
        PLANTS.append(entry)
        return plant

    return register


def replace_stop(monkeypatch: pytest.MonkeyPatch, name: str, change: Callable[..., Any]) -> None:
    """Wire in a stop that runs the real one and then ``change(update, state, context)``."""

    async def stop(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
        update = await REAL[name](state, runtime)
        return change(update, state, runtime.context)

    monkeypatch.setattr(wiring, name, stop)


def rewired(*edges: tuple[str, str], without: tuple[tuple[str, str], ...] = ()) -> Compile:
    """Return a compile function of the real flow with edges added and taken away."""

    def compile_graph(limits: Limits | None = None, *, checkpointer: Any = None) -> Any:
        graph = wiring.build(limits)
        graph.edges -= set(without)
        for start, end in edges:
            graph.add_edge(start, end)
        return graph.compile(checkpointer=checkpointer).with_config(recursion_limit=60)

    return compile_graph


def without_net(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the graph bare, without what stands around it when it fails as a whole."""

    async def bare(graph: Any, turn: Any, context: Context, *, thread: str | None = None) -> Any:
        return await graph.ainvoke({**turn, "thread": thread or "none", "turn": 1}, {}, context=context)

    monkeypatch.setattr(observing, "run_turn", bare)


@planted("S1", "retrieve was asked before")
def retrieval_goes_first(monkeypatch: pytest.MonkeyPatch) -> Compile:
    return rewired(("protect", "retrieve"), without=(("protect", "screen"),))


@planted("S1", "was asked before", faults=("raise",), screen=("raise",))
def a_failed_screen_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    def go_on(state: State, error: NodeError) -> Command[Literal["retrieve", "refer"]]:
        faults = [*state["faults"], wiring.fault_of(error)]
        return Command(goto="retrieve" if error.node == "screen" else "refer", update={"faults": faults})

    monkeypatch.setattr(wiring, "to_refer", go_on)


@planted("S2", "a crisis ended as 'answered'", screen=("crisis",))
def a_crisis_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wiring, "after_screen", lambda state: "retrieve")


@planted("S2", "a writer was asked although", screen=("crisis",))
def a_crisis_is_written_about_and_thrown_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wiring, "after_screen", lambda state: "retrieve")
    monkeypatch.setattr(
        wiring,
        "after_compose",
        lambda state: "refer" if state["risk"]["level"] in {"crisis", "emergency"} else "record",
    )


@planted("S2", "names no line of the user's region", screen=("crisis",))
def help_is_of_another_country(monkeypatch: pytest.MonkeyPatch) -> None:
    async def elsewhere(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
        return await REAL["refer"]({**state, "region": "US"}, runtime)

    monkeypatch.setattr(wiring, "refer", elsewhere)


@planted("S2", "names no line of the user's region", screen=("crisis",))
def a_referral_leads_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    def drop(update: dict[str, Any], state: State, context: Context) -> dict[str, Any]:
        context.desk.lines = ()
        return update

    replace_stop(monkeypatch, "refer", drop)


@planted("S2", "is not a vetted text", screen=("crisis",))
@planted("S3", "is not a vetted text", screen=("crisis",))
def a_referral_is_in_free_words(monkeypatch: pytest.MonkeyPatch) -> None:
    replace_stop(
        monkeypatch,
        "refer",
        lambda update, state, context: {
            **update,
            "referral": {**update["referral"], "text": "会好的，加油。"},
        },
    )


@planted("S3", "visible in a stream")
def a_draft_lies_in_the_state(monkeypatch: pytest.MonkeyPatch) -> None:
    replace_stop(
        monkeypatch,
        "generate",
        lambda update, state, context: {**update, "defects": [context.desk.draft.text]},
    )


@planted("S3", "visible in a stream")
def a_draft_is_streamed_as_it_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    def tell(update: dict[str, Any], state: State, context: Context) -> dict[str, Any]:
        get_stream_writer()({"token": context.desk.draft.text})
        return update

    replace_stop(monkeypatch, "generate", tell)


@planted("S3", "an unchecked draft is visible")
def the_checker_is_overruled(monkeypatch: pytest.MonkeyPatch) -> None:
    async def lenient(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
        draft = runtime.context.desk.draft
        update = await REAL["check"](state, runtime)
        told = {"text": draft.text if draft else "", "parts": {}, "citations": [], "safety_note": None}
        return {**update, "answer": update["answer"] or told}

    monkeypatch.setattr(wiring, "check", lenient)


@planted("S3", "an unchecked draft is visible", faults=("raise",), check=("raise",))
@planted("S5", "after a fault the turn ended as 'answered'", faults=("raise",), check=("raise",))
def a_failed_check_lets_the_draft_through(monkeypatch: pytest.MonkeyPatch) -> None:
    def let_through(
        state: State, error: NodeError, runtime: Runtime[Context]
    ) -> Command[Literal["record", "refer"]]:
        draft = runtime.context.desk.draft
        faults = [*state["faults"], wiring.fault_of(error)]
        if draft is None:
            return Command(goto="refer", update={"faults": faults, "reason": "fault"})
        answer = {"text": draft.text, "parts": {}, "citations": [], "safety_note": None}
        return Command(goto="record", update={"faults": faults, "answer": answer})

    monkeypatch.setattr(wiring, "to_refer", let_through)


@planted("S4", "screen was given an identifier")
def the_name_stays_in_the_question(monkeypatch: pytest.MonkeyPatch) -> None:
    replace_stop(
        monkeypatch, "protect", lambda update, state, context: {**update, "question": context.desk.text}
    )


@planted("S4", "in a log line")
def the_message_is_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    def log(update: dict[str, Any], state: State, context: Context) -> dict[str, Any]:
        logging.getLogger("cbtguard.flow").warning("screened %s", context.desk.text)
        return update

    replace_stop(monkeypatch, "screen", log)


@planted("S4", "visible in a stream")
def the_message_is_streamed(monkeypatch: pytest.MonkeyPatch) -> None:
    def tell(update: dict[str, Any], state: State, context: Context) -> dict[str, Any]:
        get_stream_writer()(context.desk.text)
        return update

    replace_stop(monkeypatch, "protect", tell)


@planted("S4", "visible in a stream")
def an_exception_quotes_the_message(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(update: dict[str, Any], state: State, context: Context) -> dict[str, Any]:
        raise ValueError(f"no note for {context.desk.text}")

    replace_stop(monkeypatch, "retrieve", fail)


@planted("S4", "in the state or in a checkpoint", levels=("none",))
def the_history_keeps_the_raw_message(monkeypatch: pytest.MonkeyPatch) -> None:
    def keep(update: dict[str, Any], state: State, context: Context) -> dict[str, Any]:
        return {**update, "history": [*update["history"], {"text": context.desk.text, "level": "none"}]}

    replace_stop(monkeypatch, "record", keep)


@planted("S4", "in the record")
def the_entry_names_the_person(monkeypatch: pytest.MonkeyPatch) -> None:
    async def telling(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
        return await REAL["record"]({**state, "thread": PHONE}, runtime)

    monkeypatch.setattr(wiring, "record", telling)


@planted("S5", "after a fault the turn ended as 'answered'", faults=("raise",), retrieve=("raise",))
def a_failed_stop_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    def go_on(
        state: State, error: NodeError, runtime: Runtime[Context]
    ) -> Command[Literal["compose", "refer"]]:
        note = next(iter(runtime.context.services.library))
        faults = [*state["faults"], wiring.fault_of(error)]
        notes = [{"note_id": note.id, "score": 1.0}]
        goto = "compose" if error.node == "retrieve" else "refer"
        return Command(goto=goto, update={"faults": faults, "notes": notes})

    monkeypatch.setattr(wiring, "to_refer", go_on)


@planted("S5", "a fault left no trace", faults=("raise",))
def a_fault_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    def forget(state: State, error: NodeError) -> Command[Literal["refer"]]:
        return Command(goto="refer", update={"reason": "fault", "answer": None})

    monkeypatch.setattr(wiring, "to_refer", forget)


@planted("S5", "the turn ended in silence", faults=("raise",))
def an_error_ends_in_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    without_net(monkeypatch)
    monkeypatch.setattr(wiring, "to_refer", to_end)


@planted("S5", "an exception reached the caller", faults=("raise",))
def a_stop_has_no_error_handler(monkeypatch: pytest.MonkeyPatch) -> Compile:
    without_net(monkeypatch)
    return without_handlers


@planted("S6", "the turn left 0 entries")
def the_record_keeps_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async def forgetful(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
        route, reply = reply_of(state)
        return {"route": route, "reply": reply, "record_id": "r1"}

    monkeypatch.setattr(wiring, "record", forgetful)


@planted("S6", "the turn left 2 entries")
def the_record_keeps_the_turn_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    async def eager(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
        await REAL["record"](state, runtime)
        return await REAL["record"](state, runtime)

    monkeypatch.setattr(wiring, "record", eager)


@planted("S6", "the reply left before the record")
def the_reply_leaves_before_the_record(monkeypatch: pytest.MonkeyPatch) -> None:
    replace_stop(
        monkeypatch, "refer", lambda update, state, context: {**update, "reply": update["referral"]["text"]}
    )


@planted("S6", "the turn left 0 entries")
def a_turn_without_answer_or_referral_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wiring, "after_compose", lambda state: "record")


@planted("S6", "does not tell of the crisis", screen=("crisis",))
def the_entry_plays_a_crisis_down(monkeypatch: pytest.MonkeyPatch) -> None:
    async def soothing(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
        return await REAL["record"]({**state, "risk": None}, runtime)

    monkeypatch.setattr(wiring, "record", soothing)


@planted("S6", "does not name its entry")
def the_reply_names_another_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    replace_stop(monkeypatch, "record", lambda update, state, context: {**update, "record_id": "r0"})


@planted("S7", "drafts were asked for; the bound is 2")
def the_loop_has_no_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        wiring, "after_check", lambda state, generations: "done" if state["answer"] else "generate"
    )


@planted("S7", "the bound is 128 s", faults=("timeout",))
def nothing_ends_a_slow_stop(monkeypatch: pytest.MonkeyPatch) -> Compile:
    without_net(monkeypatch)
    names = ("protect_s", "screen_s", "retrieve_s", "generate_s", "check_s", "refer_s", "record_s")
    patient = Limits(**dict.fromkeys(names, 1e9))  # type: ignore[arg-type]
    return lambda limits, checkpointer=None: wiring.compile_graph(patient, checkpointer=checkpointer)


@planted("S8", "was not met by care", levels=("crisis", "none"))
def care_is_forgotten_after_each_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    async def forgetful(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
        calm = {"active": False, "calm": 0, "step": (state.get("care") or {"step": 0})["step"]}
        return await REAL["screen"]({**state, "care": calm}, runtime)

    monkeypatch.setattr(wiring, "screen", forgetful)


@planted("S8", "repeats the words of the turn before", levels=("crisis", "none"))
def care_says_the_same_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    replace_stop(
        monkeypatch, "refer", lambda update, state, context: {k: v for k, v in update.items() if k != "care"}
    )


@planted("S8", "is still referred although care mode is over", levels=("crisis", "none"))
def care_never_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    replace_stop(
        monkeypatch,
        "screen",
        lambda update, state, context: {**update, "care": {**update["care"], "calm": 0}},
    )


@planted("S8", "names no help", levels=("crisis", "none"))
def care_names_no_help(monkeypatch: pytest.MonkeyPatch) -> None:
    a_referral_leads_nowhere(monkeypatch)


def to_end(state: State, error: NodeError) -> Command[Any]:
    """An error handler that ends the turn without a reply."""
    return Command(goto=END, update={"faults": [*state["faults"], wiring.fault_of(error)]})


def without_handlers(limits: Limits | None = None, *, checkpointer: Any = None) -> Any:
    """The real flow with the error handlers taken from its stops."""
    graph = wiring.build(limits)
    graph.nodes = {
        name: replace(spec, error_handler_node=None)
        for name, spec in graph.nodes.items()
        if not spec.is_error_handler
    }
    return graph.compile(checkpointer=checkpointer)


# --- finding them -------------------------------------------------------------------------------------------

STEP = re.compile(
    r"(protect|screen|opinion|retrieve|generate|prefix|opened|check|fill|note|refer|record)=[a-z_]+"
)


@pytest.mark.parametrize("case", PLANTS, ids=lambda case: f"{case.clause}-{case.name}")
def test_what_is_planted_is_found(
    case: Planted,
    explore: Callable[..., Proof],
    converse: Callable[..., Proof],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compile_graph = case.plant(monkeypatch) or wiring.compile_graph

    def wanted(proof: Proof) -> list[Violation]:
        return [v for v in proof.violations if v.clause == case.clause and case.says in v.what]

    if case.levels:
        proof = converse(case.levels, compile_graph)
    else:
        proof = explore(compile_graph, faults=case.faults, only=case.only, until=wanted)
    found = wanted(proof)
    assert found, [f"{v.clause}: {v.what}" for v in proof.violations]
    assert not proof.holds
    violation = found[0]
    assert violation.path
    assert all(STEP.fullmatch(step) for step in violation.path)
    assert violation.trace
    assert f"{case.clause}: {violation.what}" in table(proof)


def test_every_clause_has_a_plant() -> None:
    assert {case.clause for case in PLANTS} == {*(clause.id for clause in CLAUSES), TALK_CLAUSE}


@pytest.mark.parametrize(
    ("plant", "clause"),
    [
        (a_draft_is_streamed_as_it_is_written, "S3"),
        (the_name_stays_in_the_question, "S4"),
        (the_record_keeps_the_turn_twice, "S6"),
        (retrieval_goes_first, "S1"),
        (the_loop_has_no_bound, "S7"),
    ],
)
def test_the_whole_proof_stops_at_the_first_violation(
    plant: Plant, clause: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    proof = prove(plant(monkeypatch) or wiring.compile_graph, stop_at_first=True)
    assert not proof.holds
    assert clause in proof.counts
    assert proof.paths < 100
    assert proof.talks == 0


@pytest.mark.parametrize("handlers", ["silent", "none"])
def test_where_the_wiring_fails_the_net_around_it_refers(
    handlers: str, explore: Callable[..., Proof], monkeypatch: pytest.MonkeyPatch
) -> None:
    if handlers == "silent":
        monkeypatch.setattr(wiring, "to_refer", to_end)
    only = {
        "protect": ("identified", "raise"),
        "screen": ("none", "crisis", "raise"),
        "generate": ("sound", "raise"),
    }
    proof = explore(wiring.compile_graph if handlers == "silent" else without_handlers, only=only)
    assert proof.paths > 20
    assert set(proof.counts) <= {"S6"}, [v.what for v in proof.violations]


# --- what holds ---------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_shipped_flow_holds_over_single_turns(explore: Callable[..., Proof]) -> None:
    proof = explore(wiring.compile_graph, only={"protect": ("identified", "leaky", "raise")})
    assert proof.holds, [v.as_dict() for v in proof.violations]
    assert proof.paths >= 150
    assert set(proof.checks.values()) == {proof.paths}
    assert set(proof.checks) == {clause.id for clause in CLAUSES}


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault != "raise"])
def test_the_shipped_flow_holds_for_each_fault_of_each_stop(
    fault: str, real_referrals: Referrals, real_library: NoteLibrary
) -> None:
    graph, loop = wiring.compile_graph(proving.LIMITS), VirtualLoop()
    try:
        for stop in ("protect", "screen", "retrieve", "generate", "check", "refer", "record"):
            first = {"screen": ["crisis"]} if stop == "refer" else {}
            script = proving._Fixed(**{**first, stop: [fault]})
            services = Scripted(script, real_referrals, real_library)
            seen = loop.run(observe(graph, services, proving.LIMITS, now=loop.time))
            assert Choice(stop, fault) in seen.choices
            for clause in CLAUSES:
                assert list(clause.check(seen, real_referrals)) == []
            assert seen.state["faults"][0].startswith(f"{stop}:")
    finally:
        loop.close()


def test_the_shipped_flow_holds_for_other_bounds(bounded: Callable[..., Bounded]) -> None:
    run = bounded()
    proving._bounds(run)
    assert run.proof.holds, [v.as_dict() for v in run.proof.violations]
    assert run.proof.paths >= 6


@pytest.mark.parametrize("levels", [("crisis", "none"), ("crisis", "watch"), ("crisis", "fault")])
def test_the_shipped_flow_holds_over_talks(levels: tuple[str, ...], converse: Callable[..., Proof]) -> None:
    proof = converse(levels)
    assert proof.holds, [v.as_dict() for v in proof.violations]
    assert proof.talks == proof.checks[TALK_CLAUSE] >= 10


def test_the_scripted_person_has_secrets_that_the_proof_could_see(
    real_referrals: Referrals, real_library: NoteLibrary
) -> None:
    """A proof that looks into empty streams would hold for anything."""
    loop = VirtualLoop()
    try:
        services = Scripted(Script(), real_referrals, real_library)
        seen = loop.run(
            observe(wiring.compile_graph(proving.LIMITS), services, proving.LIMITS, now=loop.time)
        )
    finally:
        loop.close()
    shown = "".join(chunk for _, chunk in seen.chunks)
    assert {mode for mode in ("values", "updates", "tasks", "debug") if f" {mode} " in shown} >= {
        "values",
        "updates",
        "tasks",
        "debug",
    }
    assert seen.state["reply"]
    assert not any(secret in shown for secret in SECRETS)
    assert [what for _, what, _ in seen.calls if not what.endswith(".done")] == [
        "protect",
        "screen",
        "retrieve",
        "generate",
        "check",
        "record",
    ]


# --- the clock ----------------------------------------------------------------------------------------------


@pytest.fixture
def clock() -> Iterator[VirtualLoop]:
    loop = VirtualLoop()
    yield loop
    loop.close()


def test_timers_pass_at_once_and_in_order(clock: VirtualLoop) -> None:
    woken: list[tuple[str, float]] = []

    async def sleeper(name: str, seconds: float) -> None:
        await asyncio.sleep(seconds)
        woken.append((name, clock.time()))

    async def all_of_them() -> None:
        await asyncio.gather(sleeper("year", 3.2e7), sleeper("day", 86_400.0), sleeper("now", 0.0))

    clock.run(all_of_them())
    assert [name for name, _ in woken] == ["now", "day", "year"]
    assert [at for _, at in woken] == pytest.approx([0.0, 86_400.0, 3.2e7])


def test_a_timeout_fires_at_its_time(clock: VirtualLoop) -> None:
    async def late() -> None:
        async with asyncio.timeout(120.0):
            await asyncio.sleep(1e7)

    with pytest.raises(TimeoutError):
        clock.run(late())
    assert clock.time() == pytest.approx(120.0)


def test_a_dead_wait_is_an_error(clock: VirtualLoop) -> None:
    async def forever() -> None:
        await asyncio.Event().wait()

    task = clock.create_task(forever())
    with pytest.raises(Hang):
        clock.run(asyncio.wait_for(task, None))
    for left in asyncio.all_tasks(clock):
        left.cancel()
    clock.run(asyncio.sleep(0))
    assert task.cancelled()


def test_blocking_work_runs_at_once_and_hands_on_its_error(clock: VirtualLoop) -> None:
    def fail() -> None:
        raise KeyError("k")

    async def work() -> int:
        loop = asyncio.get_running_loop()
        with pytest.raises(KeyError):
            await loop.run_in_executor(None, fail)
        return await loop.run_in_executor(None, sum, (1, 2, 3))

    assert clock.run(work()) == 6
    assert clock.time() == 0.0


# --- the walk -----------------------------------------------------------------------------------------------

TREES = st.recursive(st.none(), lambda tree: st.lists(tree, min_size=1, max_size=4), max_leaves=40)


def leaves(tree: Any) -> int:
    return 1 if tree is None else sum(leaves(branch) for branch in tree)


@given(tree=TREES)
def test_the_walk_takes_every_combination_exactly_once(tree: Any) -> None:
    walked: list[tuple[str, ...]] = []
    prefix: tuple[int, ...] | None = ()
    while prefix is not None:
        script, place = Script(prefix), tree
        while place is not None:
            names = tuple(str(number) for number in range(len(place)))
            place = place[int(script.pick("stop", names))]
        walked.append(tuple(choice.outcome for choice in script.choices))
        prefix = script.next_prefix()
    assert len(walked) == len(set(walked)) == leaves(tree)
    assert walked == sorted(walked)


@pytest.mark.parametrize("outcome", FAULTS)
def test_a_choice_reads_as_stop_and_outcome(outcome: str) -> None:
    assert str(Choice("check", outcome)) == f"check={outcome}"
    assert Choice("check", outcome).faulty
    assert not Choice("check", "pass").faulty


# --- pictures and tables ------------------------------------------------------------------------------------


def test_every_stop_has_an_error_route() -> None:
    assert error_routes(wiring.compile_graph()) == {
        "protect": ("refer",),
        "screen": ("refer",),
        "retrieve": ("refer",),
        "compose": ("refer",),
        "reconsider": ("refer",),
        "refer": ("hold", "record"),
        "hold": ("record",),
        "record": (END,),
    }
    assert error_routes(without_handlers()) == {}


def test_the_picture_shows_every_stop_and_every_route() -> None:
    picture = mermaid(wiring.compile_graph())
    lines = [line.strip() for line in picture.splitlines()]
    assert lines[0] == "flowchart TD"
    for stop in ("protect", "screen", "retrieve", "generate", "check", "refer", "hold", "record"):
        assert lines.count(f"{stop}[{stop}]") == 1
    assert "subgraph compose" in lines
    assert lines.count("end") == 1
    for route in (
        "start_ --> protect",
        "protect --> screen",
        "screen -- retrieve --> retrieve",
        "screen -- refer --> refer",
        "retrieve -- compose --> compose",
        "retrieve -- refer --> refer",
        "screen -- reconsider --> reconsider",
        "retrieve -- reconsider --> reconsider",
        "reconsider --> refer",
        "generate -- check --> check",
        "generate -- opinion --> opinion",
        "opinion -- check --> check",
        "check -- generate --> generate",
        "compose -- record --> record",
        "compose -- refer --> refer",
        "refer -- record --> record",
        "refer -- hold --> hold",
        "hold --> record",
        "record --> end_",
        *(
            f"{stop} -. error, timeout .-> refer"
            for stop in ("protect", "screen", "retrieve", "compose", "reconsider")
        ),
        "refer -. error, timeout .-> record",
        "refer -. error, timeout .-> hold",
        "hold -. error, timeout .-> record",
        "record -. error, timeout .-> end_",
    ):
        assert lines.count(route) == 1, route
    known = re.compile(
        r"flowchart TD|end|subgraph \w+|(start|end)_\(\[\w+\]\)|\w+\[\w+\]|\w+ (-->|-- \w+ -->|-\. [\w, ]+ \.->) \w+"
    )
    assert [line for line in lines if not known.fullmatch(line)] == []


def test_the_picture_follows_the_wiring() -> None:
    picture = mermaid(rewired(("protect", "retrieve"), without=(("protect", "screen"),))())
    assert "protect --> retrieve" in picture
    assert "protect --> screen" not in picture


def broken_proof() -> Proof:
    proof = Proof(paths=3, talks=1)
    proof.add("S1", [], (), [])
    calls = [(1, "screen", "x"), (2, "retrieve", "y")]
    for _ in range(5):
        proof.add(
            "S6", ["the turn left 2 entries"], (Choice("screen", "none"), Choice("record", "ok")), calls
        )
    return proof


def test_a_proof_as_json() -> None:
    data = json.loads(json.dumps(broken_proof().as_dict()))
    assert list(data) == ["holds", "paths", "talks", "acts", "clauses", "violations"]
    assert data["holds"] is False
    assert [clause["id"] for clause in data["clauses"]] == [f"S{n}" for n in range(1, 9)]
    sixth = data["clauses"][5]
    assert sixth == {"id": "S6", "title": "one record per turn", "checked": 5, "violations": 5}
    assert len(data["violations"]) == 3
    assert data["violations"][0] == {
        "clause": "S6",
        "what": "the turn left 2 entries",
        "path": ["screen=none", "record=ok"],
        "trace": ["screen", "retrieve"],
    }


def test_a_proof_as_table() -> None:
    lines = table(broken_proof()).splitlines()
    assert lines[0].startswith("3 single turns and 1 talks")
    rows = {line.split()[0]: line for line in lines if re.match(r"S\d ", line)}
    assert set(rows) == {f"S{n}" for n in range(1, 9)}
    assert rows["S1"].endswith("holds")
    assert rows["S6"].endswith("BROKEN")
    assert lines.count("S6: the turn left 2 entries") == 3
    assert "   1. screen=none" in lines
    assert "   2. record=ok" in lines
    assert lines[-1] == "The contract is broken."
    assert table(Proof()).splitlines()[-1] == "The contract holds."


def one_held_turn(_: Script, stop: str, alternatives: tuple[str, ...]) -> tuple[str, ...]:
    return ("watch",) if stop == "screen" else alternatives[:1]


@pytest.mark.slow
# That a sound flow ends with 0 is seen whenever CI runs the command itself.
@pytest.mark.parametrize("sound", [False])
def test_the_command_tells_and_exits(
    sound: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # The full proof takes a minute: without faults, and over talks of one kind, it takes a second.
    monkeypatch.setattr(proving, "Scripted", partial(Scripted, faults=()))
    monkeypatch.setattr(proving, "_TALK_LEVELS", ("crisis",))
    monkeypatch.setattr(reviewed.Holding, "_few", one_held_turn)
    if not sound:
        the_record_keeps_the_turn_twice(monkeypatch)
    with pytest.raises(SystemExit) as ended:
        main(["verify", "--json", str(tmp_path / "proof.json"), "--mermaid", str(tmp_path / "flow.mmd")])
    out = capsys.readouterr().out
    proof = json.loads((tmp_path / "proof.json").read_text(encoding="utf-8"))
    assert ended.value.code == (0 if sound else 1)
    assert proof["holds"] is sound
    assert ("The contract holds." in out) is sound
    assert ("S6: the turn left 2 entries" in out) is not sound
    assert (tmp_path / "flow.mmd").read_text(encoding="utf-8").startswith("flowchart TD")
