"""LangChain Community's BM25 over the notes, with Chinese words. The one place that imports that package."""

from __future__ import annotations

import warnings
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from langchain_core.documents import Document

from cbtguard.nodes.retrieval.langchain import LangChainRetriever
from cbtguard.nodes.retrieval.words import words
from cbtguard.safety.errors import DependencyError

if TYPE_CHECKING:
    from cbtguard.nodes.retrieval.note import Note, NoteLibrary

_SUNSET = "`langchain-community` is being sunset"


def community_bm25(library: NoteLibrary, *, k: int = 3) -> LangChainRetriever:
    """Return BM25 over a library, as the flow takes retrievers.

    A note's score is the share of the question's words that it holds, 0 to 1; BM25 alone would return
    notes for a question with which they share nothing.

    Args:
        library: The notes.
        k: Most hits of one search.

    Raises:
        DependencyError: ``dependency.library`` when langchain-community or rank-bm25 is not installed.
    """
    retriever = bm25_retriever(library, k=k)
    # The words of each note as BM25 counted them, so that they are cut only once.
    counted = zip(retriever.docs, retriever.vectorizer.doc_freqs, strict=True)
    known = {document.metadata["note_id"]: frozenset(counts) for document, counts in counted}

    def shared(text: str, document: Document) -> float:
        asked = set(words(text))
        return len(asked & known[document.metadata["note_id"]]) / len(asked) if asked else 0.0

    return LangChainRetriever(retriever, library, score=shared)


def bm25_retriever(library: NoteLibrary, *, k: int = 3) -> Any:
    """Return a ``langchain_community.retrievers.BM25Retriever`` over a library.

    Its documents hold a note's cues and text in both languages and name the note in
    ``metadata["note_id"]``.

    Raises:
        DependencyError: ``dependency.library`` when langchain-community or rank-bm25 is not installed.
    """
    for package, library_name in (("langchain_community", "langchain-community"), ("rank_bm25", "rank-bm25")):
        if find_spec(package) is None:
            raise DependencyError(
                "dependency.library",
                f"The library {library_name} is not installed.",
                hint=f"Install {library_name}.",
            )
    with warnings.catch_warnings():
        # Known, and of no use to a user: the package is pinned to its last release line.
        warnings.filterwarnings("ignore", message=_SUNSET, category=DeprecationWarning)
        from langchain_community.retrievers import BM25Retriever  # noqa: PLC0415 - warns, and loads much
    return BM25Retriever.from_documents([_document(note) for note in library], k=k, preprocess_func=words)


def _document(note: Note) -> Document:
    fields = (note.title, note.cues, note.idea, note.example)
    texts: list[str] = []
    for field in fields:
        for value in (field.zh, field.en):
            texts += [value] if isinstance(value, str) else value
    return Document(id=note.id, page_content="\n".join(texts), metadata={"note_id": note.id})
