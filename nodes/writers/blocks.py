"""The blocks of a prompt: notes, earlier messages, question and draft, each made harmless and fenced."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cbtguard.nodes.writers.neutral import neutral
from cbtguard.nodes.writers.prompt_texts import PromptTexts, prompt_texts
from cbtguard.safety.errors import WriterError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cbtguard.nodes.retrieval.note import Note
    from cbtguard.nodes.writers.task import WritingTask

MOST_OF_A_DRAFT = 3000
"""Characters of a draft that a prompt shows; one that loops may be much longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocks:
    """The data of one prompt, in the words of its language."""

    own: PromptTexts
    language: str
    """The sentence that asks for the language of the reply."""
    notes: tuple[Note, ...]
    """The notes shown, in the order of their numbers."""
    fields: tuple[dict[str, str], ...]
    """What each note says, by name of its slot."""
    earlier: tuple[str, ...]
    """One line an earlier message."""
    question: str

    @property
    def notes_text(self) -> str:
        """The numbered notes."""
        return "\n".join(
            self.own.fill("note", number=n, **note) for n, note in enumerate(self.fields, start=1)
        )

    @property
    def earlier_text(self) -> str:
        """The earlier messages in their fence; empty without any."""
        return self.own.fill("earlier", messages="\n".join(self.earlier)) if self.earlier else ""


def blocks_of(task: WritingTask, marks: Iterable[str], history: int | None, notes: int | None) -> Blocks:
    """Return the data of a task.

    Args:
        task: What is to be written.
        marks: Tokens special to the model, taken out.
        history: How many of the latest earlier messages; all when None.
        notes: How many of the best notes; all when None.

    Raises:
        WriterError: ``writer.no_notes`` when the task holds no note to stand on.
    """
    if not task.notes:
        raise WriterError(
            "writer.no_notes",
            "There is no note to stand on.",
            hint="Give the writer at least one technique note.",
        )
    own = prompt_texts("en" if task.language == "en" else "zh")
    marks = frozenset(marks)
    past = task.history if history is None else task.history[len(task.history) - history :]
    shown = task.notes[:notes]
    return Blocks(
        own=own,
        language=own.languages[task.language],
        notes=shown,
        fields=tuple(_fields(note, task.language, own, marks) for note in shown),
        earlier=tuple(own.fill("earlier_message", text=neutral(turn.text, marks)) for turn in past),
        question=neutral(task.question, marks).strip(),
    )


def draft_text(draft: str, own: PromptTexts, marks: Iterable[str]) -> str:
    """Return a draft in its fence; empty without one. What a model wrote is no more to be trusted."""
    shown = neutral(draft[:MOST_OF_A_DRAFT], marks).strip()
    return own.fill("draft", draft=shown) if shown else ""


def mending(defects: Iterable[str], own: PromptTexts) -> str:
    """Return what to do about defects. Codes of a foreign checker stay out: they are not known to be words."""
    wanted = [own.mend.get(code, own.other_defect) for code in defects]
    return own.between.join(dict.fromkeys(wanted))


def _fields(note: Note, language: str, own: PromptTexts, marks: frozenset[str]) -> dict[str, str]:
    def some(sentences: tuple[str, ...], most: int) -> str:
        return neutral(own.between.join(sentences[:most]), marks)

    return {
        # A quotation mark would end the attribute it stands in.
        "title": neutral(note.title.of(language), marks).replace('"', "'"),
        "idea": neutral(note.idea.of(language), marks),
        "questions": some(note.questions.of(language), 2),
        "steps": some(note.steps.of(language), 4),
        "not_for": neutral(note.not_for.of(language), marks),
        "encouragement": some(note.encouragement.of(language), 1),
    }
