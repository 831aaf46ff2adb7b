"""Measuring a detector: recall and false alarms, whole and by part, with Wilson intervals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from cbtguard.safety.risk.model import Level

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from cbtguard.lab.risk.lines import Line

_Z = 1.959964
"""95 %."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """So many of so many."""

    hits: int
    total: int

    @property
    def value(self) -> float:
        """0 to 1; 0 of none."""
        return self.hits / self.total if self.total else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % Wilson score interval."""
        if not self.total:
            return 0.0, 1.0
        n, p, z2 = self.total, self.value, _Z * _Z
        middle = (p + z2 / (2 * n)) / (1 + z2 / n)
        half = _Z / (1 + z2 / n) * (p * (1 - p) / n + z2 / (4 * n * n)) ** 0.5
        return max(0.0, middle - half), min(1.0, middle + half)

    @classmethod
    def of(cls, outcomes: Sequence[bool]) -> Self:
        """Return how many of the outcomes are true."""
        return cls(hits=sum(outcomes), total=len(outcomes))

    def as_dict(self) -> dict[str, float]:
        """Return the counts, the value and its interval as JSON primitives."""
        low, high = self.interval
        return {
            "hits": self.hits,
            "total": self.total,
            "value": round(self.value, 4),
            "low": round(low, 4),
            "high": round(high, 4),
        }

    def __str__(self) -> str:
        low, high = self.interval
        return f"{self.value:6.1%} ({low:5.1%}-{high:6.1%}) {self.hits}/{self.total}"


def recall(lines: Sequence[Line], levels: Sequence[Level], at: Level = Level.CRISIS) -> Share:
    """Return how many of the lines whose label refers were given ``at`` or more."""
    grave = [level for line, level in zip(lines, levels, strict=True) if line.level.refers]
    return Share(hits=sum(level.rank >= at.rank for level in grave), total=len(grave))


def false_alarms(lines: Sequence[Line], levels: Sequence[Level], at: Level = Level.CRISIS) -> Share:
    """Return how many of the lines without danger were given ``at`` or more."""
    quiet = [level for line, level in zip(lines, levels, strict=True) if line.level is Level.NONE]
    return Share(hits=sum(level.rank >= at.rank for level in quiet), total=len(quiet))


def table(lines: Sequence[Line], levels: Sequence[Level]) -> Iterator[str]:
    """Yield a report: all, then by origin, language, level, kind and, for sets with few types, by type."""
    yield "part                                    recall (level crisis or more)     false alarms"
    parts: tuple[tuple[str, Callable[[Line], Sequence[str]]], ...] = (
        ("all", lambda _: ("",)),
        ("origin", lambda line: (line.origin,)),
        ("language", lambda line: (line.language,)),
        ("level", lambda line: (line.level.value,)),
        ("kind", lambda line: tuple(kind.value for kind in line.kinds)),
        ("type", lambda line: (line.type,) if ":" in line.origin else ()),
    )
    for name, key in parts:
        for value in sorted({value for line in lines for value in key(line)}):
            chosen = [i for i, line in enumerate(lines) if value in key(line)]
            some, given = [lines[i] for i in chosen], [levels[i] for i in chosen]
            found, alarms = recall(some, given), false_alarms(some, given)
            hints = [level for line, level in zip(some, given, strict=True) if line.level is Level.WATCH]
            cells = [
                f"{name} {value}".ljust(38),
                str(found) if found.total else "-",
                str(alarms) if alarms.total else "-",
            ]
            if hints and name in {"all", "level"}:
                up = Share(hits=sum(level.refers for level in hints), total=len(hints))
                noticed = Share(hits=sum(level.rank > 0 for level in hints), total=len(hints))
                cells.append(f"watch lines: noticed {noticed}, raised to crisis {up}")
            yield "  ".join(cell.ljust(32) for cell in cells).rstrip()
