"""Finds problems, feelings and distortions in a question by the words people use for them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from cbtguard.nodes.reading.distortions import distortions
from cbtguard.safety.errors import DataError
from cbtguard.safety.files import read_yaml
from cbtguard.safety.language import to_simplified
from cbtguard.safety.text import Span, lowered, sentences

_DATA = Path(__file__).parent / "data"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something found in a text, with the words that show it."""

    label: str
    start: int
    end: int
    evidence: str
    weight: float
    """Higher counts more; sums over all the words that show the same label."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a question is about. Each tuple is ordered, the strongest first."""

    problems: tuple[Finding, ...]
    emotions: tuple[Finding, ...]
    distortions: tuple[Finding, ...]


@lru_cache(maxsize=16)
def read(text: str) -> Reading:
    """Return the problems, feelings and distortions that a text shows; any of them may be empty.

    The last few readings are kept: retriever and composer read the same question, with placeholders in it.
    """
    plain = lowered(to_simplified(text))
    return Reading(
        problems=_find(plain, text, "problems"),
        emotions=_find(plain, text, "emotions"),
        distortions=_distortions(text, _find(plain, text, "distortions")),
    )


def _distortions(text: str, matched: tuple[Finding, ...]) -> tuple[Finding, ...]:
    shown = distortions(text, {f.label: Span(start=f.start, end=f.end) for f in matched})
    found = [
        Finding(label=s.label, start=s.start, end=s.end, evidence=text[s.start : s.end], weight=s.weight)
        for s in shown
    ]
    return tuple(sorted(found, key=lambda f: (-f.weight, f.start, f.label)))


def patterns_found(text: str) -> frozenset[str]:
    """Return the distortions whose patterns match a text: one of the things :func:`distortions` weighs."""
    return frozenset(finding.label for finding in _find(lowered(to_simplified(text)), text, "distortions"))


def _find(plain: str, text: str, what: str) -> tuple[Finding, ...]:
    found: dict[str, Finding] = {}
    for span in sentences(plain):
        part = plain[span.start : span.end]
        for label, (pattern, weight) in _table(what).items():
            for match in pattern.finditer(part):
                start, end = span.start + match.start(), span.start + match.end()
                before = found.get(label)
                found[label] = Finding(
                    label=label,
                    start=before.start if before else start,
                    end=before.end if before else end,
                    evidence=before.evidence if before else text[start:end],
                    # Repeated words tell less and less.
                    weight=weight if before is None else before.weight + weight * 0.3,
                )
    return tuple(sorted(found.values(), key=lambda f: (-f.weight, f.start, f.label)))


@cache
def _table(what: str) -> dict[str, tuple[re.Pattern[str], float]]:
    path = _DATA / f"{what}.yaml"
    table: dict[str, tuple[re.Pattern[str], float]] = {}
    data: dict[str, Any] = read_yaml(path)
    for label, entry in data.items():
        try:
            pattern = re.compile(rf"{entry['zh']}|(?<![a-z])(?:{entry['en']})(?![a-z])")
        except (KeyError, TypeError, re.error) as error:
            raise DataError(
                "data.malformed",
                f"{path.name}, entry {label!r}: {error}.",
                hint="Each entry has a `zh` and an `en` pattern.",
            ) from error
        table[label] = (pattern, float(entry.get("weight", 1.0)))
    return table


def emotion_name(label: str, language: str, *, noun: bool = False) -> str:
    """Return the word for a feeling, as an answer uses it: an adjective, or a noun where asked for."""
    entry = _emotions()[label]
    names: dict[str, str] = entry.get("noun", entry["name"]) if noun else entry["name"]
    return names["en" if language.startswith("en") else "zh"]


@cache
def _emotions() -> dict[str, Any]:
    data: dict[str, Any] = read_yaml(_DATA / "emotions.yaml")
    return data
