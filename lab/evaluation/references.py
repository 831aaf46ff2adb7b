"""Questions with a reference answer: those written for the sentence model, all five parts there."""

from __future__ import annotations

from dataclasses import dataclass

from cbtguard.lab.structure.corpus import read_corpus
from cbtguard.safety.structure import Part


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A question, and an answer to compare others with."""

    id: str
    question: str
    reference: str
    """Empty where a benchmark needs none."""


def written_cases() -> tuple[Case, ...]:
    """Return the shipped cases, in the order of the files; the answers were written by us.

    Raises:
        DataError: As :func:`cbtguard.lab.structure.corpus.read_corpus`.
    """
    cases: dict[str, Case] = {}
    for answer in read_corpus().answers:
        held = {part for paragraph in answer.paragraphs for piece in paragraph for part in piece.parts}
        if held != set(Part) or not answer.question or answer.question in cases:
            continue
        between = " " if answer.english else ""
        text = "\n\n".join(between.join(piece.text for piece in row) for row in answer.paragraphs)
        cases[answer.question] = Case(
            id=f"written-{len(cases) + 1}", question=answer.question, reference=text
        )
    return tuple(cases.values())
