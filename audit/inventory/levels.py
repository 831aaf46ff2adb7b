"""Thresholds of the screen, tried from both sides, and whole messages through the screen as it ships."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from cbtguard.audit.inventory.differ import TOLERANCE
from cbtguard.audit.inventory.facts import Facts
from cbtguard.audit.inventory.probes import probes
from cbtguard.safety.risk import FusedDetector, Kind, Level, PastTurn, Signal, Subject
from cbtguard.safety.risk.detector import Hits, Softened
from cbtguard.safety.risk.fusion import learned_level
from cbtguard.safety.risk.learned import LearnedDetector, Reading
from cbtguard.safety.risk.normalise import normalise

_TEXTS = {"han": "我今天很难过", "latin": "i feel very sad today"}
_STEP = 0.005


class Levels(Facts):
    """From which probability of the model on each level is given, found by trying."""

    name = "levels"

    def take(self) -> dict[str, Any]:
        """Return script and situation to the probabilities from which watch, crisis and emergency are given."""
        learned = LearnedDetector()
        made = {}
        for script, text in _TEXTS.items():
            thresholds = learned.thresholds(normalise(text))
            for name, hits in _situations().items():
                made[f"{script}.{name}"] = {
                    "watch": _lowest(hits, thresholds, Level.WATCH, "watch"),
                    "crisis": _lowest(hits, thresholds, Level.CRISIS, "crisis"),
                    "emergency": _lowest(hits, thresholds, Level.EMERGENCY, "emergency"),
                }
        return made


def _situations() -> dict[str, Hits]:
    hint = Signal(
        detector="rules", rule="x", kind=Kind.SUICIDE, level=Level.WATCH, subject=Subject.SELF, start=0, end=1,
        evidence="x", score=0.3, reason="x", reason_zh="x",
    )  # fmt: skip
    softened = Softened(rule="x", scope="fiction", level=Level.WATCH, settled=None)
    return {
        "plain": Hits(signals=(), softened=()),
        "hinted": Hits(signals=(hint,), softened=()),
        "softened": Hits(signals=(), softened=(softened,)),
    }


def _lowest(hits: Hits, thresholds: dict[str, float], level: Level, head: str) -> float:
    value = 0.0
    while value <= 1.0:
        chances = {"crisis": 0.0, "watch": 0.0, "emergency": 0.0} | {head: value}
        if head == "emergency":
            chances["crisis"] = 1.0
        reading = Reading(kinds=(), other=0.0, start=0, end=1, **chances)
        if learned_level(hits, reading, thresholds).rank >= level.rank:
            return round(value, 3)
        value += _STEP
    return 2.0


class Screen:
    """Messages of people's own through rules, model and history together: level, kinds, and how sure the model is."""

    name = "screen"

    @cached_property
    def _detector(self) -> FusedDetector:
        return FusedDetector()

    def _seen(self, probe: dict[str, Any]) -> dict[str, Any]:
        past = tuple(PastTurn(text=str(one), level=Level.WATCH) for one in probe.get("after", ()))
        risk = self._detector.assess(probe["text"], history=past)
        learned = [signal.score for signal in risk.signals if signal.detector == "learned"]
        return {
            "level": risk.level.value,
            "kinds": [kind.value for kind in risk.kinds],
            "subject": risk.subject.value,
            "learned": round(max(learned), 2) if learned else 0.0,
        }

    def take(self) -> dict[str, Any]:
        """Return what the screen makes of each probe."""
        return {name: {**probe, **self._seen(probe)} for name, probe in probes("screen").items()}

    def differs(self, name: str, expected: Any) -> list[str]:
        """Return what the screen sees otherwise."""
        del name
        seen = self._seen(expected)
        told = [
            f"{key} is {seen[key]!r} where it should be {expected[key]!r}"
            for key in ("level", "kinds", "subject")
            if seen[key] != expected[key]
        ]
        if abs(seen["learned"] - expected["learned"]) > TOLERANCE:
            told.append(f"the model is sure to {seen['learned']} where it should be {expected['learned']}")
        return told
