"""Documents to train on: answers laid out and cut into pieces, with labels, and the same ones told otherwise."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from cbtguard.lab.structure.corpus import Answer, Piece
from cbtguard.safety.structure.layout import Layout, lay_out
from cbtguard.safety.structure.model import Part
from cbtguard.safety.structure.pieces import pieces

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from cbtguard.lab.evaluate.structure import Labelled
    from cbtguard.safety.structure.pieces import Grid

_DROPPED, _ONE_BLOCK, _JOINED, _SPLIT, _SHUFFLED, _CUT = 0.22, 0.2, 0.25, 0.15, 0.08, 0.15
"""How often a part is left out, and how often the paragraphs or the end are changed."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Document:
    """An answer as the model sees it."""

    layout: Layout
    grid: Grid
    begins: NDArray[np.int64]
    english: bool
    labels: NDArray[np.float64]
    """1, 0 or NaN (not known) of each part for each sentence, shape ``(sentences, 5)``."""
    present: NDArray[np.float64]
    """1 or 0 of each part for the answer, shape ``(5,)``."""
    harmless: bool = True
    """Whether none of its sentences does harm."""


def document(
    question: str, text: str, *, english: bool, marks: Iterable[tuple[int, frozenset[Part]]]
) -> Document:
    """Return a document; ``marks`` name the parts from an offset on."""
    layout = lay_out(question, text)
    grid, begins = pieces(layout.words)
    marked = list(marks)
    labels = np.zeros((len(layout.spans), len(Part)))
    for row, span in zip(labels, layout.spans, strict=True):
        held = layout.plain[span.start : span.end]
        start = span.start + len(held) - len(held.lstrip())
        parts = next((parts for offset, parts in reversed(marked) if offset <= start), frozenset())
        row[:] = [part in parts for part in Part]
    present = labels.max(axis=0) if len(labels) else np.zeros(len(Part))
    return Document(layout=layout, grid=grid, begins=begins, english=english, labels=labels, present=present)


def of_answer(answer: Answer, *, between: str = "\n\n") -> Document:
    """Return the document of an answer of the corpus."""
    text, marks = "", []
    for paragraph in answer.paragraphs:
        if text:
            text += between
        for number, piece in enumerate(paragraph):
            if number and answer.english:
                text += " "
            marks.append((len(text), piece.parts))
            text += piece.text
    return document(answer.question, text, english=answer.english, marks=marks)


def of_labelled(answer: Labelled) -> Document:
    """Return the document of an answer whose sentences are not labelled: what it lacks, no sentence shows."""
    bare = document(
        answer.question, answer.answer, english=answer.language.startswith("en"), marks=[(0, frozenset())]
    )
    present = np.array([float(answer.parts[part]) for part in Part])
    labels = np.where(present > 0, np.nan, np.zeros_like(bare.labels))
    return replace(bare, labels=labels, present=present, harmless=answer.sound)


def told_otherwise(answer: Answer, random: np.random.Generator) -> Document:
    """Return an answer with parts left out, paragraphs cut in other ways, or the end missing."""
    dropped = {part for part in Part if random.random() < _DROPPED}
    paragraphs = [
        kept
        for paragraph in answer.paragraphs
        if (kept := tuple(piece for piece in paragraph if not piece.parts & dropped))
    ] or list(answer.paragraphs)
    paragraphs = _repaired(paragraphs, random)
    if random.random() < _SHUFFLED:
        paragraphs = [paragraphs[place] for place in random.permutation(len(paragraphs))]
    if random.random() < _CUT and len(paragraphs) > 1:
        paragraphs = paragraphs[: int(random.integers(1, len(paragraphs)))]
    question = answer.question if random.random() < 0.9 else ""
    changed = Answer(question=question, paragraphs=tuple(paragraphs), english=answer.english)
    return of_answer(changed, between="\n" if random.random() < 0.2 else "\n\n")


def _repaired(paragraphs: list[tuple[Piece, ...]], random: np.random.Generator) -> list[tuple[Piece, ...]]:
    """Return the same pieces in one block, or two paragraphs joined, or each cut in two."""
    chance = random.random()
    if chance < _ONE_BLOCK:
        return [tuple(piece for paragraph in paragraphs for piece in paragraph)]
    chance -= _ONE_BLOCK
    if chance < _JOINED and len(paragraphs) > 1:
        place = int(random.integers(0, len(paragraphs) - 1))
        return [*paragraphs[:place], paragraphs[place] + paragraphs[place + 1], *paragraphs[place + 2 :]]
    chance -= _JOINED
    if 0 <= chance < _SPLIT:
        return [half for paragraph in paragraphs for half in _halves(paragraph, random)]
    return paragraphs


def _halves(paragraph: tuple[Piece, ...], random: np.random.Generator) -> list[tuple[Piece, ...]]:
    if len(paragraph) < 2:
        return [paragraph]
    place = int(random.integers(1, len(paragraph)))
    return [paragraph[:place], paragraph[place:]]
