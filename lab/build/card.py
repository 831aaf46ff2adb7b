"""The card of a data set and its manifest, made from its figures: no date, so that they change only with them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

from cbtguard.safety.errors import DataError
from cbtguard.safety.files import read_text, read_yaml

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from cbtguard.lab.build.figures import Figures
    from cbtguard.lab.build.plan import Sharing
    from cbtguard.lab.build.result import Result

_DATA = Path(__file__).parent / "data"
_NOTES = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a data set comes from and what may be done with it, as whoever builds it says.

    Attributes:
        source: Name of the file or data set, without its folder.
        digest: SHA-256 of the file; empty for a data set by name.
        licence: Of the data set.
        about: One line about the source.
    """

    source: str
    digest: str
    licence: str
    about: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What a million tokens cost, in any currency."""

    read: float = 0.0
    written: float = 0.0

    def of(self, result: Result) -> float:
        """Return what the answers of a data set cost."""
        return round((result.read * self.read + result.written * self.written) / 1e6, 4)


def card_of(
    result: Result,
    figures: Figures,
    *,
    origin: Origin,
    price: Price,
    sharing: Sharing,
    made_with: Mapping[str, str],
    files: Mapping[str, Mapping[str, Any]],
) -> str:
    """Return the card as Markdown."""
    outcomes = [(name, len(rows)) for name, rows in result.splits.items()]
    outcomes += [("crisis", len(result.crisis)), ("refused", len(result.refused))]
    outcomes += [("errors", len(result.errors))]
    paper = paper_labels()
    title = Path(origin.source).stem or origin.source
    return Template(read_text(_DATA / "card.md")).substitute(
        title=f"{title}: CBT questions and answers",
        count=f"{len(result.rows):,}",
        licence=_cell(origin.licence),
        about=_cell(origin.about),
        source=_cell(origin.source),
        total=f"{result.total:,}",
        digest=origin.digest or "-",
        writer=made_with["writer"],
        read=f"{result.read:,}",
        written=f"{result.written:,}",
        cost=f"{price.of(result):,.4g}",
        outcomes=table(("where", "rows"), [(name, f"{n:,}") for name, n in outcomes]),
        across=f"{figures.across:.2f}",
        group=f"{sharing.group:g}",
        repeat=f"{sharing.repeat:g}",
        lengths=table(
            ("text", "least", "tenth", "median", "nine tenths", "most"),
            [(name, *spread.cells()) for name, spread in figures.lengths.items()],
        ),
        parts=table(
            ("part", "answers that have it", "median length"),
            [(name.replace("_", " "), f"{n:,}", f"{m:,}") for name, (n, m) in figures.parts.items()],
        ),
        distortions=table(
            ("habit", "in the paper", "rows"),
            [
                (name.replace("_", " "), "yes" if name in paper else "", f"{n:,}")
                for name, n in figures.distortions.items()
            ],
        ),
        notes=table(
            ("note", "rows"), [(f"`{name}`", f"{n:,}") for name, n in list(figures.notes.items())[:_NOTES]]
        ),
        counts="\n\n".join(
            table((name, "number"), [(_cell(key), f"{n:,}") for key, n in counts.items()])
            for name, counts in figures.counts.items()
            if counts
        ),
        made_with=table(("part", "version"), [(k, f"`{_cell(v)}`") for k, v in made_with.items()]),
        files=table(
            ("file", "bytes", "SHA-256"),
            [(f"`{name}`", f"{file['bytes']:,}", f"`{file['sha256']}`") for name, file in files.items()],
        ),
    )


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; the cells behind the first are right-aligned."""
    lines = [f"| {' | '.join(head)} |", f"| --- |{' ---: |' * (len(head) - 1)}"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def paper_labels() -> frozenset[str]:
    """Return the thinking habits that the paper labels.

    Raises:
        DataError: ``data.malformed``.
    """
    data = read_yaml(_DATA / "paper.yaml")
    if not isinstance(data, dict) or not isinstance(data.get("distortions"), list):
        raise DataError(
            "data.malformed",
            "paper.yaml, entry 'distortions': it must be a list.",
            hint="Compare with the file that ships with the package.",
        )
    return frozenset(str(label) for label in data["distortions"])


def _cell(text: str) -> str:
    """A text as a cell of a table takes it."""
    return " ".join(text.split()).replace("|", "\\|")
