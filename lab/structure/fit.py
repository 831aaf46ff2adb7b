"""From documents to a model: the linear part, then the network on what the linear part says of unseen answers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from cbtguard.lab.structure.documents import of_answer, told_otherwise
from cbtguard.lab.structure.harms import fit_sense, meanings
from cbtguard.lab.structure.linear import Harmful, Linear, fit
from cbtguard.lab.structure.network import Instance, fit_network
from cbtguard.safety.structure.model import Part
from cbtguard.safety.structure.reading import FEW, context, pooled
from cbtguard.safety.structure.sense import Sense
from cbtguard.safety.structure.weights import HARMS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from cbtguard.lab.structure.corpus import Answer
    from cbtguard.lab.structure.documents import Document
    from cbtguard.safety.structure.weights import Net

_FOLDS = 5
_VERSIONS = 6
"""How often an answer is told otherwise, besides as it was written."""
_BEGINNINGS = 0.35
"""How often an answer is shown as the beginning of one."""
_WEAK_TIMES = 3
"""How often an answer without labelled sentences is shown in an epoch."""
_SURE, _UNLIKELY = 0.6, 0.15
"""Probabilities from which a sentence of such an answer is taken as an example for a part, or against it."""
_FIRST_EPOCHS = 6
_NEVER = -20.0
_NO_SENSE = Sense(table=np.zeros((0, 0), np.float32), biases=np.zeros(0, np.float32), gates={}, words={})
"""Of the first model only the parts are asked."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Material:
    """What there is to train on."""

    answers: tuple[Answer, ...]
    plain: tuple[Document, ...]
    """The answers as they were written."""
    sentences: tuple[Document, ...]
    harmful: tuple[Harmful, ...]
    weak: tuple[Document, ...]
    """Answers of which only the whole is labelled."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Model:
    """A trained model in full precision."""

    linear: Linear
    sense: Sense
    net: Net

    def sentences(self, document: Document) -> NDArray[np.float64]:
        """Return the logit of each part for each sentence."""
        own = self.linear.logits(document)[:, : len(Part)]
        return self.net.logits(context(own, document.layout, english=document.english, whole=True))

    def answer(self, document: Document) -> NDArray[np.float64]:
        """Return the logit of each part for the answer."""
        return pooled(self.sentences(document)) + self.net.shift

    def harms(self, document: Document, gate: float, weight: float) -> NDArray[np.float64]:
        """Return the logit of each harm for each sentence, a clear no where words are below the gate.

        Args:
            document: The sentences.
            gate: From which logit by its words a sentence is read for sense.
            weight: What that logit weighs beside the one by sense.
        """
        words = self.linear.logits(document)[:, len(Part) : len(Part) + len(HARMS)]
        long = np.array([len(held) >= FEW for held in document.layout.words], dtype=bool)
        passed = (words.max(axis=1) >= gate) & long
        both = weight * words + meanings(document) @ self.sense.table + self.sense.biases
        return np.where(passed[:, None], both, _NEVER)


def train(material: Material) -> Model:
    """Return a model: one that knows the corpus labels the weak answers, then one is trained on both."""
    base = [*material.plain, *material.sentences]
    first = Model(
        linear=fit(base, []),
        sense=_NO_SENSE,
        net=fit_network(_instances(material, [], base), epochs=_FIRST_EPOCHS),
    )
    taught = [_taught(document, first.sentences(document)) for document in material.weak]
    net = fit_network(_instances(material, taught, base))
    everything = [*base, *taught]
    return Model(
        linear=fit(everything, material.harmful), sense=fit_sense(everything, material.harmful), net=net
    )


def _taught(document: Document, logits: NDArray[np.float64]) -> Document:
    """Return a weak document with the sentences labelled that the first model is sure of."""
    labels = document.labels.copy()
    chances = 1 / (1 + np.exp(-logits))
    for part in range(len(Part)):
        if document.present[part] and len(labels):
            column = np.full(len(labels), np.nan)
            column[chances[:, part] < _UNLIKELY] = 0
            column[chances[:, part] > _SURE] = 1
            column[chances[:, part].argmax()] = 1
            labels[:, part] = column
    return replace(document, labels=labels)


def _instances(material: Material, taught: Sequence[Document], base: Sequence[Document]) -> list[Instance]:
    """Return what the network learns from: each answer as a linear part sees it that did not learn from it."""
    made: list[Instance] = []
    random = np.random.default_rng(1)
    extra = list(base[len(material.plain) :])
    for fold in range(_FOLDS):
        linear = fit(
            [
                *extra,
                *(d for n, d in enumerate(material.plain) if n % _FOLDS != fold),
                *(d for n, d in enumerate(taught) if n % _FOLDS != fold),
            ],
            [],
        )
        for number in range(fold, len(material.answers), _FOLDS):
            answer = material.answers[number]
            versions = [of_answer(answer), *(told_otherwise(answer, random) for _ in range(_VERSIONS))]
            made += [_instance(linear, version, whole=random.random() >= _BEGINNINGS) for version in versions]
        for document in [d for n, d in enumerate(taught) if n % _FOLDS == fold]:
            made += [_weak_instance(linear, document)] * _WEAK_TIMES
    return made


def _instance(linear: Linear, document: Document, *, whole: bool) -> Instance:
    own = linear.logits(document)[:, : len(Part)]
    seen = context(own, document.layout, english=document.english, whole=whole)
    return Instance(context=seen, labels=document.labels, present=document.present if whole else None)


def _weak_instance(linear: Linear, document: Document) -> Instance:
    own = linear.logits(document)[:, : len(Part)]
    seen = context(own, document.layout, english=document.english, whole=True)
    return Instance(context=seen, labels=None, present=document.present)
