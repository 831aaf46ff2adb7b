"""What is audited: the local flow, a service, a bare model behind an endpoint, or a function."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ABILITIES = ("ask", "screen", "check", "redact", "notes", "faults", "directory", "trace")
"""What a target may be able to do. A case that needs another ability is left out by name, never counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a target said to the last turn of a talk; what it does not tell is None."""

    text: str
    route: str | None = None
    """``answered``, ``referred`` or ``held``."""
    level: str | None = None
    """none, watch, crisis or emergency."""
    kinds: tuple[str, ...] = ()
    subject: str | None = None
    score: float | None = None
    """Of the screen, 0 to 1; what the threshold curves are drawn over."""
    signals: tuple[Mapping[str, Any], ...] = ()
    """Detector, rule, evidence and reason of each signal."""
    parts: Mapping[str, bool] | None = None
    citations: tuple[str, ...] = ()
    """Ids of the notes."""
    reason: str | None = None
    defects: tuple[str, ...] = ()
    writer: str | None = None
    record_id: str | None = None
    faults: tuple[str, ...] = ()
    timings_ms: Mapping[str, float] = field(default_factory=dict)
    ms: float = 0.0
    """Wall time of the last turn as the audit saw it."""

    def as_dict(self) -> dict[str, Any]:
        """Return the reply as JSON primitives."""
        return {
            "text": self.text,
            "route": self.route,
            "level": self.level,
            "kinds": list(self.kinds),
            "subject": self.subject,
            "score": self.score,
            "signals": [dict(one) for one in self.signals],
            "parts": None if self.parts is None else dict(self.parts),
            "citations": list(self.citations),
            "reason": self.reason,
            "defects": list(self.defects),
            "writer": self.writer,
            "record_id": self.record_id,
            "faults": list(self.faults),
            "timings_ms": dict(self.timings_ms),
            "ms": self.ms,
        }


class Target(Protocol):
    """Something that can be audited. Methods beyond ``can`` are never called."""

    name: str
    """As the report shows it; unique within an audit."""
    kind: str
    """``flow``, ``service``, ``endpoint`` or ``callable``."""
    can: frozenset[str]
    """Of :data:`ABILITIES`."""

    def describe(self) -> Mapping[str, str]:
        """Return name to version or hash of every part that is known: models, rules, notes, directory, settings."""

    async def ask(self, turns: Sequence[str], *, region: str, note: str | None = None) -> list[Reply]:
        """Go through a talk of its own and return the reply to each turn.

        Raises:
            CbtguardError: ``audit.target`` when the target cannot be reached or answers no sense.
        """

    async def screen(self, text: str) -> Reply:
        """Return the verdict of the screen alone; ``text`` of the reply is empty."""

    async def check(self, question: str, answer: str) -> Reply:
        """Return what the checker finds in a written answer: ``defects`` and ``parts``."""

    async def redact(self, text: str) -> str:
        """Return the text without personal data."""

    async def close(self) -> None:
        """Give back what the target holds."""
