"""Parts that are facts: what is there, written down and compared word for word."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from cbtguard.audit.inventory.differ import differences


class Facts:
    """A part whose entries are compared with what is there now."""

    name = "facts"

    def take(self) -> dict[str, Any]:
        """Return the entries of the present release."""
        raise NotImplementedError

    @cached_property
    def _now(self) -> dict[str, Any]:
        return self.take()

    def differs(self, name: str, expected: Any) -> list[str]:
        """Return what is missing or different."""
        if name not in self._now:
            return ["it is missing"]
        return differences(expected, self._now[name])
