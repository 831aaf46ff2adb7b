"""The hybrid retriever: cue vectors, BM25 over words, and the problems and distortions a question shows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np

from cbtguard.nodes.reading import read
from cbtguard.nodes.reading.plain import spelled_plainly
from cbtguard.nodes.retrieval.affinity import MODEL, Affinity, affinity, version
from cbtguard.nodes.retrieval.encoder import HalfwayEncoder
from cbtguard.nodes.retrieval.focus import gist
from cbtguard.nodes.retrieval.index import Index, build, centred
from cbtguard.nodes.retrieval.note import vocabulary
from cbtguard.nodes.retrieval.words import Terms
from cbtguard.safety.risk.features import passages

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from cbtguard.nodes.reading import Finding
    from cbtguard.nodes.retrieval.encoder import Encoder
    from cbtguard.nodes.retrieval.note import NoteLibrary


_HAN = re.compile(r"[\u3400-\u9fff]")


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


# Weights and thresholds were set on the `tune` third of tests/data/retrieval_cases.yaml; see docs/retrieval.md.
_AFFINITY, _VECTOR, _LEXICAL, _PROBLEM, _DISTORTION = 0.565, 0.28, 0.085, 0.045, 0.025
_NONE = 0.8
"""How much of a score goes where it is certain that no note fits."""
_SPREAD = 0.7
"""Power of a probability: with 86 notes most are small, and their order matters."""
_COSINE_FLOOR, _COSINE_SPAN = 0.12, 0.45
_BM25_FULL = 12.0
_ENCODED = 70
"""Characters of a question that are encoded; of a longer one, the clauses that show its trouble."""
_READ = 4
"""Passages of a question that are read whole, as the screen reads them; of a longer one, the clauses that tell."""
FITS = 0.14
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
        self._encoder = encoder
        self._index: Index = build(library, encoder, cache=cache)
        self._terms = Terms(self._index.lexical.vocab_dict)
        # Models and patterns load on first use, which no first question should pay for.
        encoder.queries(["预热"])
        read("预热")
        self._fits = fits
        self._learned, self._known = _learned(self._index.ids, encoder)
        learned = f"+{version()}" if self._learned else ""
        self.name = f"hybrid/{encoder.name}{learned}"
        self._problems = _table(
            [[(p, 1.0 if i == 0 else 0.7) for i, p in enumerate(n.problems)] for n in library]
        )
        self._distortions = _table([[(d, 1.0) for d in n.distortions] for n in library])
        situational = vocabulary().situational
        first = [n.problems[0] for n in library]
        self._situation = {
            label: np.array([own == label for own in first]) for label in sorted(situational & set(first))
        }

    def retrieve(self, text: str, *, k: int = 3) -> tuple[Hit, ...]:
        """Return at most ``k`` hits, the best first, none when nothing fits."""
        scores = self.scores(text)
        # Sorting a hundred thousand takes longer than all else; ties go to the note that comes first.
        likely = np.flatnonzero(scores >= self._fits)
        if 0 < k < len(likely):
            likely = likely[scores[likely] >= np.partition(scores[likely], -k)[-k]]
        order = likely[np.argsort(-scores[likely], kind="stable")][:k]
        return tuple(
            Hit(note_id=self._index.ids[i], score=round(float(min(scores[i], 1.0)), 4)) for i in order
        )

    def scores(self, text: str) -> NDArray[np.float64]:
        """Return how well each note fits, 0 to 1, in the order of the library."""
        reading = read(text)
        count = len(self._index.ids)
        lexical = np.zeros(count)
        tokens = self._terms.find(text)
        if tokens:
            lexical = np.clip(self._index.lexical.get_scores(tokens) / _BM25_FULL, 0, 1)
        near = (
            _LEXICAL * lexical
            + _PROBLEM * _match(self._problems, reading.problems, count)
            + _DISTORTION * _match(self._distortions, reading.distortions, count)
        )
        whole = np.zeros(count)
        known = self._known >= 0
        if not known.all():
            # Notes that nobody wrote examples for are judged by nearness alone.
            semantic = _VECTOR * self._nearest(text)
            whole = (near + semantic) / (1 - _AFFINITY) * self._fitting_situation(reading.problems)
        if self._learned is not None and isinstance(self._encoder, HalfwayEncoder):
            chances, none = self._learned.probabilities(
                spelled_plainly(text).text, self._encoder.middle(read_parts(text))
            )
            learned = (_AFFINITY + _VECTOR) * chances[self._known[known]] ** _SPREAD
            whole[known] = (learned + near[known]) * (1 - _NONE * none)
        scores: NDArray[np.float64] = np.clip(whole, 0, 1)
        return scores

    def _nearest(self, text: str) -> NDArray[np.float64]:
        """How near the nearest cue of each note lies to the text, 0 to 1."""
        index = self._index
        query = centred(self._encoder.queries([encoded(text)]), index.centre)[0]
        best = index.nearest(query)
        near: NDArray[np.float64] = np.clip((best - _COSINE_FLOOR) / _COSINE_SPAN, 0, 1)
        return near

    def _fitting_situation(self, problems: Sequence[Finding]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """Half weight for notes about a situation (illness, birth, jobs...) of which nothing was said."""
        found = {f.label for f in problems}
        weight = np.ones(len(self._index.ids))
        for label, notes in self._situation.items():
            if label not in found:
                weight[notes] = 0.5
        return weight


def encoded(text: str) -> str:
    """Return what of a question is encoded: all of a short one, normalised as the crisis screen reads it."""
    plain = spelled_plainly(text).text
    return (
        plain
        if len(plain) <= _ENCODED * (1 if _HAN.search(plain) else 3)
        else gist(plain, read(plain), _ENCODED)
    )


def read_parts(text: str) -> list[str]:
    """Return what of a question is read half-way: the passages the screen reads, or what tells in a long one."""
    plain = spelled_plainly(text).text
    parts = passages(plain)
    if len(parts) > _READ:
        return [encoded(text)]
    return [plain[part.start : part.end] for part in parts]


def _learned(ids: Sequence[str], encoder: Encoder) -> tuple[Affinity | None, NDArray[np.int64]]:
    """The learned model, where it was trained on this encoder, and the output of each note; -1 for none."""
    none = np.full(len(ids), -1)
    if not MODEL.is_file():
        return None, none
    model = affinity()
    if model.encoder != encoder.name or not isinstance(encoder, HalfwayEncoder):
        return None, none
    place = {name: number for number, name in enumerate(model.ids)}
    return model, np.asarray([place.get(name, -1) for name in ids])


def _table(tags: Sequence[Sequence[tuple[str, float]]]) -> dict[str, NDArray[np.float32]]:
    """For each label, how far each note serves it, shape ``(notes,)``."""
    table: dict[str, NDArray[np.float32]] = {}
    for number, own in enumerate(tags):
        for label, weight in own:
            table.setdefault(label, np.zeros(len(tags), np.float32))[number] = weight
    return table


def _match(
    table: Mapping[str, NDArray[np.float32]], findings: Sequence[Finding], count: int
) -> NDArray[np.float64]:
    """How much of what was found each note serves, 0 to 1, shape ``(count,)``."""
    top = findings[:5]
    total = sum(f.weight for f in top)
    served = np.zeros(count)
    for finding in top:
        if finding.label in table:
            served += table[finding.label] * (finding.weight / total)
    return served
