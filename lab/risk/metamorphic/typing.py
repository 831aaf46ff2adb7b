"""Slips of typing: neighbouring keys, swapped and lost letters, characters of the same sound."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from cbtguard.lab.risk.metamorphic.perturbation import Expect, perturbation
from cbtguard.lab.risk.metamorphic.tables import lines, risk_words, table

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_WORD = re.compile(r"[A-Za-z]{5,}")
_HAN = re.compile(r"[\u4e00-\u9fff]")


@perturbation("en")
def typos(text: str, draw: random.Random) -> str:
    """A slip in one or two words that name no danger."""
    return _slips(text, draw, [found for found in _WORD.finditer(text) if not _dangerous(found, text)], 2)


@perturbation("en")
def typos_in_risk_words(text: str, draw: random.Random) -> str:
    """A slip in a word of danger."""
    return _slips(text, draw, [found for found in _WORD.finditer(text) if _dangerous(found, text)], 1)


@perturbation("en", expect=Expect.MAY_CHANGE)
def heavy_typos(text: str, draw: random.Random) -> str:
    """A slip in every other long word."""
    found = list(_WORD.finditer(text))
    return _slips(text, draw, found, len(found) // 2)


@perturbation("zh")
def same_sound(text: str, draw: random.Random) -> str:
    """One character of the same sound, outside the words of danger."""
    danger = [match.span() for match in risk_words("zh").finditer(text)]
    places = [
        match.start()
        for match in _HAN.finditer(text)
        if match.group() in _slips_of_sound() and not any(a <= match.start() < b for a, b in danger)
    ]
    return _sounded(text, draw, draw.sample(places, min(1, len(places))))


@perturbation("zh")
def same_sound_in_risk_words(text: str, draw: random.Random) -> str:
    """A character of the same sound in each word of danger."""
    return table("typing.yaml", "zh", "words").put(text, draw)


@perturbation("zh", expect=Expect.MAY_CHANGE)
def many_same_sounds(text: str, draw: random.Random) -> str:
    """A character in three of the same sound."""
    places = [match.start() for match in _HAN.finditer(text) if match.group() in _slips_of_sound()]
    return _sounded(text, draw, draw.sample(places, len(places) // 3))


@perturbation("en")
def apostrophes_dropped(text: str, _: random.Random) -> str:
    """Dont, cant, im."""
    return re.sub(r"(?<=[A-Za-z])['’](?=[A-Za-z])", "", text)


@cache
def _slips_of_sound() -> dict[str, str]:
    """Character to the others of its group; a group is what an input method offers for one sound."""
    groups = lines("typing.yaml", "zh", "groups")
    return {char: group.replace(char, "") for group in groups for char in group}


def _sounded(text: str, draw: random.Random, places: Sequence[int]) -> str:
    chars = list(text)
    for place in places:
        chars[place] = draw.choice(_slips_of_sound()[chars[place]])
    return "".join(chars)


def _dangerous(found: re.Match[str], text: str) -> bool:
    return any(a < found.end() and found.start() < b for a, b in _danger(text))


@cache
def _danger(text: str) -> tuple[tuple[int, int], ...]:
    return tuple(match.span() for match in risk_words("en").finditer(text))


def _slips(text: str, draw: random.Random, found: Sequence[re.Match[str]], most: int) -> str:
    chosen = sorted(draw.sample(list(found), min(most, len(found))), key=lambda match: -match.start())
    for match in chosen:
        text = f"{text[: match.start()]}{_slip(match.group(), draw)}{text[match.end() :]}"
    return text


def _slip(word: str, draw: random.Random) -> str:
    """Swap two letters, hit a neighbouring key, lose or double a letter; the first letter stays."""
    place = draw.randrange(1, len(word) - 1)
    kind = draw.randrange(4)
    if kind == 0:
        return f"{word[:place]}{word[place + 1]}{word[place]}{word[place + 2 :]}"
    if kind == 1:
        return f"{word[:place]}{_neighbour(word[place], draw)}{word[place + 1 :]}"
    if kind == 2:
        return f"{word[:place]}{word[place + 1 :]}"
    return f"{word[:place]}{word[place]}{word[place:]}"


def _neighbour(letter: str, draw: random.Random) -> str:
    for row in _ROWS:
        place = row.find(letter.lower())
        if place >= 0:
            return draw.choice([row[i] for i in (place - 1, place + 1) if 0 <= i < len(row)])
    return letter
