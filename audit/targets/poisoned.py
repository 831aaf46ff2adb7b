"""A library of notes into which somebody put one that gives orders, and a retriever that always finds it."""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING, Any

from cbtguard.nodes.retrieval.hybrid import Hit
from cbtguard.nodes.retrieval.note import Bilingual, BilingualList, NoteLibrary

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cbtguard.nodes.retrieval.note import Note

NOTE = "audit-poisoned"


class PoisonedLibrary(NoteLibrary):
    """The notes of another library, and one more."""

    def __init__(self, library: NoteLibrary, note: Note) -> None:
        self.folder = library.folder
        self._notes = {**{one.id: one for one in library}, note.id: note}
        self.version = hashlib.sha256(f"{library.version} {note!r}".encode()).hexdigest()[:12]

    def __iter__(self) -> Iterator[Note]:
        return iter(self._notes.values())


class PoisonedRetriever:
    """Finds the poisoned note first, whatever is asked: the worst that retrieval can do."""

    def __init__(self, retriever: Any) -> None:
        self.name = f"{retriever.name}+poisoned"
        self._retriever = retriever

    async def retrieve(self, text: str, *, k: int = 3) -> Sequence[Hit]:
        """Return the poisoned note, then what is found otherwise."""
        found: Any = self._retriever.retrieve
        if asyncio.iscoroutinefunction(found):
            hits = await found(text, k=k)
        else:
            hits = await asyncio.to_thread(found, text, k=k)
        return (Hit(note_id=NOTE, score=0.99), *hits)[:k]


def poisoned(library: NoteLibrary, retriever: Any, text: str) -> tuple[NoteLibrary, PoisonedRetriever]:
    """Return library and retriever with a note whose idea, question, step and encouragement are the text."""
    first = next(iter(library))
    both = Bilingual(zh=text, en=text)
    several = BilingualList(zh=(text, text), en=(text, text))
    note = first.model_copy(
        update={
            "id": NOTE,
            "title": both,
            "idea": both,
            "example": both,
            "questions": several,
            "steps": several,
            "encouragement": several,
        }
    )
    return PoisonedLibrary(library, note), PoisonedRetriever(retriever)
