"""The sentences of the prompts, read from data and checked once."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Any

from cbtguard.safety.errors import DataError
from cbtguard.safety.files import read_yaml
from cbtguard.safety.structure.model import Part

DATA = Path(__file__).parent / "data" / "prompts.yaml"
_SLOTS: dict[str, frozenset[str]] = {
    "system": frozenset(),
    "user": frozenset({"notes", "earlier", "question", "language", "retry"}),
    "note": frozenset({"number", "title", "idea", "questions", "steps", "not_for", "encouragement"}),
    "earlier": frozenset({"messages"}),
    "earlier_message": frozenset({"text"}),
    "retry": frozenset({"attempt", "defects"}),
    "plain": frozenset({"system", "user"}),
    "draft": frozenset({"draft"}),
    "repair_system": frozenset(),
    "repair_user": frozenset(
        {"notes", "earlier", "question", "draft", "part", "defects", "again", "language"}
    ),
    "repair_again": frozenset({"attempt"}),
    "cbt_llm_repair": frozenset(
        {"earlier", "question", "title", "idea", "steps", "not_for", "part", "defects", "again"}
    ),
    "cbt_llm_question": frozenset({"earlier", "question", "title", "idea", "steps", "not_for", "retry"}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptTexts:
    """The prompt sentences of one language."""

    patterns: dict[str, str]
    """The patterns of a prompt by name: ``system``, ``user``, ``note``, ``retry`` and so on."""
    languages: dict[str, str]
    """Language tag to the sentence that asks for it."""
    between: str
    """What stands between two sentences."""
    mend: dict[str, str]
    """Code of a defect to what to do about it."""
    parts: dict[str, str]
    """Part of an answer to what it should do, when it is written alone."""
    other_defect: str
    """What to do about a defect of any other code."""

    def fill(self, pattern: str, **slots: object) -> str:
        """Return a pattern with its slots filled, in one pass."""
        return self.patterns[pattern].format(**slots)


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptMarks:
    """What is the same in every language."""

    cbt_llm: str
    """The prompt form of CBT-LLM; ``{}`` takes the question."""
    stops: tuple[str, ...]
    """Where a draft ends."""
    control: re.Pattern[str]
    """What in data could pass for the format of a chat."""
    speakers: re.Pattern[str]
    """A speaker's name (group 1) with its colon."""


@cache
def prompt_texts(language: str) -> PromptTexts:
    """Return the prompt sentences of ``zh`` or ``en``.

    Raises:
        DataError: ``data.malformed`` naming the entry.
    """
    own = _entry(_data(), language, dict)
    patterns = {name: str(_entry(own, name, str)) for name in _SLOTS}
    for name, pattern in patterns.items():
        try:
            found = {slot for _, slot, _, _ in Formatter().parse(pattern) if slot is not None}
        except ValueError as error:
            raise _malformed(f"{language}.{name}", str(error)) from error
        if found != _SLOTS[name]:
            raise _malformed(f"{language}.{name}", f"its slots must be {sorted(_SLOTS[name])}")
    parts = _texts(own, "parts")
    if set(parts) != {part.value for part in Part}:
        raise _malformed(f"{language}.parts", "it must name each of the five parts")
    return PromptTexts(
        patterns=patterns,
        parts=parts,
        languages=_texts(own, "languages"),
        between=str(_entry(own, "between", str)),
        mend=_texts(own, "mend"),
        other_defect=str(_entry(own, "other_defect", str)),
    )


@cache
def prompt_marks() -> PromptMarks:
    """Return what is the same in every language.

    Raises:
        DataError: ``data.malformed`` naming the entry.
    """
    data = _data()
    form = str(_entry(data, "cbt_llm", str))
    if form.count("{}") != 1:
        raise _malformed("cbt_llm", "it must hold {} once")
    speakers = "|".join(re.escape(str(word)) for word in _entry(data, "speakers", list))
    try:
        control = re.compile("|".join(f"(?:{p})" for p in _entry(data, "control", list)), re.IGNORECASE)
    except re.error as error:
        raise _malformed("control", str(error)) from error
    return PromptMarks(
        cbt_llm=form,
        stops=tuple(str(stop) for stop in _entry(data, "stops", list)),
        control=control,
        speakers=re.compile(rf"({speakers})(?:\s*[:：﹕])+", re.IGNORECASE),
    )


def _data() -> dict[str, Any]:
    data = read_yaml(DATA)
    if not isinstance(data, dict):
        raise _malformed("whole file", "it must be a mapping")
    return data


def _entry(data: dict[str, Any], name: str, kind: type) -> Any:
    value = data.get(name)
    if not isinstance(value, kind):
        raise _malformed(name, f"it must be a {kind.__name__}")
    return value


def _texts(data: dict[str, Any], name: str) -> dict[str, str]:
    return {str(key): str(value) for key, value in _entry(data, name, dict).items()}


def _malformed(entry: str, what: str) -> DataError:
    return DataError(
        "data.malformed",
        f"{DATA.name}, entry {entry!r}: {what}.",
        hint="Compare with the file that ships with the package.",
    )
