"""What needs no reference: length, distinct n-grams, parts and defects by the checker."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from cbtguard.lab.evaluation.score import Score, mean
from cbtguard.lab.evaluation.words import HOW, spoken, words
from cbtguard.safety.structure import Part

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cbtguard.lab.evaluation.pairs import Pair
    from cbtguard.safety.structure import StructureChecker


def variety(pairs: Sequence[Pair]) -> Iterator[Score]:
    """Yield characters, words, and distinct-1 and -2 (Li et al., NAACL 2016) of each language, 0 to 1.

    Distinct is counted over all answers together, so it falls as there are more of them: compare only figures
    of the same number of answers.
    """
    for language in sorted({pair.language for pair in pairs}):
        texts = [pair.answer for pair in pairs if pair.language == language]
        cut = [spoken(words(text, language)) for text in texts]
        yield mean("characters", [len(text) for text in texts], group=language, how="whole text")
        yield mean("words", [len(some) for some in cut], group=language, how=HOW[language])
        for n in (1, 2):
            how = f"{HOW[language]}, without signs, all answers together"
            yield Score(name=f"distinct-{n}", group=language, value=distinct(cut, n), n=len(texts), how=how)


def distinct(texts: Sequence[Sequence[str]], n: int) -> float:
    """Return how many of the n-grams of texts, given as words, are different, 0 to 1; 0 of none."""
    grams = [tuple(some[at : at + n]) for some in texts for at in range(len(some) - n + 1)]
    return len(set(grams)) / len(grams) if grams else 0.0


def structure(pairs: Sequence[Pair], checker: StructureChecker) -> Iterator[Score]:
    """Yield the share of answers with each part, with all five, with each defect, and of those that pass."""
    reviews = [
        checker.check(pair.question, pair.answer, language="en" if pair.language == "en" else None)
        for pair in pairs
    ]
    how = checker.version
    for part in Part:
        yield mean(f"part {part.value}", [float(review.parts[part].present) for review in reviews], how=how)
    whole = [float(all(finding.present for finding in review.parts.values())) for review in reviews]
    yield mean("all five parts", whole, how=how)
    codes = [{d.code for d in r.defects if not d.code.startswith("missing_")} for r in reviews]
    for code, _ in Counter(code for some in codes for code in some).most_common():
        yield mean(f"defect {code}", [float(code in some) for some in codes], how=how)
    yield mean("passed", [float(review.passed) for review in reviews], how=how)
