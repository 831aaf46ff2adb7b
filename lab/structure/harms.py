"""The heads for harm: how well they tell it on lines they have not seen, and from where on they speak."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cbtguard.lab.structure.linear import fit, harm_targets, targets
from cbtguard.safety.structure.harm import find_harm
from cbtguard.safety.structure.model import Part
from cbtguard.safety.structure.reading import FEW
from cbtguard.safety.structure.sense import WIDTH, Sense, features
from cbtguard.safety.structure.weights import HARMS, SCRIPTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from cbtguard.lab.structure.documents import Document
    from cbtguard.lab.structure.linear import Harmful

    Rows = NDArray[np.float64]

_FOLDS = 5
_STRENGTH = 0.005
"""Inverse of the regularisation, on features of unit spread."""
_PASSED = 0.95
"""Share of the harmful sentences that are to be read for sense."""
_SOUND_LOST, _TEMPTING_LOST = 0.0004, 0.02
"""Shares of harmless sentences that a head may call harmful: of sound texts, and of those written to tempt it."""
_RULED_LOST = 0.03
"""Share of the harmful sentences with a rule's words in them that may be taken for harmless."""
_ENOUGH = 15
_BELIEVED = -99.0
_HARMLESS, _TEMPTING = -1, -2
_WEIGHTS = (0.0, 0.2, 0.4, 0.7, 1.0)
_SENTENCES: dict[str, NDArray[np.float32]] = {}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Told:
    """What models say of sentences that they have not seen.

    Attributes:
        words: Logits by the words, shape ``(sentences, harms)``.
        sense: Logits by the sense, the same shape.
        codes: Place of the code in ``HARMS``; -1 for a sentence of a sound text, -2 for a harmless one that was
            written to tempt.
        latin: Whether it is in Latin script.
        ruled: Whether a rule of each code finds its words in it, shape ``(sentences, harms)``.
    """

    words: Rows
    sense: Rows
    codes: NDArray[np.int64]
    latin: NDArray[np.bool_]
    ruled: NDArray[np.bool_]


def fit_sense(documents: Sequence[Document], harmful: Sequence[Harmful]) -> Sense:
    """Return the linear layer over what sentences mean, one logistic regression a code, gates left open."""
    from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped] # noqa: PLC0415

    everything = [*documents, *(one.document for one in harmful)]
    wanted = np.concatenate(
        [*(targets(document) for document in documents), *(harm_targets(one) for one in harmful)]
    )[:, len(Part) :]
    seen = np.concatenate([meanings(document) for document in everything]).astype(np.float64)
    mean, spread = seen.mean(axis=0), seen.std(axis=0) + 1e-6
    seen = (seen - mean) / spread
    table, biases = np.zeros((WIDTH, len(HARMS)), np.float32), np.zeros(len(HARMS), np.float32)
    for column in range(len(HARMS)):
        given = ~np.isnan(wanted[:, column])
        model = LogisticRegression(C=_STRENGTH, max_iter=500)
        model.fit(seen[given], wanted[given, column] > 0.5)
        slopes = model.coef_[0] / spread
        table[:, column] = slopes.astype(np.float16)
        biases[column] = float(model.intercept_[0] - mean @ slopes)
    return Sense(
        table=table, biases=biases, gates=dict.fromkeys(SCRIPTS, -np.inf), words=dict.fromkeys(SCRIPTS, 1.0)
    )


def meanings(document: Document) -> NDArray[np.float32]:
    """Return the features of each sentence of a document; each text is encoded once."""
    texts = sentences_of(document)
    new = [text for text in dict.fromkeys(texts) if text not in _SENTENCES]
    if new:
        _SENTENCES.update(zip(new, features(new), strict=True))
    return np.array([_SENTENCES[text] for text in texts], np.float32).reshape(len(texts), WIDTH)


def sentences_of(document: Document) -> list[str]:
    """Return the sentences of a document as the checker reads them."""
    layout = document.layout
    return [layout.plain[span.start : span.end].strip() for span in layout.spans]


def told(documents: Sequence[Document], harmful: Sequence[Harmful]) -> Told:
    """Return what models say that have not seen the document a sentence stands in."""
    meanings_of = [*documents, *(one.document for one in harmful)]
    for document in meanings_of:
        meanings(document)
    random = np.random.default_rng(7)
    fold_d = random.permutation(len(documents)) % _FOLDS
    fold_h = random.permutation(len(harmful)) % _FOLDS
    words, sense, codes, latin, ruled = [], [], [], [], []
    for turn in range(_FOLDS):
        known = [d for d, f in zip(documents, fold_d, strict=True) if f != turn]
        harms = [h for h, f in zip(harmful, fold_h, strict=True) if f != turn]
        linear, second = (
            fit(known, harms, heads=range(len(Part), len(Part) + len(HARMS))),
            fit_sense(known, harms),
        )
        unseen = [(d, _HARMLESS) for d, f in zip(documents, fold_d, strict=True) if f == turn and d.harmless]
        unseen += [
            (h.document, HARMS.index(h.code) if h.code else _TEMPTING)
            for h, f in zip(harmful, fold_h, strict=True)
            if f == turn
        ]
        for document, code in unseen:
            long = np.array([len(held) >= FEW for held in document.layout.words], dtype=bool)
            if not long.any():
                continue
            words.append(linear.logits(document)[long, len(Part) :])
            sense.append((meanings(document)[long] @ second.table + second.biases).astype(np.float64))
            codes += [code] * int(long.sum())
            latin += [document.english] * int(long.sum())
            ruled += [
                _ruled(t, document.english) for t, k in zip(sentences_of(document), long, strict=True) if k
            ]
    return Told(
        words=np.concatenate(words),
        sense=np.concatenate(sense),
        codes=np.array(codes),
        latin=np.array(latin),
        ruled=np.array(ruled),
    )


