"""The patterns of the screen as its files write them, one by one: the screen itself joins those of a rule."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

from cbtguard.safety.files import read_yaml
from cbtguard.safety.risk.rules import DATA, LANGUAGES


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleText:
    """A rule as written."""

    id: str
    language: str
    kind: str
    level: str
    patterns: tuple[re.Pattern[str], ...]
    positive: tuple[str, ...]
    negative: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeText:
    """An operator as written."""

    id: str
    language: str
    effect: str
    settles: bool
    kinds: list[str]
    before: str | None
    after: str | None
    sentence: str | None
    around: str | None
    unless: str | None


def _terms(raw: dict[str, Any]) -> dict[str, str]:
    terms: dict[str, str] = {}
    for name, words in raw.items():
        terms[name] = f"(?:{_filled(words if isinstance(words, str) else '|'.join(map(str, words)), terms)})"
    return terms


def _filled(pattern: str, terms: dict[str, str]) -> str:
    return re.sub(r"\{([a-z_]+)\}", lambda match: terms[match.group(1)], pattern)


@cache
def rule_texts() -> tuple[RuleText, ...]:
    """Return the rules of both languages."""
    made = []
    for language in LANGUAGES:
        data = read_yaml(DATA / f"rules.{language}.yaml")
        terms = _terms(data.get("terms", {}))
        made += [
            RuleText(
                id=one["id"],
                language=language,
                kind=one["kind"],
                level=one["level"],
                patterns=tuple(re.compile(_filled(text, terms)) for text in one["patterns"]),
                positive=tuple(one["positive"]),
                negative=tuple(one["negative"]),
            )
            for one in data["rules"]
        ]
    return tuple(made)


@cache
def scope_texts() -> tuple[ScopeText, ...]:
    """Return the operators of both languages."""
    made = []
    for language in LANGUAGES:
        data = read_yaml(DATA / f"scopes.{language}.yaml")
        terms = _terms(data.get("terms", {}))
        for one in data["scopes"]:
            forms = ("before", "after", "sentence", "around", "unless")
            filled = {key: _filled(one[key], terms) if key in one else None for key in forms}
            made.append(
                ScopeText(
                    id=one["id"],
                    language=language,
                    effect=one["effect"],
                    settles=bool(one.get("settles", False)),
                    kinds=list(one.get("kinds", ())),
                    **filled,
                )
            )
    return tuple(made)


@cache
def innocent_texts() -> tuple[tuple[str, re.Pattern[str]], ...]:
    """Return the language and the pattern of each phrase that only looks dangerous."""
    made = []
    for language in LANGUAGES:
        data = read_yaml(DATA / f"scopes.{language}.yaml")
        terms = _terms(data.get("terms", {}))
        made += [(language, re.compile(_filled(one, terms))) for one in data["innocent"]]
    return tuple(made)
