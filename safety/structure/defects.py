"""What is wrong with an answer, whatever its parts: harmful words, leaks, loops, cuts, another topic."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from cbtguard.safety.files import read_yaml
from cbtguard.safety.language import to_simplified
from cbtguard.safety.structure import asked, form
from cbtguard.safety.structure.harm import DATA, find_harm
from cbtguard.safety.structure.model import Defect

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from cbtguard.safety.structure.reading import Reading

__all__ = ["DATA", "find_defects", "grounding_defects", "missing", "out_of_order"]


def find_defects(
    question: str, answer: str, language: str, *, reading: Reading | None = None, danger: bool | None = None
) -> Iterator[Defect]:
    """Yield every defect of an answer that can be seen without the notes.

    Args:
        question: What was asked.
        answer: The answer.
        language: ``en``, or anything else for Chinese.
        reading: What the model makes of the answer; without it only the rules speak of harm.
        danger: Whether the question speaks of danger to life; looked for when None.
    """
    english = language.startswith("en")
    plain = to_simplified(answer)
    yield from find_harm(answer, english=english, reading=reading)
    wrong_length = form.length(answer, english=english)
    if wrong_length:
        yield _own(wrong_length, answer.strip()[:40] if wrong_length == "too_short" else "")
    if form.cut(answer):
        yield _own("cut", answer.strip()[-30:])
    looped = form.loop(plain, english=english)
    if looped:
        yield _own("loop", looped[:60])
    if form.wrong_language(answer, english=english):
        yield _own("wrong_language", "")
    named = form.contact(answer, question)
    if named:
        yield _own("contact", named)
    stranger = next(form.strangers(question, answer), None)
    if stranger:
        yield _own("invented_person", stranger)
    repeated = asked.echo(question, answer)
    if repeated:
        yield _own("echo", repeated)
    if asked.off_topic(to_simplified(question), plain):
        yield _own("off_topic", "")
    if (asked.dangerous(question) if danger is None else danger) and asked.passed_over(answer):
        yield _own("unhandled_risk", "")


def grounding_defects(notes: Collection[str] | None, citations: Collection[str]) -> Iterator[Defect]:
    """Yield what is wrong with the citations of a draft."""
    if notes is None:
        return
    for citation in citations:
        if citation not in notes:
            yield _own("invented_citation", citation)
            break
    if not citations:
        yield _own("ungrounded", "")


@cache
def _reasons() -> dict[str, dict[str, str]]:
    reasons: dict[str, dict[str, str]] = read_yaml(DATA.parent / "reasons.yaml")
    return reasons


def _own(code: str, evidence: str) -> Defect:
    reason = _reasons()[code]
    return Defect(code=code, evidence=evidence, reason=reason["en"], reason_zh=reason["zh"])


def missing(part: str) -> Defect:
    """Return the defect of a part that is not there."""
    return _own(f"missing_{part}", "")


def out_of_order() -> Defect:
    """Return the defect of parts that come in an order that makes no sense."""
    return _own("order", "")