def _ruled(text: str, english: bool) -> list[bool]:
    found = {defect.code for defect in find_harm(text, english=english, reading=None)}
    return [code in found for code in HARMS]


def doubts_of(seen: Told) -> dict[str, dict[str, float]]:
    """Return below which logit of its sense, in each script, a sentence that a rule of each code hits is harmless.

    Of the harmful sentences with such a hit nearly all are believed.
    """
    found: dict[str, dict[str, float]] = {}
    for script in SCRIPTS:
        here = seen.latin == (script == "latin")
        found[script] = {}
        for column, code in enumerate(HARMS):
            hit = seen.sense[here & (seen.codes == column) & seen.ruled[:, column], column]
            level = float(np.quantile(hit, _RULED_LOST)) if len(hit) >= _ENOUGH else _BELIEVED
            found[script][code] = round(level, 3)
    return found


def doubted(seen: Told, doubts: dict[str, dict[str, float]]) -> str:
    """Return how many harmless sentences with a rule's words in them are seen for harmless."""
    limits = np.array([[doubts[s][code] for code in HARMS] for s in SCRIPTS])[seen.latin.astype(int)]
    hit = seen.ruled & (seen.codes < 0)[:, None]
    spared = hit & (seen.sense < limits)
    return f"harmless sentences that a rule hits: {int(hit.sum())}, seen for harmless: {int(spared.sum())}"


def gates_of(seen: Told) -> dict[str, float]:
    """Return from which logit by its words, in each script, a sentence is worth reading for sense."""
    found = {}
    for script in SCRIPTS:
        here = (seen.latin == (script == "latin")) & (seen.codes >= 0)
        found[script] = round(float(np.quantile(seen.words[here].max(axis=1), 1 - _PASSED)), 3)
    return found


def weights_of(seen: Told, gates: dict[str, float]) -> dict[str, float]:
    """Return what words weigh beside sense in each script: the weight that names most harmful sentences."""
    best = {}
    for script in SCRIPTS:
        here = (seen.latin == (script == "latin")) & (seen.codes >= 0)
        named = {}
        for weight in _WEIGHTS:
            levels = thresholds_of(seen, gates, dict.fromkeys(SCRIPTS, weight))
            limits = np.array([levels[script][code] for code in HARMS])
            both = _gated(seen, gates[script], weight)[here]
            named[weight] = float((both >= limits).any(axis=1).mean())
        best[script] = max(named, key=lambda weight: named[weight])
    return best


def thresholds_of(
    seen: Told, gates: dict[str, float], weights: dict[str, float]
) -> dict[str, dict[str, float]]:
    """Return the logit from which each code is named, in each script, and nearly no harmless sentence is."""
    found: dict[str, dict[str, float]] = {}
    for script in SCRIPTS:
        here = seen.latin == (script == "latin")
        both = _gated(seen, gates[script], weights[script])
        found[script] = {}
        for column, code in enumerate(HARMS):
            sound = np.quantile(both[here & (seen.codes == _HARMLESS), column], 1 - _SOUND_LOST)
            tempting = np.quantile(both[here & (seen.codes == _TEMPTING), column], 1 - _TEMPTING_LOST)
            found[script][code] = round(float(max(sound, tempting)), 3)
    return found


def report(
    seen: Told, gates: dict[str, float], weights: dict[str, float], levels: dict[str, dict[str, float]]
) -> list[str]:
    """Return how many of the unseen harmful sentences are named, and how many sound ones are read for sense."""
    lines = []
    for script in SCRIPTS:
        here = seen.latin == (script == "latin")
        both = _gated(seen, gates[script], weights[script])
        sound = here & (seen.codes == _HARMLESS)
        read = float((seen.words[sound].max(axis=1) >= gates[script]).mean())
        limits = np.array([levels[script][code] for code in HARMS])
        wrong = float((both[sound] >= limits).any(axis=1).mean())
        lines.append(
            f"{script} sentences of sound texts: {read:.1%} read for sense, {wrong:.2%} called harmful; "
            f"words weigh {weights[script]}"
        )
        for column, code in enumerate(HARMS):
            held = both[here & (seen.codes == column)]
            named = float((held[:, column] >= limits[column]).mean())
            stopped = float((held >= limits).any(axis=1).mean())
            lines.append(
                f"{script} {code:<14} {len(held):4d} unseen: named {named:.1%}, stopped {stopped:.1%}"
            )
    return lines


def _gated(seen: Told, gate: float, weight: float) -> Rows:
    passed = seen.words.max(axis=1, keepdims=True) >= gate
    both: Rows = np.where(passed, weight * seen.words + seen.sense, -20.0)
    return both
