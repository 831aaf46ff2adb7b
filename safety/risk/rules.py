"""Risk rules: read from data files, checked against their own examples before anything uses them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from cbtguard.safety.errors import DataError
from cbtguard.safety.files import read_yaml, version_of
from cbtguard.safety.risk.model import Kind, Level

if TYPE_CHECKING:
    from collections.abc import Iterable

DATA = Path(__file__).parent / "data"
LANGUAGES = ("zh", "en")
_EFFECTS = frozenset({"cancel", "watch"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One thing that people say when they are in danger."""

    id: str
    kind: Kind
    level: Level
    pattern: re.Pattern[str]
    """Applied to one normalised sentence."""
    reason: str
    reason_zh: str
    score: float
    """How sure this rule makes us, 0 to 1."""
    resists: frozenset[str]
    """Ids of scope operators that do not weaken this rule."""
    positive: tuple[str, ...]
    negative: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What around a hit changes its meaning: negation, somebody else, fiction, a past that is over..."""

    id: str
    effect: str
    """``cancel`` the hit, or lower it to ``watch``."""
    before: re.Pattern[str] | None
    """Must match at the end of the words before the hit, in the same clause."""
    after: re.Pattern[str] | None
    """Must match at the start of the words after the hit, in the same sentence."""
    sentence: re.Pattern[str] | None
    """Must be found in the sentence."""
    around: re.Pattern[str] | None
    """Must be found in the sentence or the one before or after it."""
    unless: re.Pattern[str] | None
    """When found in the sentence, the operator does not apply."""
    kinds: frozenset[Kind]
    """Kinds it applies to; empty for all."""
    settles: bool
    """Whether nothing is left to ask about the clause of the hit, as after a plain denial."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleBook:
    """All rules, scope operators and innocent phrases, with a version that changes when any of them does."""

    rules: tuple[Rule, ...]
    scopes: tuple[Scope, ...]
    innocent: re.Pattern[str]
    """Phrases that only look dangerous; hits inside them do not count."""
    other: re.Pattern[str]
    """Words that name somebody else."""
    self_: re.Pattern[str]
    """Words that name the person who writes."""
    version: str


@cache
def rule_book() -> RuleBook:
    """Return the shipped rules.

    Raises:
        DataError: ``data.malformed`` when a file breaks the schema.
    """
    return load(DATA)


def load(folder: Path) -> RuleBook:
    """Read ``rules.LANG.yaml`` and ``scopes.LANG.yaml`` of a folder."""
    rules: list[Rule] = []
    scopes: list[Scope] = []
    innocent: list[str] = []
    other: list[str] = []
    self_: list[str] = []
    ids: set[str] = set()
    paths: list[Path] = [folder / "codes.yaml"]
    for language in LANGUAGES:
        rule_file, scope_file = folder / f"rules.{language}.yaml", folder / f"scopes.{language}.yaml"
        paths += [rule_file, scope_file]
        data = _document(rule_file, "rules")
        terms = _terms(data.get("terms", {}), rule_file)
        found = [_rule(entry, terms, rule_file) for entry in data["rules"]]
        _unique((rule.id for rule in found), ids, rule_file)
        rules += found
        data = _document(scope_file, "scopes", "innocent", "other", "self")
        terms = _terms(data.get("terms", {}), scope_file)
        scopes += [_scope(entry, terms, scope_file) for entry in data["scopes"]]
        for place, key, several in (
            (innocent, "innocent", data["innocent"]),
            (other, "other", [data["other"]]),
            (self_, "self", [data["self"]]),
        ):
            place += [_checked(text, terms, scope_file, key) for text in several]
    return RuleBook(
        rules=tuple(rules),
        scopes=tuple(scopes),
        innocent=re.compile("|".join(innocent)),
        other=re.compile("|".join(other)),
        self_=re.compile("|".join(self_)),
        version=version_of(paths),
    )


def _document(path: Path, *keys: str) -> dict[str, Any]:
    """A file's mapping, with the keys it must have."""
    data = read_yaml(path)
    for key in keys:
        if not isinstance(data, dict) or not data.get(key):
            raise _malformed(path, key, "the file lacks it")
    return cast("dict[str, Any]", data)


