"""The hybrid retriever: cue vectors, BM25 over words, and the problems and distortions a question shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np

from cbtguard.nodes.reading import read
from cbtguard.nodes.retrieval.focus import gist
from cbtguard.nodes.retrieval.index import Index, build, centred
from cbtguard.nodes.retrieval.note import vocabulary
from cbtguard.nodes.retrieval.words import words

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from cbtguard.nodes.reading import Finding
    from cbtguard.nodes.retrieval.encoder import Encoder
    from cbtguard.nodes.retrieval.note import NoteLibrary


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A note that fits a question."""

    note_id: str
    score: float
    """0 to 1; comparable between questions."""

    def __post_init__(self) -> None:
        if not 0 <= self.score <= 1:
            raise ValueError("a hit's score lies between 0 and 1")


@runtime_checkable
class Retriever(Protocol):
    """Finds the notes that fit a question. Implementations must be thread-safe.

    ``retrieve`` may also be a coroutine function; the flow awaits it.
    """

    @property
    def name(self) -> str:
        """Short identifier that ends up in the record."""
        ...

    def retrieve(self, text: str, *, k: int = 3) -> Sequence[Hit]:
        """Return at most ``k`` hits, the best first, none when nothing fits.

        ``text`` has been screened and holds placeholders where personal data was.
        """
        ...


# Weights and thresholds were set on invented questions (tests/data/retrieval_cases.yaml); see docs/retrieval.md.
_VECTOR, _LEXICAL, _PROBLEM, _DISTORTION = 0.40, 0.16, 0.30, 0.14
_COSINE_FLOOR, _COSINE_SPAN = 0.12, 0.45
_BM25_FULL = 12.0
_LENIENT, _STRICT = 0.5, 1.3
FITS = 0.25
"""Lowest score at which a note is said to fit."""


class HybridRetriever:
    """Searches the notes of a library.

    Args:
        library: The notes.
        encoder: Any :class:`Encoder`.
        cache: Folder where vectors are kept between starts.
        fits: Lowest score that counts as a fit, 0 to 1.
    """

    def __init__(
        self, library: NoteLibrary, encoder: Encoder, *, cache: Path | None = None, fits: float = FITS
    ) -> None:
        self._library = library
        self._encoder = encoder
        self._index: Index = build(library, encoder, cache=cache)
        # Models and patterns load on first use, which no first question should pay for.
        encoder.queries(["预热"])
        self._index.lexical.get_scores(words("预热") or ["预热"])
        read("预热")
        self._fits = fits
        self.name = f"hybrid/{encoder.name}"
        self._problems = [{p: 1.0 if i == 0 else 0.7 for i, p in enumerate(n.problems)} for n in library]
        self._distortions = [dict.fromkeys(n.distortions, 1.0) for n in library]
        situational = vocabulary().situational
        self._situation = [n.problems[0] if n.problems[0] in situational else None for n in library]

    def retrieve(self, text: str, *, k: int = 3) -> tuple[Hit, ...]:
        """Return at most ``k`` hits, the best first, none when nothing fits."""
        index = self._index
        reading = read(text)
        core = gist(text, reading)
        vector = centred(self._encoder.queries([core]), index.centre)[0]
        # einsum stays off BLAS, whose threads would fight with the encoder's for the cores.
        cosines = np.einsum("ij,j->i", index.vectors, vector)
        best = np.full(len(index.ids), -1.0)
        np.maximum.at(best, index.owners, cosines)
        semantic = np.clip((best - _COSINE_FLOOR) / _COSINE_SPAN, 0, 1)
        tokens = words(text)
        lexical = (
            np.clip(index.lexical.get_scores(tokens) / _BM25_FULL, 0, 1)
            if tokens
            else np.zeros(len(index.ids))
        )
        scores = (
            _VECTOR * semantic
            + _LEXICAL * lexical
            + _PROBLEM * _match(self._problems, reading.problems)
            + _DISTORTION * _match(self._distortions, reading.distortions)
        )
        scores *= self._fitting_situation(reading.problems)
        # Somebody who names a feeling or a problem gets the nearest note, even if none is very near.
        named = bool(reading.emotions or reading.problems)
        lowest = self._fits * (_LENIENT if named else _STRICT)
        order = np.argsort(-scores, kind="stable")[:k]
        return tuple(
            Hit(note_id=index.ids[i], score=round(float(min(scores[i], 1.0)), 4))
            for i in order
            if scores[i] >= lowest
        )

    def _fitting_situation(self, problems: Sequence[Finding]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """Half weight for notes about a situation (illness, birth, jobs...) of which nothing was said."""
        found = {f.label for f in problems}
        return np.asarray([0.5 if own is not None and own not in found else 1.0 for own in self._situation])


def _match(
    tags: Sequence[dict[str, float]], findings: Sequence[Finding]
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """How much of what was found each note serves, 0 to 1."""
    top = findings[:5]
    total = sum(f.weight for f in top)
    if not total:
        return np.zeros(len(tags))
    return np.asarray([sum(f.weight * tag.get(f.label, 0.0) for f in top) / total for tag in tags])
