"""Figures published for CBT-LLM, apart from anything that is run here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cbtguard.safety.errors import DataError
from cbtguard.safety.files import read_yaml

PUBLISHED = Path(__file__).parent / "data" / "published.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A published figure."""

    benchmark: str
    metric: str
    group: str
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """The figures, and where they come from."""

    model: str
    source: str
    seen: bool
    """Whether they were read in the publications themselves."""
    figures: tuple[Figure, ...]


def published(path: Path = PUBLISHED) -> Published:
    """Return the published figures.

    Raises:
        DataError: ``data.unreadable`` or ``data.malformed``.
    """
    data: Any = read_yaml(path)
    try:
        figures = tuple(
            Figure(
                benchmark=name,
                metric=str(row["metric"]),
                group=str(row.get("group", "")),
                value=float(row["value"]),
            )
            for name, rows in data["figures"].items()
            for row in rows
        )
        return Published(
            model=str(data["model"]), source=str(data["source"]), seen=bool(data["seen"]), figures=figures
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(
            "data.malformed",
            f"{path.name} is malformed.",
            hint="It has model, source, seen, and figures by benchmark, each with metric and value.",
        ) from error
