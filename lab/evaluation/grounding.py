"""Grounding: how many sentences of answers say what a cited note says, and how many would by chance."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from cbtguard.lab.evaluation.score import LeftOut, Score, mean
from cbtguard.safety.text import sentences

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from cbtguard.lab.evaluation.pairs import Pair
    from cbtguard.nodes.retrieval.encoder import Encoder
    from cbtguard.nodes.retrieval.note import Note, NoteLibrary

NEAR = {"zh": 0.933, "en": 0.898}
"""Cosine of the embedded encoder from which a sentence says what another says: that of one in twenty sentences
with notes their answer does not cite, over 24 answers of the composer (445 sentences). Answers and notes of one
language are nearer to one another in Chinese."""
_SHORTEST = 6
_SEED = 11


def grounding(pairs: Sequence[Pair], library: NoteLibrary, encoder: Encoder) -> Iterator[Score | LeftOut]:
    """Yield the share of an answer's sentences that are near a sentence of a note it cites, 0 to 1.

    Beside it stands the share that is near as many notes drawn from the others (with a fixed seed): what is
    above it is grounding, what is not is how notes and answers talk anyway.
    """
    held = [pair for pair in pairs if any(name in library for name in pair.citations)]
    if not held:
        yield LeftOut(name="grounding", why="no answer names a note of the library in citations")
        return
    draw = random.Random(_SEED)  # noqa: S311 - a fixed draw
    shelf = _Shelf(library, encoder)
    near: dict[str, list[float]] = {}
    chance: dict[str, list[float]] = {}
    for pair in held:
        cited = [name for name in pair.citations if name in library]
        others = draw.sample([note.id for note in library if note.id not in cited], len(cited))
        said = _said(pair.answer, encoder)
        near.setdefault(pair.language, []).append(shelf.share(said, cited, pair.language))
        chance.setdefault(pair.language, []).append(shelf.share(said, others, pair.language))
    for language in sorted(near):
        how = f"cosine of {encoder.name} at least {NEAR[language]:g}"
        yield mean("grounding", near[language], group=language, how=f"{how}, cited notes")
        yield mean(
            "grounding by chance", chance[language], group=language, how=f"{how}, as many notes not cited"
        )


class _Shelf:
    """The sentences of notes as vectors, each note encoded once."""

    def __init__(self, library: NoteLibrary, encoder: Encoder) -> None:
        self._library, self._encoder = library, encoder
        self._known: dict[tuple[str, str], NDArray[np.float32]] = {}

    def share(self, said: NDArray[np.float32], names: Sequence[str], language: str) -> float:
        import numpy as np  # noqa: PLC0415 - heavy

        if not len(said):
            return 0.0
        rows = np.concatenate([self._of(name, language) for name in names])
        return float(np.mean((said @ rows.T).max(axis=1) >= NEAR[language]))

    def _of(self, name: str, language: str) -> NDArray[np.float32]:
        if (name, language) not in self._known:
            self._known[name, language] = self._encoder.passages(
                list(note_sentences(self._library[name], language))
            )
        return self._known[name, language]


def note_sentences(note: Note, language: str) -> Iterator[str]:
    """Yield the sentences a note says, in ``zh`` or ``en``."""
    for text in (
        note.title.of(language),
        note.idea.of(language),
        *note.questions.of(language),
        *note.steps.of(language),
        *note.encouragement.of(language),
    ):
        yield from (text[span.start : span.end].strip() for span in sentences(text))


def _said(answer: str, encoder: Encoder) -> NDArray[np.float32]:
    import numpy as np  # noqa: PLC0415 - heavy

    texts = [answer[span.start : span.end].strip() for span in sentences(answer)]
    kept = [text for text in texts if len(text) >= _SHORTEST]
    return encoder.passages(kept) if kept else np.zeros((0, 1), np.float32)
