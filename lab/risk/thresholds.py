"""Calibration and thresholds, both set on cross-validated scores."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from cbtguard.safety.risk.fusion import learned_level
from cbtguard.safety.risk.learned import mixed
from cbtguard.safety.risk.model import Level
from cbtguard.safety.risk.weights import LEVEL_HEADS, SCRIPTS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from cbtguard.lab.risk.lines import Line
    from cbtguard.safety.risk.detector import Hits
    from cbtguard.safety.risk.learned import Raw, Reading

_ENOUGH = 30
"""Lines of either sort that a script must have for a mix of its own."""
_SURER = 1.2
"""Logits by which the model must be surer where a rule's hit was excused by the words around it."""
_LESS_SURE = 1.5
"""Logits by which it may be less sure where a rule sees a hint."""
_HARDEST = 0.995
"""No threshold above this: beyond, calibration is guesswork."""
_STEPS = np.round(np.arange(-3.0, 5.3, 0.05), 2)
"""Logits that are tried as thresholds."""
_NEVER = 1.1
"""No probability reaches it."""
_EMERGENCY_PRECISION = 0.8
"""Share of true emergencies among those that are called one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What the thresholds are to reach, rules and model together."""

    recall: float = 0.97
    """Of the lines of labelled sets (``--dev``), at least; false alarms go before it."""
    false_alarms: float = 0.03
    """Alarms among the lines without danger of labelled sets, at most."""
    look_alikes: float = 0.08
    """The same for the corpus, where half of the lines without danger are there to be mistaken for it."""
    hints: float = 0.04
    """Watch or more among the lines without danger of labelled sets, at most; twice as much in the corpus."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What the rules and models that have not seen it make of one line."""

    script: str
    """As :func:`cbtguard.safety.risk.weights.script_of` names it."""
    hits: Hits
    found: Raw
    reading: Reading

    def calibrated(self, mix: Mix) -> Held:
        """Return the same with the probabilities of a mix."""
        return replace(self, reading=mixed(self.found, mix))


Mix = dict[str, dict[str, tuple[float, float, float]]]


def platt(lines: Sequence[Line], held: Sequence[Held]) -> Mix:
    """Return how the two models' held-out logits become one probability, by script and level head.

    A logistic regression on both logits (Platt 1999, with two scores); scripts with few lines of a kind
    share the weights of all.
    """
    rank = np.array([line.level.rank for line in lines])
    scripts = np.array([one.script for one in held])
    words = np.stack([one.found.words for one in held])
    read = np.array([one.found.sense is not None for one in held])
    sense = np.stack([one.found.words if one.found.sense is None else one.found.sense for one in held])
    mix: Mix = {}
    for script in SCRIPTS:
        mix[script] = {}
        for place, head in enumerate(LEVEL_HEADS):
            # A watch line is neither a crisis nor a false alarm.
            used = rank != Level.WATCH.rank if head == "crisis" else rank >= 0
            own = used & (scripts == script)
            target = rank >= Level(head).rank
            if min(target[own].sum(), (~target[own]).sum()) < _ENOUGH:
                own = used
            if read[scripts == script].any():
                pair = np.stack([words[:, place], sense[:, place]], axis=1)
                first, second, shift = _weighed(pair[own & read], target[own & read])
            else:
                second = 0.0
                first, shift = _weighed(words[own, place, None], target[own])
            mix[script][head] = (first, second, shift)
    return mix


def _weighed(scores: NDArray[np.float64], target: NDArray[np.bool_]) -> tuple[float, ...]:
    """Return a weight for each score, and what is added."""
    from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped] # noqa: PLC0415 - slow

    model = LogisticRegression(C=1e4).fit(scores, target)
    return tuple(round(float(value), 4) for value in (*model.coef_[0], model.intercept_[0]))


