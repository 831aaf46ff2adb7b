"""Sentences with their personal data marked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cbtguard.lab.evaluate.lines import read_rows

if TYPE_CHECKING:
    from pathlib import Path

    from cbtguard.safety.privacy import EntityType

_ROW = "A row is a JSON object: id, language, text, spans (type, start, end), hard, set."


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A marked span: its type and offsets in the text."""

    type: EntityType
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A sentence with its personal data marked; without spans it is clean."""

    id: str
    language: str
    text: str
    spans: tuple[Span, ...]
    hard: bool
    set: str


def read_cases(path: Path) -> tuple[Case, ...]:
    """Return the cases of a JSON Lines file.

    Raises:
        DataError: ``data.malformed``, naming file and row; ``data.unreadable``; ``data.empty``.
    """
    return read_rows(path, _case, hint=_ROW)


def _case(row: dict[str, Any]) -> Case:
    from cbtguard.safety.privacy import EntityType  # noqa: PLC0415 - keeps help fast

    text = str(row["text"])
    spans = tuple(
        Span(type=EntityType(span["type"]), start=int(span["start"]), end=int(span["end"]))
        for span in row["spans"]
    )
    if not all(0 <= span.start < span.end <= len(text) for span in spans):
        raise ValueError("offsets outside the text")
    return Case(
        id=str(row["id"]),
        language=str(row["language"]),
        text=text,
        spans=spans,
        hard=bool(row.get("hard", False)),
        set=str(row.get("set", "")),
    )
