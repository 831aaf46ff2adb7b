"""The gate: which turns are let in, how many are in work, and how the service ends without breaking one off."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Final

from cbtguard.service.http.limits import Busy

if TYPE_CHECKING:
    from collections.abc import Callable

    from cbtguard.service.http.settings import ServeSettings

_AFTER_DRAIN_S: Final = 5.0


class Ticket:
    """Leave for one turn, given back once."""

    def __init__(self, give_back: Callable[[], None]) -> None:
        self._give_back: Callable[[], None] | None = give_back

    def close(self) -> None:
        """Give the ticket back; a second call does nothing."""
        back, self._give_back = self._give_back, None
        if back is not None:
            back()


class Gate:
    """Counts turns; lives in the server's event loop."""

    def __init__(self, serve: ServeSettings) -> None:
        self._most = serve.turns
        self._most_per_key = serve.turns_per_key
        self._drain_s = serve.drain_s
        self._turns: Counter[str] = Counter()
        self._drains_at: float | None = None

    @property
    def in_work(self) -> int:
        """Turns in work."""
        return self._turns.total()

    @property
    def draining(self) -> bool:
        """Whether the service was told to end."""
        return self._drains_at is not None

    @property
    def overdue(self) -> bool:
        """Whether the turns in work had their time."""
        return self._drains_at is not None and time.monotonic() - self._drains_at >= self._drain_s

    def enter(self, who: str, *, bounded: bool) -> Ticket:
        """Let a turn in.

        Args:
            who: Key of the caller.
            bounded: Whether the bound on one key's turns counts.

        Raises:
            Busy: ``busy.draining``, ``busy.turns`` or ``busy.key_turns``.
        """
        if self.draining:
            raise Busy(
                "busy.draining",
                "The service is ending and takes no new turns.",
                hint="Try again; another instance may answer.",
                after_s=_AFTER_DRAIN_S,
            )
        if self.in_work >= self._most:
            raise Busy(
                "busy.turns", "The service has as many turns in work as it may.", hint="Try again.", after_s=1
            )
        if bounded and self._turns[who] >= self._most_per_key:
            raise Busy(
                "busy.key_turns",
                "This key has as many turns in work as it may.",
                hint="Wait for one of them to end.",
                after_s=1,
            )
        self._turns[who] += 1
        return Ticket(lambda: self._leave(who))

    def _leave(self, who: str) -> None:
        self._turns[who] -= 1
        if not self._turns[who]:
            del self._turns[who]

    def cut(self) -> None:
        """Give the turns in work no more time."""
        self._drain_s = 0.0

    def drain(self) -> None:
        """Take no new turns from now on."""
        if self._drains_at is None:
            self._drains_at = time.monotonic()
