"""What a data set holds, counted: lengths, parts, thinking habits, notes, languages, levels."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cbtguard.lab.build.alike import nearest_across
from cbtguard.lab.plots import Line, bars, chart
from cbtguard.safety.structure import Part

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from cbtguard.lab.build.result import Result

PLOTS = ("lengths.svg", "parts.svg", "distortions.svg")
_BINS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """How a number spreads over rows."""

    least: int
    low: int
    """A tenth lies below."""
    middle: int
    high: int
    """A tenth lies above."""
    most: int

    @classmethod
    def of(cls, values: Iterable[int]) -> Spread:
        """Return the spread of some numbers; all 0 without any."""
        row = sorted(values) or [0]
        last = len(row) - 1
        return cls(
            least=row[0],
            low=row[round(last * 0.1)],
            middle=row[round(last * 0.5)],
            high=row[round(last * 0.9)],
            most=row[-1],
        )

    def cells(self) -> tuple[str, ...]:
        """Return the numbers as a table shows them."""
        return tuple(f"{value:,}" for value in (self.least, self.low, self.middle, self.high, self.most))


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """The figures of a data set.

    Attributes:
        lengths: Name of a text (``question``, ``answer``) to its spread, in characters.
        parts: Part to answers that have it and its median length, in characters.
        distortions: Thinking habit to rows, most frequent first.
        notes: Technique note to rows that cite it, most frequent first.
        counts: Further tables by title: name to number.
        across: Likeness of the two most alike questions of different splits, 0 to 1.
    """

    lengths: Mapping[str, Spread]
    parts: Mapping[str, tuple[int, int]]
    distortions: Mapping[str, int]
    notes: Mapping[str, int]
    counts: Mapping[str, Mapping[str, int]]
    across: float


def figures_of(result: Result) -> Figures:
    """Return the figures of a data set."""
    rows = result.rows
    sides = [split for split, own in result.splits.items() for _ in own]
    parts = {}
    for part in Part:
        spans = [row["parts"][part.value] for row in rows if part.value in row["parts"]]
        parts[part.value] = (len(spans), Spread.of(s["end"] - s["start"] for s in spans).middle)
    checks = [row["checks"] for row in rows]
    return Figures(
        lengths={
            "question": Spread.of(len(asked(row)) for row in rows),
            "answer": Spread.of(len(row["answer"]) for row in rows),
        },
        parts=parts,
        distortions=_counted(found["label"] for row in rows for found in row["distortions"]),
        notes=_counted(note["id"] for row in rows for note in row["notes"] if note["cited"]),
        counts={
            "language": _counted(row["language"] for row in rows),
            "level": _counted(check["screen"]["level"] for check in checks),
            "drafts": _counted(str(check["drafts"]) for check in checks),
            "filled": _counted(part for check in checks for part in check["filled"]),
            "redactions": dict(sum((Counter(check["redactions"]) for check in checks), Counter())),
            "crisis": _counted(f"{row['level']}, {row['subject']}" for row in result.crisis),
            "refused": _counted(row["reason"] for row in result.refused),
            "errors": _counted(row["error"]["code"] for row in result.errors),
        },
        across=nearest_across([asked(row) for row in rows], sides),
    )


def asked(row: Mapping[str, Any]) -> str:
    """Return question and description of a row as one text."""
    return f"{row['question']}\n{row['description']}".strip()


def draw(folder: Path, result: Result, figures: Figures) -> None:
    """Write the plots of a data set."""
    rows = result.rows
    lines = [
        _histogram("question", [len(asked(row)) for row in rows]),
        _histogram("answer", [len(row["answer"]) for row in rows]),
    ]
    chart(folder / PLOTS[0], lines, title="Lengths", x="characters", y="rows")
    middles: dict[str, float] = {
        name.replace("_", " "): middle for name, (_, middle) in figures.parts.items()
    }
    bars(folder / PLOTS[1], middles, title="Length of each part, median", x="characters")
    habits: dict[str, float] = {name.replace("_", " "): float(n) for name, n in figures.distortions.items()}
    bars(folder / PLOTS[2], habits, title="Thinking habits in the questions", x="rows")


def _histogram(name: str, lengths: Sequence[int]) -> Line:
    """A line over the middles of bins that hold all but the longest hundredth."""
    row = sorted(lengths) or [0]
    width = max(1, -(-(row[round((len(row) - 1) * 0.99)] + 1) // _BINS))
    counts = Counter(min(length // width, _BINS) for length in row)
    places = range(max(counts) + 1)
    return Line(name=name, x=[(p + 0.5) * width for p in places], y=[float(counts[p]) for p in places])


def _counted(names: Iterable[str]) -> dict[str, int]:
    """Return how often each name comes, the most frequent first."""
    return dict(sorted(Counter(names).items(), key=lambda item: (-item[1], item[0])))
