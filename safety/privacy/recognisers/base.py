"""What every recogniser here shares: from hits to Presidio results with an explanation."""

from __future__ import annotations

import re
from abc import abstractmethod
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

from presidio_analyzer import AnalysisExplanation, EntityRecognizer, RecognizerResult

from cbtguard.safety.files import read_yaml
from cbtguard.safety.privacy.reading import DATA, expression, fraction, malformed, mapping

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from presidio_analyzer.nlp_engine import NlpArtifacts

    from cbtguard.safety.privacy.entities import EntityType
    from cbtguard.safety.privacy.lexer import Words

_PATTERNS = DATA / "patterns.yaml"


@dataclass(frozen=True, slots=True)
class Hit:
    """A span in the shadow text, a score from 0 to 1, and the key of its reason."""

    start: int
    end: int
    score: float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One expression of ``patterns.yaml``.

    Attributes:
        name: Name within its recogniser.
        expression: The compiled expression; a group ``value`` marks the part to hide.
        score: Score of a hit, 0 to 1.
        check: Name of a check by the recogniser, or empty.
        reason: Why, per language.
    """

    name: str
    expression: re.Pattern[str]
    score: float
    check: str
    reason: Mapping[str, str]


@cache
def rules() -> dict[str, tuple[Rule, ...]]:
    """Return the rules of every recogniser by its name.

    Raises:
        DataError: ``data.unreadable`` or ``data.malformed``.
    """
    whole = mapping(read_yaml(_PATTERNS), _PATTERNS, "(top)")
    return {
        name: tuple(_rule(body, f"{name}[{place}]") for place, body in enumerate(entries))
        for name, entries in whole.items()
    }


def _rule(value: Any, entry: str) -> Rule:
    body = mapping(value, _PATTERNS, entry)
    reason = mapping(body.get("reason"), _PATTERNS, f"{entry}.reason")
    if not isinstance(body.get("name"), str) or set(reason) != {"en", "zh"}:
        raise malformed(_PATTERNS, entry, "a name and a reason in en and zh")
    return Rule(
        name=body["name"],
        expression=expression(
            body.get("regex"), _PATTERNS, f"{entry}.regex", ignore_case=bool(body.get("ignore_case"))
        ),
        score=fraction(body.get("score"), _PATTERNS, f"{entry}.score"),
        check=str(body.get("check", "")),
        reason=reason,
    )


class Recogniser(EntityRecognizer):
    """A recogniser that yields hits; ``kind`` and ``key`` (its name in the settings) come from the class.

    Args:
        language: ``zh`` or ``en``: which texts it serves.
        context: Words that raise the score when they stand near, in small letters.
    """

    kind: ClassVar[EntityType]
    key: ClassVar[str]

    def __init__(self, language: str, context: tuple[str, ...] = ()) -> None:
        super().__init__(
            supported_entities=[self.kind.value],
            name=self.key,
            supported_language=language,
            context=list(context),
        )

    def load(self) -> None:
        """Do nothing: the data is read by the constructor."""

    @abstractmethod
    def hits(self, text: str, words: Words) -> Iterator[Hit]:
        """Yield what was found in a shadow text."""

    def analyze(self, text: str, entities: list[str], nlp_artifacts: NlpArtifacts) -> list[RecognizerResult]:
        """Return the hits as Presidio results; each explanation names this recogniser and the reason."""
        del entities
        words: Any = nlp_artifacts
        return [self._result(hit) for hit in self.hits(text, words) if hit.end > hit.start]

    def _result(self, hit: Hit) -> RecognizerResult:
        return RecognizerResult(
            entity_type=self.kind.value,
            start=hit.start,
            end=hit.end,
            score=hit.score,
            analysis_explanation=AnalysisExplanation(
                recognizer=self.key, original_score=hit.score, pattern_name=hit.reason
            ),
            recognition_metadata={
                RecognizerResult.RECOGNIZER_NAME_KEY: self.key,
                RecognizerResult.RECOGNIZER_IDENTIFIER_KEY: self.id,
            },
        )


class RuleRecogniser(Recogniser):
    """A recogniser made of the rules that ``patterns.yaml`` keeps under its key.

    ``needs`` is what every text with such data holds; texts without it are not searched.
    """

    needs: ClassVar[re.Pattern[str]] = re.compile("[0-9]")

    def __init__(self, language: str, context: tuple[str, ...] = ()) -> None:
        super().__init__(language, context)
        self._rules = rules().get(self.key, ())
        if not self._rules:
            raise malformed(_PATTERNS, self.key, "the rules of this recogniser")

    def hits(self, text: str, words: Words) -> Iterator[Hit]:
        """Yield every match of every rule that its check lets pass."""
        del words
        if not self.may_hold(text):
            return
        for rule in self._rules:
            for match in rule.expression.finditer(text):
                score = self.check(rule, match)
                if score > 0:
                    group = "value" if "value" in rule.expression.groupindex else 0
                    yield Hit(match.start(group), match.end(group), score, f"{self.key}.{rule.name}")

    def may_hold(self, text: str) -> bool:
        """Return whether the rules are worth trying; cheap."""
        return self.needs.search(text) is not None

    def check(self, rule: Rule, match: re.Match[str]) -> float:
        """Return the score of a match, 0 to drop it."""
        del match
        return rule.score