def levels_of(held: Sequence[Held], chosen: Mapping[str, Mapping[str, float]]) -> list[Level]:
    """Return the level that rules and model give each line, taken by itself; ``chosen`` by script."""
    levels: list[Level] = []
    for one in held:
        found = [signal.level for signal in one.hits.signals]
        found.append(learned_level(one.hits, one.reading, chosen[one.script]))
        levels.append(max(found, key=lambda level: level.rank))
    return levels


def sweep(held: Sequence[Held]) -> tuple[tuple[float, list[Level]], ...]:
    """Return the levels of all lines for each probability that is tried as the threshold of a crisis, rising."""
    off = dict.fromkeys(("watch", "watch_softened", "emergency"), _NEVER)
    return tuple(
        (_rounded(float(at)), levels_of(held, {script: {**_crisis(float(at)), **off} for script in SCRIPTS}))
        for at in _STEPS[::2]
    )


def thresholds(lines: Sequence[Line], held: Sequence[Held], bounds: Bounds) -> dict[str, dict[str, float]]:
    """Return, for each script, the lowest thresholds that keep the false alarms in bounds.

    They are counted in the corpus and in labelled sets, which are those whose origin holds a colon.
    """
    return {
        script: _of_script(
            [line for line, one in zip(lines, held, strict=True) if one.script == script],
            [one for one in held if one.script == script],
            bounds,
        )
        for script in SCRIPTS
    }


def _of_script(lines: Sequence[Line], held: Sequence[Held], bounds: Bounds) -> dict[str, float]:
    quiet = [(line, one) for line, one in zip(lines, held, strict=True) if line.level is Level.NONE]
    corpus = [one for line, one in quiet if ":" not in line.origin]
    labelled = [one for line, one in quiet if ":" in line.origin]
    alarms = ((corpus, bounds.look_alikes), (labelled, bounds.false_alarms))
    hints = ((corpus, 2 * bounds.hints), (labelled, bounds.hints))
    off = dict.fromkeys(("watch", "watch_softened", "emergency"), _NEVER)
    grave = _lowest(alarms, Level.CRISIS, lambda at: {**_crisis(at), **off})
    base = {**_crisis(grave), "emergency": _NEVER}
    hint = _lowest(hints, Level.WATCH, lambda at: {**base, **_watch(at)})
    chosen = {**base, **_watch(hint)}
    return {**chosen, "emergency": _emergency(lines, held, chosen)}


def _lowest(
    sets: Sequence[tuple[Sequence[Held], float]], level: Level, build: Callable[[float], dict[str, float]]
) -> float:
    """Return the lowest logit at which no set has more lines at ``level`` or above than its share."""
    for at in _STEPS:
        chosen = dict.fromkeys(SCRIPTS, build(float(at)))
        if all(
            sum(given.rank >= level.rank for given in levels_of(some, chosen)) <= share * len(some)
            for some, share in sets
        ):
            return float(at)
    return float(_STEPS[-1])


def _crisis(at: float) -> dict[str, float]:
    return {
        "crisis": _rounded(at),
        "crisis_softened": _rounded(at + _SURER),
        "crisis_hinted": _rounded(at - _LESS_SURE),
    }


def _watch(at: float) -> dict[str, float]:
    return {"watch": _rounded(at), "watch_softened": _rounded(at + _SURER)}


def _emergency(lines: Sequence[Line], held: Sequence[Held], chosen: dict[str, float]) -> float:
    """Return the lowest threshold at which an emergency that the model calls is one often enough."""
    called = sorted(
        (
            (one.reading.emergency, line.level is Level.EMERGENCY)
            for line, one in zip(lines, held, strict=True)
            if learned_level(one.hits, one.reading, chosen).refers
            and all(signal.level is not Level.EMERGENCY for signal in one.hits.signals)
        ),
        reverse=True,
    )
    threshold, right = _NEVER, 0
    for number, (probability, true) in enumerate(called, 1):
        right += true
        if right / number >= _EMERGENCY_PRECISION:
            threshold = min(threshold, probability)
    return round(threshold, 4)


def _rounded(logit: float) -> float:
    return round(min(_HARDEST, _sigmoid(logit)), 4)


def _sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-value))
