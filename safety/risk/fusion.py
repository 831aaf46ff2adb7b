"""The default detector: rules say what is plain, the learned model what is meant without being said."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from cbtguard.safety.risk.detector import Hits, RuleDetector
from cbtguard.safety.risk.learned import LearnedDetector, Reading
from cbtguard.safety.risk.model import Level
from cbtguard.safety.risk.normalise import Normalised, normalise
from cbtguard.safety.risk.verdict import verdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cbtguard.safety.risk.model import PastTurn, Risk


class FusedDetector:
    """Rules and learned model together: the graver decides, and the rules set how sure the model must be.

    What the rules settle (a plain denial, an idiom) the model does not read. Where the words around a hit
    excuse it otherwise (fiction, research, a past that is over), the model must be surer to raise an alarm;
    where a rule already sees a hint, it may be less sure.

    Args:
        rules: Rule detector; None for the shipped rules.
        learned: Learned detector; None for the shipped model.

    Raises:
        DataError: When a rule file or the model file is malformed.
    """

    name = "fused"

    def __init__(self, rules: RuleDetector | None = None, learned: LearnedDetector | None = None) -> None:
        self._rules = rules or RuleDetector()
        self._learned = learned or LearnedDetector()
        self.version = f"{self._rules.version}+{self._learned.version}"

    def assess(self, text: str, *, history: Sequence[PastTurn] = ()) -> Risk:
        """Return the verdict on ``text``; see :class:`cbtguard.safety.risk.model.RiskDetector`."""
        plain = normalise(text)
        hits = self._rules.hits(plain, text)
        reading = self._learned.read(unsettled(plain, hits))
        level = learned_level(hits, reading, self._learned.thresholds(plain))
        gravest = max(hits.signals, key=lambda signal: (signal.level.rank, signal.score), default=None)
        known = gravest if gravest and gravest.level.refers else None
        learned = self._learned.signals(reading, level, plain, text, known=known)
        return verdict(text, (*hits.signals, *learned), history)


def unsettled(plain: Normalised, hits: Hits) -> Normalised:
    """Return the text with what the rules have settled (denials, idioms) blanked, every place kept."""
    text = plain.text
    for span in (*(s.settled for s in hits.softened if s.settled), *hits.innocent):
        text = f"{text[: span.start]}{' ' * (span.end - span.start)}{text[span.end :]}"
    return plain if text is plain.text else replace(plain, text=text)


def learned_level(hits: Hits, reading: Reading, thresholds: Mapping[str, float]) -> Level:
    """Return the level that the learned model adds to what the rules saw.

    Args:
        hits: What the rules saw.
        reading: What the model saw.
        thresholds: Probabilities, as from :meth:`LearnedDetector.thresholds`.
    """
    ranks = [signal.level.rank for signal in hits.signals]
    alarmed = any(rank >= Level.CRISIS.rank for rank in ranks)
    if not alarmed and any(not softened.settled for softened in hits.softened):
        crisis, watch = thresholds["crisis_softened"], thresholds["watch_softened"]
    elif ranks:
        crisis, watch = thresholds["crisis_hinted"], thresholds["watch"]
    else:
        crisis, watch = thresholds["crisis"], thresholds["watch"]
    if reading.crisis >= crisis:
        return Level.EMERGENCY if reading.emergency >= thresholds["emergency"] else Level.CRISIS
    return Level.WATCH if reading.watch >= watch else Level.NONE
