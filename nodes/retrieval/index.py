"""The index: vectors and words of all notes, built once and stored until a note or the encoder changes."""

from __future__ import annotations

import hashlib
import io
import json
import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cbtguard.nodes.retrieval.words import words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cbtguard.nodes.retrieval.encoder import Encoder, Vectors
    from cbtguard.nodes.retrieval.note import Note, NoteLibrary

SHIPPED = Path(__file__).parent / "data" / "index"
"""Vectors of the shipped notes with the embedded encoder, so that a first question need not wait for them."""

_MANY = 20_000
"""Rows from which an index is searched in two steps."""
_LOOKED_AT = 200
"""Notes looked at cue by cue in the second step."""
_BLOCK = 512

_log = logging.getLogger("cbtguard.retrieval")


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """What the hybrid retriever searches."""

    ids: tuple[str, ...]
    """Note ids."""
    owners: Any
    """Index into ``ids`` for each row of ``vectors``; int32 array, shape ``(rows,)``."""
    vectors: Any
    """Centred unit vectors of all cues, those of a note together; shape ``(rows, dimensions)``.

    float32, or float16 in an index of many rows.
    """
    means: Any
    """Mean vector of each note, float32, shape ``(notes, dimensions)``, in an index of many rows; else None."""
    centre: Any
    """Mean of the raw vectors; encoders squeeze all text into one corner, taking it away spreads them."""
    lexical: Any
    """A bm25s index over the notes' words, in the order of ``ids``."""

    def nearest(self, query: Any) -> Any:
        """Return the cosine of the nearest cue of each note, float64, shape ``(notes,)``.

        Args:
            query: Centred unit vector, shape ``(dimensions,)``.

        Of many notes only those whose mean vector lies nearest are looked at cue by cue; the others get -1.
        """
        best = np.full(len(self.ids), -1.0)
        rows: Any = slice(None)
        if self.means is not None:
            # A block fits into the processor's cache; BLAS is kept to one thread by its size.
            near = np.concatenate(
                [self.means[i : i + _BLOCK] @ query for i in range(0, len(self.means), _BLOCK)]
            )
            chosen = np.argpartition(near, -_LOOKED_AT)[-_LOOKED_AT:]
            chosen.sort()
            starts = np.searchsorted(self.owners, chosen)
            ends = np.searchsorted(self.owners, chosen, side="right")
            sizes = ends - starts
            rows = np.repeat(starts - (np.cumsum(sizes) - sizes), sizes) + np.arange(sizes.sum())
        # einsum stays off BLAS, whose threads would fight with those of the flow for the cores.
        cosines = np.einsum("ij,j->i", self.vectors[rows].astype(np.float32, copy=False), query)
        np.maximum.at(best, self.owners[rows], cosines)
        return best


def build(library: NoteLibrary, encoder: Encoder, *, cache: Path | None = None) -> Index:
    """Return the index of a library, from the stored vectors when they are of the same notes and encoder.

    Args:
        library: The notes.
        encoder: The encoder whose vectors are wanted.
        cache: Folder for stored vectors; None stores nothing.
    """
    owners, cues = _cues(tuple(library))
    raw = _stored(library, encoder, cache)
    if raw is None or len(raw) != len(cues):
        raw = encoder.passages(cues)
        if cache is not None:
            _store(cache / _file(library, encoder), raw)
    terms = _stored_terms(library, cache)
    if terms is None:
        terms = _terms(tuple(library))
        if cache is not None:
            _write(cache / _terms_file(library), json.dumps(terms, ensure_ascii=False).encode())
    centre = raw.mean(axis=0, dtype=np.float32)
    of_row = np.asarray(owners, dtype=np.int32)
    vectors, means = (
        (centred(raw, centre), None) if len(raw) < _MANY else _large(raw, centre, of_row, len(library))
    )
    return Index(
        ids=tuple(note.id for note in library),
        owners=of_row,
        vectors=vectors,
        means=means,
        centre=centre,
        lexical=_lexical(terms),
    )


def centred(vectors: Vectors, centre: Any) -> Vectors:
    """Return vectors without the common part, of unit length again."""
    moved = vectors - centre
    norms = np.linalg.norm(moved, axis=1, keepdims=True)
    result: Vectors = moved / np.maximum(norms, 1e-9)
    return result


