"""Retrieval at scale: processor time to build and a query, and memory, up to a hundred thousand notes.

The notes beyond the shipped ones are synthetic: each takes its texts, problems and distortions from several
shipped notes, and the vectors of its cues are those of shipped cues with noise added. Nobody wrote questions
for them, so they are judged by nearness, words and problems, as the notes of an operator are.
"""

from __future__ import annotations

import gc
import json
import resource
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cbtguard.lab.plots import Line, chart
from cbtguard.nodes.retrieval.encoder import EmbeddedEncoder
from cbtguard.nodes.retrieval.hybrid import HybridRetriever, read_parts
from cbtguard.nodes.retrieval.index import _cues, _file, _terms_file
from cbtguard.nodes.retrieval.note import NOTES, NoteLibrary
from cbtguard.nodes.retrieval.words import words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cbtguard.nodes.retrieval.note import Note

SIZES = (86, 1_000, 10_000, 100_000)
_NOISE = 0.35
"""Length of the noise added to a vector of unit length."""
_CUES = 2
"""Cues a language of a synthetic note."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Figures for a number of notes."""

    notes: int
    build_s: float
    """Seconds of processor time, vectors and words being stored."""
    p50_ms: float
    p95_ms: float
    """Milliseconds of processor time a question; one thread does all of it."""
    memory_mb: float
    """Peak memory of the process so far."""


def synthetic(shipped: Sequence[Note], count: int, seed: int = 7) -> Iterator[Note]:
    """Yield notes made of parts of shipped ones, each under a name of its own."""
    random = np.random.default_rng(seed)
    for number in range(count):
        first, second, third = (shipped[n] for n in random.integers(len(shipped), size=3))
        zh = random.permutation([*first.cues.zh, *second.cues.zh])[:_CUES].tolist()
        en = random.permutation([*first.cues.en, *second.cues.en])[:_CUES].tolist()
        yield first.model_copy(
            update={
                "id": f"synthetic-{number}",
                "problems": tuple(dict.fromkeys((*first.problems[:1], *third.problems)))[:3],
                "distortions": second.distortions,
                "cues": first.cues.model_copy(update={"zh": tuple(zh), "en": tuple(en)}),
                "example": third.example,
            }
        )


class _Library(NoteLibrary):
    """Notes that lie in no folder."""

    def __init__(self, notes: Sequence[Note]) -> None:
        self.folder = NOTES
        self._notes = {note.id: note for note in notes}
        self.version = f"synthetic{len(notes)}"


def _store_made(library: _Library, shipped: Sequence[Note], encoder: EmbeddedEncoder, cache: Path) -> None:
    """Lay vectors and words where the index looks for stored ones: cutting 100,000 texts takes an hour."""
    cues = _cues(shipped)[1]
    known = dict(zip(cues, encoder.passages(cues), strict=True))
    random = np.random.default_rng(11)
    rows = _cues(tuple(library))[1]
    out = np.empty((len(rows), 384), np.float16)
    for start in range(0, len(rows), 10_000):
        some = np.stack([known[text] for text in rows[start : start + 10_000]])
        noise = random.standard_normal(some.shape, np.float32)
        some += _NOISE * noise / np.linalg.norm(noise, axis=1, keepdims=True)
        out[start : start + len(some)] = some / np.linalg.norm(some, axis=1, keepdims=True)
    np.save(cache / _file(library, encoder), out, allow_pickle=False)
    own = [
        words(" ".join((*n.cues.zh, *n.cues.en, n.title.zh, n.title.en, n.idea.zh, n.idea.en)))
        for n in shipped
    ]
    terms = []
    for _ in library:
        first, second = random.integers(len(own), size=2)
        half = random.random(len(own[first]) + len(own[second])) < 0.5
        terms.append([word for word, kept in zip(own[first] + own[second], half, strict=True) if kept])
    (cache / _terms_file(library)).write_text(json.dumps(terms, ensure_ascii=False), encoding="utf-8")


def measure(questions: Sequence[str], sizes: Sequence[int] = SIZES, rounds: int = 100) -> Iterator[Scale]:
    """Yield the figures for libraries of growing size; the screen has read each question before."""
    shipped = tuple(NoteLibrary())
    encoder = EmbeddedEncoder()
    for size in sizes:
        gc.collect()
        with tempfile.TemporaryDirectory() as folder:
            library: NoteLibrary = NoteLibrary()
            if size > len(shipped):
                made = _Library((*shipped, *synthetic(shipped, size - len(shipped))))
                _store_made(made, shipped, encoder, Path(folder))
                library = made
            start = time.process_time()
            retriever = HybridRetriever(library, encoder, cache=Path(folder))
            built = time.process_time() - start
        times = []
        for number in range(rounds + 5):
            text = f"{questions[number % len(questions)]} {number}"
            encoder.middle(read_parts(text))
            # The thread's own time: what else runs on the machine must not count.
            start = time.thread_time()
            retriever.retrieve(text)
            times.append((time.thread_time() - start) * 1000)
        p50, p95 = (float(value) for value in np.quantile(times[5:], (0.5, 0.95)))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        yield Scale(notes=size, build_s=built, p50_ms=p50, p95_ms=p95, memory_mb=peak)
        del retriever, library


def run(questions: Sequence[str], *, most: int, rounds: int, plots: Path | None) -> Iterator[str]:
    """Yield a line a size, and draw the plot."""
    rows = []
    for row in measure(questions, [size for size in SIZES if size <= most], rounds):
        rows.append(row)
        yield (
            f"{row.notes:>7} notes   built in {row.build_s:6.2f} s   query p50 {row.p50_ms:6.2f} ms   "
            f"p95 {row.p95_ms:6.2f} ms   peak memory {row.memory_mb:5.0f} MB"
        )
    if plots is not None:
        sizes = [float(row.notes) for row in rows]
        yield str(
            chart(
                plots / "retrieval-scale.svg",
                [
                    Line(name="p50", x=sizes, y=[row.p50_ms for row in rows]),
                    Line(name="p95", x=sizes, y=[row.p95_ms for row in rows]),
                ],
                title="Looking up notes, by the size of the library",
                x="notes",
                y="CPU milliseconds a question",
                logarithmic=True,
                limit=("aim for p95 at 100,000", 30.0),
            )
        )
