"""The structure checker: five parts in a sensible order, grounded, and nothing harmful. Needs no model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cbtguard.safety.files import version_of
from cbtguard.safety.language import OTHER, UNDETERMINED, detect
from cbtguard.safety.structure.defects import DATA, find_defects, grounding_defects, missing, out_of_order
from cbtguard.safety.structure.model import Defect, Part, PartFinding, Review
from cbtguard.safety.structure.parts import find_parts

if TYPE_CHECKING:
    from collections.abc import Collection


class StructureChecker:
    """Checks with the shipped patterns; deterministic, about a millisecond an answer."""

    name = "structure"

    def __init__(self) -> None:
        self.version = f"structure-{version_of(sorted(DATA.parent.glob('*.yaml')))}"

    def check(
        self,
        question: str,
        answer: str,
        *,
        language: str | None = None,
        notes: Collection[str] | None = None,
        citations: Collection[str] = (),
    ) -> Review:
        """Return the verdict on an answer; see :class:`cbtguard.safety.structure.model.Checker`."""
        spoken = language or detect(question)
        if spoken in {OTHER, UNDETERMINED}:
            spoken = detect(answer)
        parts = find_parts(answer, spoken)
        defects: list[Defect] = [missing(part.value) for part in Part if not parts[part].present]
        if not defects and not _in_order(parts):
            defects.append(out_of_order())
        defects += find_defects(question, answer, spoken)
        defects += grounding_defects(notes, citations)
        return Review(parts=parts, defects=tuple(defects))

    def prefix(self, question: str, beginning: str, *, language: str | None = None) -> Review:
        """Return the verdict on the beginning of an answer; see :mod:`cbtguard.safety.structure.prefix`."""
        return self.check(question, beginning, language=language)


def _in_order(parts: dict[Part, PartFinding]) -> bool:
    """Empathy comes before advice, and the look ahead after the empathy."""
    start = {part: finding.start for part, finding in parts.items()}
    return start[Part.VALIDATION] <= min(start[Part.STRATEGY], start[Part.ENCOURAGEMENT])
