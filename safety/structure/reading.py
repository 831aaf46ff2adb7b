"""Reading an answer: which sentence does the job of which part, and which sentence does harm."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cbtguard.safety.structure.layout import LATER, Layout, lay_out
from cbtguard.safety.structure.model import Part
from cbtguard.safety.structure.pieces import pieces
from cbtguard.safety.structure.weights import HARMS, WIDTH, load

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from cbtguard.safety.structure.sense import Sense
    from cbtguard.safety.structure.weights import Weights

MODEL = Path(__file__).parent / "data" / "model.npz"
PARTS = len(Part)
_DIGITS = 5
_NEVER = -20.0
_FEWEST = 4
"""Words, signs included, of a sentence that can show a part: 慢慢来。"""
FEW = 7
"""Words, signs included, that a sentence must have for the model alone to call it harmful."""
_MOST_READ = 8
"""Sentences of an answer that are read for sense, those whose words look worst first: bounds the time."""
_HAN = re.compile(r"[\u3400-\u9fff]")
_LATIN = re.compile(r"[a-z]{2,}")
_STEEP = 4.0
_FLOOR = -2.0
"""What is put where there is no sentence; a clear no."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reading:
    """What the model makes of an answer."""

    layout: Layout
    own: NDArray[np.float64]
    """Logit of each part for each sentence taken by itself, shape ``(sentences, 5)``."""
    sentences: NDArray[np.float64]
    """Logit of each part for each sentence where it stands, shape ``(sentences, 5)``."""
    answer: NDArray[np.float64]
    """Logit of each part for the answer, shape ``(5,)``."""
    harms: NDArray[np.float64]
    """Logit of each of ``HARMS`` for each sentence, shape ``(sentences, len(HARMS))``; a clear no for those whose
    words look harmless, and for those of a few words, which say too little to go by."""
    thresholds: dict[str, float]
    """Logit from which each head speaks, in the script of the answer."""
    sense: Sense
    doubts: dict[str, float]
    """Logit of the sense below which each of ``HARMS`` is not believed, whatever the words."""

    def doubted(self, code: str, place: int) -> bool:
        """Return whether a sentence means something harmless, though words of a rule for ``code`` stand in it.

        Args:
            code: Of the rule. What is not among ``HARMS`` is never doubted.
            place: Where in the text the words begin.
        """
        number = bisect_right(self.layout.spans, place, key=lambda span: span.start) - 1
        if code not in self.doubts or number < 0 or len(self.layout.words[number]) < FEW:
            return False
        span = self.layout.spans[number]
        logits = self.sense.logits([self.layout.plain[span.start : span.end].strip()])
        return bool(logits[0, HARMS.index(code)].round(_DIGITS) < self.doubts[code])


def read(question: str, answer: str, *, english: bool, whole: bool = True) -> Reading:
    """Return what the shipped model makes of an answer.

    Args:
        question: What was asked; what is taken up from it in quotes tells a key thought.
        answer: The answer, or the beginning of one.
        english: Whether it is to be read as English; else as Chinese.
        whole: Whether the answer ends where the text ends. If not, a sentence is judged by what stands before
            it alone, so that the judgement keeps when more is written.
    """
    weights, _ = model()
    script = "latin" if english else "han"
    layout = lay_out(question, answer)
    heads = weights.logits(*pieces(layout.words))
    own = heads[:, :PARTS]
    # Matrix products differ in their last bits from call to call; a verdict must not.
    sentences = weights.net.logits(context(own, layout, english=english, whole=whole)).round(_DIGITS)
    sentences[~_readable(layout, english=english)] = _NEVER
    return Reading(
        layout=layout,
        own=own,
        sentences=sentences,
        answer=(pooled(sentences) + weights.net.shift).round(_DIGITS),
        harms=_harms(heads[:, PARTS : PARTS + len(HARMS)], layout, weights.sense, script),
        thresholds=weights.thresholds[script],
        sense=weights.sense,
        doubts=weights.doubts[script],
    )


def _harms(words: NDArray[np.float64], layout: Layout, sense: Sense, script: str) -> NDArray[np.float64]:
    """Return the logits of harm: of words and sense together, where the words give reason to read for sense."""
    found = np.full(words.shape, _NEVER)
    if not len(words):
        return found
    suspect = words.max(axis=1)
    suspect[[len(held) < FEW for held in layout.words]] = _NEVER
    read = [place for place in np.argsort(-suspect, kind="stable") if suspect[place] >= sense.gates[script]]
    read = read[:_MOST_READ]
    if read:
        texts = [layout.plain[layout.spans[place].start : layout.spans[place].end].strip() for place in read]
        found[read] = sense.words[script] * words[read] + sense.logits(texts)
    return found.round(_DIGITS)


def _readable(layout: Layout, *, english: bool) -> NDArray[np.bool_]:
    """Return which sentences can show a part: not those of a word or two, nor those in the other script."""
    script = _LATIN if english else _HAN
    texts = (layout.plain[span.start : span.end] for span in layout.spans)
    return np.array(
        [
            len(held) >= _FEWEST and script.search(text) is not None
            for held, text in zip(layout.words, texts, strict=True)
        ],
        dtype=bool,
    )


@cache
def model() -> tuple[Weights, str]:
    """Return the shipped weights and the hash of their file."""
    return load(MODEL)


def pooled(sentences: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the logits of an answer: those of its best sentences, a little more when several do the job."""
    if not len(sentences):
        return np.full(PARTS, _NEVER)
    top: NDArray[np.float64] = sentences.max(axis=0)
    spread: NDArray[np.float64] = np.log(np.exp(sentences - top).sum(axis=0))
    return top + spread


def context(own: NDArray[np.float64], layout: Layout, *, english: bool, whole: bool) -> NDArray[np.float64]:
    """Return what the network sees of each sentence, shape ``(sentences, WIDTH)``.

    The parts' own logits; their mean and maximum in the paragraph; those of the sentence before and the best
    before; those of the next, the best after and the best anywhere; the shape; the language.
    """
    count = len(own)
    if not count:
        return np.zeros((0, WIDTH))
    own = np.clip(own, -8, 8) / _STEEP
    mean, most = _within(own, layout.first, whole=whole)
    nothing = np.full((1, PARTS), _FLOOR)
    before = np.vstack([nothing, np.maximum.accumulate(own, axis=0)[:-1]])
    previous = np.vstack([nothing, own[:-1]])
    shape = layout.shape.copy()
    if whole:
        following = np.vstack([own[1:], nothing])
        after = np.vstack([np.maximum.accumulate(own[::-1], axis=0)[::-1][1:], nothing])
        anywhere = np.broadcast_to(own.max(axis=0), own.shape)
    else:
        following = after = anywhere = np.zeros_like(own)
        shape[:, LATER] = 0
        shape[:, -1] = 0
    spoken = np.full((count, 1), float(english))
    return np.hstack([own, mean, most, before, previous, following, after, anywhere, shape, spoken])


def _within(
    own: NDArray[np.float64], first: NDArray[np.int64], *, whole: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean and maximum of the logits in each sentence's paragraph, or in as much of it as is there."""
    mean, most = np.empty_like(own), np.empty_like(own)
    begins = np.unique(first)
    for begin, end in zip(begins, [*begins[1:], len(own)], strict=True):
        held = own[begin:end]
        if whole:
            mean[begin:end] = held.mean(axis=0)
            most[begin:end] = held.max(axis=0)
        else:
            mean[begin:end] = held.cumsum(axis=0) / np.arange(1, len(held) + 1)[:, None]
            most[begin:end] = np.maximum.accumulate(held, axis=0)
    return mean, most
