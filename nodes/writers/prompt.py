"""The prompt of a language model: notes, earlier messages and the question as data, the task around them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from cbtguard.nodes.writers.neutral import neutral
from cbtguard.nodes.writers.prompt_texts import PromptTexts, prompt_marks, prompt_texts
from cbtguard.safety.errors import WriterError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cbtguard.nodes.retrieval.note import Note
    from cbtguard.nodes.writers.task import WritingTask


class PromptForm(StrEnum):
    """How a model takes its prompt."""

    CHAT = "chat"
    """A system and a user message, for models with a chat template and for chat services."""
    PLAIN = "plain"
    """One text that ends where the answer begins."""
    CBT_LLM = "cbt_llm"
    """The one text that CBT-LLM was tuned on, with the best note behind the question."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """What a model is given for one draft."""

    system: str
    """Empty unless the form is :attr:`PromptForm.CHAT`."""
    user: str
    notes: tuple[Note, ...]
    """The notes that stand in it, in the order of their numbers; a draft may stand on no others."""

    def messages(self, *, merged: bool = False) -> list[dict[str, str]]:
        """Return ``role`` and ``content`` of each message; one user message when ``merged``."""
        if merged or not self.system:
            return [{"role": "user", "content": f"{self.system}\n\n{self.user}".strip()}]
        return [{"role": "system", "content": self.system}, {"role": "user", "content": self.user}]


def build_prompt(
    task: WritingTask,
    *,
    form: PromptForm = PromptForm.CHAT,
    marks: frozenset[str] = frozenset(),
    history: int | None = None,
    notes: int | None = None,
) -> Prompt:
    """Return the prompt of a task.

    Args:
        task: What is to be written.
        form: How the model takes its prompt.
        marks: Tokens special to the model, taken out of all data.
        history: How many of the latest earlier messages go in; all when None.
        notes: How many of the best notes go in, at least 1; all when None. CBT-LLM gets one.

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
    shown = task.notes[: 1 if form is PromptForm.CBT_LLM else notes]
    past = task.history if history is None else task.history[len(task.history) - history :]
    earlier = [own.fill("earlier_message", text=neutral(turn.text, marks)) for turn in past]
    question = neutral(task.question, marks).strip()
    if form is PromptForm.CBT_LLM:
        fields = _fields(shown[0], task, own, marks)
        return Prompt(
            system="", user=_cbt_llm(own, question, earlier, fields, _retry(task, own)), notes=shown
        )
    user = own.fill(
        "user",
        notes="\n".join(
            own.fill("note", number=number, **_fields(note, task, own, marks))
            for number, note in enumerate(shown, start=1)
        ),
        earlier=own.fill("earlier", messages="\n".join(earlier)) if earlier else "",
        question=question,
        language=own.languages[task.language],
        retry=_retry(task, own),
    )
    system = own.fill("system")
    if form is PromptForm.PLAIN:
        return Prompt(system="", user=own.fill("plain", system=system, user=user), notes=shown)
    return Prompt(system=system, user=user, notes=shown)


def shorter_prompts(
    task: WritingTask, *, form: PromptForm = PromptForm.CHAT, marks: frozenset[str] = frozenset()
) -> Iterator[Prompt]:
    """Yield the prompt of a task shorter and shorter.

    Earlier messages go first, the oldest before the others, then notes, the least fitting before the
    others. The question is never cut: half a question gets an answer to something else.
    """
    for history in range(len(task.history), -1, -1):
        yield build_prompt(task, form=form, marks=marks, history=history)
    if form is not PromptForm.CBT_LLM:
        for notes in range(len(task.notes) - 1, 0, -1):
            yield build_prompt(task, form=form, marks=marks, history=0, notes=notes)


def _cbt_llm(own: PromptTexts, question: str, earlier: list[str], note: dict[str, str], retry: str) -> str:
    asked = own.fill(
        "cbt_llm_question",
        earlier="".join(f"{message}\n" for message in earlier),
        question=question,
        retry=retry.strip(),
        **{name: note[name] for name in ("title", "idea", "steps", "not_for")},
    )
    return prompt_marks().cbt_llm.replace("{}", asked)


def _fields(note: Note, task: WritingTask, own: PromptTexts, marks: frozenset[str]) -> dict[str, str]:
    language = task.language

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


def _retry(task: WritingTask, own: PromptTexts) -> str:
    """What to mend; names the attempt, so that a greedy model does not write the same draft again."""
    if task.attempt <= 1:
        return ""
    # Codes of a foreign checker stay out of the prompt: they are not known to be words.
    wanted = [own.mend.get(code, own.other_defect) for code in task.defects] or [own.other_defect]
    return own.fill("retry", attempt=task.attempt, defects=own.between.join(dict.fromkeys(wanted)))
