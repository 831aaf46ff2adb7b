"""The plan: which defects are planted, drawn from the sources by a seed, the same every time."""

from __future__ import annotations

import random
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cbtguard.audit.mutants.edits import Edit, by_words
from cbtguard.safety.errors import DataError
from cbtguard.safety.files import read_text, read_yaml

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOMS = ("audit", "graph", "nodes", "safety", "service")
"""Folders of the package that a copy holds."""
DEFECTS = Path(__file__).parents[1] / "data" / "planted.yaml"
SEED = 2026
NUMBERS = {
    "rule_deleted": 30,
    "rule_lowered": 10,
    "pattern_removed": 15,
    "scope": 15,
    "threshold": 12,
    "normalisation": 8,
    "route": 20,
    "redactor": 15,
    "placeholder": 4,
    "checker_clause": 20,
    "checker_model": 3,
    "phone_line": 15,
    "referral_text": 10,
    "note": 6,
    "record": 7,
    "bounds": 6,
    "release": 4,
}
"""Kind to how many; two hundred in all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One planted defect."""

    id: str
    kind: str
    file: str
    """Below the package, such as ``safety/risk/data/rules.zh.yaml``."""
    what: str
    """What was changed, in words."""
    edit: Edit


def room(name: str) -> Path:
    """Return the folder of a room of the package in use."""
    return Path(str(import_module(f"cbtguard.{name}").__file__)).parent


def source(file: str) -> Path:
    """Return the path of a file below the package."""
    first, _, rest = file.partition("/")
    return room(first) / rest


def plan_mutants(seed: int = SEED) -> tuple[Mutant, ...]:
    """Return all planted defects.

    Raises:
        DataError: ``data.malformed`` when the sources do not hold as many as the plan asks for, or words of a
            hand-written defect do not stand in their file.
    """
    made: list[Mutant] = []
    for kind, number in NUMBERS.items():
        found = [*_by_hand(kind), *_drawn(kind, seed)][:number]
        if len(found) < number:
            raise DataError(
                "data.malformed",
                f"There are {len(found)} defects of the kind {kind}, {number} are wanted.",
                hint="Write more of them into audit/data/planted.yaml.",
            )
        made += [
            Mutant(id=f"{kind}.{place:02}", kind=kind, file=file, what=what, edit=edit)
            for place, (file, what, edit) in enumerate(found, 1)
        ]
    return tuple(made)


Found = tuple[str, str, Edit]


def _by_hand(kind: str) -> Iterator[Found]:
    for entry in read_yaml(DEFECTS).get(kind) or ():
        text = read_text(source(entry["file"]))
        yield entry["file"], entry["what"], by_words(text, entry["find"], entry["replace"], entry["what"])


def _drawn(kind: str, seed: int) -> list[Found]:
    from cbtguard.audit.mutants import drawn  # noqa: PLC0415 - it needs what stands here

    draw: Callable[[], list[Found]] | None = drawn.KINDS.get(kind)
    if draw is None:
        return []
    found: list[Any] = draw()
    random.Random(f"{seed}{kind}").shuffle(found)  # noqa: S311 - no secret
    return found
