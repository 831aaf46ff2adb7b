"""The cases that ship, and files of the same form: read strictly, picked by suite, hashed."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cbtguard.audit.case import Case, Expect, Suite
from cbtguard.audit.personas import PERSONAS, Turn, read_persona
from cbtguard.safety.errors import DataError
from cbtguard.safety.files import read_yaml

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

CASES = Path(__file__).parent / "data" / "cases"
MADE = frozenset({Suite.REFERRALS, Suite.BOUNDS, Suite.LATENCY, Suite.INVENTORY})
"""Suites whose cases come from the directory, from the faults and from the clock, not from files of cases."""
_LANGUAGES = frozenset({"zh", "zh-Hant", "en"})
_ID = re.compile(r"[A-Za-z0-9._-]{1,120}")
_HEAD = frozenset({"about", "suite", "language", "source", "region", "cases"})
_TUPLES = frozenset({"turns", "defects", "secrets"})
_TEXTS = frozenset({"answer", "marker", "note", "plain", "fault", "region", "language", "source"})
_KEYS = (frozenset(one.name for one in fields(Case)) - {"suite"}) | {"say"}
_NEEDS = {
    Expect.DEFECT: "answer",
    Expect.SOUND: "answer",
    Expect.REMOVED: "secrets",
    Expect.NOT_FOLLOWED: "marker",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """Cases and where they are from."""

    cases: tuple[Case, ...]
    data: Mapping[str, str]
    """Each file to the SHA-256 of its bytes."""
    scripts: Mapping[str, tuple[Turn, ...]] = field(default_factory=dict)
    """For talks: id of the case to what each turn of it is about."""


def load(suites: Collection[Suite] = (), *, folder: Path = CASES, personas: Path = PERSONAS) -> Loaded:
    """Return the cases of these suites, all when none is named, in the order of the suites and files.

    Raises:
        DataError: ``data.unreadable`` or ``data.malformed``, naming the file and the entry.
    """
    wanted = tuple(one for one in Suite if (not suites or one in suites) and one not in MADE)
    cases: list[Case] = []
    data: dict[str, str] = {}
    scripts: dict[str, tuple[Turn, ...]] = {}
    for suite in wanted:
        if suite is Suite.CARE:
            for path in sorted(personas.glob("*/*.yaml")):
                case, script = read_persona(path)
                cases.append(case)
                scripts[case.id] = script
                data[f"personas/{path.parent.name}/{path.name}"] = digest(path)
            continue
        for path in sorted((folder / suite.value).glob("*.yaml")):
            cases += read_cases(path, suite)
            data[f"cases/{suite.value}/{path.name}"] = digest(path)
    _unique(cases)
    return Loaded(cases=tuple(cases), data=data, scripts=scripts)


def digest(path: Path) -> str:
    """Return the SHA-256 of a file's bytes."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise DataError(
            "data.unreadable",
            f"The data file {path} cannot be read ({type(error).__name__}).",
            hint="Check the path and its permissions.",
        ) from error


def read_cases(path: Path, suite: Suite) -> list[Case]:
    """Return the cases of one file.

    Raises:
        DataError: ``data.unreadable`` or ``data.malformed``, naming the file and the entry.
    """
    data = read_yaml(path)
    if not isinstance(data, dict) or not isinstance(data.get("cases"), list):
        raise malformed(path, "the file", "needs a list named cases")
    unknown = sorted(set(map(str, data)) - _HEAD)
    if unknown:
        raise malformed(path, "the file", f"has the unknown key {unknown[0]!r}")
    if data.get("suite") != suite.value:
        raise malformed(path, "suite", f"must be {suite.value}, the name of the folder")
    return [_case(path, place, entry, data, suite) for place, entry in enumerate(data["cases"], 1)]


def malformed(path: Path, entry: str, what: str) -> DataError:
    """Return the error for an entry of a data file."""
    return DataError(
        "data.malformed", f"In {path}, {entry} {what}.", hint="docs/audit.md shows the form of a case."
    )


def _case(path: Path, place: int, entry: Any, head: dict[str, Any], suite: Suite) -> Case:
    if not isinstance(entry, dict):
        raise malformed(path, f"case {place}", "is no table")
    name = entry.get("id")
    if not isinstance(name, str) or not _ID.fullmatch(name):
        raise malformed(path, f"case {place}", "needs an id of letters, digits, dots, dashes, underscores")
    unknown = sorted(set(map(str, entry)) - _KEYS)
    if unknown:
        raise malformed(path, name, f"has the unknown key {unknown[0]!r}")
    if ("say" in entry) == ("turns" in entry):
        raise malformed(path, name, "needs either say or turns")
    given = {**{key: head[key] for key in ("language", "source", "region") if key in head}, **entry}
    given.setdefault("turns", [given.pop("say", None)])
    _check_texts(path, name, given)
    given["expect"] = _expect(path, name, given)
    given["tags"] = _tags(path, name, given)
    return Case(**given, suite=suite)


def _check_texts(path: Path, name: str, given: dict[str, Any]) -> None:
    for key in _TUPLES & set(given):
        given[key] = _texts(path, name, key, given[key])
    for key in _TEXTS & set(given):
        if not isinstance(given[key], str) or not given[key].strip():
            raise malformed(path, name, f"has no text under {key}")
    if given.get("language") not in _LANGUAGES:
        raise malformed(path, name, "needs a language: zh, zh-Hant or en")
    for key in ("reason", "source"):
        if not isinstance(given.get(key), str) or not given[key].strip():
            raise malformed(path, name, f"needs a {key}")
    _within(path, name, given)


def _expect(path: Path, name: str, given: dict[str, Any]) -> Expect:
    if given.get("expect") not in set(Expect):
        raise malformed(path, name, "expects an outcome that is not known")
    expect = Expect(given["expect"])
    need = _NEEDS.get(expect)
    if need is not None and not given.get(need):
        raise malformed(path, name, f"expects {expect.value} and needs {need}")
    return expect


def _tags(path: Path, name: str, given: dict[str, Any]) -> dict[str, str]:
    tags = given.get("tags", {})
    if not isinstance(tags, dict):
        raise malformed(path, name, "has tags that are no table")
    return {str(key): _plain(value) for key, value in tags.items()}


def _within(path: Path, name: str, given: dict[str, Any]) -> None:
    for secret in given.get("secrets", ()):
        if secret not in given["turns"][-1]:
            raise malformed(path, name, "names a secret that is not in the last turn as written there")


def _plain(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _texts(path: Path, name: str, key: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(one, str) and one.strip() for one in value):
        raise malformed(path, name, f"needs texts under {'say or turns' if key == 'turns' else key}")
    if key == "turns" and not value:
        raise malformed(path, name, "has no turn")
    return tuple(value)


def _unique(cases: Iterable[Case]) -> None:
    seen: set[str] = set()
    for case in cases:
        if case.id in seen:
            raise DataError(
                "data.malformed",
                f"Two cases have the id {case.id!r}.",
                hint="Give each case of all files an id of its own.",
            )
        seen.add(case.id)
