"""The proof: drives the compiled graph itself through every combination of outcomes and faults."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from langgraph.checkpoint.memory import InMemorySaver

from cbtguard.graph import build as wiring
from cbtguard.graph.review.wiring import compile_review
from cbtguard.graph.threads import serializer
from cbtguard.graph.verify import reviewed
from cbtguard.graph.verify.clauses import CLAUSES, TALK_CLAUSE, TALK_TITLE, nobody_abandoned
from cbtguard.graph.verify.clock import VirtualLoop
from cbtguard.graph.verify.observe import MODES, Observation, observe
from cbtguard.graph.verify.script import Script
from cbtguard.graph.verify.services import LATER, Scripted
from cbtguard.nodes import Limits
from cbtguard.nodes.retrieval.note import NoteLibrary
from cbtguard.safety.privacy import Vault
from cbtguard.safety.referral import FileDirectory, Referrals

if TYPE_CHECKING:
    from collections.abc import Callable

    from langgraph.graph.state import CompiledStateGraph

    Compile = Callable[..., CompiledStateGraph[Any, Any, Any, Any]]

LIMITS = Limits(generations=2, care_turns=2)
"""Two drafts show every transition of the loop; the bound itself is proved for other numbers apart."""
TALK_LENGTH = 4
_TALK_LEVELS = ("none", "watch", "crisis", "fault")
_OPINION_LEVELS = ("opinion", "none", "watch")
"""Talks in which the crisis is seen by the third opinion only."""
_FAULTS_BESIDE = ("raise",)
_FEW_MODES = ("values", "updates", "messages", "tasks")


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """A clause that did not hold, with the path that shows it."""

    clause: str
    what: str
    path: tuple[str, ...]
    """Decisions as ``stop=outcome``."""
    trace: tuple[str, ...]
    """Calls in order."""

    def as_dict(self) -> dict[str, Any]:
        """Return the violation as JSON primitives."""
        return {"clause": self.clause, "what": self.what, "path": list(self.path), "trace": list(self.trace)}


@dataclass(slots=True, kw_only=True)
class Proof:
    """The outcome of a verification."""

    paths: int = 0
    """Single turns explored."""
    talks: int = 0
    """Talks of several turns explored."""
    acts: int = 0
    """Acts of reviewers explored."""
    checks: dict[str, int] = field(default_factory=dict)
    """Clause to how often it was checked."""
    violations: list[Violation] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    """Clause to number of violations; only the first few of each are kept whole."""

    @property
    def holds(self) -> bool:
        """Whether no clause was violated."""
        return not self.counts

    def as_dict(self) -> dict[str, Any]:
        """Return the proof as JSON primitives."""
        titles = {clause.id: clause.title for clause in CLAUSES} | {TALK_CLAUSE: TALK_TITLE}
        return {
            "holds": self.holds,
            "paths": self.paths,
            "talks": self.talks,
            "acts": self.acts,
            "clauses": [
                {
                    "id": c,
                    "title": titles[c],
                    "checked": self.checks.get(c, 0),
                    "violations": self.counts.get(c, 0),
                }
                for c in titles
            ],
            "violations": [violation.as_dict() for violation in self.violations],
        }

    def add(
        self, clause: str, whats: list[str], choices: tuple[Any, ...], calls: list[tuple[int, str, str]]
    ) -> None:
        """Count a check and keep what it found."""
        self.checks[clause] = self.checks.get(clause, 0) + 1
        for what in dict.fromkeys(whats):
            known = self.counts.get(clause, 0)
            self.counts[clause] = known + 1
            if known < _KEPT:
                self.violations.append(
                    Violation(
                        clause=clause,
                        what=what,
                        path=tuple(str(choice) for choice in choices),
                        trace=tuple(name for _, name, _ in calls),
                    )
                )


_KEPT = 3


def prove(
    compile_graph: Compile = wiring.compile_graph,
    *,
    stop_at_first: bool = False,
    progress: Callable[[Proof], None] | None = None,
    full: bool = False,
) -> Proof:
    """Drive the compiled graph through all its paths and check S1 to S8 on each.

    The stops and their wiring are the real ones; the services behind them are scripted to take each
    abstract outcome and each fault in turn. Time is virtual, so a timeout costs nothing.

    Args:
        compile_graph: Makes the graph to prove; a team with a changed flow passes its own.
        stop_at_first: End at the first violation.
        progress: Told of the proof so far every few hundred paths.
        full: Let every kind of fault follow on every other; else a fault behind another one raises or
            hangs, which takes a third of the time.
    """
    run = _Run(
        compile_graph=compile_graph,
        proof=Proof(),
        referrals=Referrals(FileDirectory()),
        library=NoteLibrary(),
        stop_at_first=stop_at_first,
        progress=progress,
        full=full,
    )
    for part in (_single_turns, _bounds, _streams, _opinions, _reviews, _talks, _opinion_talks):
        part(run)
        if run.over:
            break
    return run.proof


@dataclass(slots=True, kw_only=True)
class _Run:
    """What the parts of a verification share."""

    compile_graph: Compile
    proof: Proof
    referrals: Referrals
    library: NoteLibrary
    stop_at_first: bool
    progress: Callable[[Proof], None] | None
    full: bool = False

    @property
    def over(self) -> bool:
        return self.stop_at_first and not self.proof.holds

    def scripted(self, script: Script, **named: Any) -> Scripted:
        return Scripted(script, self.referrals, self.library, full=self.full, **named)

    def check(self, seen: Observation) -> None:
        for clause in CLAUSES:
            self.proof.add(clause.id, list(clause.check(seen, self.referrals)), seen.choices, seen.calls)

    def tell(self, done: int, every: int) -> None:
        if self.progress is not None and done % every == 0:
            self.progress(self.proof)


def _single_turns(run: _Run) -> None:
    graph = run.compile_graph(LIMITS)
    loop = VirtualLoop()
    prefix: tuple[int, ...] | None = ()
    try:
        while prefix is not None and not run.over:
            script = Script(prefix)
            run.check(loop.run(observe(graph, run.scripted(script), LIMITS, now=loop.time)))
            run.proof.paths += 1
            run.tell(run.proof.paths, 200)
            prefix = script.next_prefix()
    finally:
        loop.close()


def _opinions(run: _Run) -> None:
    """The third opinion: all that it can say and every way it can fail, with what the others say and their failing.

    The other stops fail in one way here, and those behind the opinion do as they should unless they fail; what
    else they can do is shown without an opinion, which is heard behind the first draft at the latest.
    """
    limits = Limits(generations=1, care_turns=2)
    graph = run.compile_graph(limits)
    loop = VirtualLoop()
    prefix: tuple[int, ...] | None = ()
    try:
        while prefix is not None and not run.over:
            script = _Weighed(prefix)
            scripted = run.scripted(script, faults=_FAULTS_BESIDE, rater=True)
            run.check(loop.run(observe(graph, scripted, limits, modes=_FEW_MODES, now=loop.time)))
            run.proof.paths += 1
            run.tell(run.proof.paths, 200)
            prefix = script.next_prefix()
    finally:
        loop.close()


def _streams(run: _Run) -> None:
    """Parts that are read early: all that checker, record and writer can do meanwhile, the others as they should.

    What the other stops can do is shown by the turns in which nobody reads along. Once more with all that a third
    opinion can do, and everything else as it should be: it is heard before a word is read.
    """
    limits = Limits(generations=1, care_turns=2)
    kinds: tuple[tuple[type[Script], bool], ...] = ((_Sound, False), (_Rated, True))
    for kind, rater in kinds:
        _streamed(run, limits, kind, rater=rater)


def _streamed(run: _Run, limits: Limits, kind: type[Script], *, rater: bool) -> None:
    graph = run.compile_graph(limits)
    loop = VirtualLoop()
    prefix: tuple[int, ...] | None = ()
    try:
        while prefix is not None and not run.over:
            script = kind(prefix)
            scripted = run.scripted(script, streams=True, rater=rater, faults=LATER)
            seen = observe(graph, scripted, limits, modes=_FEW_MODES, now=loop.time, reads_along=True)
            run.check(loop.run(seen))
            run.proof.paths += 1
            run.tell(run.proof.paths, 200)
            prefix = script.next_prefix()
    finally:
        loop.close()


def _reviews(run: _Run) -> None:
    """Held turns: whatever is held and why, all that a reviewer can do with it, and all that can fail meanwhile."""
    saver = InMemorySaver(serde=serializer())
    graph = run.compile_graph(reviewed.LIMITS, checkpointer=saver)
    review = compile_review(reviewed.LIMITS, checkpointer=saver)
    loop = VirtualLoop()
    prefix: tuple[int, ...] | None = ()
    try:
        while prefix is not None and not run.over:
            script = reviewed.Holding(prefix)
            scripted = run.scripted(script, faults=_FAULTS_BESIDE)
            seen, acted = loop.run(reviewed.act_on(graph, review, scripted, now=loop.time))
            run.check(seen)
            run.proof.paths += 1
            if acted is not None:
                _check_act(run, acted, script, scripted)
            run.tell(run.proof.paths, 200)
            prefix = script.next_prefix()
    finally:
        loop.close()


def _check_act(run: _Run, acted: reviewed.Acted, script: Script, scripted: Scripted) -> None:
    run.proof.acts += 1
    if acted.next is not None:
        run.check(acted.next)
    found = list(reviewed.reviewed(acted, run.referrals))
    for clause in reviewed.CLAUSES:
        whats = [what for broken, what in found if broken == clause]
        run.proof.add(clause, whats, tuple(script.choices), scripted.log.calls)


def _bounds(run: _Run) -> None:
    """The bound on drafts, for other numbers: every draft fails, or only the last one passes."""
    loop = VirtualLoop()
    try:
        for generations, last in itertools.product((1, 3, 5), ("fail", "pass")):
            limits = Limits(generations=generations, care_turns=2)
            script = _Fixed(check=["fail"] * (generations - 1) + [last])
            graph = run.compile_graph(limits)
            run.check(loop.run(observe(graph, run.scripted(script), limits, now=loop.time)))
            run.proof.paths += 1
    finally:
        loop.close()


def _talks(run: _Run) -> None:
    _all_talks(run, _TALK_LEVELS)


def _opinion_talks(run: _Run) -> None:
    _all_talks(run, _OPINION_LEVELS)


def _all_talks(run: _Run, levels_of_turns: tuple[str, ...]) -> None:
    loop = VirtualLoop()
    proof = run.proof
    try:
        graph = run.compile_graph(LIMITS, checkpointer=InMemorySaver(serde=serializer()))
        for number, levels in enumerate(itertools.product(levels_of_turns, repeat=TALK_LENGTH)):
            if run.over:
                return
            turns = loop.run(_talk(run, graph, levels, f"talk-{number}"))
            for seen in turns:
                run.check(seen)
            choices = tuple(itertools.chain.from_iterable(seen.choices for seen in turns))
            calls = list(itertools.chain.from_iterable(seen.calls for seen in turns))
            proof.add(TALK_CLAUSE, list(nobody_abandoned(turns, run.referrals)), choices, calls)
            proof.talks += 1
            run.tell(proof.talks, 50)
    finally:
        loop.close()


async def _talk(run: _Run, graph: Any, levels: tuple[str, ...], thread: str) -> tuple[Observation, ...]:
    vault = Vault()
    now = asyncio.get_running_loop().time
    turns = []
    for level in levels:
        scripted = _of_level(run, level)
        seen = await observe(
            graph, scripted, LIMITS, thread=thread, vault=vault, modes=("values", "updates"), now=now
        )
        turns.append(seen)
    await graph.checkpointer.adelete_thread(thread)
    return tuple(turns)


def _of_level(run: _Run, level: str) -> Scripted:
    if level == "opinion":
        return run.scripted(_Fixed(screen=["none"], opinion=["graver"]), rater=True)
    return run.scripted(_Fixed(screen=["raise" if level == "fault" else level]))


class _Sound(Script):
    """Explores what happens while an answer is written; the stops before it do as they should."""

    def pick(self, stop: str, alternatives: tuple[str, ...]) -> str:
        before = stop in {"protect", "screen", "retrieve"}
        return super().pick(stop, alternatives[:1] if before else alternatives)


class _Weighed(Script):
    """Explores what comes before the opinion is heard; the stops behind it do as they should, or fail."""

    def pick(self, stop: str, alternatives: tuple[str, ...]) -> str:
        behind = stop in {"check", "note", "fill", "refer", "record"}
        kept = tuple(a for a in alternatives[1:] if a in _FAULTS_BESIDE)
        return super().pick(stop, (*alternatives[:1], *kept) if behind else alternatives)


class _Rated(Script):
    """Explores the third opinion; everything else does as it should."""

    def pick(self, stop: str, alternatives: tuple[str, ...]) -> str:
        return super().pick(stop, alternatives if stop == "opinion" else alternatives[:1])


class _Fixed(Script):
    """Takes given outcomes of given stops, and the first alternative elsewhere."""

    def __init__(self, **outcomes: list[str]) -> None:
        super().__init__()
        self._outcomes = {stop: list(wanted) for stop, wanted in outcomes.items()}

    def pick(self, stop: str, alternatives: tuple[str, ...]) -> str:
        wanted = self._outcomes.get(stop)
        outcome = wanted.pop(0) if wanted else alternatives[0]
        self._prefix = (*(i for i, _ in self.taken), alternatives.index(outcome))
        return super().pick(stop, alternatives)


__all__ = ["LIMITS", "MODES", "Proof", "Violation", "prove"]
