"""What a writer is asked for and what it gives back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from cbtguard.nodes.retrieval.note import Note
    from cbtguard.safety.risk import PastTurn


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An unchecked answer. Nothing of it may be shown to anyone before the checker passed it."""

    text: str
    citations: tuple[str, ...] = field(default=())
    """Ids of the notes it says it stands on."""


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
