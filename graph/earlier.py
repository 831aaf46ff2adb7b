"""Earlier messages of a talk that is kept by the caller: read again, so that the turn knows what they held."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from cbtguard.nodes.screen import next_care
from cbtguard.nodes.stop import ask
from cbtguard.safety.errors import Fault, StopFault
from cbtguard.safety.privacy.entities import Redaction
from cbtguard.safety.risk import Level, PastTurn, Risk

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cbtguard.nodes import Context

MOST = 12
"""Earlier messages that are read; the newest count. Care mode ends after fewer calm ones."""


async def replayed(texts: Sequence[str], context: Context) -> dict[str, Any]:
    """Return history and care of a talk whose earlier messages are ``texts``, oldest first.

    What cannot be read counts as a crisis: the turn then goes to people, and says so among its faults.

    Args:
        texts: What the person wrote before. What anybody else wrote is not to be trusted, and not taken.
        context: Services, bounds and desk; the desk's vault learns the personal data of the messages.
    """
    limits = context.limits
    care: dict[str, Any] = {"active": False, "calm": 0, "step": 0}
    history: list[dict[str, Any]] = []
    try:
        async with asyncio.timeout(limits.protect_s + limits.screen_s):
            for text in texts[-MOST:]:
                known, risk = await _read(text, history, context)
                care = next_care(care, risk.level, limits.care_turns)
                care = {**care, "step": care["step"] + int(care["active"])}
                history.append({"text": known[:2000], "level": risk.level.value})
    except (StopFault, TimeoutError) as error:
        cause = (
            f"{error.fault.value}:{error.cause}"
            if isinstance(error, StopFault)
            else f"{Fault.TIMEOUT.value}:time"
        )
        care = {"active": True, "calm": 0, "step": care["step"]}
        return {"history": [], "care": care, "faults": [f"earlier:{cause}"]}
    return {"history": history[-limits.history_turns :], "care": care}


async def _read(text: str, history: list[dict[str, Any]], context: Context) -> tuple[str, Risk]:
    services, desk = context.services, context.desk
    redaction = await ask(context, "earlier", services.redactor.redact, Redaction, text, desk.vault)
    past = tuple(PastTurn(text=turn["text"], level=Level(turn["level"])) for turn in history)
    past = past[-context.limits.history_turns :]
    return redaction.text, await ask(
        context, "earlier", services.detector.assess, Risk, redaction.text, history=past
    )
