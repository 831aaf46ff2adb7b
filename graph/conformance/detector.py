"""The suite for risk detectors."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from cbtguard.graph.conformance import bench, common
from cbtguard.graph.conformance.bench import call
from cbtguard.graph.conformance.common import require, require_identifier, require_type
from cbtguard.graph.conformance.material import material
from cbtguard.safety.risk import Kind, Level, PastTurn, Risk, Subject

if TYPE_CHECKING:
    from collections.abc import Callable

    from cbtguard.graph.conformance.report import ConformanceReport
    from cbtguard.safety.risk import RiskDetector


def check_detector(make: Callable[[], RiskDetector], *, limit_s: float = bench.LIMIT_S) -> ConformanceReport:
    """Return whether a detector sees plain crisis lines, explains its verdicts and is steady.

    Args:
        make: Makes the detector; called once.
        limit_s: Longest one check may take.
    """
    trials = (
        common.name,
        common.version,
        verdict,
        crisis_seen,
        crisis_seen_in_company,
        ordinary_let_through,
        evidence_in_text,
        recordable,
        unchanged_history,
        odd_texts,
    )
    return bench.run("detector", make, (*trials, deterministic, thread_safe), limit_s)


async def verdict(detector: Any) -> None:
    """A verdict is a Risk of the flow's own levels and kinds, with or without history."""
    for text in (*material().plain, *material().crisis):
        for history in ((), _calm(), list(_calm())):
            _require_risk(await call(detector.assess, text, history=history))
    _require_risk(await call(detector.assess, material().plain[0]))


async def crisis_seen(detector: Any) -> None:
    """No plain crisis line is called harmless."""
    for number, text in enumerate(material().crisis, 1):
        risk = await call(detector.assess, text)
        require(risk.level is not Level.NONE, f"crisis line {number} of the table is called harmless")


async def crisis_seen_in_company(detector: Any) -> None:
    """Calm words around a crisis line and calm messages before it do not hide it."""
    calm, crisis = material().ordinary, material().crisis
    for number, text in enumerate(crisis, 1):
        beside = f"{calm[0]}。\n{text}。\n{calm[1]}。"
        for whole in (beside, f"😭 {text} 😭"):
            risk = await call(detector.assess, whole, history=_calm())
            require(risk.level is not Level.NONE, f"crisis line {number} of the table is lost")
    risk = await call(detector.assess, f"{calm[0]}。\n" * 900 + crisis[0], history=_calm())
    require(risk.level is not Level.NONE, "a crisis line at the end of a long text is lost")


async def ordinary_let_through(detector: Any) -> None:
    """Plain everyday lines are not all turned away."""
    for number, text in enumerate(material().ordinary, 1):
        risk = await call(detector.assess, text)
        require(not risk.level.refers, f"ordinary line {number} of the table is called a crisis")


async def evidence_in_text(detector: Any) -> None:
    """A signal points into the text, and its evidence is what stands there."""
    for text in (*material().crisis, *material().odd.values()):
        for signal in (await call(detector.assess, text)).signals:
            require(0 <= signal.start <= signal.end <= len(text), "a signal points outside the text")
            require(
                signal.evidence in {"", text[signal.start : signal.end]}, "evidence is not what stands there"
            )


async def recordable(detector: Any) -> None:
    """A verdict survives JSON, and its rule ids may enter the record."""
    for text in (*material().crisis, *material().plain):
        risk = await call(detector.assess, text)
        again = Risk.from_dict(json.loads(json.dumps(risk.as_dict())))
        require(again.as_dict() == risk.as_dict(), "the verdict does not survive JSON")
        for signal in risk.signals:
            require_identifier(signal.rule, "a signal's rule")
            require_identifier(signal.detector, "a signal's detector")


async def unchanged_history(detector: Any) -> None:
    """The history is read, not changed."""
    history = list(_calm())
    await call(detector.assess, material().crisis[0], history=history)
    require(history == list(_calm()), "the history was changed")


async def odd_texts(detector: Any) -> None:
    """Whatever a person may send gets a verdict."""
    for text in ("", " ", *material().odd.values()):
        _require_risk(await call(detector.assess, text))


async def deterministic(detector: Any) -> None:
    """The same text gets the same verdict, whatever was asked in between."""
    inputs = [(text,) for text in (*material().crisis, *material().plain)]
    await common.require_steady(detector.assess, inputs, "the verdict on text")


async def thread_safe(detector: Any) -> None:
    """Eight askers at once get what each would get alone."""
    texts = [text for pair in zip(material().crisis, material().plain, strict=False) for text in pair]
    await common.require_shareable(
        detector.assess, [(text,) for text in texts[: bench.AT_ONCE]], "the verdict on text"
    )


def _calm() -> tuple[PastTurn, ...]:
    return tuple(PastTurn(text=text, level=Level.NONE) for text in material().ordinary[:3])


def _require_risk(risk: Any) -> None:
    require_type(risk, Risk, "the result")
    require_type(risk.level, Level, "the level")
    require_type(risk.subject, Subject, "the subject")
    require_type(risk.language, str, "the language")
    for kind in risk.kinds:
        require_type(kind, Kind, "a kind")
    require(len(set(risk.kinds)) == len(risk.kinds), "a kind comes twice")
