"""The five parts of a CBT answer, what can be wrong with one, and the verdict."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Collection


class Part(StrEnum):
    """The five parts, in order (Na, LREC-COLING 2024, arXiv 2403.16008)."""

    VALIDATION = "validation"
    KEY_THOUGHT = "key_thought"
    CHALLENGE = "challenge"
    STRATEGY = "strategy"
    ENCOURAGEMENT = "encouragement"


@dataclass(frozen=True, slots=True, kw_only=True)
class PartFinding:
    """Whether a part is there, and the sentence that shows it best."""

    present: bool
    evidence: str
    """The sentence, empty when the part is missing."""
    start: int
    end: int
    score: float
    """0 to 1."""

    def as_dict(self) -> dict[str, Any]:
        """Return ``present`` and ``evidence``."""
        return {"present": self.present, "evidence": self.evidence}


@dataclass(frozen=True, slots=True, kw_only=True)
class Defect:
    """Something an answer must not have."""

    code: str
    """``missing_PART``, or a name of data/defects.yaml, or one of the checker's own codes."""
    evidence: str
    reason: str
    reason_zh: str

    def as_dict(self) -> dict[str, str]:
        """Return the defect as JSON primitives."""
        return {
            "code": self.code,
            "evidence": self.evidence,
            "reason": self.reason,
            "reason_zh": self.reason_zh,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """The verdict on one answer."""

    parts: dict[Part, PartFinding]
    defects: tuple[Defect, ...]

    def __post_init__(self) -> None:
        if set(self.parts) != set(Part):
            raise ValueError("a review speaks of all five parts")

    @property
    def passed(self) -> bool:
        """Whether all parts are there and nothing is wrong."""
        return not self.defects and all(finding.present for finding in self.parts.values())

    def as_dict(self) -> dict[str, Any]:
        """Return ``parts``, ``defects`` and ``passed`` as JSON primitives."""
        return {
            "parts": {part.value: self.parts[part].as_dict() for part in Part},
            "defects": [defect.as_dict() for defect in self.defects],
            "passed": self.passed,
        }


@runtime_checkable
class Checker(Protocol):
    """Judges a draft. Implementations must be thread-safe and deterministic.

    ``check`` may also be a coroutine function; the flow awaits it.
    """

    @property
    def name(self) -> str:
        """Short identifier that ends up in the record."""
        ...

    @property
    def version(self) -> str:
        """Changes whenever a verdict can change."""
        ...

    def check(
        self,
        question: str,
        answer: str,
        *,
        language: str | None = None,
        notes: Collection[str] | None = None,
        citations: Collection[str] = (),
    ) -> Review:
        """Return the verdict on ``answer``.

        Args:
            question: What was asked.
            answer: The draft.
            language: ``zh-Hans``, ``zh-Hant`` or ``en``; that of the question when None.
            notes: Ids of the notes the writer was given; None when grounding is not to be checked.
            citations: Ids of the notes the draft says it stands on.
        """
        ...
