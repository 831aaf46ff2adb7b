"""Gates: what an audit has to reach, read from a TOML file and judged one by one."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cbtguard.audit.case import Suite
from cbtguard.safety.errors import DataError
from cbtguard.safety.files import read_text

if TYPE_CHECKING:
    from collections.abc import Mapping

SHIPPED = Path(__file__).parent / "data" / "gates.toml"
MEASURES = (
    "at_least",
    "failures_at_most",
    "p50_ms_at_most",
    "p95_ms_at_most",
    "p99_ms_at_most",
    "errors_at_most",
    "worse_at_most",
    "proof",
)
"""Of these, a gate has exactly one."""


class On(StrEnum):
    """Which number of a rate is held against the threshold."""

    POINT = "point"
    """The rate itself."""
    BOUND = "bound"
    """The end of its interval that is against the target: the lower one of what passes."""


class Standing(StrEnum):
    """What came of a gate."""

    HOLDS = "holds"
    FAILS = "fails"
    NOT_LOOKED_AT = "not_looked_at"
    """Nothing of it was tried. Does not fail the audit unless the gate is required."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """One threshold; the fields are described in the shipped file."""

    name: str
    target: str | None = None
    suite: Suite | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    at_least: float | None = None
    failures_at_most: float | None = None
    on: On = On.POINT
    count: int = 1
    dimension: str | None = None
    p50_ms_at_most: float | None = None
    p95_ms_at_most: float | None = None
    p99_ms_at_most: float | None = None
    errors_at_most: int | None = None
    worse_at_most: int | None = None
    proof: bool | None = None
    required: bool = False

    @property
    def measure(self) -> str:
        """Which of :data:`MEASURES` it has."""
        return next(name for name in MEASURES if getattr(self, name) is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gates:
    """All thresholds of a file."""

    gates: tuple[Gate, ...]
    source: str
    """Name of the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GateVerdict:
    """What came of one gate on one target."""

    name: str
    target: str
    """Empty where the gate is about no target."""
    standing: Standing
    asked: str
    """The threshold, in words."""
    came: str
    """What was seen, in words."""
    required: bool = False

    @property
    def fails(self) -> bool:
        """Whether the audit fails on it."""
        return self.standing is Standing.FAILS or (self.required and self.standing is Standing.NOT_LOOKED_AT)

    def as_dict(self) -> dict[str, Any]:
        """Return the verdict as JSON primitives."""
        return {
            "name": self.name,
            "target": self.target,
            "standing": self.standing.value,
            "asked": self.asked,
            "came": self.came,
            "required": self.required,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class GateReport:
    """The verdicts of all gates."""

    source: str
    """Name of the file of thresholds."""
    verdicts: tuple[GateVerdict, ...]

    @property
    def passed(self) -> bool:
        """Whether no gate fails."""
        return not any(one.fails for one in self.verdicts)

    @property
    def exit_code(self) -> int:
        """0 when all gates hold, 1 when one fails."""
        return 0 if self.passed else 1

    def as_dict(self) -> dict[str, Any]:
        """Return the verdicts as JSON primitives."""
        return {
            "source": self.source,
            "passed": self.passed,
            "verdicts": [one.as_dict() for one in self.verdicts],
        }

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> GateReport:
        """Return the verdicts that :meth:`as_dict` gave.

        Raises:
            KeyError: A missing field.
            TypeError: An unknown field.
            ValueError: An unknown standing.
        """
        return cls(
            source=value["source"],
            verdicts=tuple(
                GateVerdict(**{**one, "standing": Standing(one["standing"])}) for one in value["verdicts"]
            ),
        )


def read_gates(path: Path | None = None) -> Gates:
    """Return the thresholds of a TOML file; of the shipped one when left out.

    Raises:
        DataError: ``data.unreadable`` or ``data.malformed``, naming the file and the gate.
    """
    path = path or SHIPPED
    try:
        read = tomllib.loads(read_text(path))
    except tomllib.TOMLDecodeError as error:
        raise _malformed(path, "it is not valid TOML") from error
    entries = read.get("gate")
    if set(read) != {"gate"} or not isinstance(entries, list) or not entries:
        raise _malformed(path, "it holds [[gate]] tables, at least one, and nothing else")
    gates = tuple(_gate(path, number, entry) for number, entry in enumerate(entries, 1))
    return Gates(gates=gates, source=path.name)


_NUMBERS = {name for name in MEASURES if name != "proof"} | {"count"}


def _gate(path: Path, number: int, entry: Any) -> Gate:
    where = f"gate {number}"
    known = {one.name for one in fields(Gate)}
    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
        raise _malformed(path, f"{where} has no name")
    if odd := sorted(set(entry) - known):
        raise _malformed(path, f"{where} has the unknown field {odd[0]}")
    for name, value in entry.items():
        if not _fits(name, value):
            raise _malformed(path, f"{where} has a {name} that cannot be")
    given = dict(entry)
    for name, kind in (("suite", Suite), ("on", On)):
        if name in given:
            given[name] = kind(given[name])
    gate = Gate(**given)
    if what := _contradiction(gate):
        raise _malformed(path, f"{where} needs {what}")
    return gate


def _contradiction(gate: Gate) -> str | None:
    if sum(getattr(gate, name) is not None for name in MEASURES) != 1:
        return f"exactly one of {', '.join(MEASURES)}"
    if gate.dimension is not None and gate.at_least is None:
        return "at_least for its dimension"
    if gate.suite is None and (gate.tags or gate.measure == "failures_at_most"):
        return "a suite"
    if gate.suite is None and gate.dimension is None and gate.at_least is not None:
        return "a suite or a dimension"
    return None


def _fits(name: str, value: Any) -> bool:
    if name in {"tags", "proof", "required"}:
        return {
            "tags": isinstance(value, dict) and all(isinstance(one, str) for one in value.values()),
            "proof": value is True,
            "required": isinstance(value, bool),
        }[name]
    if name not in _NUMBERS:
        choices: set[str] | None = {"suite": {*map(str, Suite)}, "on": {*map(str, On)}}.get(name)
        return isinstance(value, str) and (choices is None or value in choices)
    whole = name in {"count", "errors_at_most", "worse_at_most"}
    most = 1.0 if name in {"at_least", "failures_at_most"} else float("inf")
    number = isinstance(value, int) if whole else isinstance(value, int | float)
    return number and not isinstance(value, bool) and 0 <= value <= most


def _malformed(path: Path, what: str) -> DataError:
    return DataError(
        "data.malformed",
        f"The file of gates {path} cannot be used: {what}.",
        hint="See the comments in the shipped audit/data/gates.toml.",
    )
