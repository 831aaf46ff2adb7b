"""The flow: its bounds, each answer of its routing functions, its edges, handlers and timeouts, its small rules."""

from __future__ import annotations

from dataclasses import asdict
from itertools import product
from typing import Any

from langgraph.checkpoint.memory import InMemorySaver

from cbtguard.audit.inventory.facts import Facts
from cbtguard.graph import routes
from cbtguard.graph.build import RECURSION_LIMIT, build, build_compose
from cbtguard.graph.review import wiring as review
from cbtguard.graph.settings import Settings
from cbtguard.graph.threads import serializer
from cbtguard.nodes.limits import Limits
from cbtguard.nodes.retrieve import NOTES
from cbtguard.nodes.screen import next_care, reason_of
from cbtguard.nodes.state import fresh_turn
from cbtguard.safety.risk import Kind, Level, PastTurn, Signal, Subject
from cbtguard.safety.risk.verdict import raised, verdict


class Bounds(Facts):
    """How long and how often, by default and from the default settings."""

    name = "limits"

    def take(self) -> dict[str, Any]:
        """Return each bound."""
        made: dict[str, Any] = dict(asdict(Limits()))
        made["from the settings"] = asdict(Settings.model_construct().bounds())
        made |= {"recursion_limit": RECURSION_LIMIT, "notes": NOTES}
        made["a bound of zero is refused"] = _refused()
        return made


def _refused() -> bool:
    try:
        Limits(generations=0)
    except Exception:  # noqa: BLE001 - any refusal will do
        return True
    return False


def _state(**changed: Any) -> Any:
    turn = fresh_turn(turn_id="t", at="2026-01-01T00:00:00.000Z", asked_language="auto", region="CN")
    return {**turn, **changed}


class Routes(Facts):
    """What each routing function answers to each state that it can meet."""

    name = "routes"

    def take(self) -> dict[str, Any]:
        """Return function and state to the way."""
        made: dict[str, Any] = {}
        for level, reason in product(
            ("none", "watch", "crisis", "emergency"), ("checked", "crisis", "care", "language")
        ):
            seen = _state(risk={"level": level}, reason=reason)
            made[f"after_screen, {level}, {reason}"] = routes.after_screen(seen)
        made["after_screen, not screened"] = routes.after_screen(_state(reason="checked"))
        for notes in (0, 1):
            way = routes.after_retrieve(_state(notes=[{}] * notes))
            made[f"after_retrieve, {notes} notes"] = way
        for how, attempts, filled, answered in product(
            ("again", "part", "fill", ""), (1, 2, 3), (0, 1), (0, 1)
        ):
            seen = _state(
                mend={"how": how} if how else None,
                attempts=attempts,
                filled=["strategy"] * filled,
                answer={} if answered else None,
            )
            told = f"after_check, {how or 'nothing'} to mend, draft {attempts} of 2"
            told += ", filled" * filled + ", answered" * answered
            made[told] = routes.after_check(seen, 2)
        for reason in ("crisis", "care", "checked", "language"):
            made[f"after_opinion, {reason}"] = routes.after_opinion(_state(reason=reason))
        for held, text in product((False, True), (None, "text")):
            told = f"after_refer, {'held' if held else 'free'}, {text or 'no text'}"
            given = _state(referral={} if text else None)
            made[told] = routes.after_refer(given, held=held)
        for answered in (False, True):
            told = f"after_compose, {'answer' if answered else 'no answer'}"
            made[told] = routes.after_compose(_state(answer={} if answered else None))
        made |= _reviewed()
        return made


def _reviewed() -> dict[str, Any]:
    made: dict[str, Any] = {}
    for acted, refused in product((False, True), ("", "x")):
        item: Any = {"act": {} if acted else None, "refused": refused}
        told = f"after_judge, {'an act' if acted else 'no act'}{', refused' if refused else ''}"
        made[told] = review.after_judge(item)
    for status in ("open", "approved", "replaced", "taken_over", "released", "expired"):
        given: Any = {"status": status}
        made[f"after_settle, {status}"] = review.after_settle(given)
    return made


class Edges(Facts):
    """Every stop with its timeout and its handler, and every edge."""

    name = "wiring"

    def take(self) -> dict[str, Any]:
        """Return graph and stop to what belongs to it."""
        limits = Limits()
        graphs = {
            "flow": build(limits),
            "compose": build_compose(limits),
            "review": review.build_review(limits),
        }
        made: dict[str, Any] = {}
        for name, graph in graphs.items():
            compiled = graph.compile(
                checkpointer=InMemorySaver(serde=serializer()) if name == "review" else None
            )
            for stop, spec in graph.nodes.items():
                ends = [
                    f"{e.target}{'?' if e.conditional else ''}"
                    for e in compiled.get_graph().edges
                    if e.source == stop
                ]
                made[f"{name}.{stop}"] = {
                    "to": sorted(ends),
                    "timeout": _seconds(spec),
                    "handler": _handler(spec),
                }
                made[f"{name}.{stop}"]["runs"] = _runs(spec)
        return made


def _seconds(spec: Any) -> float | None:
    timeout = getattr(spec, "timeout", None)
    seconds = getattr(timeout, "run_timeout", timeout)
    return None if seconds is None else float(getattr(seconds, "total_seconds", lambda: seconds)())


def _runs(spec: Any) -> str | None:
    runnable = getattr(spec, "runnable", None)
    function = getattr(runnable, "afunc", None) or getattr(runnable, "func", None)
    function = getattr(function, "func", function)
    return None if function is None else str(getattr(function, "__name__", type(function).__name__))


def _handler(spec: Any) -> str | None:
    handler = getattr(spec, "error_handler", None) or getattr(spec, "error_handler_node", None)
    return None if handler is None else str(getattr(handler, "__name__", handler))


class Stops(Facts):
    """Care mode, the order of reasons, and hints that add up."""

    name = "stops"

    def take(self) -> dict[str, Any]:
        """Return situation to outcome."""
        made: dict[str, Any] = {}
        for level, active, calm in product(Level, (False, True), (0, 2, 3)):
            care = {"active": active, "calm": calm, "step": 1}
            made[f"care {'on' if active else 'off'}, {calm} calm, {level.value}"] = next_care(care, level, 3)
        for level, active, otherwise in product(Level, (False, True), ("checked", "language", "taken_over")):
            told = f"reason, {level.value}, care {'on' if active else 'off'}, {otherwise}"
            made[told] = reason_of(level, {"active": active}, otherwise)
        hint = Signal(
            detector="rules", rule="x", kind=Kind.SUICIDE, level=Level.WATCH, subject=Subject.SELF, start=0, end=1,
            evidence="x", score=0.3, reason="x", reason_zh="x",
        )  # fmt: skip
        for before in range(5):
            past = [PastTurn(text="x", level=Level.WATCH)] * before
            made[f"a hint after {before} hints"] = verdict("我很难过", [hint], past).level.value
            quiet = [PastTurn(text="x", level=Level.WATCH)] * before + [
                PastTurn(text="x", level=Level.NONE)
            ] * 3
            made[f"a hint after {before} hints and a while"] = verdict("我很难过", [hint], quiet).level.value
        grave = verdict("我很难过", [], ())
        made["an opinion never lowers"] = raised(grave, [hint], ()).level.value
        return made
