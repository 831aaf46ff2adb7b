"""How much a caller may ask for: requests a minute by token bucket, and turns at once."""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cbtguard.safety.errors import BusyError

if TYPE_CHECKING:
    from collections.abc import Callable

_MOST: Final = 10_000
"""Callers that are remembered; one that is forgotten starts with a full bucket."""


class Busy(BusyError):
    """As :class:`BusyError`, with the seconds after which to try again."""

    def __init__(self, code: str, message: str, *, hint: str, after_s: float) -> None:
        super().__init__(code, message, hint=hint)
        self.after_s = after_s

    @property
    def retry_after(self) -> str:
        """The header's value: whole seconds, at least one."""
        return str(max(1, math.ceil(self.after_s)))


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float


class Buckets:
    """A token bucket for each caller.

    Args:
        per_minute: Tokens that flow in.
        burst: Tokens that a bucket holds.
        clock: Seconds, from any start.
    """

    def __init__(self, per_minute: float, burst: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = per_minute / 60
        self._burst = float(burst)
        self._clock = clock
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, who: str) -> None:
        """Take a token.

        Raises:
            Busy: ``busy.rate`` when there is none.
        """
        with self._lock:
            now = self._clock()
            bucket = self._buckets.setdefault(who, _Bucket(self._burst, now))
            self._buckets.move_to_end(who)
            if len(self._buckets) > _MOST:
                self._buckets.popitem(last=False)
            bucket.tokens = min(self._burst, bucket.tokens + max(0.0, now - bucket.at) * self._rate)
            bucket.at = now
            if bucket.tokens >= 1:
                bucket.tokens -= 1
                return
            wait = (1 - bucket.tokens) / self._rate
        raise Busy(
            "busy.rate",
            "This key has made too many requests.",
            hint="Wait as long as Retry-After says.",
            after_s=wait,
        )
