"""A writer in the real flow over a list of questions: how often it passed, was mended, and was referred."""

from __future__ import annotations

import collections
import statistics
import tempfile
import time
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cbtguard.safety.errors import CbtguardError, DataError
from cbtguard.safety.files import read_yaml

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cbtguard.graph import Guard
    from cbtguard.graph.answer import Answer
    from cbtguard.graph.settings import Settings

QUESTIONS = Path(__file__).parent / "data" / "questions.yaml"


class Outcome(StrEnum):
    """What became of a turn."""

    PASSED = "passed"
    """The first draft passed."""
    REWRITTEN = "passed later"
    """Another whole draft passed."""
    REPAIRED = "repaired"
    """It passed when the writer had written parts of it anew."""
    FILLED = "filled"
    """It passed when parts of it had been filled from the notes."""
    REFERRED = "referred"
    """A vetted text stood in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One question and what became of it."""

    language: str
    outcome: Outcome
    reason: str
    """Reason of the route, with the codes of faults."""
    attempts: int
    defects: tuple[str, ...]
    seconds: float
    unchecked: bool
    """Whether text left that neither passes the checker again nor is vetted: it must never be so."""


def read_questions(path: Path = QUESTIONS) -> dict[str, tuple[str, ...]]:
    """Return language to questions.

    Raises:
        DataError: ``data.malformed``.
    """
    data = read_yaml(path)
    if (
        not isinstance(data, dict)
        or not data
        or not all(
            isinstance(texts, list)
            and texts
            and all(isinstance(text, str) and text.strip() for text in texts)
            for texts in data.values()
        )
    ):
        raise DataError(
            "data.malformed",
            f"{path.name} must map languages to lists of questions.",
            hint="Write such as zh: and below it one line a question, each behind a hyphen.",
        )
    return {str(language): tuple(texts) for language, texts in data.items()}


def run(
    settings: Settings, questions: dict[str, tuple[str, ...]], *, tell: Callable[[str], None] | None = None
) -> Iterator[str]:
    """Ask every question, one after the other, and yield the lines of a report.

    Args:
        settings: The settings; home and record are a folder and a memory of the benchmark's own.
        questions: Language to questions.
        tell: Given a line after each question: a model may take minutes for one.
    """
    from cbtguard.graph import Guard  # noqa: PLC0415 - keeps help fast

    with tempfile.TemporaryDirectory() as home:
        own = settings.model_copy(update={"home": Path(home), "record": "memory"})
        with Guard(own) as guard:
            start = time.perf_counter()
            guard.warm()
            yield f"writer {guard.services.writer.name}, ready in {time.perf_counter() - start:.1f} s"
            turns: list[Turn] = []
            whole = sum(map(len, questions.values()))
            for language, texts in questions.items():
                for turn in _turns(guard, language, texts):
                    turns.append(turn)
                    if tell is not None:
                        tell(f"{len(turns)} of {whole}: {turn.outcome.value}, {turn.seconds:.1f} s")
            for language in questions:
                yield from report(language, [turn for turn in turns if turn.language == language])
            yield from report("all", turns)
            bound = own.bounds().turn_s
            late = sum(turn.seconds > bound for turn in turns)
            yield f"turns over their bound of {bound:g} s: {late}"
            yield f"turns in which unchecked text left: {sum(turn.unchecked for turn in turns)}"


def report(name: str, turns: list[Turn]) -> Iterator[str]:
    """Yield the lines for some turns."""
    if not turns:
        return
    counts = collections.Counter(turn.outcome for turn in turns)
    yield f"{name}: {len(turns)} questions, " + ", ".join(f"{o.value} {counts[o]}" for o in Outcome)
    reasons = collections.Counter(turn.reason for turn in turns if turn.outcome is Outcome.REFERRED)
    if reasons:
        yield "  referred for " + _most(reasons)
    defects = collections.Counter(code for turn in turns for code in turn.defects)
    if defects:
        yield "  last draft had " + _most(defects)
    attempts = collections.Counter(turn.attempts for turn in turns)
    yield "  calls of the writer " + ", ".join(f"{n}: {count}" for n, count in sorted(attempts.items()))
    seconds = sorted(turn.seconds for turn in turns)
    p95 = seconds[min(len(seconds) - 1, int(len(seconds) * 0.95))]
    yield f"  seconds a turn p50 {statistics.median(seconds):.1f}, p95 {p95:.1f}, most {seconds[-1]:.1f}"


def _turns(guard: Guard, language: str, texts: tuple[str, ...]) -> Iterator[Turn]:
    for text in texts:
        start = time.perf_counter()
        answer = guard.ask(text)
        spent = time.perf_counter() - start
        yield Turn(
            language=language,
            outcome=outcome_of(answer),
            reason=" ".join([answer.reason, *sorted({fault.rpartition(":")[2] for fault in answer.faults})]),
            attempts=answer.attempts,
            defects=answer.defects,
            seconds=spent,
            unchecked=_unchecked(guard, text, answer),
        )


def outcome_of(answer: Answer) -> Outcome:
    """Return what became of a turn."""
    if answer.route != "answered":
        return Outcome.REFERRED
    if answer.filled:
        return Outcome.FILLED
    if answer.repaired:
        return Outcome.REPAIRED
    return Outcome.PASSED if answer.attempts <= 1 else Outcome.REWRITTEN


def _unchecked(guard: Guard, text: str, answer: Answer) -> bool:
    if answer.route != "answered":
        return answer.writer is not None or not answer.reply.strip()
    cited = [citation.note_id for citation in answer.citations]
    checker: Any = guard.services.checker
    # A gentle safety note may stand behind an answer; it is vetted text, and not the writer's.
    reply = answer.reply
    if answer.referral is not None:
        note = reply.rfind("\n\n")
        reply = reply[:note] if note > 0 else reply
    try:
        review = checker.check(text, reply, language=answer.language, notes=cited, citations=cited)
    except CbtguardError:
        return True
    return not review.passed


def _most(counts: collections.Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.most_common(8))
