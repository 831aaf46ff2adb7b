"""The structure checker: five parts in a sensible order, grounded, and nothing harmful. Needs no large model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cbtguard.safety.files import version_of
from cbtguard.safety.language import OTHER, UNDETERMINED, detect
from cbtguard.safety.structure.defects import DATA, find_defects, grounding_defects, missing, out_of_order
from cbtguard.safety.structure.model import Defect, Part, PartFinding, Review
from cbtguard.safety.structure.parts import in_order, parts_of, parts_so_far
from cbtguard.safety.structure.reading import MODEL, Reading, read

if TYPE_CHECKING:
    from collections.abc import Collection


class StructureChecker:
    """Checks with the shipped rules and sentence model; deterministic, a few milliseconds an answer.

    Raises:
        DataError: When the model file cannot be read.
    """

    name = "structure"

    def __init__(self) -> None:
        self.version = f"structure-{version_of([*DATA.parent.glob('*.yaml'), MODEL])}"
        # The first answer must not wait for the model.
        read("", "", english=False)

    def check(
        self,
        question: str,
        answer: str,
        *,
        language: str | None = None,
        notes: Collection[str] | None = None,
        citations: Collection[str] = (),
        danger: bool | None = None,
    ) -> Review:
        """Return the verdict on an answer; see :class:`cbtguard.safety.structure.model.Checker`.

        Args:
            question: What was asked.
            answer: The draft.
            language: ``zh-Hans``, ``zh-Hant`` or ``en``; that of the question when None.
            notes: Ids of the notes the writer was given; None when grounding is not to be checked.
            citations: Ids of the notes the draft says it stands on.
            danger: Whether the question speaks of danger to life, where a screen has said so; the checker looks
                for itself when None.
        """
        spoken = _spoken(question, answer, language)
        reading = read(question, answer, english=spoken.startswith("en"))
        parts = parts_of(answer, reading)
        defects: list[Defect] = [missing(part.value) for part in Part if not parts[part].present]
        if parts[Part.VALIDATION].present and not in_order(reading):
            defects.append(out_of_order())
        defects += find_defects(question, answer, spoken, reading=reading, danger=danger)
        defects += grounding_defects(notes, citations)
        return Review(parts=parts, defects=tuple(defects))

    def prefix(self, question: str, beginning: str, *, language: str | None = None) -> Review:
        """Return the verdict on the beginning of an answer; see :mod:`cbtguard.safety.structure.prefix`."""
        spoken = _spoken(question, beginning, language)
        reading: Reading = read(question, beginning, english=spoken.startswith("en"), whole=False)
        parts: dict[Part, PartFinding] = parts_so_far(beginning, reading)
        defects = [missing(part.value) for part in Part if not parts[part].present]
        defects += find_defects(question, beginning, spoken, reading=reading)
        return Review(parts=parts, defects=tuple(defects))


def _spoken(question: str, answer: str, language: str | None) -> str:
    """Return the language an answer is to be in."""
    spoken = language or detect(question)
    return detect(answer) if spoken in {OTHER, UNDETERMINED} else spoken
