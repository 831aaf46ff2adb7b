"""Parts that are facts: what is there, written down and compared word for word."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property
from typing import Any

from cbtguard.audit.inventory.differ import differences


class Facts(ABC):
    """A part whose entries are compared with what is there now."""

    name = "facts"

    @abstractmethod
    def take(self) -> dict[str, Any]:
        """Return the entries of the present release."""

    @cached_property
    def _now(self) -> dict[str, Any]:
        return self.take()

    def differs(self, name: str, expected: Any) -> list[str]:
        """Return what is missing or different."""
        if name not in self._now:
            return ["it is missing"]
        return differences(expected, self._now[name])
