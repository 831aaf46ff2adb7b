"""How long the checker takes by the length of an answer, and how soon a person sees the first checked words."""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cbtguard.lab.plots import Line, chart

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cbtguard.nodes.writers.task import Draft, WritingTask

LENGTHS = (125, 250, 500, 1_000, 2_000, 4_000)
"""Characters of the answers that are checked."""
_STREAM_CHARACTERS = 500
_STREAM_S = 2.0
_PIECES = 50


def _answers(questions: Sequence[str]) -> list[tuple[str, str, tuple[str, ...]]]:
    """The composer's answers: question, answer, ids of its notes."""
    from cbtguard.nodes.retrieval.encoder import EmbeddedEncoder  # noqa: PLC0415 - loads a model
    from cbtguard.nodes.retrieval.hybrid import HybridRetriever  # noqa: PLC0415 - the same
    from cbtguard.nodes.retrieval.note import NoteLibrary  # noqa: PLC0415 - the same
    from cbtguard.nodes.writers.composer import Composer  # noqa: PLC0415 - the same
    from cbtguard.nodes.writers.task import WritingTask  # noqa: PLC0415 - the same

    library = NoteLibrary()
    retriever = HybridRetriever(library, EmbeddedEncoder())
    made = []
    for question in questions:
        notes = library.pick(hit.note_id for hit in retriever.retrieve(question))
        draft = Composer().compose(WritingTask(question=question, language="zh-Hans", notes=notes))
        made.append((question, draft.text, tuple(note.id for note in notes)))
    return made


def _of_length(answer: str, characters: int) -> str:
    """An answer cut, or its strategy said again and again, until it has that many characters."""
    if len(answer) >= characters:
        return answer[:characters]
    first, *others = answer.split("\n\n")
    body = "\n\n".join(others[:-1]) or first
    more = (characters - len(answer)) // max(1, len(body)) + 1
    return "\n\n".join([first, *[body] * (more + 1), others[-1] if others else first])[:characters]


def check(questions: Sequence[str], rounds: int, plots: Path | None) -> Iterator[str]:
    """The checker alone: processor time per answer, p50 and p99, by its length."""
    from cbtguard.safety.structure.checker import StructureChecker  # noqa: PLC0415 - keeps help fast

    checker = StructureChecker()
    made = _answers(questions)
    found: list[tuple[float, float]] = []
    for length in LENGTHS:
        times = []
        for number in range(rounds + 5):
            question, answer, notes = made[number % len(made)]
            text = _of_length(answer, length)
            # The thread's own time: what else runs on the machine must not count.
            start = time.thread_time()
            checker.check(question, text, language="zh-Hans", notes=notes, citations=notes[:1])
            times.append((time.thread_time() - start) * 1000)
        p50, p99 = (float(value) for value in np.quantile(times[5:], (0.5, 0.99)))
        found.append((p50, p99))
        yield f"{length:>6} characters   p50 {p50:7.2f} ms   p99 {p99:7.2f} ms   n {rounds}"
    if plots is not None:
        sizes = [float(length) for length in LENGTHS]
        yield str(
            chart(
                plots / "check-latency.svg",
                [
                    Line(name="p50", x=sizes, y=[p50 for p50, _ in found]),
                    Line(name="p99", x=sizes, y=[p99 for _, p99 in found]),
                ],
                title="Checking an answer, by its length",
                x="characters",
                y="CPU milliseconds an answer",
            )
        )


class PacedWriter:
    """Stands for a model: says a prepared answer at an even pace and keeps the times.

    Args:
        texts: What to say for each question.
        seconds: How long an answer takes.
    """

    name = "paced"

    def __init__(self, texts: dict[str, str], seconds: float = _STREAM_S) -> None:
        self._texts = texts
        self._seconds = seconds
        self.started = 0.0
        self.first_s = 0.0
        self.end_s = 0.0

    async def write(self, task: WritingTask) -> Draft:
        """Return the answer, told to nobody."""
        return await self.stream(task, lambda _: None)

    async def stream(self, task: WritingTask, on_text: object) -> Draft:
        """Return the answer after telling it piece by piece."""
        from cbtguard.nodes.writers.task import Draft  # noqa: PLC0415 - keeps help fast

        text = self._texts[task.question]
        begun = time.perf_counter()
        for piece in range(1, _PIECES + 1):
            # Against the clock: pauses would add up with what the guards do in between.
            await asyncio.sleep(max(0.0, begun + self._seconds * piece / _PIECES - time.perf_counter()))
            if piece == 1:
                self.first_s = time.perf_counter() - self.started
            on_text(text[: len(text) * piece // _PIECES])  # type: ignore[operator]
        self.end_s = time.perf_counter() - self.started
        return Draft(text=text, citations=tuple(note.id for note in task.notes[:1]))


def stream(questions: Sequence[str], rounds: int, plots: Path | None) -> Iterator[str]:
    """Time to the first released part, against the bare model's first token and end."""
    from cbtguard.graph import Guard, load_settings  # noqa: PLC0415 - keeps help fast

    made = _answers(questions)
    texts = {question: _fitted(answer) for question, answer, _ in made}
    writer = PacedWriter(texts)
    rows: list[tuple[float, float, float, float]] = []
    paragraphs: list[list[float]] = []
    with tempfile.TemporaryDirectory() as home, Guard(load_settings(home=Path(home)), writer=writer) as guard:
        guard.warm()
        for number in range(rounds + 1):
            question = made[number % len(made)][0]
            writer.started = time.perf_counter()
            seen: list[float] = []
            route = ""
            for event in guard.stream(question):
                if event.kind == "text":
                    seen.append(time.perf_counter() - writer.started)
                if event.answer is not None:
                    route = event.answer.route.value
            whole = time.perf_counter() - writer.started
            if number and route == "answered" and seen:
                rows.append((writer.first_s, seen[0], writer.end_s, whole))
                paragraphs.append(seen)
    yield f"{len(rows)} of {rounds} answers of about {_STREAM_CHARACTERS} characters, each told in {_STREAM_S} s"
    if not rows:
        return
    names = ("first token of the model", "first checked words out", "end of the model", "end of the answer")
    for name, values in zip(names, zip(*rows, strict=True), strict=True):
        p50, p95 = np.quantile(values, (0.5, 0.95))
        yield f"{name:<26} p50 {p50:5.2f} s   p95 {p95:5.2f} s"
    if plots is not None:
        most = max(map(len, paragraphs))
        of_part = [[times[n] for times in paragraphs if len(times) > n] for n in range(most)]
        medians = [float(np.median(times)) for times in of_part]
        count = [float(n) for n in range(1, most + 1)]
        first, _, end, _ = (float(np.median(values)) for values in zip(*rows, strict=True))
        yield str(
            chart(
                plots / "stream-release.svg",
                [
                    Line(name="checked words out", x=medians, y=count),
                    Line(name="first token of the model", x=[first, first], y=[0.0, float(most)]),
                    Line(name="end of the model", x=[end, end], y=[0.0, float(most)]),
                ],
                title="When checked parts reach the person",
                x="seconds since the question",
                y="pieces released",
            )
        )


def _fitted(answer: str) -> str:
    """An answer of about 500 characters: sentences are taken off its longest part."""
    parts = answer.split("\n\n")
    while sum(map(len, parts)) > _STREAM_CHARACTERS:
        longest = max(range(len(parts)), key=lambda n: len(parts[n]))
        kept = parts[longest].rstrip("。").rpartition("。")[0]
        if not kept:
            break
        parts[longest] = kept + "。"
    return "\n\n".join(parts)
