"""Harmful words in an answer: rules for what can be listed, a model for what is said in a hundred ways."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cbtguard.safety.errors import DataError
from cbtguard.safety.files import read_yaml
from cbtguard.safety.structure.layout import normalised
from cbtguard.safety.structure.model import Defect
from cbtguard.safety.structure.weights import HARMS
from cbtguard.safety.text import Span, sentences

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cbtguard.safety.structure.reading import Reading

DATA = Path(__file__).parent / "data" / "defects.yaml"
_QUOTE = re.compile('“[^“”\n]{1,120}”|「[^「」\n]{1,120}」|『[^『』\n]{1,120}』|"[^"\n]{1,200}"')
_LATIN = re.compile(r"[A-Za-z]{2,}")
_CLAUSE_MARKS = frozenset("，。！？；,.!?;\n")
_BOTH = ("zh", "en")
_SOME_ENGLISH = 20
"""Latin words from which a Chinese answer is read by the English rules too."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What one code looks for."""

    code: str
    patterns: dict[str, tuple[re.Pattern[str], ...]]
    """By language, ``zh`` and ``en``; they see the answer in lower case and Simplified script."""
    unless: re.Pattern[str] | None
    reason: str
    reason_zh: str
    quotable: bool
    """Whether the words are harmless inside quotation marks."""
    sure: re.Pattern[str] | None
    """Words that stand whatever the sentence around them means. A rule that has such words looks in both languages."""
    near: bool
    """Whether what makes a hit harmless must stand in the same clause, not just in the same sentence."""

    def defect(self, evidence: str) -> Defect:
        """Return the defect."""
        return Defect(code=self.code, evidence=evidence, reason=self.reason, reason_zh=self.reason_zh)


def find_harm(answer: str, *, english: bool, reading: Reading | None) -> Iterator[Defect]:
    """Yield every harm once: what the rules see and the model does not doubt, then what the model alone sees.

    Args:
        answer: The answer as written.
        english: Whether it is to be read as English; else as Chinese.
        reading: What the model makes of it; None for the rules alone.
    """
    plain = normalised(answer)
    spans = reading.layout.spans if reading is not None else sentences(plain)
    quotes = [match.span() for match in _QUOTE.finditer(plain)]
    languages = ["en" if english else "zh"]
    if not english and sum(1 for _ in _LATIN.finditer(plain)) >= _SOME_ENGLISH:
        languages.append("en")
    seen = set()
    for rule in rules():
        for match in _hits(rule, plain, spans, quotes, _BOTH if rule.sure is not None else languages):
            plainly = rule.sure is not None and rule.sure.search(match.group()) is not None
            if reading is not None and not plainly and reading.doubted(rule.code, match.start()):
                continue
            seen.add(rule.code)
            yield rule.defect(answer[match.start() : match.end()])
            break
    if reading is not None:
        yield from _learned(answer, plain, reading, quotes, seen)


def _hits(
    rule: Rule,
    plain: str,
    spans: Sequence[Span],
    quotes: Sequence[tuple[int, int]],
    languages: Sequence[str],
) -> Iterator[re.Match[str]]:
    for pattern in dict.fromkeys(p for language in languages for p in rule.patterns[language]):
        for match in pattern.finditer(plain):
            if rule.unless is not None:
                around = _clause(plain, match) if rule.near else _around(plain, spans, match.start())
                if rule.unless.search(around):
                    continue
            if rule.quotable and any(a <= match.start() and match.end() <= b for a, b in quotes):
                continue
            yield match


def _clause(plain: str, match: re.Match[str]) -> str:
    """Return a match with the rest of the clauses it begins and ends in."""
    begin = match.start()
    while begin > 0 and plain[begin - 1] not in _CLAUSE_MARKS:
        begin -= 1
    end = match.end()
    while end < len(plain) and plain[end] not in _CLAUSE_MARKS:
        end += 1
    return plain[begin : end + 1]


def _around(plain: str, spans: Sequence[Span], place: int) -> str:
    """Return the sentence that holds a place, the end of a heading or gap before it included."""
    number = bisect_right(spans, place, key=lambda span: span.start) - 1
    if number < 0:
        return plain[: spans[0].end] if spans else plain
    return plain[spans[number].start : max(spans[number].end, place + 1)]


def _learned(
    answer: str, plain: str, reading: Reading, quotes: Sequence[tuple[int, int]], seen: set[str]
) -> Iterator[Defect]:
    if not len(reading.harms):
        return
    known = {rule.code: rule for rule in rules()}
    harms = reading.harms
    best = harms.argmax(axis=0)
    for column, code in enumerate(HARMS):
        place = int(best[column])
        if code in seen or harms[place, column] < reading.thresholds[code]:
            continue
        span = reading.layout.spans[place]
        text = plain[span.start : span.end]
        rule = known[code]
        unquoted = len(text) - sum(b - a for a, b in quotes if span.start <= a and b <= span.end)
        # A sentence that is mostly a quote says what somebody else said.
        if rule.unless is not None and rule.unless.search(text):
            continue
        if rule.quotable and unquoted * 2 < len(text):
            continue
        yield rule.defect(answer[span.start : span.end].strip())


@cache
def rules() -> tuple[Rule, ...]:
    """Return the rules, each pattern compiled."""
    made = []
    for code, entry in read_yaml(DATA).items():
        try:
            made.append(
                Rule(
                    code=code,
                    patterns=_compiled(entry),
                    unless=re.compile(entry["unless"]) if "unless" in entry else None,
                    reason=entry["reason"]["en"],
                    reason_zh=entry["reason"]["zh"],
                    quotable=bool(entry.get("quotable", False)),
                    sure=re.compile(entry["sure"]) if "sure" in entry else None,
                    near=bool(entry.get("near", False)),
                )
            )
        except (KeyError, TypeError, AttributeError, re.error) as error:
            raise DataError(
                "data.malformed",
                f"{DATA.name}, entry {code!r}: {error}.",
                hint="Each entry has `reason`, patterns under `any`, `zh` or `en`, and examples.",
            ) from error
    return tuple(made)


def _compiled(entry: dict[str, Any]) -> dict[str, tuple[re.Pattern[str], ...]]:
    """Return the patterns by language. English ones begin at a word, which spares most of the places."""
    common, chinese, english = (_listed(entry.get(key)) for key in ("any", "zh", "en"))
    shared = [re.compile("|".join(common))] if common else []
    return {
        "zh": (*shared, *([re.compile("|".join(chinese))] if chinese else [])),
        "en": (*shared, *([re.compile(f"\\b(?:{'|'.join(english)})")] if english else [])),
    }


def _listed(patterns: Any) -> list[str]:
    if patterns is None:
        return []
    return [patterns] if isinstance(patterns, str) else list(patterns)
