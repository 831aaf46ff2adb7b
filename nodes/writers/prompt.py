"""The prompt of a language model: notes, earlier messages and the question as data, the task around them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from cbtguard.nodes.writers.blocks import Blocks, blocks_of, draft_text, mending
from cbtguard.nodes.writers.prompt_texts import prompt_marks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cbtguard.nodes.retrieval.note import Note
    from cbtguard.nodes.writers.task import WritingTask
    from cbtguard.safety.structure.model import Part


_FIRST_REPAIR = 2
"""Attempt at which a part can be asked for first."""


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
    """Return the prompt of a task, by :func:`repair_prompt` where it asks for one part.

    Args:
        task: What is to be written.
        form: How the model takes its prompt.
        marks: Tokens special to the model, taken out of all data.
        history: How many of the latest earlier messages go in; all when None.
        notes: How many of the best notes go in, at least 1; all when None. CBT-LLM gets one.

    Raises:
        WriterError: ``writer.no_notes`` when the task holds no note to stand on.
    """
    if task.part is not None:
        return repair_prompt(
            task, task.part, task.draft, task.defects, form=form, marks=marks, history=history, notes=notes
        )
    blocks = blocks_of(task, marks, history, 1 if form is PromptForm.CBT_LLM else notes)
    own = blocks.own
    retry = ""
    if task.attempt > 1:
        # It names the attempt, so that a greedy model does not write the same draft again.
        defects = mending(task.defects, own) or own.other_defect
        retry = own.fill("retry", attempt=task.attempt, defects=defects)
    if form is PromptForm.CBT_LLM:
        return _cbt_llm(blocks, "cbt_llm_question", retry=retry.strip())
    user = own.fill(
        "user",
        notes=blocks.notes_text,
        earlier=blocks.earlier_text,
        question=blocks.question,
        language=blocks.language,
        retry=retry,
    )
    return _formed(blocks, own.fill("system"), user, form)


def repair_prompt(
    task: WritingTask,
    part: Part,
    draft: str,
    defects: tuple[str, ...],
    *,
    form: PromptForm = PromptForm.CHAT,
    marks: frozenset[str] = frozenset(),
    history: int | None = None,
    notes: int | None = None,
) -> Prompt:
    """Return the prompt that asks for one part of an answer, in one paragraph.

    Args:
        task: What the draft was written for. From the third attempt on, the first repair is taken to have
            failed, and the prompt says so.
        part: The part to write.
        draft: The draft whose part is poor or missing; it stands in the prompt as data. May be empty.
        defects: Codes of what is wrong with the draft.
        form: As for :func:`build_prompt`; CBT-LLM is not shown the draft, it would go on with it.
        marks: As for :func:`build_prompt`.
        history: As for :func:`build_prompt`.
        notes: As for :func:`build_prompt`.

    Raises:
        WriterError: ``writer.no_notes`` when the task holds no note to stand on.
    """
    blocks = blocks_of(task, marks, history, 1 if form is PromptForm.CBT_LLM else notes)
    own = blocks.own
    # That a part is missing says its own sentence; that another is, is not this one's business.
    wanted = mending((code for code in defects if not code.startswith("missing_")), own)
    # A greedy model would write the same words to the same prompt.
    again = own.fill("repair_again", attempt=task.attempt - 1) if task.attempt > _FIRST_REPAIR else ""
    if form is PromptForm.CBT_LLM:
        return _cbt_llm(blocks, "cbt_llm_repair", part=own.parts[part], defects=wanted, again=again)
    user = own.fill(
        "repair_user",
        notes=blocks.notes_text,
        earlier=blocks.earlier_text,
        question=blocks.question,
        draft=draft_text(draft, own, marks),
        part=own.parts[part],
        defects=wanted,
        again=again,
        language=blocks.language,
    )
    return _formed(blocks, own.fill("repair_system"), user, form)


def shorter_prompts(
    task: WritingTask, *, form: PromptForm = PromptForm.CHAT, marks: frozenset[str] = frozenset()
) -> Iterator[Prompt]:
    """Yield the prompt of a task shorter and shorter.

    Earlier messages go first, the oldest before the others, then notes, the least fitting before the
    others, and the draft of a part last. The question is never cut: half a question gets an answer to
    something else.
    """
    for history in range(len(task.history), -1, -1):
        yield build_prompt(task, form=form, marks=marks, history=history)
    if form is not PromptForm.CBT_LLM:
        for notes in range(len(task.notes) - 1, 0, -1):
            yield build_prompt(task, form=form, marks=marks, history=0, notes=notes)
        if task.draft:
            yield build_prompt(replace(task, draft=""), form=form, marks=marks, history=0, notes=1)


def _formed(blocks: Blocks, system: str, user: str, form: PromptForm) -> Prompt:
    if form is PromptForm.PLAIN:
        text = blocks.own.fill("plain", system=system, user=user)
        return Prompt(system="", user=text, notes=blocks.notes)
    return Prompt(system=system, user=user, notes=blocks.notes)


def _cbt_llm(blocks: Blocks, pattern: str, **own: str) -> Prompt:
    asked = blocks.own.fill(
        pattern,
        earlier="".join(f"{message}\n" for message in blocks.earlier),
        question=blocks.question,
        **{name: blocks.fields[0][name] for name in ("title", "idea", "steps", "not_for")},
        **own,
    )
    return Prompt(system="", user=prompt_marks().cbt_llm.replace("{}", asked), notes=blocks.notes)
