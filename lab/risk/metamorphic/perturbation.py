"""What a perturbation is, and the list of all of them."""

from __future__ import annotations

import importlib
import random
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import TypeAlias

Change: TypeAlias = Callable[[str, random.Random], str]
"""Says a text in another way; gives it back unchanged where there is nothing to change."""

_MODULES = ("form", "disguise", "speech", "typing", "frame")
_registry: dict[str, Perturbation] = {}


class Expect(StrEnum):
    """What a perturbation may do to a verdict."""

    KEEPS = "keeps"
    """The meaning is the same, so the verdict must be."""
    MAY_CHANGE = "may_change"
    """The meaning may move; reported, and not counted in the whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Perturbation:
    """One way to say the same thing otherwise. A pure function: the same text always gives the same result."""

    name: str
    languages: frozenset[str]
    """``zh`` for both scripts, ``en``."""
    expect: Expect
    about: str
    """What it does, in a sentence."""
    change: Change

    def applies_to(self, language: str) -> bool:
        """Whether it is made for a language, as :func:`cbtguard.safety.language.detect` names it."""
        return language.split("-", maxsplit=1)[0] in self.languages

    def __call__(self, text: str) -> str | None:
        """Return the text said otherwise; None where it has nothing to change."""
        # The draw hangs on name and text alone, so a pair stays the same whatever is run beside it.
        seed = zlib.crc32(f"{self.name}\n{text}".encode("utf-8", "surrogatepass"))
        changed = self.change(text, random.Random(seed))  # noqa: S311 - a draw to repeat, no secret
        return changed if changed.strip() and changed != text else None


def perturbation(
    *languages: str, expect: Expect = Expect.KEEPS, name: str | None = None
) -> Callable[[Change], Change]:
    """Register a function as a perturbation named after it; the first line of its docstring says what it does."""

    def register(change: Change) -> Change:
        own = name or change.__name__
        if own in _registry:
            raise ValueError(f"there are two perturbations named {own!r}")
        _registry[own] = Perturbation(
            name=own,
            languages=frozenset(languages),
            expect=expect,
            about=(change.__doc__ or "").strip().splitlines()[0],
            change=change,
        )
        return change

    return register


@cache
def perturbations() -> dict[str, Perturbation]:
    """Return all perturbations by name, in the order in which their modules define them."""
    for module in _MODULES:
        importlib.import_module(f"{__package__}.{module}")
    return dict(_registry)
