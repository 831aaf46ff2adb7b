"""Texts that a pattern matches, made from the pattern itself: probes where no example shows it alone."""

from __future__ import annotations

import importlib
import random
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import re
    from collections.abc import Iterator

_PARSER: Any = importlib.import_module("re._parser")
_CLASSES = {"CATEGORY_DIGIT": "5", "CATEGORY_SPACE": " ", "CATEGORY_WORD": "a", "CATEGORY_NOT_DIGIT": "天"}
_CLASSES |= {"CATEGORY_NOT_SPACE": "天", "CATEGORY_NOT_WORD": " "}
_ANY = "的天a"
_FOLLOWED = 0.7
"""How often what must stand beside a match is written out."""


def texts_for(pattern: str, *, tries: int = 40, seed: int = 7) -> Iterator[str]:
    """Yield texts that the pattern should match, each once; not every one does, the caller looks."""
    dice = random.Random(f"{seed}{pattern}")  # noqa: S311 - no secret
    tree = _PARSER.parse(pattern)
    seen: set[str] = set()
    for number in range(tries):
        text = _text(tree, dice, plain=number == 0)
        if text not in seen:
            seen.add(text)
            yield text


def first_for(pattern: str, *others: re.Pattern[str]) -> str | None:
    """Return the first made text that none of the other patterns matches."""
    return next((t for t in texts_for(pattern) if not any(one.search(t) for one in others)), None)


def _text(tree: Any, dice: random.Random, *, plain: bool) -> str:
    return "".join(_piece(str(op), value, dice, plain=plain) for op, value in tree)


def _piece(op: str, value: Any, dice: random.Random, *, plain: bool) -> str:
    if op in {"LITERAL", "NOT_LITERAL", "ANY", "IN"}:
        return _sign(op, value, dice, plain=plain)
    if op in {"BRANCH", "SUBPATTERN", "ASSERT"}:
        return _group(op, value, dice, plain=plain)
    if op in {"MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"}:
        least, most, inner = value
        times = least if plain or int(most) == int(least) else dice.choice((least, least + 1))
        return "".join(_text(inner, dice, plain=plain) for _ in range(int(times)))
    return ""


def _sign(op: str, value: Any, dice: random.Random, *, plain: bool) -> str:
    if op == "IN":
        return _member(value, dice, plain=plain)
    if op == "LITERAL":
        return chr(value)
    return next(c for c in _ANY if op == "ANY" or ord(c) != value)


def _group(op: str, value: Any, dice: random.Random, *, plain: bool) -> str:
    if op == "BRANCH":
        ways = value[1]
        return _text(ways[0] if plain else dice.choice(ways), dice, plain=plain)
    if op == "SUBPATTERN":
        return _text(value[3], dice, plain=plain)
    return _text(value[1], dice, plain=plain) if dice.random() < _FOLLOWED else ""


def _member(items: Any, dice: random.Random, *, plain: bool) -> str:
    kinds = [(str(op), value) for op, value in items]
    if kinds[0][0] == "NEGATE":
        barred = {chr(v) for op, v in kinds[1:] if op == "LITERAL"}
        return next((c for c in "的天aå" if c not in barred), "的")
    op, value = kinds[0] if plain else dice.choice(kinds)
    if op == "LITERAL":
        return chr(value)
    if op == "RANGE":
        return chr(value[0])
    return _CLASSES.get(str(value), "a")
