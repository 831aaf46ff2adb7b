"""What is held against an answer because of what was asked: another topic, an echo, a danger passed over."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

from cbtguard.safety.errors import DataError
from cbtguard.safety.files import read_yaml
from cbtguard.safety.language import to_simplified
from cbtguard.safety.structure.pieces import words
from cbtguard.safety.text import lowered

_DATA = Path(__file__).parent / "data"
_HAN = re.compile(r"[\u3400-\u9fff]+")
_FEWEST_CHARACTERS, _FEWEST_WORDS = 8, 6
"""Telling characters (zh) and words (en) a question must have before sharing none of them tells anything."""
_TAKEN_UP = 5
"""Characters of a question that stand in the answer as they were written: it takes them up."""
_STEM = 5
"""Characters of an English word that must agree."""
_SIGNS = re.compile(r"[^\w' ]+")
_NUMBER = re.compile(r"(?<!\d)\d[\d\- ]{3,22}[\dXx](?!\d)")
_MAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,64}(?:\.[\w-]{1,32})+")
_PLACE = re.compile(
    r"[\u4e00-\u9fff]{2,12}(?:小区|花园|公寓|社区|路|街|巷|村|弄|里)[^，。！？；\s]{0,12}?\d{1,5}[^，。！？；\s]{0,12}"
    r"|\d{1,5}[a-z]? [A-Z][a-z]+ (?:Street|St|Road|Rd|Avenue|Ave|Lane|Drive|Court|Place|Square|Close|Way|Terrace)\b"
)


@dataclass(frozen=True, slots=True)
class _Danger:
    danger: re.Pattern[str]
    unless: re.Pattern[str]
    handled: re.Pattern[str]


def echo(question: str, answer: str) -> str | None:
    """Return the first number, e-mail address or postal address of a question that its answer repeats."""
    for match in _PLACE.finditer(question):
        place = match.group()
        if place in answer or _tail(place) in answer:
            return place
    for match in _MAIL.finditer(question):
        if match.group() in answer:
            return match.group()
    for match in _NUMBER.finditer(question):
        digits = re.sub(r"\D", "", match.group())
        if len(digits) >= _STEM + 1 and (match.group() in answer or digits in answer):
            return match.group()
    return None


def _tail(place: str) -> str:
    """Return an address without what stands before its name: a verb, a preposition."""
    return place[-max(6, len(place) - 4) :]


def passed_over(answer: str) -> bool:
    """Whether an answer neither asks about safety nor leads to people who can help."""
    return _dangers().handled.search(lowered(to_simplified(answer)).replace("’", "'")) is None


@lru_cache(maxsize=256)
def dangerous(question: str) -> bool:
    """Whether a question speaks of danger to life. A light look: the crisis screen is what decides a route."""
    plain = lowered(to_simplified(question)).replace("’", "'")
    data = _dangers()
    return any(
        data.unless.search(plain, max(0, match.start() - 12), match.end() + 12) is None
        for match in data.danger.finditer(plain)
    )


def off_topic(question: str, answer: str) -> bool:
    """Whether an answer shares next to nothing with a question of some length; both in Simplified script."""
    asked, said = lowered(question), lowered(answer)
    common = _common()
    if _HAN.search(asked):
        runs = _HAN.findall(asked)
        telling = {char for run in runs for char in run if char not in common["zh"]}
        pairs = {
            run[place : place + 2]
            for run in runs
            for place in range(len(run) - 1)
            if run[place] in telling and run[place + 1] in telling
        }
        if any(
            run[place : place + _TAKEN_UP] in said and not telling.isdisjoint(run[place : place + _TAKEN_UP])
            for run in runs
            for place in range(len(run) - _TAKEN_UP + 1)
        ):
            return False
        shared = sum(char in said for char in telling)
        few = len(telling) >= _FEWEST_CHARACTERS and shared <= 1 + 0.16 * len(telling)
        return few and not any(pair in said for pair in pairs)
    wanted = {
        word[:_STEM] for word in words(asked) if word.isalpha() and len(word) > 2 and word not in common["en"]
    }
    if len(wanted) < _FEWEST_WORDS:
        return False
    spaced = _SIGNS.sub(" ", f" {said}")
    shared = sum(f" {stem}" in spaced for stem in wanted)
    return shared <= 0.1 * (len(wanted) - _FEWEST_WORDS)


@cache
def _common() -> dict[str, frozenset[str]]:
    data = read_yaml(_DATA / "topic.yaml")
    return {"zh": frozenset(data["zh"]), "en": frozenset(data["en"].split())}


@cache
def _dangers() -> _Danger:
    path = _DATA / "asked.yaml"
    data = read_yaml(path)
    try:
        return _Danger(
            danger=re.compile(f"{data['danger']['zh']}|{data['danger']['en']}"),
            unless=re.compile(data["danger"]["unless"]),
            handled=re.compile(f"{data['handled']['zh']}|{data['handled']['en']}"),
        )
    except (KeyError, TypeError, re.error) as error:
        raise DataError(
            "data.malformed",
            f"{path.name} cannot be used ({error}).",
            hint="`danger` has zh, en and unless; `handled` has zh and en.",
        ) from error
