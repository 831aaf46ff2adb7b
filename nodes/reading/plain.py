"""The plain spelling of a question, made once for all who read it."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from cbtguard.safety.risk.normalise import normalise

if TYPE_CHECKING:
    from cbtguard.safety.risk.normalise import Normalised


@lru_cache(maxsize=16)
def spelled_plainly(text: str) -> Normalised:
    """Return a question as the crisis screen spells it; the last few are kept, with placeholders in them."""
    return normalise(text)
