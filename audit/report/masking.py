"""A report for people who may not read the cases: every text becomes its length and the start of a hash."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cbtguard.audit.case import Case
    from cbtguard.audit.outcome import Audit, Outcome

_GUESSABLE = 16
"""A hash of a shorter text would give it away to anybody who tries all of them."""
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.:/+-]{0,63}")
_TEXTS = frozenset({"text", "evidence", "span", "match", "quote"})
_CODES = frozenset(
    {
        "route",
        "level",
        "kinds",
        "kind",
        "subject",
        "detector",
        "rule",
        "citations",
        "defects",
        "writer",
        "faults",
    }
)
"""What is a name of ours, also where a person wrote the same word."""
_CJK = re.compile(r"[㐀-鿿豈-﫿]{2}")
_WORDS = re.compile(r"[^\W_]+(?:'[^\W_]+)?")


def mask(text: str) -> str:
    """Return what stands for a text: its length and, from 16 characters on, 8 digits of its SHA-256."""
    size = f"{len(text)} character{'' if len(text) == 1 else 's'}"
    if len(text) < _GUESSABLE:
        return f"[{size}]"
    return f"[{size}, {hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}]"


def mask_audit(audit: Audit) -> Audit:
    """Return the audit without any text of a case, a reply or an evidence.

    Sentences of the audit itself (why a case is there, what was seen) stay where they share no two Chinese
    characters in a row, no three words in a row and no part of a case's data with a text; else they go, too.
    """
    cases = {case.id: case for case in audit.cases}
    texts = {case.id: [*_of_case(case)] for case in audit.cases}
    for one in audit.outcomes:
        texts[one.case] += _of_replies(one.replies)
    known = {id_: _Known(found) for id_, found in texts.items()}
    return replace(
        audit,
        cases=tuple(_case(case, known[case.id]) for case in audit.cases),
        outcomes=tuple(_outcome(one, known[one.case]) for one in audit.outcomes if one.case in cases),
    )


class _Known:
    """The texts of a case, to find what is taken from them."""

    def __init__(self, texts: Iterable[str]) -> None:
        self.short: set[str] = set()
        self.runs: set[str] = set()
        for text in texts:
            if len(text) < _GUESSABLE and not text.isspace() and len(text) > 1:
                self.short.add(text.casefold())
            self.runs |= _runs(text)

    def masked(self, text: str) -> str:
        lower = text.casefold()
        taken = any(one in lower for one in self.short) or not self.runs.isdisjoint(_runs(text))
        return mask(text) if taken else text


def _runs(text: str) -> set[str]:
    pairs = {text[at : at + 2] for at in range(len(text) - 1) if _CJK.fullmatch(text[at : at + 2])}
    words = _WORDS.findall(text.casefold())
    triples = {" ".join(words[at : at + 3]) for at in range(len(words) - 2)}
    return pairs | triples | set(re.findall(r"\d{4,}", text))


def _of_case(case: Case) -> Iterable[str]:
    yield from case.turns
    yield from case.secrets
    yield from (one for one in (case.answer, case.marker, case.note, case.plain) if one)


def _of_replies(value: Any, name: str = "") -> list[str]:
    if isinstance(value, str):
        return [value] if name in _TEXTS and value else []
    if isinstance(value, dict):
        return [one for key, part in value.items() for one in _of_replies(part, key)]
    if isinstance(value, list | tuple):
        return [one for part in value for one in _of_replies(part, name)]
    return []


def _case(case: Case, known: _Known) -> Case:
    def maybe(text: str | None) -> str | None:
        return None if text is None else mask(text)

    return replace(
        case,
        turns=tuple(mask(one) for one in case.turns),
        secrets=tuple(mask(one) for one in case.secrets),
        answer=maybe(case.answer),
        marker=maybe(case.marker),
        note=maybe(case.note),
        plain=maybe(case.plain),
        reason=known.masked(case.reason),
        source=known.masked(case.source),
    )


def _outcome(one: Outcome, known: _Known) -> Outcome:
    replies: tuple[Mapping[str, Any], ...] = tuple(_value(reply, "", known) for reply in one.replies)
    return replace(one, why=known.masked(one.why), replies=replies)


def _value(value: Any, name: str, known: _Known) -> Any:
    if isinstance(value, str):
        if name in _TEXTS:
            return mask(value) if value else value
        if name in _CODES and _NAME.fullmatch(value):
            return value
        # What is no name of something and no sentence of the audit is taken for a text.
        free = name in {"reason", "why"} or _NAME.fullmatch(value) or not value
        return known.masked(value) if free else mask(value)
    if isinstance(value, dict):
        return {key: _value(part, key, known) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_value(part, name, known) for part in value]
    return value
