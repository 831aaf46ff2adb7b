"""Moments: seconds since the epoch as UTC in ISO 8601 with milliseconds, and back."""

from __future__ import annotations

import datetime as dt


def stamp(seconds_: float) -> str:
    """Return ``2026-01-31T08:00:00.000Z`` for seconds since the epoch."""
    moment = dt.datetime.fromtimestamp(seconds_, tz=dt.UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def seconds(stamped: str) -> float:
    """Return the seconds since the epoch of what :func:`stamp` gave."""
    return dt.datetime.fromisoformat(stamped).timestamp()
