"""Outcomes: what came of each case on each target, and the whole audit as one plain document."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from cbtguard.audit.case import Case

if TYPE_CHECKING:
    from collections.abc import Mapping


class Verdict(StrEnum):
    """What came of a case."""

    PASS = "pass"  # noqa: S105 - a verdict
    FAIL = "fail"
    ERROR = "error"
    """The target raised or could not be reached. Counted as a failure wherever a rate is given."""
    LEFT_OUT = "left_out"
    """The target cannot do what the case needs. In no rate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of one case on one target."""

    case: str
    """Id of the case."""
    target: str
    verdict: Verdict
    why: str
    """What was seen against what was expected, in a sentence; for what was left out, which ability lacks."""
    raised: bool | None = None
    """Whether the target took the person to be in danger; None where that was not asked."""
    score: float | None = None
    """Score of the screen, 0 to 1, where it is told."""
    replies: tuple[Mapping[str, Any], ...] = ()
    """Each turn's reply, as :meth:`cbtguard.audit.target.Reply.as_dict` gives it."""
    dimensions: Mapping[str, float] = field(default_factory=dict)
    """For talks: name of the dimension to its score, 0 to 1."""
    ms: float = 0.0
    """Wall time of the turn that is judged."""

    def as_dict(self) -> dict[str, Any]:
        """Return the outcome as JSON primitives."""
        return {
            "case": self.case,
            "target": self.target,
            "verdict": self.verdict.value,
            "why": self.why,
            "raised": self.raised,
            "score": self.score,
            "replies": [dict(one) for one in self.replies],
            "dimensions": dict(self.dimensions),
            "ms": self.ms,
        }

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Outcome:
        """Return the outcome that :meth:`as_dict` gave.

        Raises:
            ValueError: An unknown verdict.
            TypeError: An unknown or a missing field.
        """
        return cls(
            **{
                **value,
                "verdict": Verdict(value["verdict"]),
                "replies": tuple(dict(one) for one in value.get("replies", ())),
            }
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetInfo:
    """What a report says of a target."""

    name: str
    kind: str
    can: tuple[str, ...]
    parts: Mapping[str, str]
    """Part to version or hash."""

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON primitives."""
        return {"name": self.name, "kind": self.kind, "can": list(self.can), "parts": dict(self.parts)}

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> TargetInfo:
        """Return what :meth:`as_dict` gave."""
        return cls(
            name=value["name"], kind=value["kind"], can=tuple(value["can"]), parts=dict(value["parts"])
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """A whole audit: all that a report, a gate or a comparison is made of."""

    date: str
    """Day of the audit, such as 2026-11-24; the one thing that differs between two equal runs but for times."""
    version: str
    """Of cbtguard."""
    targets: tuple[TargetInfo, ...]
    cases: tuple[Case, ...]
    outcomes: tuple[Outcome, ...]
    """In the order of targets, then of cases."""
    data: Mapping[str, str]
    """Each file of cases to the SHA-256 of its bytes."""
    proof: Mapping[str, Any] | None = None
    """What ``cbtguard verify --json`` gives; None when the proof was not asked for."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Python, platform and versions of the libraries that matter."""

    def as_dict(self) -> dict[str, Any]:
        """Return the audit as JSON primitives: the form of ``audit.json``."""
        return {
            "date": self.date,
            "version": self.version,
            "targets": [one.as_dict() for one in self.targets],
            "cases": [one.as_dict() for one in self.cases],
            "outcomes": [one.as_dict() for one in self.outcomes],
            "data": dict(self.data),
            "proof": None if self.proof is None else dict(self.proof),
            "environment": dict(self.environment),
        }

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Audit:
        """Return the audit that :meth:`as_dict` gave.

        Raises:
            KeyError: A missing field.
            ValueError: An unknown suite, outcome or verdict.
            TypeError: An unknown field of a case or an outcome.
        """
        return cls(
            date=value["date"],
            version=value["version"],
            targets=tuple(TargetInfo.from_dict(one) for one in value["targets"]),
            cases=tuple(Case.from_dict(one) for one in value["cases"]),
            outcomes=tuple(Outcome.from_dict(one) for one in value["outcomes"]),
            data=dict(value["data"]),
            proof=value.get("proof"),
            environment=dict(value.get("environment", {})),
        )
