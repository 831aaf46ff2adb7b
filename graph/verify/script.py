"""Choosing outcomes: a depth-first walk over everything the stops' services can do."""

from __future__ import annotations

from dataclasses import dataclass

FAULTS = ("raise", "timeout", "garbage", "cancel", "missing")
"""What any service can do wrong."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One decision of a path."""

    stop: str
    outcome: str

    @property
    def faulty(self) -> bool:
        """Whether the service failed here."""
        return self.outcome in FAULTS

    def __str__(self) -> str:
        return f"{self.stop}={self.outcome}"


class Script:
    """Replays a prefix of decisions and takes the first alternative behind it; the explorer walks on from there.

    Args:
        prefix: Index of the alternative to take, decision by decision.
    """

    def __init__(self, prefix: tuple[int, ...] = ()) -> None:
        self._prefix = prefix
        self.taken: list[tuple[int, int]] = []
        """For each decision: the alternative taken, and how many there were."""
        self.choices: list[Choice] = []

    def pick(self, stop: str, alternatives: tuple[str, ...]) -> str:
        """Return the outcome of one call of a service."""
        place = len(self.taken)
        index = self._prefix[place] if place < len(self._prefix) else 0
        self.taken.append((index, len(alternatives)))
        outcome = alternatives[index]
        self.choices.append(Choice(stop, outcome))
        return outcome

    def next_prefix(self) -> tuple[int, ...] | None:
        """Return the prefix of the next path, None when this was the last."""
        taken = list(self.taken)
        while taken:
            index, count = taken.pop()
            if index + 1 < count:
                return (*(i for i, _ in taken), index + 1)
        return None
