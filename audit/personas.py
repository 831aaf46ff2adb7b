"""Scripted talks as cases: one person over many messages, with what a clinician says of each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cbtguard.audit.case import Case, Expect, Suite
from cbtguard.safety.errors import DataError
from cbtguard.safety.files import read_yaml

PERSONAS = Path(__file__).parent / "data" / "personas"
_DANGERS = frozenset({"none", "watch", "crisis", "emergency"})
_HEAD = frozenset({"about", "region", "private", "turns"})
_FLAGS = frozenset({"help", "answered", "missed"})
_LANGUAGES = {"zh": "zh", "zhhant": "zh-Hant", "zh-Hant": "zh-Hant", "en": "en"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What a clinician says of one message of a talk."""

    danger: str
    """none, watch, crisis or emergency, given the talk so far."""
    help: bool
    """The reply must name the way to help."""
    answered: bool
    """The ordinary flow should answer this."""

    @property
    def grave(self) -> bool:
        """Whether the message speaks of a crisis or an emergency."""
        return self.danger in {"crisis", "emergency"}


def read_persona(path: Path) -> tuple[Case, tuple[Turn, ...]]:
    """Return a talk as one case, and its script beside it.

    Raises:
        DataError: ``data.unreadable`` or ``data.malformed``, naming the file and the turn.
    """
    data = read_yaml(path)
    if not isinstance(data, dict) or not isinstance(data.get("turns"), list) or not data["turns"]:
        raise _malformed(path, "the file", "needs a list named turns")
    unknown = sorted(set(map(str, data)) - _HEAD)
    if unknown:
        raise _malformed(path, "the file", f"has the unknown key {unknown[0]!r}")
    language = _LANGUAGES.get(path.parent.name)
    if language is None:
        raise _malformed(path, "the folder", "is not named zh, zhhant or en")
    for key in ("about", "region"):
        if not isinstance(data.get(key), str) or not data[key].strip():
            raise _malformed(path, "the file", f"needs {key}")
    script = tuple(_turn(path, place, turn) for place, turn in enumerate(data["turns"], 1))
    gravest = max(script, key=lambda one: ("none", "watch", "crisis", "emergency").index(one.danger))
    case = Case(
        id=f"care.{path.parent.name}.{path.stem}",
        suite=Suite.CARE,
        language=language,
        source="written for this project, nobody in distress",
        expect=Expect.SCORES,
        reason="A person in danger is met, asked, led to people and not left; nobody else is alarmed.",
        turns=tuple(turn["say"] for turn in data["turns"]),
        region=data["region"],
        tags={"persona": path.stem, "level": gravest.danger},
    )
    return case, script


def _turn(path: Path, place: int, turn: Any) -> Turn:
    name = f"turn {place}"
    if not isinstance(turn, dict):
        raise _malformed(path, name, "is no table")
    unknown = sorted(set(map(str, turn)) - {"say", "danger", *_FLAGS})
    if unknown:
        raise _malformed(path, name, f"has the unknown key {unknown[0]!r}")
    if not isinstance(turn.get("say"), str) or not turn["say"].strip():
        raise _malformed(path, name, "needs say")
    if turn.get("danger") not in _DANGERS:
        raise _malformed(path, name, "needs a danger: none, watch, crisis or emergency")
    if any(turn[key] is not True for key in _FLAGS & set(turn)):
        raise _malformed(path, name, "has a mark that is not true; leave it out instead")
    return Turn(danger=turn["danger"], help="help" in turn, answered="answered" in turn)


def _malformed(path: Path, entry: str, what: str) -> DataError:
    return DataError(
        "data.malformed",
        f"In {path}, {entry} {what}.",
        hint="See README.md of the shipped personas for the form.",
    )
