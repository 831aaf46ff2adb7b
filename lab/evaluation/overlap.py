"""Overlap with references: BLEU and chrF by sacrebleu, METEOR by nltk, all offline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cbtguard.lab.evaluation.score import LeftOut, Score, mean
from cbtguard.lab.evaluation.words import HOW, words
from cbtguard.nodes.writers.source import need_library

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cbtguard.lab.evaluation.pairs import Pair

TOKENISERS = {"zh": "zh", "en": "13a"}
"""Those of sacrebleu."""
_STEMS = {"zh": "exact matches", "en": "exact matches and Porter stems"}


def overlap(pairs: Sequence[Pair]) -> Iterator[Score | LeftOut]:
    """Yield BLEU (0 to 100), chrF (0 to 100) and METEOR (0 to 1) of each language, over answers with a reference.

    Raises:
        DependencyError: ``dependency.library`` without sacrebleu or nltk.
    """
    held = [pair for pair in pairs if pair.reference.strip()]
    if not held:
        yield from (
            LeftOut(name=name, why="no answer has a reference") for name in ("BLEU", "chrF", "METEOR")
        )
        return
    for library in ("sacrebleu", "nltk"):
        need_library(library, "Overlap with references is counted with it.")
    for language in sorted({pair.language for pair in held}):
        own = [pair for pair in held if pair.language == language]
        answers, references = [pair.answer for pair in own], [pair.reference for pair in own]
        for name, metric in (("BLEU", bleu(language)), ("chrF", chrf())):
            value = metric.corpus_score(answers, [references]).score
            # Bars would cut a row of a Markdown table.
            how = f"sacrebleu, corpus, {metric.get_signature()}".replace("|", " ")
            yield Score(name=name, group=language, value=float(value), n=len(own), how=how)
        values = [meteor(pair.answer, pair.reference, language) for pair in own]
        how = f"nltk, {HOW[language]}, {_STEMS[language]}, no synonyms"
        yield mean("METEOR", values, group=language, how=how)


def bleu(language: str) -> Any:
    """Return sacrebleu's metric with the tokeniser of ``zh`` or ``en``."""
    from sacrebleu.metrics.bleu import BLEU  # noqa: PLC0415 - optional

    return BLEU(tokenize=TOKENISERS[language])


def chrf() -> Any:
    """Return sacrebleu's chrF2: characters only, so it needs no tokeniser."""
    from sacrebleu.metrics.chrf import CHRF  # noqa: PLC0415 - optional

    return CHRF()


def meteor(answer: str, reference: str, language: str) -> float:
    """Return METEOR, 0 to 1, of words cut for ``zh`` or ``en``; 0 for a text without words.

    Synonyms would need a WordNet that is not part of nltk's package, so there are none in either language.
    """
    from nltk.stem.porter import PorterStemmer  # type: ignore[import-untyped] # noqa: PLC0415 - optional
    from nltk.translate.meteor_score import single_meteor_score  # type: ignore[import-untyped] # noqa: PLC0415

    said, wanted = words(answer, language), words(reference, language)
    if not said or not wanted:
        return 0.0
    stemmer = PorterStemmer() if language == "en" else Unstemmed()
    return float(single_meteor_score(wanted, said, stemmer=stemmer, wordnet=NoSynonyms()))


class Unstemmed:
    """A stemmer that leaves words as they are."""

    def stem(self, word: str) -> str:
        """Return the word."""
        return word


class NoSynonyms:
    """A WordNet without entries."""

    def synsets(self, _: str) -> list[Any]:
        """Return no synonyms."""
        return []