def _checked(pattern: str, terms: dict[str, str], path: Path, entry: str) -> str:
    """A filled pattern that compiles and does not match nothing: that would match everywhere."""
    try:
        filled = _fill(pattern, terms)
        empty = re.compile(filled).search("") is not None
    except (KeyError, TypeError, re.error) as error:
        raise _malformed(path, entry, f"{type(error).__name__}: {error}") from error
    if empty:
        raise _malformed(path, entry, "a pattern matches the empty text")
    return filled


def _terms(raw: dict[str, Any], path: Path) -> dict[str, str]:
    """Word groups that patterns name as ``{group}``; a group may use groups defined before it."""
    terms: dict[str, str] = {}
    for name, words in raw.items():
        if not isinstance(words, str | list):
            raise _malformed(path, name, "a word group is a pattern or a list of words")
        body = words if isinstance(words, str) else "|".join(str(word) for word in words)
        try:
            terms[name] = f"(?:{_fill(body, terms)})"
        except KeyError as error:
            raise _malformed(path, name, f"there is no word group {error} before it") from error
    return terms


def _fill(pattern: str, terms: dict[str, str]) -> str:
    return re.sub(r"\{([a-z_]+)\}", lambda match: terms[match.group(1)], pattern)


def _rule(entry: Any, terms: dict[str, str], path: Path) -> Rule:
    name = str(entry.get("id", "?")) if isinstance(entry, dict) else "?"
    try:
        rule = Rule(
            id=entry["id"],
            kind=Kind(entry["kind"]),
            level=Level(entry["level"]),
            pattern=re.compile(
                "|".join(_checked(text, terms, path, name) for text in _several(entry, "patterns"))
            ),
            reason=entry["reason"]["en"],
            reason_zh=entry["reason"]["zh"],
            score=float(entry["score"]),
            resists=frozenset(entry.get("resists", ())),
            positive=_several(entry, "positive"),
            negative=_several(entry, "negative"),
        )
    except (KeyError, TypeError, ValueError, re.error) as error:
        raise _malformed(path, name, f"{type(error).__name__}: {error}") from error
    if not (rule.positive and rule.negative):
        raise _malformed(path, name, "a rule needs positive and negative examples")
    if rule.level is Level.NONE or not 0 < rule.score <= 1:
        raise _malformed(path, name, "a rule has a level above none and a score in (0, 1]")
    return rule


def _several(entry: dict[str, Any], key: str) -> tuple[str, ...]:
    """A list of texts; a lone text would be read letter by letter."""
    value = entry[key]
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise TypeError(f"{key} is a list of texts")
    return tuple(value)


def _scope(entry: Any, terms: dict[str, str], path: Path) -> Scope:
    name = str(entry.get("id", "?")) if isinstance(entry, dict) else "?"

    def pattern(key: str, form: str) -> re.Pattern[str] | None:
        return re.compile(form % _fill(entry[key], terms)) if key in entry else None

    try:
        if entry["effect"] not in _EFFECTS:
            raise _malformed(path, name, "effect is cancel or watch")
        return Scope(
            id=entry["id"],
            effect=entry["effect"],
            before=pattern("before", "(?:%s)$"),
            after=pattern("after", "(?:%s)"),
            sentence=pattern("sentence", "(?:%s)"),
            around=pattern("around", "(?:%s)"),
            unless=pattern("unless", "(?:%s)"),
            kinds=frozenset(Kind(kind) for kind in entry.get("kinds", ())),
            settles=bool(entry.get("settles", False)),
        )
    except (KeyError, TypeError, ValueError, re.error) as error:
        raise _malformed(path, name, f"{type(error).__name__}: {error}") from error


def _unique(ids: Iterable[str], seen: set[str], path: Path) -> None:
    for name in ids:
        if name in seen:
            raise _malformed(path, name, "the id is used twice")
        seen.add(name)


def _malformed(path: Path, entry: str, what: str) -> DataError:
    return DataError(
        "data.malformed",
        f"{path.name}, entry {entry!r}: {what}.",
        hint="Compare the entry with its neighbours; docs/risk.md describes the fields.",
    )
