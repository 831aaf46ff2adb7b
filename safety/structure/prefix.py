"""How much of a draft that is still being written may be read already."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from cbtguard.safety.structure.model import Part

if TYPE_CHECKING:
    from cbtguard.safety.structure.model import Review

_LATER = frozenset({"too_short", "cut", "off_topic", "order", "ungrounded", "unhandled_risk"})
"""What can only be said of a finished draft."""


@runtime_checkable
class PrefixChecker(Protocol):
    """A checker that can also judge the beginning of a draft. With any other nothing is released early."""

    def prefix(self, question: str, beginning: str, *, language: str | None = None) -> Review:
        """Return the verdict on the beginning of an answer, nothing asked of what may still come."""
        ...


def unfinished(review: Review) -> tuple[str, ...]:
    """Return the codes of a verdict that already stand against the beginning of a draft."""
    return tuple(
        defect.code
        for defect in review.defects
        if defect.code not in _LATER and not defect.code.startswith("missing_")
    )


def releasable(beginning: str, review: Review) -> int:
    """Return up to which character the beginning of a draft may be read, 0 for none of it.

    A part may be read once the next one has begun: the parts that are there must be the first ones of an
    answer, in its order, and what is released ends where the latest of them begins.
    """
    if unfinished(review):
        return 0
    starts: list[int] = []
    ends: list[int] = []
    for part in Part:
        finding = review.parts[part]
        if not finding.present or (starts and finding.start < starts[-1]):
            break
        starts.append(finding.start)
        ends.append(finding.end)
    if len(starts) < 2 or starts[-1] < ends[-2]:
        return 0
    paragraph = beginning.rfind("\n", 0, starts[-1]) + 1
    return paragraph if paragraph >= ends[-2] else starts[-1]
