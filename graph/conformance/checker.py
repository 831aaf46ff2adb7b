"""The suite for checkers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from cbtguard.graph.conformance import bench, common
from cbtguard.graph.conformance.bench import call
from cbtguard.graph.conformance.common import require, require_identifier, require_type
from cbtguard.graph.conformance.material import material
from cbtguard.safety.structure import Part, Review

if TYPE_CHECKING:
    from collections.abc import Callable

    from cbtguard.graph.conformance.report import ConformanceReport
    from cbtguard.safety.structure import Checker


def check_checker(make: Callable[[], Checker], *, limit_s: float = bench.LIMIT_S) -> ConformanceReport:
    """Return whether a checker lets a sound answer pass, stops a poor one and is steady.

    Args:
        make: Makes the checker; called once.
        limit_s: Longest one check may take.
    """
    trials = (
        common.name,
        common.version,
        review,
        sound_answer_passes,
        poor_answer_fails,
        missing_part_fails,
        grounding_held,
        recordable,
        unchanged_inputs,
        odd_texts,
    )
    return bench.run("checker", make, (*trials, deterministic, thread_safe), limit_s)


async def review(checker: Any) -> None:
    """A verdict is a Review of all five parts, with what was asked for and without."""
    for case in material().exchanges:
        _require_review(await call(checker.check, case.question, case.answer))
        _require_review(await _checked(checker, case.question, case.answer, case.language))


async def sound_answer_passes(checker: Any) -> None:
    """An answer with all five parts, standing on a given note, passes."""
    for case in material().exchanges:
        found = await _checked(checker, case.question, case.answer, case.language)
        codes = ", ".join(defect.code for defect in found.defects) or "a part not seen"
        require(found.passed, f"the sound answer in {case.language} does not pass: {codes}")


async def poor_answer_fails(checker: Any) -> None:
    """An empty, short or careless answer does not pass."""
    for case in material().exchanges:
        for number, answer in enumerate(case.poor, 1):
            found = await _checked(checker, case.question, answer, case.language)
            require(not found.passed, f"poor answer {number} in {case.language} passes")


async def missing_part_fails(checker: Any) -> None:
    """An answer of fewer than five parts does not pass."""
    for case in material().exchanges:
        paragraphs = case.answer.split("\n\n")
        for kept in range(1, len(paragraphs) - 1):
            found = await _checked(checker, case.question, "\n\n".join(paragraphs[:kept]), case.language)
            require(not found.passed, f"an answer of {kept} of the five parts passes")


async def grounding_held(checker: Any) -> None:
    """An answer that cites nothing, or what it was not given, does not pass."""
    for case in material().exchanges:
        for citations in ((), ("no-such-note",), ("note-a", "no-such-note")):
            found = await call(
                checker.check,
                case.question,
                case.answer,
                language=case.language,
                notes=["note-a", "note-b"],
                citations=citations,
            )
            require(not found.passed, "an answer that does not stand on the given notes passes")


async def recordable(checker: Any) -> None:
    """A verdict survives JSON, and its codes may enter the record."""
    for case in material().exchanges:
        for answer in (case.answer, *case.poor):
            found = await _checked(checker, case.question, answer, case.language)
            require(
                json.loads(json.dumps(found.as_dict())) == found.as_dict(),
                "it does not survive JSON",
            )
            for defect in found.defects:
                require_identifier(defect.code, "a defect's code")


async def unchanged_inputs(checker: Any) -> None:
    """Notes and citations are read, not changed."""
    case = material().exchanges[0]
    notes, citations = ["note-a", "note-b"], ["note-a"]
    await call(
        checker.check, case.question, case.answer, language=case.language, notes=notes, citations=citations
    )
    require((notes, citations) == (["note-a", "note-b"], ["note-a"]), "the notes or citations were changed")


async def odd_texts(checker: Any) -> None:
    """Whatever a person sends and a writer writes gets a verdict, and none of it passes."""
    case = material().exchanges[0]
    for kind, text in (("empty", ""), *material().odd.items()):
        _require_review(await _checked(checker, text, case.answer, case.language))
        found = await _checked(checker, case.question, text, case.language)
        _require_review(found)
        require(not found.passed, f"an answer of the kind {kind} passes")


async def deterministic(checker: Any) -> None:
    """The same answer gets the same verdict, whatever was asked in between."""
    await common.require_steady(checker.check, _inputs(), "the verdict on answer")


async def thread_safe(checker: Any) -> None:
    """Eight askers at once get what each would get alone."""
    await common.require_shareable(checker.check, _inputs()[: bench.AT_ONCE], "the verdict on answer")


def _inputs() -> list[tuple[str, str]]:
    cases = material().exchanges
    return [(case.question, answer) for case in cases for answer in (case.answer, *case.poor)]


async def _checked(checker: Any, question: str, answer: str, language: str) -> Any:
    return await call(
        checker.check, question, answer, language=language, notes=["note-a", "note-b"], citations=("note-a",)
    )


def _require_review(found: Any) -> None:
    require_type(found, Review, "the result")
    require(set(found.parts) == set(Part), "the verdict does not speak of all five parts")
    for finding in found.parts.values():
        require(0 <= finding.score <= 1, "a score is not from 0 to 1")
        require_type(finding.evidence, str, "the evidence of a part")
    for defect in found.defects:
        require(bool(defect.code), "a defect has no code")
