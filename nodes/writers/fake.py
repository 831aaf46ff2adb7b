"""A writer for tests: it says what it was told to say, and raises when it has nothing left to say."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from cbtguard.nodes.writers.task import Draft
from cbtguard.safety.errors import WriterError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from cbtguard.nodes.writers.task import WritingTask


class FakeWriter:
    """Gives out prepared drafts, one a call, and keeps the tasks it was given.

    Args:
        outputs: Drafts, texts, or exceptions to raise, in order.

    Raises:
        WriterError: ``writer.exhausted`` from :meth:`write` when the outputs have run out: a test that
            asks for more drafts than it prepared has a wrong picture of the flow.
    """

    def __init__(self, outputs: Iterable[Draft | str | BaseException], *, name: str = "fake") -> None:
        self.name = name
        self.tasks: list[WritingTask] = []
        self._outputs = list(outputs)

    async def write(self, task: WritingTask) -> Draft:
        """Return the next prepared draft; a text cites the first note of the task."""
        self.tasks.append(task)
        if not self._outputs:
            raise WriterError(
                "writer.exhausted",
                f"The fake writer was asked for draft {len(self.tasks)} and has none left.",
                hint="Prepare as many outputs as the test lets the flow ask for.",
            )
        output = self._outputs.pop(0)
        if isinstance(output, BaseException):
            raise output
        if isinstance(output, str):
            return Draft(text=output, citations=tuple(note.id for note in task.notes[:1]))
        return output

    @property
    def left(self) -> int:
        """How many outputs have not been asked for."""
        return len(self._outputs)


class FakeStreamingWriter(FakeWriter):
    """As :class:`FakeWriter`, and tells its text piece by piece.

    Args:
        outputs: As for :class:`FakeWriter`.
        piece: Characters told at once.
        pause_s: Seconds between two pieces.
        name: As for :class:`FakeWriter`.
    """

    def __init__(
        self,
        outputs: Iterable[Draft | str | BaseException],
        *,
        piece: int = 20,
        pause_s: float = 0.01,
        name: str = "fake",
    ) -> None:
        super().__init__(outputs, name=name)
        self._piece = piece
        self._pause_s = pause_s

    async def stream(self, task: WritingTask, on_text: Callable[[str], None]) -> Draft:
        """Return the next prepared draft after telling all of it."""
        draft = await self.write(task)
        for end in range(self._piece, len(draft.text) + self._piece, self._piece):
            on_text(draft.text[:end])
            await asyncio.sleep(self._pause_s)
        return draft
