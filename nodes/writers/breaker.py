"""A circuit breaker: after several failures in a row a service is left alone for a while.

Of the libraries, pybreaker needs Tornado for coroutines, and aiobreaker and purgatory have not been kept for
years; what is needed here is one small state machine with a clock that tests can turn.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from cbtguard.safety.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable


class Circuit(StrEnum):
    """Whether calls go through."""

    CLOSED = "closed"
    """They do."""
    OPEN = "open"
    """They do not, until the pause is over."""
    HALF_OPEN = "half_open"
    """One call is under way to see whether the service is back; others do not go through."""


@dataclass(frozen=True, slots=True)
class Permit:
    """Leave to make one call; handed back with :meth:`Breaker.settle`."""

    era: int


class Breaker:
    """Counts failures in a row and keeps calls back while a service is down. Safe in several threads.

    Args:
        failures: Failures in a row after which calls are kept back, at least 1.
        pause_s: Seconds until one call tries again, greater than 0.
        clock: Seconds on a clock that never goes back.

    Raises:
        SettingsError: ``settings.invalid`` for bounds without sense.
    """

    def __init__(
        self, *, failures: int = 5, pause_s: float = 30.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        if failures < 1 or not pause_s > 0:
            raise SettingsError(
                "settings.invalid",
                "A circuit breaker needs at least 1 failure and a pause greater than 0.",
                hint="Leave them unset for the defaults.",
            )
        self._most = failures
        self._pause_s = pause_s
        self._clock = clock
        self._lock = threading.Lock()
        self._circuit = Circuit.CLOSED
        self._in_a_row = 0
        self._opened_at = 0.0
        self._era = 0

    @property
    def circuit(self) -> Circuit:
        """The circuit as the next call would find it: open, though the pause is over, until one call tries."""
        with self._lock:
            return self._circuit

    def admit(self) -> Permit | None:
        """Return leave to make a call, or None where it must be kept back."""
        with self._lock:
            if self._circuit is Circuit.OPEN and self._clock() - self._opened_at >= self._pause_s:
                self._turn(Circuit.HALF_OPEN)
                return Permit(self._era)
            return Permit(self._era) if self._circuit is Circuit.CLOSED else None

    def settle(self, permit: Permit, well: bool | None) -> None:
        """Say how a call ended; None for a call that was given up and proves nothing.

        What a call from before the last turn of the circuit says comes too late and is not heard.
        """
        with self._lock:
            if permit.era != self._era:
                return
            if well is None:
                if self._circuit is Circuit.HALF_OPEN:
                    # The pause is over all the same: the next call tries.
                    self._turn(Circuit.OPEN)
            elif well:
                self._in_a_row = 0
                if self._circuit is Circuit.HALF_OPEN:
                    self._turn(Circuit.CLOSED)
            else:
                self._in_a_row += 1
                if self._circuit is Circuit.HALF_OPEN or self._in_a_row >= self._most:
                    self._opened_at = self._clock()
                    self._turn(Circuit.OPEN)

    def _turn(self, circuit: Circuit) -> None:
        self._circuit = circuit
        self._era += 1
        if circuit is Circuit.CLOSED:
            self._in_a_row = 0
