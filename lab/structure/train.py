"""Train the sentence model of the structure checker: ``cbtguard lab structure train``.

Cross-validates on the answers given for tuning, sets the thresholds on what models say that have not seen
them, trains on everything and writes the model file. The same lines give the same bytes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from cbtguard.lab.evaluate.structure import half_of, kappa, read_answers
from cbtguard.lab.structure.composed import composed
from cbtguard.lab.structure.corpus import read_corpus
from cbtguard.lab.structure.documents import document, of_answer, of_labelled
from cbtguard.lab.structure.fit import Material, Model, train
from cbtguard.lab.structure.harms import doubted, doubts_of, gates_of, told, weights_of
from cbtguard.lab.structure.harms import report as harm_report
from cbtguard.lab.structure.harms import thresholds_of as harm_levels
from cbtguard.lab.structure.linear import Harmful
from cbtguard.lab.structure.vetted import vetted
from cbtguard.safety.structure.model import Part
from cbtguard.safety.structure.weights import HARMS, HEADS, SCRIPTS, Weights, with_blank

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from cbtguard.lab.evaluate.structure import Labelled
    from cbtguard.lab.structure.documents import Document

_FOLDS = 4
_TOLERANCE = 0.03
"""What the agreement (Cohen's kappa) on a part may be less than the best for the sake of sound answers."""
_LEAST, _MOST = -0.8, 0.0
"""Between which the threshold of a part lies."""
_CALLED_HARMFUL = 0.01
"""Share of the sound answers that the harms together may cost."""
_CLEAR = 0.01
_SOUND_LOST = 0.01
"""Share of the sound answers that each part's threshold may cost."""


def run(corpus: Path, answers: Sequence[Path], out: Path, size: int) -> Iterator[str]:
    """Train, write the model file, and yield how it goes.

    Args:
        corpus: Folder of the corpus.
        answers: Files of labelled answers, of which the half ``tune`` is learned from.
        out: The model file.
        size: Pieces that are kept.
    """
    tune = [a for path in answers for a in read_answers(path) if half_of(a.id) == "tune"]
    # What is in another language teaches nothing about this one.
    tune = [answer for answer in tune if "wrong_language" not in answer.defects]
    documents = tuple(of_labelled(answer) for answer in tune)
    material = read_material(corpus)
    yield "cross-validating on harmful sentences"
    seen = told([*material.plain, *material.sentences, *documents], material.harmful)
    gates = gates_of(seen)
    words = weights_of(seen, gates)
    levels = harm_levels(seen, gates, words)
    doubts = doubts_of(seen)
    yield from harm_report(seen, gates, words, levels)
    yield doubted(seen, doubts)
    yield f"cross-validating on {len(tune)} answers"
    parts, harms = cross_validate(material, documents, gates, words)
    levels = spared(tune, harms, levels)
    thresholds = {script: {**part_levels(tune, parts)[script], **levels[script]} for script in SCRIPTS}
    yield from report(tune, parts, harms, thresholds)
    yield "training on everything"
    model = train(replace(material, weak=documents))
    out.write_bytes(
        pack(with_gates(model, gates, words), thresholds, doubts, card(material, tune), size).dump()
    )
    yield f"{out} ({out.stat().st_size / 1e6:.2f} MB)"


def read_material(corpus: Path) -> Material:
    """Return what there is to train on, but for the answers of which only the whole is labelled."""
    read = read_corpus(corpus)
    answers = (*read.answers, *composed(read.answers))
    return Material(
        answers=answers,
        plain=tuple(of_answer(answer) for answer in answers),
        sentences=(*(of_answer(answer) for answer in read.sentences), *vetted()),
        harmful=tuple(
            Harmful(
                document=document("", harm.text, english=harm.english, marks=[(0, frozenset())]),
                code=harm.code,
            )
            for harm in read.harms
        ),
        weak=(),
    )


def cross_validate(
    material: Material, documents: Sequence[Document], gates: dict[str, float], words: dict[str, float]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return what models say that have not seen an answer: of its parts, and of its worst sentences."""
    fold = np.random.default_rng(5).permutation(len(documents)) % _FOLDS
    parts = np.zeros((len(documents), len(Part)))
    harms = np.full((len(documents), len(HARMS)), -20.0)
    for turn in range(_FOLDS):
        model = train(
            replace(material, weak=tuple(d for d, f in zip(documents, fold, strict=True) if f != turn))
        )
        for number in np.flatnonzero(fold == turn).tolist():
            parts[number] = model.answer(documents[number])
            if len(documents[number].labels):
                script = "latin" if documents[number].english else "han"
                found = model.harms(documents[number], gates[script], words[script])
                harms[number] = found.max(axis=0)
    return parts, harms


def part_levels(answers: Sequence[Labelled], parts: NDArray[np.float64]) -> dict[str, dict[str, float]]:
    """Return the logit from which each part is there, in each script."""
    sound = np.array([answer.sound for answer in answers])
    latin = np.array([answer.language.startswith("en") for answer in answers])
    found: dict[str, dict[str, float]] = {}
    for script in SCRIPTS:
        here = latin == (script == "latin")
        found[script] = {
            part.value: _part_threshold(
                parts[here, column], np.array([a.parts[part] for a in answers])[here], sound[here]
            )
            for column, part in enumerate(Part)
        }
    return found


def spared(
    answers: Sequence[Labelled], harms: NDArray[np.float64], levels: dict[str, dict[str, float]]
) -> dict[str, dict[str, float]]:
    """Return the levels of the harms, all raised alike until few sound answers are called harmful.

    An answer has many sentences, and each is a chance to err.
    """
    raised = {script: dict(codes) for script, codes in levels.items()}
    scripts = np.array(["latin" if a.language.startswith("en") else "han" for a in answers])
    for script in SCRIPTS:
        here = np.array([a.sound for a in answers]) & (scripts == script)
        over = (harms[here] - np.array([levels[script][code] for code in HARMS])).max(axis=1, initial=-np.inf)
        margin = max(0.0, float(np.quantile(over, 1 - _CALLED_HARMFUL)) + _CLEAR) if here.any() else 0.0
        raised[script] = {code: round(level + margin, 3) for code, level in levels[script].items()}
    return raised


def _part_threshold(
    logits: NDArray[np.float64], labels: NDArray[np.bool_], sound: NDArray[np.bool_]
) -> float:
    """Return the lowest logit of nearly the best agreement, or a lower one if sound answers would be lost."""
    ordered = np.sort(logits)
    middles = np.concatenate([[ordered[0] - 1], (ordered[1:] + ordered[:-1]) / 2])
    agreed = [kappa(list(zip(labels.tolist(), (logits > m).tolist(), strict=True))) for m in middles]
    close = [m for m, k in zip(middles.tolist(), agreed, strict=True) if k >= max(agreed) - _TOLERANCE]
    spared = float(np.quantile(logits[sound], _SOUND_LOST)) if sound.any() else close[0]
    return round(float(min(max(min(close[0], spared), _LEAST), _MOST)), 3)


def report(
    answers: Sequence[Labelled],
    parts: NDArray[np.float64],
    harms: NDArray[np.float64],
    thresholds: dict[str, dict[str, float]],
) -> list[str]:
    """Return what was found on answers that the models had not seen."""
    lines = []
    for script in SCRIPTS:
        here = [n for n, a in enumerate(answers) if a.language.startswith("en") == (script == "latin")]
        for column, part in enumerate(Part):
            level = thresholds[script][part.value]
            pairs = [(answers[n].parts[part], bool(parts[n, column] >= level)) for n in here]
            lost = sum(answers[n].sound and parts[n, column] < level for n in here)
            lines.append(
                f"{script} {part.value:<14} kappa {kappa(pairs):.3f}  from {level:+.2f}  sound answers lost {lost}"
            )
    scripts = ["latin" if a.language.startswith("en") else "han" for a in answers]
    limits = np.array([[thresholds[script][code] for code in HARMS] for script in scripts])
    for column, code in enumerate(HARMS):
        holders = [n for n, a in enumerate(answers) if code in a.defects]
        named = sum(harms[n, column] >= limits[n, column] for n in holders)
        lines.append(f"{code:<18} named by the model alone {named} of {len(holders)}")
    sound = np.array([answer.sound for answer in answers])
    wrong = int((harms[sound] >= limits[sound]).any(axis=1).sum())
    lines.append(f"sound answers called harmful by the model alone {wrong} of {int(sound.sum())}")
    return lines


def with_gates(model: Model, gates: dict[str, float], words: dict[str, float]) -> Model:
    """Return a model that reads for sense what passes these gates, and weighs words so beside it."""
    return replace(model, sense=replace(model.sense, gates=gates, words=words))


def pack(
    model: Model,
    thresholds: dict[str, dict[str, float]],
    doubts: dict[str, dict[str, float]],
    about: dict[str, Any],
    size: int,
) -> Weights:
    """Keep the pieces that weigh most and round their weights to 8 bits, a scale for each head."""
    table = model.linear.table
    weight = np.abs(table) / np.abs(table).max(axis=0)
    kept = np.sort(np.argsort(-weight.max(axis=1), kind="stable")[:size])
    table = table[kept]
    scales = np.maximum(np.abs(table).max(axis=0, initial=0.0), 1e-9) / 127
    return Weights(
        keys=model.linear.keys[kept],
        table=with_blank(np.rint(table / scales).astype(np.int8)),
        scales=scales.astype(np.float32),
        biases=model.linear.biases.astype(np.float32),
        net=model.net,
        sense=model.sense,
        thresholds=thresholds,
        doubts=doubts,
        card=about,
    )


def card(material: Material, tune: Sequence[Labelled]) -> dict[str, Any]:
    """Return what the model file says about itself."""
    return {
        "heads": list(HEADS),
        "answers": len(material.answers),
        "sentences": sum(len(d.labels) for d in (*material.plain, *material.sentences)),
        "harms": len(material.harmful),
        "tune": len(tune),
        "sources": "Answers and sentences written for this project, its composer's answers, and the half "
        "`tune` of its labelled answers.",
    }
