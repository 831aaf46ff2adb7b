"""The rule detector: sentence by sentence, every hit weighed by the words around it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cbtguard.safety.errors import DataError
from cbtguard.safety.risk.model import Kind, Level, Signal, Subject
from cbtguard.safety.risk.normalise import Normalised, normalise
from cbtguard.safety.risk.rules import Rule, RuleBook, Scope, rule_book
from cbtguard.safety.risk.verdict import verdict
from cbtguard.safety.text import Span, sentences

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cbtguard.safety.risk.model import PastTurn, Risk

_CLAUSE = re.compile(r"[，,、：:；;。！？!?…\n]|(?<=[\u3400-\u9fff]) +(?=[\u3400-\u9fff])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Softened:
    """A rule that matched words which the words around them excuse, wholly or in part."""

    rule: str
    scope: str
    """Id of the operator, or ``innocent`` for a phrase that only looks dangerous."""
    level: Level
    """What is left of the rule's level."""
    settled: Span | None
    """The part of the normalised text about which nothing is left to ask, such as a plain denial."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hits:
    """What the rules make of one text."""

    signals: tuple[Signal, ...]
    softened: tuple[Softened, ...]
    innocent: tuple[Span, ...] = ()
    """Phrases of the normalised text that only look dangerous, whether or not a rule matched in them."""


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
        return verdict(text, self.hits(normalise(text), text).signals, history)

    def hits(self, plain: Normalised, text: str) -> Hits:
        """Return what the rules see in ``text``, whose plain spelling is ``plain``."""
        book = self._book
        innocent = [Span(start=m.start(), end=m.end()) for m in book.innocent.finditer(plain.text)]
        spans = sentences(plain.text)
        signals: list[Signal] = []
        softened: list[Softened] = []
        for number, span in enumerate(spans):
            sentence = plain.text[span.start : span.end]
            near = plain.text[spans[max(0, number - 1)].start : spans[min(len(spans) - 1, number + 1)].end]
            for rule in book.rules:
                for match in rule.pattern.finditer(sentence):
                    start, end = span.start + match.start(), span.start + match.end()
                    phrase = next((span for span in innocent if span.start < end and start < span.end), None)
                    if phrase:
                        softened.append(
                            Softened(rule=rule.id, scope="innocent", level=Level.NONE, settled=phrase)
                        )
                        continue
                    level, scope = self._scoped(rule, sentence, near, match.start(), match.end())
                    if scope:
                        clause = span.start + _clause_start(sentence, match.start())
                        settled = Span(start=clause, end=end) if scope.settles else None
                        softened.append(Softened(rule=rule.id, scope=scope.id, level=level, settled=settled))
                    if level is Level.NONE:
                        continue
                    subject = self._subject(rule.kind, sentence, match.start(), match.end())
                    signals.append(self._signal(rule, level, subject, plain.original(start, end), text))
                    break
        return Hits(signals=tuple(signals), softened=tuple(softened), innocent=tuple(innocent))

    def _signal(self, rule: Rule, level: Level, subject: Subject, span: tuple[int, int], text: str) -> Signal:
        return Signal(
            detector=self.name,
            rule=rule.id,
            kind=rule.kind,
            level=level,
            subject=subject,
            start=span[0],
            end=span[1],
            evidence=text[span[0] : span[1]],
            score=rule.score if level is rule.level else min(rule.score, 0.4),
            reason=rule.reason,
            reason_zh=rule.reason_zh,
        )

    def _scoped(
        self, rule: Rule, sentence: str, near: str, start: int, end: int
    ) -> tuple[Level, Scope | None]:
        """Return the level that is left of a hit after the operators around it, and which one weakened it."""
        level: Level = rule.level
        weakened_by: Scope | None = None
        clause = sentence[_clause_start(sentence, start) : start]
        after = sentence[end:]
        for scope in self._book.scopes:
            if scope.id in rule.resists or (scope.kinds and rule.kind not in scope.kinds):
                continue
            if _applies(scope, clause, after, sentence, near):
                if scope.effect == "cancel":
                    return Level.NONE, scope
                if level.rank > Level.WATCH.rank:
                    level, weakened_by = Level.WATCH, scope
        return level, weakened_by

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
                        for signal in self.hits(normalise(example), example).signals
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
