"""What a section of the report is made of."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows of cells; the first column names the row."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""
    words: bool = False
    """Whether the cells are sentences rather than numbers."""

    kind: str = field(default="table", init=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A plot."""

    svg: str
    caption: str

    kind: str = field(default="picture", init=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentences:
    """Sentences one under the other, under a small heading."""

    lines: tuple[str, ...]
    heading: str = ""

    kind: str = field(default="sentences", init=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A section with its place in the table of contents."""

    id: str
    title: str
    about: str = ""
    blocks: tuple[Table | Picture | Sentences, ...] = ()
