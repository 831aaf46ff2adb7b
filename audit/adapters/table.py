"""What an adapter knows of a data set: its columns under all their names, and which label means which outcome."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cbtguard.audit.case import Expect
from cbtguard.safety.errors import DataError
from cbtguard.safety.files import read_yaml

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

COLUMNS = ("text", "turns", "label", "area", "id")
EXPECTS = (Expect.HELP, Expect.NO_ALARM, Expect.ANSWER, Expect.NO_METHOD)
"""Outcomes that a label alone can stand for."""
_HEAD = frozenset({"title", "about", "licence", "citation", "language", "region", "columns", "rules"})
_MORE = frozenset({"optional", "either", "tags", "flags", "variants"})
_RULE = frozenset({"when", "expect", "reason", "tags", "leave_out"})
_LANGUAGES = frozenset({"zh", "zh-Hant", "en", "detect"})
_BETWEEN = re.compile(r"[|,;，；、]")


def squeeze(text: object) -> str:
    """Return a name or label as it is compared: lower case, letters and digits only."""
    if isinstance(text, bool):
        text = int(text)
    if isinstance(text, float) and text.is_integer():
        text = int(text)
    said = str(text).strip().lower()
    return re.sub(r"[\W_]+", "", said.removesuffix(".0"))


def labels_of(value: object) -> tuple[str, ...]:
    """Return the labels in a cell: itself, what a list holds, or what ``|`` and commas part; squeezed."""
    if isinstance(value, list | tuple):
        return tuple(one for item in value for one in labels_of(item))
    whole = squeeze(value)
    parts = [squeeze(one) for one in _BETWEEN.split(str(value))] if isinstance(value, str) else []
    return tuple(dict.fromkeys(one for one in (whole, *parts) if one))


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """What a cell must say."""

    column: str
    values: frozenset[str] = frozenset()
    """Squeezed labels, any of which is enough."""
    has: tuple[str, ...] = ()
    """Squeezed words, any of which is enough."""
    span: tuple[float, float] | None = None
    """A number within these, both included."""

    def holds(self, value: object) -> bool:
        """Return whether a cell says it."""
        if value is None:
            return False
        found = labels_of(value)
        if self.values:
            return bool(self.values & set(found))
        if self.has:
            return any(word in one for one in found for word in self.has)
        try:
            number = float(str(value).strip())
        except ValueError:
            return False
        return self.span is not None and self.span[0] <= number <= self.span[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What a row is, where all its conditions hold."""

    when: tuple[Condition, ...] = ()
    expect: Expect | None = None
    """None for rows that are left out."""
    reason: str = ""
    """Why the outcome is right, or why the row is left out."""
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """Other rules for a file of which every label is one of a few."""

    column: str
    values: frozenset[str]
    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A data set, described."""

    name: str
    title: str
    about: str
    licence: str
    citation: str
    language: str
    """``zh``, ``zh-Hant``, ``en``, or ``detect``."""
    region: str
    columns: Mapping[str, tuple[str, ...]]
    """Of :data:`COLUMNS`, each to the names it goes by, the best first."""
    needed: tuple[tuple[str, ...], ...]
    """Of each group one column must be there."""
    tags: Mapping[str, tuple[str, ...]]
    flags: Mapping[str, tuple[str, ...]]
    """Columns that say yes or no; the ones that say yes make the tag ``distortions``."""
    variants: tuple[Variant, ...]
    rules: tuple[Rule, ...]

    def rules_for(self, labels: Iterable[object]) -> tuple[Rule, ...]:
        """Return the rules for a file with these labels.

        A label that no rule knows does not count: one slip must not turn the meaning of all the others.
        """
        known = [one for rule in self.rules for one in rule.when if one.column == "label"]
        said = {squeeze(one) for one in labels if any(condition.holds(one) for condition in known)}
        for variant in self.variants:
            if said and said <= variant.values:
                return variant.rules
        return self.rules


def read_table(path: Path) -> Table:
    """Return the table in a file; its name is the file's.

    Raises:
        DataError: ``data.unreadable`` or ``data.malformed``, naming the file and the entry.
    """
    data = read_yaml(path)
    if not isinstance(data, dict) or not _HEAD <= set(data) <= _HEAD | _MORE:
        raise _malformed(path, "the file", f"needs {', '.join(sorted(_HEAD))} and no unknown key")
    for key in sorted(_HEAD - {"columns", "rules"}):
        if not isinstance(data[key], str) or not data[key].strip():
            raise _malformed(path, key, "must be a text")
    if data["language"] not in _LANGUAGES:
        raise _malformed(path, "language", f"must be one of {', '.join(sorted(_LANGUAGES))}")
    columns = _names(path, "columns", data["columns"])
    if not set(columns) <= set(COLUMNS) or not {"text", "turns"} & set(columns):
        raise _malformed(path, "columns", f"may hold {', '.join(COLUMNS)}, and needs text or turns")
    loose = {*data.get("optional", ()), *data.get("either", ()), "id"}
    either = (tuple(data["either"]),) if data.get("either") else ()
    variants = []
    for entry in data.get("variants", ()):
        ((column, values),) = entry["when_all"].items()
        rules = _rules(path, entry["rules"], columns)
        variants.append(Variant(column=column, values=frozenset(map(squeeze, values)), rules=rules))
    return Table(
        name=path.stem,
        columns=columns,
        needed=(*((one,) for one in columns if one not in loose), *either),
        tags=_names(path, "tags", data.get("tags", {})),
        flags=_names(path, "flags", data.get("flags", {})),
        variants=tuple(variants),
        rules=_rules(path, data["rules"], columns),
        **{key: data[key] for key in _HEAD - {"columns", "rules"}},
    )


def _names(path: Path, key: str, entry: Any) -> dict[str, tuple[str, ...]]:
    good = isinstance(entry, dict) and all(isinstance(many, list) and many for many in entry.values())
    if not good:
        raise _malformed(path, key, "must hold lists of names")
    return {str(name): tuple(map(str, many)) for name, many in entry.items()}


def _rules(path: Path, entries: Any, columns: Mapping[str, Any]) -> tuple[Rule, ...]:
    if not isinstance(entries, list) or not entries:
        raise _malformed(path, "rules", "must be a list")
    return tuple(_rule(path, place, entry, columns) for place, entry in enumerate(entries, 1))


def _rule(path: Path, place: int, entry: Any, columns: Mapping[str, Any]) -> Rule:
    where = f"rule {place}"
    if (
        not isinstance(entry, dict)
        or not set(entry) <= _RULE
        or ("expect" in entry) == ("leave_out" in entry)
    ):
        raise _malformed(path, where, "needs either expect and reason, or leave_out")
    when = tuple(_condition(path, where, pair, columns) for pair in entry.get("when", {}).items())
    if "leave_out" in entry:
        return Rule(when=when, reason=str(entry["leave_out"]))
    if entry["expect"] not in {one.value for one in EXPECTS} or not entry.get("reason"):
        raise _malformed(path, where, f"needs a reason and one of {', '.join(EXPECTS)}")
    tags = {str(key): str(value) for key, value in entry.get("tags", {}).items()}
    return Rule(when=when, expect=Expect(entry["expect"]), reason=str(entry["reason"]), tags=tags)


def _condition(path: Path, where: str, pair: tuple[Any, Any], columns: Mapping[str, Any]) -> Condition:
    column, said = pair
    if column not in columns:
        raise _malformed(path, where, "asks a column that is not in columns")
    if isinstance(said, list) and said:
        return Condition(column=column, values=frozenset(map(squeeze, said)))
    if isinstance(said, dict) and set(said) == {"has"}:
        return Condition(column=column, has=tuple(map(squeeze, said["has"])))
    if isinstance(said, dict) and set(said) == {"from", "to"}:
        return Condition(column=column, span=(float(said["from"]), float(said["to"])))
    raise _malformed(path, where, "needs a list of labels, has, or from and to")


def _malformed(path: Path, entry: str, what: str) -> DataError:
    return DataError(
        "data.malformed", f"In {path}, {entry} {what}.", hint="docs/own-data.md shows the form of a table."
    )
