"""LangChain retrievers as ours, and ours as a LangChain retriever."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from pydantic import Field

from cbtguard.nodes.retrieval.hybrid import Hit, Retriever
from cbtguard.nodes.retrieval.note import NoteLibrary  # noqa: TC001 - pydantic resolves the annotations
from cbtguard.safety.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable

    from langchain_core.callbacks import CallbackManagerForRetrieverRun

    from cbtguard.nodes.retrieval.note import Note


class LangChainRetriever:
    """Lets the flow search with any LangChain retriever whose documents name notes.

    A document names its note in ``metadata["note_id"]``; several documents may be pieces of one note. Its
    score is that of ``score``, else ``metadata["score"]``, else by rank: 1, 1/2, 1/3. LangChain retrievers
    seldom say that nothing fits; give ``score`` where they can be wrong, and return 0 there.

    Args:
        retriever: The LangChain retriever; must be thread-safe.
        library: The notes that its documents name.
        score: From a question and a document to a score, 0 to 1; a document at 0 is left out.
    """

    def __init__(
        self,
        retriever: BaseRetriever,
        library: NoteLibrary,
        *,
        score: Callable[[str, Document], float] | None = None,
    ) -> None:
        self._retriever = retriever
        self._library = library
        self._score = score
        self.name = f"langchain/{type(retriever).__name__}"

    def retrieve(self, text: str, *, k: int = 3) -> tuple[Hit, ...]:
        """Return at most ``k`` hits in the retriever's order, each note once.

        Raises:
            DataError: ``data.note_unknown`` when a document names no note of the library;
                ``data.malformed`` when a score is no number from 0 to 1.
        """
        from langsmith import tracing_context  # noqa: PLC0415 - keeps start-up short

        # Neither a caller's callbacks nor a trace that the environment turned on see the question.
        with tracing_context(enabled=False):
            documents = self._retriever.invoke(text, {"callbacks": []})
        hits: dict[str, Hit] = {}
        for document in documents:
            note_id = document.metadata.get("note_id")
            if not isinstance(note_id, str) or note_id not in self._library:
                raise DataError(
                    "data.note_unknown",
                    f"A document of {self.name!r} names no technique note of the library.",
                    hint='Put the id of its note into each document\'s metadata["note_id"].',
                )
            if note_id in hits or len(hits) >= k:
                continue
            score = self._score_of(text, document, rank=len(hits) + 1)
            if score > 0:
                hits[note_id] = Hit(note_id=note_id, score=round(score, 4))
        return tuple(hits.values())

    def _score_of(self, text: str, document: Document, *, rank: int) -> float:
        if self._score is not None:
            score: Any = self._score(text, document)
        else:
            score = document.metadata.get("score", 1 / rank)
        # A nan lies in no range.
        if isinstance(score, bool) or not isinstance(score, int | float) or not 0 <= score <= 1:
            raise DataError(
                "data.malformed",
                f"A document of {self.name!r} has a score that is no number from 0 to 1.",
                hint='Leave metadata["score"] out, or pass score= to turn it into one.',
            )
        return float(score)


class NotesRetriever(BaseRetriever):
    """Offers a retriever of ours to LangChain, one document a note.

    It is a search and nothing more: whoever calls it outside the flow sees to it that the question was
    screened and its personal data taken out.
    """

    retriever: Retriever
    """The retriever, such as :class:`cbtguard.nodes.retrieval.hybrid.HybridRetriever`; a blocking one."""
    library: NoteLibrary
    """The notes it searches."""
    k: int = Field(default=3, ge=1)
    """Most documents of one search."""
    language: str = "zh-Hans"
    """Language of the documents: ``zh-Hans``, ``zh-Hant`` or ``en``."""

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun, **_: Any
    ) -> list[Document]:
        del run_manager
        hits = self.retriever.retrieve(query, k=self.k)
        notes = self.library.pick(hit.note_id for hit in hits)
        return [
            note_document(note, self.language, score=hit.score) for hit, note in zip(hits, notes, strict=True)
        ]


def note_document(note: Note, language: str, *, score: float | None = None) -> Document:
    """Return a note as a LangChain document: what it is for as text, who it is as metadata."""
    text = "\n".join(
        (
            note.title.of(language),
            note.idea.of(language),
            *note.questions.of(language),
            *note.steps.of(language),
            note.not_for.of(language),
        )
    )
    metadata: dict[str, Any] = {
        "note_id": note.id,
        "title": note.title.zh,
        "title_en": note.title.en,
        "technique": note.technique,
        "evidence": note.evidence,
    }
    if score is not None:
        metadata["score"] = score
    return Document(id=note.id, page_content=text, metadata=metadata)
