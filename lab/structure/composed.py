"""Answers of the offline composer, labelled by the way they are made: the checker must know its voice too."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from cbtguard.lab.structure.corpus import Answer, Piece
from cbtguard.nodes.retrieval.note import NoteLibrary
from cbtguard.nodes.writers.composer import Composer
from cbtguard.nodes.writers.task import WritingTask
from cbtguard.safety.structure.model import Part

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cbtguard.nodes.retrieval.note import Note


def composed(answers: Iterable[Answer], *, every: int = 2) -> tuple[Answer, ...]:
    """Return what the composer answers to every ``every``-th question, with notes taken by lot."""
    composer = Composer()
    notes = sorted(NoteLibrary(), key=lambda note: note.id)
    made = []
    for answer in [answer for answer in answers if answer.question][::every]:
        first = hashlib.sha256(answer.question.encode()).digest()
        chosen = tuple(
            {note.id: note for note in (_lot(notes, first[0:2]), _lot(notes, first[2:4]))}.values()
        )
        task = WritingTask(
            question=answer.question, language="en" if answer.english else "zh-Hans", notes=chosen
        )
        parts: dict[Part, str] = dict(composer.fill(task, tuple(Part)).parts)
        made.append(
            Answer(
                question=answer.question,
                paragraphs=tuple(
                    (Piece(parts=frozenset({part}), text=text),) for part, text in parts.items()
                ),
                english=answer.english,
            )
        )
    return tuple(made)


def _lot(notes: list[Note], lot: bytes) -> Note:
    return notes[int.from_bytes(lot, "big") % len(notes)]
