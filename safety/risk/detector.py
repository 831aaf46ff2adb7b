"""The rule detector: sentence by sentence, every hit weighed by the words around it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cbtguard.safety.errors import DataError
from cbtguard.safety.language import OTHER, detect
from cbtguard.safety.risk.model import Kind, Level, PastTurn, Risk, Signal, Subject
from cbtguard.safety.risk.normalise import Normalised, normalise
from cbtguard.safety.risk.rules import Rule, RuleBook, Scope, rule_book
from cbtguard.safety.text import sentences

if TYPE_CHECKING:
    from collections.abc import Sequence

_CLAUSE = re.compile(r"[，,、：:；;。！？!?…\n]|(?<=[\u3400-\u9fff]) +(?=[\u3400-\u9fff])")
_GRAVITY = (
    Kind.MEDICAL_EMERGENCY,
    Kind.SUICIDE,
    Kind.HARM_TO_OTHERS,
    Kind.ABUSE,
    Kind.PSYCHOSIS,
    Kind.SELF_HARM,
)
_WATCH_TURNS = 2
"""Watch turns among the last four that turn one more into a crisis: hints that add up are not hints."""


class RuleDetector:
    """Screens with the shipped rules; needs no model, explains every hit, and is linear in the text.

    Args:
        book: Rules to use instead of the shipped ones.
        check_examples: Check every rule against its own examples first (about 50 ms).

    Raises:
        DataError: ``data.malformed`` or ``data.example`` when a rule does not do what its examples say.
    """

    name = "rules"

    def __init__(self, book: RuleBook | None = None, *, check_examples: bool = False) -> None:
        self._book = book or rule_book()
        self.version = f"rules-{self._book.version}"
        if check_examples:
            self.check_examples()

    def assess(self, text: str, *, history: Sequence[PastTurn] = ()) -> Risk:
        """Return the verdict on ``text``; see :class:`cbtguard.safety.risk.model.RiskDetector`."""
        language = detect(text)
        signals = self._hits(normalise(text), text)
        if language == OTHER:
            signals.append(_unknown_language(text))
        level = max((signal.level for signal in signals), key=lambda level: level.rank, default=Level.NONE)
        if level is Level.WATCH and any(signal.kind for signal in signals):
            recent = sum(turn.level is Level.WATCH for turn in history[-4:])
            if recent >= _WATCH_TURNS:
                level = Level.CRISIS
                signals.append(_added_up(signals))
        return _fuse(level, signals, language)

    def _hits(self, plain: Normalised, text: str) -> list[Signal]:
        book = self._book
        innocent = [match.span() for match in book.innocent.finditer(plain.text)]
        spans = sentences(plain.text)
        signals: list[Signal] = []
        for number, span in enumerate(spans):
            sentence = plain.text[span.start : span.end]
            near = plain.text[spans[max(0, number - 1)].start : spans[min(len(spans) - 1, number + 1)].end]
            for rule in book.rules:
                for match in rule.pattern.finditer(sentence):
                    start, end = span.start + match.start(), span.start + match.end()
                    if any(a < end and start < b for a, b in innocent):
                        continue
                    level = self._scoped(rule, sentence, near, match.start(), match.end())
                    if level is Level.NONE:
                        continue
                    subject = self._subject(rule.kind, sentence, match.start(), match.end())
                    first, last = plain.original(start, end)
                    signals.append(
                        Signal(
                            detector=self.name,
                            rule=rule.id,
                            kind=rule.kind,
                            level=level,
                            subject=subject,
                            start=first,
                            end=last,
                            evidence=text[first:last],
                            score=rule.score if level is rule.level else min(rule.score, 0.4),
                            reason=rule.reason,
                            reason_zh=rule.reason_zh,
                        )
                    )
                    break
        return signals

    def _scoped(self, rule: Rule, sentence: str, near: str, start: int, end: int) -> Level:
        """Return the level that is left of a hit after the operators around it."""
        level = rule.level
        clause = sentence[_clause_start(sentence, start) : start]
        after = sentence[end:]
        for scope in self._book.scopes:
            if scope.id in rule.resists or (scope.kinds and rule.kind not in scope.kinds):
                continue
            if _applies(scope, clause, after, sentence, near):
                if scope.effect == "cancel":
                    return Level.NONE
                if level.rank > Level.WATCH.rank:
                    level = Level.WATCH
        return level

    def _subject(self, kind: Kind, sentence: str, start: int, end: int) -> Subject:
        """The last person named before the hit is the one in danger; the writer when nobody is."""
        # In 他打我 the one named first does the harm.
        if kind is Kind.ABUSE and any(
            match.start() < end for match in self._book.self_.finditer(sentence, start)
        ):
            return Subject.SELF
        clause = _clause_start(sentence, start)
        for left in (clause, 0):
            others = [
                m.end()
                for m in self._book.other.finditer(sentence, left, min(len(sentence), end))
                if m.start() <= start
            ]
            selves = [m.end() for m in self._book.self_.finditer(sentence, left, start)]
            if others or selves:
                return Subject.OTHER if max(others, default=-1) > max(selves, default=-1) else Subject.SELF
        return Subject.SELF

    def check_examples(self) -> None:
        """Hold every rule to its examples: positives fire it at its level, negatives leave it silent.

        Raises:
            DataError: ``data.example``, naming the rule and the number of the example.
        """
        for rule in self._book.rules:
            for sign, examples in ((True, rule.positive), (False, rule.negative)):
                for number, example in enumerate(examples, 1):
                    fired = any(
                        signal.rule == rule.id and signal.level is rule.level
                        for signal in self._hits(normalise(example), example)
                    )
                    if fired is not sign:
                        word = "positive" if sign else "negative"
                        raise DataError(
                            "data.example",
                            f"Rule {rule.id!r} contradicts its {word} example {number}.",
                            hint="Mend the pattern or move the example.",
                        )


def _applies(scope: Scope, clause: str, after: str, sentence: str, near: str) -> bool:
    if scope.unless and scope.unless.search(sentence):
        return False
    if scope.before and not scope.before.search(clause):
        return False
    if scope.after and not scope.after.match(after):
        return False
    if scope.sentence and not scope.sentence.search(sentence):
        return False
    return not (scope.around and not scope.around.search(near))


def _clause_start(sentence: str, position: int) -> int:
    start = 0
    for mark in _CLAUSE.finditer(sentence, 0, position):
        start = mark.end()
    return start


def _unknown_language(text: str) -> Signal:
    return Signal(
        detector="language",
        rule="language.unknown",
        kind=None,
        level=Level.WATCH,
        start=0,
        end=len(text),
        evidence="",
        score=0.3,
        reason="The text is in a language the screen does not know, so it cannot be called safe.",
        reason_zh="这段文字用的语言不在筛查能力之内，不能当作安全。",
    )


def _added_up(signals: Sequence[Signal]) -> Signal:
    last = max((s for s in signals if s.kind), key=lambda signal: signal.score)
    return Signal(
        detector="rules",
        rule="context.added_up",
        kind=last.kind,
        level=Level.CRISIS,
        subject=last.subject,
        start=last.start,
        end=last.end,
        evidence=last.evidence,
        score=0.6,
        reason="Hints of danger came in several of the last messages; together they count as a crisis.",
        reason_zh="最近几条消息接连出现危险的苗头，合在一起按危机处理。",
    )


def _fuse(level: Level, signals: Sequence[Signal], language: str) -> Risk:
    """Level of the gravest signal; kinds of all that weigh; the writer's own danger goes before another's."""
    weighty = [s for s in signals if s.kind and s.level.rank >= min(level.rank, Level.CRISIS.rank)]
    kinds = {s.kind for s in weighty if s.kind}
    subject = Subject.OTHER if weighty and all(s.subject is Subject.OTHER for s in weighty) else Subject.SELF
    missing = 1.0
    for signal in signals:
        missing *= 1 - signal.score
    ordered = sorted(signals, key=lambda s: (-s.level.rank, -s.score, s.start, s.rule))
    return Risk(
        level=level,
        kinds=tuple(kind for kind in _GRAVITY if kind in kinds),
        subject=subject,
        score=round(1 - missing, 4),
        signals=tuple(ordered),
        language=language,
    )
