"""Finding the five parts: the sentence that does the job of each, in prose and in headed text."""

from __future__ import annotations

from math import exp
from typing import TYPE_CHECKING

import numpy as np

from cbtguard.safety.structure.model import Part, PartFinding
from cbtguard.safety.structure.reading import read

if TYPE_CHECKING:
    from cbtguard.safety.structure.reading import Reading

_MISSING = PartFinding(present=False, evidence="", start=0, end=0, score=0.0)
_ADVANCE = 0.0
"""Logit from which a sentence in the beginning of an answer shows a part."""
_EARLY, _LATE = 0.5, 0.6
"""Shares of an answer before which and from which on empathy comes early and late."""
_CLEAR, _APART, _APART_ALONE, _NEVER = 1.0, 0.8, 2.0, -20.0
"""Logits: of clear empathy, of how much clearer late empathy must be, where it stands and alone, and of none."""


def find_parts(question: str, answer: str, language: str) -> dict[Part, PartFinding]:
    """Return, for each part, whether some sentence shows it; headings alone show nothing.

    Args:
        question: What was asked.
        answer: The text, with or without headings.
        language: ``en``, or anything else for Chinese.
    """
    return parts_of(answer, read(question, answer, english=language.startswith("en")))


def parts_of(answer: str, reading: Reading) -> dict[Part, PartFinding]:
    """Return the parts of an answer that was read, each with the sentence that shows it best."""
    found = {}
    for column, part in enumerate(Part):
        logit = float(reading.answer[column]) - reading.thresholds[part.value]
        if logit < 0 or not len(reading.sentences):
            found[part] = _MISSING
        else:
            found[part] = _finding(answer, reading, int(reading.sentences[:, column].argmax()), logit)
    return found


def parts_so_far(answer: str, reading: Reading) -> dict[Part, PartFinding]:
    """Return the parts in the beginning of an answer, each with the first sentence that shows it.

    The first and not the best, so that a part stays where it was found when more is written.
    """
    found = {}
    for column, part in enumerate(Part):
        shown = (reading.sentences[:, column] >= _ADVANCE).nonzero()[0]
        if len(shown):
            place = int(shown[0])
            found[part] = _finding(answer, reading, place, float(reading.sentences[place, column]))
        else:
            found[part] = _MISSING
    return found


def in_order(reading: Reading) -> bool:
    """Whether empathy is no afterthought: what comes late of it does not outweigh what comes early by far.

    Where a sentence stands tells what to expect of it, so sentences are weighed by themselves too.
    """
    column = list(Part).index(Part.VALIDATION)
    length = max(1, len(reading.layout.plain))
    where = np.array([span.start / length for span in reading.layout.spans])
    for logits, apart in ((reading.sentences, _APART), (reading.own, _APART_ALONE)):
        early = logits[where < _EARLY, column].max(initial=_NEVER)
        late = logits[where >= _LATE, column].max(initial=_NEVER)
        if late > _CLEAR and late - early > apart:
            return False
    return True


def _finding(answer: str, reading: Reading, place: int, logit: float) -> PartFinding:
    span = reading.layout.spans[place]
    # A heading in front of a sentence is blank in the layout and stays out of the evidence.
    shown = reading.layout.plain[span.start : span.end]
    start = span.start + len(shown) - len(shown.lstrip())
    end = span.end - (len(shown) - len(shown.rstrip()))
    return PartFinding(
        present=True,
        evidence=answer[start:end],
        start=start,
        end=end,
        score=1 / (1 + exp(-min(logit, 30.0))),
    )
