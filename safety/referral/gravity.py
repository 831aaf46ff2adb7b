"""Which kind of risk leads when there are several."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cbtguard.safety.errors import InputError
from cbtguard.safety.risk.model import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable

# What can kill within minutes comes first; what frightens more than it endangers comes last.
GRAVITY: tuple[Kind, ...] = (
    Kind.MEDICAL_EMERGENCY,
    Kind.SUICIDE,
    Kind.HARM_TO_OTHERS,
    Kind.ABUSE,
    Kind.PSYCHOSIS,
    Kind.SELF_HARM,
)


def by_gravity(kinds: Iterable[str]) -> tuple[Kind, ...]:
    """Return the kinds, each once, gravest first.

    Raises:
        InputError: ``input.kind_unknown``.
    """
    given = set(kinds)
    if not given <= set(Kind):
        raise InputError(
            "input.kind_unknown", "A kind of risk is not known.", hint=f"Use some of {', '.join(Kind)}."
        )
    return tuple(kind for kind in GRAVITY if kind in given)
