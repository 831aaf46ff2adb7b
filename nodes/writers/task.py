"""What a writer is asked for and what it gives back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from cbtguard.nodes.retrieval.note import Note
    from cbtguard.safety.risk import PastTurn
    from cbtguard.safety.structure import Part


@dataclass(frozen=True, slots=True, kw_only=True)
class WritingTask:
    """One request for an answer. Holds placeholders where personal data was."""

    question: str
    language: str
    """``zh-Hans``, ``zh-Hant`` or ``en``."""
    notes: tuple[Note, ...]
    """The notes to stand on, best first; at least one."""
    history: tuple[PastTurn, ...] = ()
    """The person's last few messages, oldest first, this one not included."""
    attempt: int = 1
    """1 for the first draft of a turn, counted up when the checker asks for another."""
    defects: tuple[str, ...] = ()
    """Codes of what was wrong with the previous draft."""
    part: Part | None = None
    """The part to write; None for a whole answer."""
    draft: str = ""
    """The draft that ``part`` is written for, its other parts sound; empty for a whole answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An unchecked answer. Nothing of it may be shown to anyone before the checker passed it."""

    text: str
    citations: tuple[str, ...] = field(default=())
    """Ids of the notes it says it stands on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filling:
    """Parts of an answer that stand on the notes alone."""

    parts: Mapping[Part, str]
    citations: tuple[str, ...]
    """Ids of the notes the parts stand on."""


@runtime_checkable
class Filler(Protocol):
    """Fills the parts that a writer could not write, from the notes, without a model.

    ``fill`` may also be a coroutine function; the flow awaits it.
    """

    def fill(self, task: WritingTask, parts: Collection[Part]) -> Filling:
        """Return words for each of ``parts``, which fit behind and before the parts of ``task.draft``."""
        ...


@runtime_checkable
class StreamingWriter(Protocol):
    """A writer that tells what it has written so far, so that checked parts can be read before its end."""

    async def stream(self, task: WritingTask, on_text: Callable[[str], None]) -> Draft:
        """As :meth:`Writer.write`; ``on_text`` is given all text so far, again and again as it grows.

        It must be called from the event loop that runs the coroutine. What it was given must be how the
        draft begins, but for trailing space.
        """
        ...


@runtime_checkable
class Writer(Protocol):
    """Writes a draft. Implementations may be slow and may fail; the flow bounds and checks them."""

    @property
    def name(self) -> str:
        """Identifies writer and model; ends up in answers and in the record."""
        ...

    async def write(self, task: WritingTask) -> Draft:
        """Return a draft for ``task``.

        Raises:
            WriterError: When no draft can be written.
        """
        ...
