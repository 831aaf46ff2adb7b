from __future__ import annotations

import asyncio
import hashlib
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from cbtguard.graph import Draft, Hit
from cbtguard.graph.conformance import (
    ConformanceFailure,
    ConformanceReport,
    check_encoder,
    check_retriever,
    check_writer,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cbtguard.graph import WritingTask

LIMIT_S = 8.0


def failed(report: ConformanceReport) -> set[str]:
    return {check.name for check in report.failures}


class SoundWriter:
    name = "sound/writer"

    async def write(self, task: WritingTask) -> Draft:
        await asyncio.sleep(0.001)
        return Draft(text=f"{task.language}: {task.notes[0].id}", citations=(task.notes[0].id,))


class SpacedName(SoundWriter):
    name = "my own writer"


class PlainText(SoundWriter):
    async def write(self, task: WritingTask) -> Any:
        return "an answer"


class CitesFreely(SoundWriter):
    async def write(self, task: WritingTask) -> Draft:
        return Draft(text="an answer", citations=("a-note-of-my-own",))


class SilentInEnglish(SoundWriter):
    async def write(self, task: WritingTask) -> Draft:
        text = "" if task.language == "en" else "答"
        return Draft(text=text, citations=(task.notes[0].id,))


class MixesTurns(SoundWriter):
    async def write(self, task: WritingTask) -> Draft:
        self.task = task
        await asyncio.sleep(0.02)
        return Draft(text="an answer", citations=(self.task.notes[0].id,))


class HoldsTheLoop(SoundWriter):
    async def write(self, task: WritingTask) -> Draft:
        if task.attempt == 1 and task.question.startswith("最近总"):
            time.sleep(0.4)  # noqa: ASYNC251 - the fault that is tried
        return await super().write(task)


class NeverCancelled(SoundWriter):
    async def write(self, task: WritingTask) -> Draft:
        end = time.monotonic() + 1.2
        try:
            await asyncio.sleep(0.03)
        except asyncio.CancelledError:
            while time.monotonic() < end:
                try:
                    await asyncio.sleep(0.1)
                except asyncio.CancelledError:
                    continue
        return await super().write(task)


class BreaksOnBraces(SoundWriter):
    async def write(self, task: WritingTask) -> Draft:
        task.question.format(name="")
        return await super().write(task)


class ChangesTheTask(SoundWriter):
    async def write(self, task: WritingTask) -> Draft:
        draft = await super().write(task)
        object.__setattr__(task, "attempt", 7)
        return draft


class SilentParts(SoundWriter):
    async def write(self, task: WritingTask) -> Draft:
        if task.part is not None:
            return Draft(text=" ")
        return await super().write(task)


class TellsSomethingElse(SoundWriter):
    async def stream(self, task: WritingTask, on_text: Callable[[str], None]) -> Draft:
        on_text("something else")
        return await self.write(task)


class TellsTooLate(SoundWriter):
    async def stream(self, task: WritingTask, on_text: Callable[[str], None]) -> Draft:
        draft = await self.write(task)
        asyncio.get_running_loop().call_later(0.005, on_text, draft.text)
        return draft


class SoundStream(SoundWriter):
    async def stream(self, task: WritingTask, on_text: Callable[[str], None]) -> Draft:
        draft = await self.write(task)
        for size in range(len(draft.text)):
            on_text(draft.text[:size])
        return draft


@pytest.mark.parametrize(
    ("broken", "check"),
    [
        (SpacedName, "name"),
        (SilentParts, "one_part"),
        (TellsSomethingElse, "streamed"),
        (TellsTooLate, "streamed"),
        (PlainText, "draft"),
        (CitesFreely, "cites_given_notes"),
        (SilentInEnglish, "languages"),
        (MixesTurns, "together"),
        (HoldsTheLoop, "free_loop"),
        (NeverCancelled, "cancelled"),
        (BreaksOnBraces, "odd_questions"),
        (ChangesTheTask, "unchanged_task"),
    ],
)
def test_a_broken_writer_is_caught(broken: type[SoundWriter], check: str) -> None:
    report = check_writer(broken, limit_s=LIMIT_S, held_s=0.25, end_s=0.5)
    assert check in failed(report), str(report)
    with pytest.raises(ConformanceFailure, match=check) as caught:
        report.raise_for_failures()
    assert caught.value.code == "conformance.failed"
    assert f"FAIL  {check}" in str(report)


@pytest.mark.parametrize("sound", [SoundWriter, SoundStream])
def test_a_sound_writer_conforms(sound: type[SoundWriter]) -> None:
    report = check_writer(sound, limit_s=LIMIT_S)
    assert report.passed, str(report)


def test_a_part_that_cannot_be_made_fails_and_nothing_else_is_tried() -> None:
    def make() -> SoundWriter:
        raise OSError("no weights here")

    report = check_writer(make)
    assert [(check.name, check.passed) for check in report.checks] == [("made", False)]
    assert "OSError" in str(report)


def test_a_part_that_hangs_does_not_hang_the_suite() -> None:
    class Hangs(SoundRetriever):
        def retrieve(self, text: str, *, k: int = 3) -> Any:
            time.sleep(2)
            return ()

    report = check_retriever(Hangs, limit_s=0.05)
    assert "hits" in failed(report)


class SoundRetriever:
    name = "sound"

    def retrieve(self, text: str, *, k: int = 3) -> Any:
        notes = ("note-a", "note-b", "note-c")[: len(text) % 4][:k]
        return tuple(Hit(note_id=note, score=0.9 - i / 10) for i, note in enumerate(notes))


class TooMany(SoundRetriever):
    def retrieve(self, text: str, *, k: int = 3) -> Any:
        return tuple(Hit(note_id=f"note-{i}", score=0.5) for i in range(k + 1))


class WorstFirst(SoundRetriever):
    def retrieve(self, text: str, *, k: int = 3) -> Any:
        return tuple(Hit(note_id=f"note-{i}", score=i / 10) for i in range(k))


class StrangeNote(SoundRetriever):
    def retrieve(self, text: str, *, k: int = 3) -> Any:
        return (Hit(note_id="note-z", score=0.5),)


class Pairs(SoundRetriever):
    def retrieve(self, text: str, *, k: int = 3) -> Any:
        return [("note-a", 0.5)]


class Forgetful(SoundRetriever):
    def __init__(self) -> None:
        self.calls = 0

    def retrieve(self, text: str, *, k: int = 3) -> Any:
        self.calls += 1
        return (Hit(note_id="note-a", score=1 / self.calls),)


class OneSharedSlot(SoundRetriever):
    def retrieve(self, text: str, *, k: int = 3) -> Any:
        self.text = text
        time.sleep(0.003)
        return super().retrieve(self.text, k=k)


class NeedsWords(SoundRetriever):
    def retrieve(self, text: str, *, k: int = 3) -> Any:
        text.split(maxsplit=1)[0]
        return super().retrieve(text, k=k)


@pytest.mark.parametrize(
    ("broken", "check"),
    [
        (TooMany, "at_most_k"),
        (WorstFirst, "best_first"),
        (StrangeNote, "known_notes"),
        (Pairs, "hits"),
        (Forgetful, "deterministic"),
        (OneSharedSlot, "thread_safe"),
        (NeedsWords, "odd_questions"),
    ],
)
def test_a_broken_retriever_is_caught(broken: type[SoundRetriever], check: str) -> None:
    report = check_retriever(broken, library={"note-a", "note-b", "note-c"}, limit_s=LIMIT_S)
    assert check in failed(report), str(report)


def test_a_sound_retriever_conforms() -> None:
    report = check_retriever(SoundRetriever, library={"note-a", "note-b", "note-c"})
    assert report.passed, str(report)


class SoundEncoder:
    name = "sound"

    def queries(self, texts: Sequence[str]) -> Any:
        rows = []
        for text in texts:
            seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
            row = np.random.default_rng(seed).standard_normal(16)
            rows.append(row / np.linalg.norm(row))
        return np.asarray(rows, dtype=np.float32)

    def passages(self, texts: Sequence[str]) -> Any:
        return self.queries(texts)


class Lists(SoundEncoder):
    def queries(self, texts: Sequence[str]) -> Any:
        return super().queries(texts).tolist()


class Doubles(SoundEncoder):
    def queries(self, texts: Sequence[str]) -> Any:
        return super().queries(texts).astype(np.float64)


class LongVectors(SoundEncoder):
    def passages(self, texts: Sequence[str]) -> Any:
        return self.queries(texts) * np.float32(2)


class Sorts(SoundEncoder):
    def queries(self, texts: Sequence[str]) -> Any:
        return super().queries(sorted(texts))


class Empties(SoundEncoder):
    def queries(self, texts: Sequence[str]) -> Any:
        table = super().queries(texts)
        table[[not text.strip() for text in texts]] = np.nan
        return table


class Deaf(SoundEncoder):
    def queries(self, texts: Sequence[str]) -> Any:
        return super().queries(["the same"] * len(texts))


class ClearsTheList(SoundEncoder):
    def queries(self, texts: Sequence[str]) -> Any:
        table = super().queries(texts)
        if isinstance(texts, list):
            texts.clear()
        return table


class OneBuffer(SoundEncoder):
    def queries(self, texts: Sequence[str]) -> Any:
        self.texts = list(texts)
        time.sleep(0.003)
        return super().queries(self.texts)


@pytest.mark.parametrize(
    ("broken", "check"),
    [
        (Lists, "vectors"),
        (Doubles, "vectors"),
        (LongVectors, "unit_length"),
        (Sorts, "in_order"),
        (Empties, "odd_texts"),
        (Deaf, "told_apart"),
        (ClearsTheList, "unchanged_texts"),
        (OneBuffer, "thread_safe"),
    ],
)
def test_a_broken_encoder_is_caught(broken: type[SoundEncoder], check: str) -> None:
    report = check_encoder(broken, limit_s=LIMIT_S)
    assert check in failed(report), str(report)


def test_a_sound_encoder_conforms() -> None:
    report = check_encoder(SoundEncoder, limit_s=LIMIT_S)
    assert report.passed, str(report)
