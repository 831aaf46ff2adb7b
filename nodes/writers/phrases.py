"""The composer's sentences, read from data and checked once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Any

from cbtguard.safety.errors import DataError
from cbtguard.safety.files import read_yaml

_DATA = Path(__file__).parent / "data"
_SLOTS = frozenset(
    [
        "quote",
        "emotion",
        "feeling",
        "empathy",
        "words",
        "habit",
        "meaning",
        "thought",
        "title",
        "idea",
        "question",
        "question2",
        "steps",
        "step",
        "not_for",
        "encouragement",
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Phrases:
    """The sentence patterns of one language."""

    patterns: dict[str, tuple[str, ...]]
    """Part of the answer to its patterns."""
    caution: str
    quote_marks: tuple[str, str]
    habits: dict[str, str]
    """Distortion to what it means."""
    empathy: dict[str, tuple[str, ...]]
    """Problem to sentences that say it is understandable."""
    thoughts: dict[str, tuple[str, ...]]
    """Problem to thoughts that often hide behind it."""


@cache
def phrases(language: str) -> Phrases:
    """Return the patterns of ``zh`` or ``en``.

    Raises:
        DataError: ``data.malformed`` when a pattern names a slot that does not exist.
    """
    raw = read_yaml(_DATA / "phrases.yaml")
    problems = read_yaml(_DATA / "problems.yaml")
    own = raw[language]
    patterns = {name: tuple(value) for name, value in own.items() if isinstance(value, list)}
    for name, several in patterns.items():
        for pattern in (*several, own["caution"]):
            _check(pattern, name)
    return Phrases(
        patterns=patterns,
        caution=own["caution"],
        quote_marks=(own["quote_marks"][0], own["quote_marks"][1]),
        habits={name: text[language] for name, text in raw["habits"].items()},
        empathy=_by_problem(problems, language, "empathy"),
        thoughts=_by_problem(problems, language, "thought"),
    )


def _by_problem(problems: Any, language: str, field: str) -> dict[str, tuple[str, ...]]:
    return {name: tuple(entry[language][field]) for name, entry in problems.items()}


def _check(pattern: str, name: str) -> None:
    for _, slot, _, _ in Formatter().parse(pattern):
        if slot is not None and slot not in _SLOTS:
            raise DataError(
                "data.malformed",
                f"phrases.yaml, {name}: there is no slot {slot!r}.",
                hint=f"Use one of {', '.join(sorted(_SLOTS))}.",
            )
