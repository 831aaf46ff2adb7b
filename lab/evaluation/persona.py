"""Personas: invented people with a trouble, what there is to be learned of them, and how they may hold back."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from cbtguard.safety.errors import DataError
from cbtguard.safety.files import read_yaml
from cbtguard.safety.structure import Part

PERSONAS = Path(__file__).parent / "data" / "personas.yaml"


class Attitude(StrEnum):
    """How a client takes to the talk."""

    COOPERATIVE = "cooperative"
    ENGAGED = "engaged"
    RESISTANT = "resistant"


@dataclass(frozen=True, slots=True, kw_only=True)
class Persona:
    """One invented person."""

    id: str
    language: str
    """``zh`` or ``en``."""
    about: str
    opening: str
    told: dict[Part, str]
    """What the person says once a reply had this part."""
    withheld: tuple[str, ...]
    engaged: tuple[str, ...]
    stuck: str
    thanks: str
    leave: str


def read_personas(path: Path = PERSONAS) -> tuple[Persona, ...]:
    """Return the personas of a file.

    Raises:
        DataError: ``data.unreadable`` or ``data.malformed``, naming the persona.
    """
    data: Any = read_yaml(path)
    name, found = "the file", []
    try:
        for row in data["personas"]:
            name = str(row["id"])
            own: dict[str, Any] = {key: _text(row[key]) for key in ("about", "opening")}
            own |= {key: tuple(map(_text, row[key])) for key in ("withheld", "engaged")}
            own |= {key: _text(data["shared"][row["language"]][key]) for key in ("stuck", "thanks", "leave")}
            told = {part: _text(row["told"][part.value]) for part in Part}
            found.append(Persona(id=name, language=row["language"], told=told, **own))
    except (KeyError, TypeError, ValueError) as error:
        raise _malformed(path, name) from error
    if len({persona.id for persona in found}) != len(found) or not found:
        raise _malformed(path, "an id stands twice, or there is no persona, so the file")
    return tuple(found)


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("text")
    return value


def _malformed(path: Path, name: str) -> DataError:
    return DataError(
        "data.malformed",
        f"{path.name} cannot be used: {name} is malformed.",
        hint="Compare with lab/evaluation/data/personas.yaml.",
    )