def _large(raw: Vectors, centre: Any, owners: Any, notes: int) -> tuple[Any, Any]:
    """Centred vectors in 16 bit, and the mean of each note's; made piece by piece, to spare memory."""
    vectors = np.empty(raw.shape, np.float16)
    means = np.zeros((notes, raw.shape[1]), np.float32)
    for start in range(0, len(raw), _MANY):
        part = centred(raw[start : start + _MANY], centre)
        vectors[start : start + len(part)] = part
        np.add.at(means, owners[start : start + len(part)], part)
    means /= np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-9)
    return vectors, means


def store_shipped(library: NoteLibrary, encoder: Encoder, folder: Path = SHIPPED) -> Path:
    """Write the vectors that come with the package; run by ``cbtguard lab notes index``."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in (*folder.glob("*.npy"), *folder.glob("*.json")):
        old.unlink()
    path = folder / _file(library, encoder)
    _store(path, encoder.passages(_cues(tuple(library))[1]))
    _write(folder / _terms_file(library), json.dumps(_terms(tuple(library)), ensure_ascii=False).encode())
    return path


def _cues(notes: Sequence[Note]) -> tuple[list[int], list[str]]:
    owners: list[int] = []
    cues: list[str] = []
    for number, note in enumerate(notes):
        for cue in (*note.cues.zh, *note.cues.en, note.title.zh, note.title.en):
            owners.append(number)
            cues.append(cue)
    return owners, cues


def _lexical(terms: Sequence[Sequence[str]]) -> Any:
    import bm25s  # type: ignore[import-untyped] # noqa: PLC0415 - a quarter of a second

    index = bm25s.BM25()
    index.index([list(of_note) or ["\u0000"] for of_note in terms], show_progress=False)
    return index


def _terms(notes: Sequence[Note]) -> list[list[str]]:
    """The words of each note; cutting Chinese text into words takes longer than all else here."""
    texts = [
        " ".join(
            (
                *note.cues.zh,
                *note.cues.en,
                note.title.zh * 2,
                note.title.en,
                *note.problems,
                note.idea.zh,
                note.idea.en,
                note.example.zh,
                note.example.en,
            )
        )
        for note in notes
    ]
    return [words(text) for text in texts]


def _terms_file(library: NoteLibrary) -> str:
    return f"{library.version}.json"


def _stored_terms(library: NoteLibrary, cache: Path | None) -> list[list[str]] | None:
    for folder in (SHIPPED, cache):
        path = folder / _terms_file(library) if folder else None
        if path is not None and path.is_file():
            try:
                terms = json.loads(path.read_bytes())
            except (OSError, ValueError) as error:
                _log.warning("stored words %s are damaged (%s), built anew", path.name, type(error).__name__)
                continue
            if isinstance(terms, list) and len(terms) == len(library):
                return terms
            _log.warning("stored words %s are of other notes, built anew", path.name)
    return None


def _file(library: NoteLibrary, encoder: Encoder) -> str:
    key = hashlib.sha256(f"{library.version}|{encoder.name}".encode()).hexdigest()[:16]
    return f"{key}.npy"


def _stored(library: NoteLibrary, encoder: Encoder, cache: Path | None) -> Vectors | None:
    for folder in (SHIPPED, cache):
        path = folder / _file(library, encoder) if folder else None
        if path is not None and path.is_file():
            try:
                # No pickle: a stored index must not be able to run code. np.load would also open archives.
                with path.open("rb") as stream:
                    stored: Vectors = np.lib.format.read_array(stream, allow_pickle=False).astype(np.float32)
            except (OSError, ValueError, EOFError) as error:
                fault = type(error).__name__
            else:
                if stored.ndim == 2 and np.isfinite(stored).all():
                    return stored
                fault = "not a table of finite numbers"
            _log.warning("stored index %s is damaged (%s) and is built anew", path.name, fault)
    return None


def _store(path: Path, vectors: Vectors) -> None:
    stream = io.BytesIO()
    np.save(stream, vectors.astype(np.float16), allow_pickle=False)
    _write(path, stream.getvalue())


def _write(path: Path, content: bytes) -> None:
    """Write at once or not at all: another process may read while this one writes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    part.write_bytes(content)
    part.replace(path)
