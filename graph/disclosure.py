"""Disclosure: when a person is told, and told again, that this is a machine.

At the start of a talk, and once its last telling lies ``disclosure_hours`` back. Continuous use is not told apart
from a pause: whoever comes back after one is told as well, which the laws that ask for it do not mind (New York
General Business Law art. 47; California SB 243).
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cbtguard.nodes import Limits, ReferralDesk

_HOUR_S = 3600.0


def disclosed(past: Mapping[str, Any], at: str, turn: int, limits: Limits) -> dict[str, Any]:
    """Return ``disclosed_at`` and ``disclosed_turn`` of a talk, those of this turn where it is to tell.

    Where nobody can say when it was last told, because the time is missing, malformed or in the future, it is told
    now.

    Args:
        past: The state that the talk was left in; empty at its start.
        at: The time of this turn, ISO 8601 with a zone.
        turn: Its number.
        limits: Their ``disclosure_hours`` counts.
    """
    now = {"disclosed_at": at, "disclosed_turn": turn}
    before = {key: past.get(key) for key in now}
    try:
        since = dt.datetime.fromisoformat(at) - dt.datetime.fromisoformat(str(before["disclosed_at"]))
    except (ValueError, TypeError):
        return now
    return before if 0 <= since.total_seconds() < limits.disclosure_hours * _HOUR_S else now


def notice_of(state: Mapping[str, Any], referrals: ReferralDesk) -> str | None:
    """Return the notice that goes before the reply of a turn, None where the talk was told not long ago.

    The reminder speaks of a break. Before words that lead to people it would be out of place; there the notice is
    the one of the start.
    """
    if state["disclosed_turn"] != state["turn"]:
        return None
    again = getattr(referrals, "disclosure_again", None)
    if again is None or state["turn"] == 1 or state["route"] != "answered":
        return referrals.disclosure(state["language"])
    return str(again(state["language"]))
