"""Targets that can only be asked: the guards alone are not theirs to call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cbtguard.safety.errors import AuditError

if TYPE_CHECKING:
    from cbtguard.audit.target import Reply


class OnlyAsked:
    """A model or a function without guards of its own: what it cannot do is a typed error, never an answer."""

    name: str

    async def screen(self, text: str) -> Reply:
        """Raise :class:`AuditError`, ``audit.unable``."""
        del text
        raise self._unable("screen")

    async def check(self, question: str, answer: str) -> Reply:
        """Raise :class:`AuditError`, ``audit.unable``."""
        del question, answer
        raise self._unable("check")

    async def redact(self, text: str) -> str:
        """Raise :class:`AuditError`, ``audit.unable``."""
        del text
        raise self._unable("redact")

    def _unable(self, ability: str) -> AuditError:
        return AuditError(
            "audit.unable",
            f"The target {self.name} cannot {ability}.",
            hint="Look at the target's `can` before a call.",
        )
