"""What is wrong with an answer, whatever its parts: harmful words, leaks, loops, cuts, the wrong language."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from cbtguard.safety.errors import DataError
from cbtguard.safety.files import read_yaml
from cbtguard.safety.language import OTHER, UNDETERMINED, detect, to_simplified
from cbtguard.safety.structure.model import Defect
from cbtguard.safety.text import sentences

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

DATA = Path(__file__).parent / "data" / "defects.yaml"
_FEWEST = {"zh": 80, "en": 240}
"""Shortest answer that can hold five parts, in characters."""
_MOST = 4000
_TOPIC_PAIRS, _TOPIC_WORDS = 20, 8
"""Pairs of characters (zh) and words (en) a question must have before sharing none of them tells anything."""
# A closing mark, then nothing but quotes, brackets, stars or emoji.
_END = re.compile(r"[。！？!?.…~～][^\w，,、；;：:<>]*$")
_CONTACT = re.compile(
    r"(?<![\d.])(?:\+?(?:\d[\- ]?){6,}\d|1[12]\d(?=电话|报警|急救)|https?://\S+|www\.\S+"
    r"|[\w.]{1,64}@[\w.]{1,64}\.\w+)"
    r"|(?:拨打|拨|热线|号码|联系电话)[^\d\n。]{0,8}\d{4,}"
    r"|(?i:(?:call|dial|text|hotline|helpline)(?: (?:at|is|on|to|the number))* (?!911|999|112)\d{3,})"
)
_PLACEHOLDER = re.compile(r"<[^<>\s|/]{1,24}\d{1,4}>")
_QUOTE = re.compile("“[^“”\n]{1,80}”")
_HAN = re.compile(r"[\u3400-\u9fff]")
_WORD = re.compile(r"[a-z]{4,}")


@dataclass(frozen=True, slots=True)
class _Rule:
    code: str
    pattern: re.Pattern[str]
    unless: re.Pattern[str] | None
    reason: str
    reason_zh: str
    quotable: bool
    """Whether the words are harmless when they are the person's own, repeated in quotation marks."""


def find_defects(question: str, answer: str, language: str) -> Iterator[Defect]:
    """Yield every defect of an answer that can be seen without the notes."""
    plain = to_simplified(answer)
    yield from _harmful(plain, answer, to_simplified(question).lower())
    key = "en" if language.startswith("en") else "zh"
    body = answer.strip()
    if len(body) < _FEWEST[key]:
        yield _own("too_short", body[:40])
    if len(body) > _MOST:
        yield _own("too_long", "")
    if body and not _END.search(body[-60:]):
        yield _own("cut", body[-30:])
    looped = _loop(plain)
    if looped:
        yield _own("loop", looped[:60])
    spoken = detect(answer)
    if spoken == OTHER or (spoken != UNDETERMINED and (spoken == "en") != (key == "en")):
        yield _own("wrong_language", "")
    for match in _CONTACT.finditer(answer):
        yield _own("contact", match.group()[:40])
        break
    known = set(_PLACEHOLDER.findall(question))
    for found in _PLACEHOLDER.findall(answer):
        if found not in known:
            yield _own("invented_person", found)
            break
    if _off_topic(to_simplified(question).lower(), plain.lower()):
        yield _own("off_topic", "")


def grounding_defects(notes: Collection[str] | None, citations: Collection[str]) -> Iterator[Defect]:
    """Yield what is wrong with the citations of a draft."""
    if notes is None:
        return
    for citation in citations:
        if citation not in notes:
            yield _own("invented_citation", citation)
    if not citations:
        yield _own("ungrounded", "")


def _harmful(plain: str, answer: str, question: str) -> Iterator[Defect]:
    seen: set[str] = set()
    spans = sentences(plain)
    quotes = [
        match.span() for match in _QUOTE.finditer(plain) if match.group().strip("“”").lower() in question
    ]
    for rule in _rules():
        for match in rule.pattern.finditer(plain):
            around = next(
                (plain[s.start : s.end] for s in spans if s.start <= match.start() < s.end), match.group()
            )
            if rule.code in seen or (rule.unless and rule.unless.search(around)):
                continue
            if rule.quotable and any(a <= match.start() and match.end() <= b for a, b in quotes):
                continue
            seen.add(rule.code)
            yield Defect(
                code=rule.code,
                evidence=answer[match.start() : match.end()],
                reason=rule.reason,
                reason_zh=rule.reason_zh,
            )


def _loop(text: str) -> str | None:
    """The sentence or phrase that comes again and again."""
    parts = [text[s.start : s.end].strip() for s in sentences(text)]
    counts = Counter(part for part in parts if len(part) >= 6)
    if counts:
        sentence, times = counts.most_common(1)[0]
        if times >= 3 or (times == 2 and len(sentence) >= 30):
            return sentence
    repeated = re.search(r"(.{2,30}?)\1{3,}", text, re.DOTALL)
    if repeated and repeated.group(1).strip(" .-—…_*=·、\n"):
        return repeated.group(1)
    return None


def _off_topic(question: str, answer: str) -> bool:
    """Whether an answer to a question of some length shares not a single word with it."""
    if _HAN.search(question):
        han = "".join(char if _HAN.match(char) else " " for char in question)
        pairs = {han[i : i + 2] for i in range(len(han) - 1) if " " not in han[i : i + 2]}
        pairs -= _common_pairs()
        return len(pairs) >= _TOPIC_PAIRS and not any(pair in answer for pair in pairs)
    wanted = set(_WORD.findall(question)) - _common_words()
    return len(wanted) >= _TOPIC_WORDS and not any(word[:5] in answer for word in wanted)


@cache
def _common_pairs() -> frozenset[str]:
    return frozenset(read_yaml(DATA.parent / "common.yaml")["zh"])


@cache
def _common_words() -> frozenset[str]:
    return frozenset(read_yaml(DATA.parent / "common.yaml")["en"])


@cache
def _rules() -> tuple[_Rule, ...]:
    rules = []
    for code, entry in read_yaml(DATA).items():
        try:
            parts = [entry[key] for key in ("any", "zh", "en") if key in entry]
            rules.append(
                _Rule(
                    code=code,
                    pattern=re.compile("|".join(parts), re.IGNORECASE),
                    unless=re.compile(entry["unless"], re.IGNORECASE) if "unless" in entry else None,
                    reason=entry["reason"]["en"],
                    reason_zh=entry["reason"]["zh"],
                    quotable=bool(entry.get("quotable", False)),
                )
            )
        except (KeyError, TypeError, re.error) as error:
            raise DataError(
                "data.malformed",
                f"{DATA.name}, entry {code!r}: {error}.",
                hint="Each entry has `reason`, patterns under `any`, `zh` or `en`, and examples.",
            ) from error
    return tuple(rules)


@cache
def _own_reasons() -> dict[str, dict[str, str]]:
    reasons: dict[str, dict[str, str]] = read_yaml(DATA.parent / "reasons.yaml")
    return reasons


def _own(code: str, evidence: str) -> Defect:
    reason = _own_reasons()[code]
    return Defect(code=code, evidence=evidence, reason=reason["en"], reason_zh=reason["zh"])


def missing(part: str) -> Defect:
    """Return the defect of a part that is not there."""
    return _own(f"missing_{part}", "")


def out_of_order() -> Defect:
    """Return the defect of parts that come in an order that makes no sense."""
    return _own("order", "")
