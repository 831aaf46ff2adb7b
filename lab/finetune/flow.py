"""The flow's own prompt for an example: what a writer reads at work, technique notes and all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cbtguard.lab.finetune.encoding import PromptStyle
from cbtguard.safety.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable

    from cbtguard.lab.finetune.examples import Example
    from cbtguard.lab.finetune.options import Options


def flow_messages(options: Options) -> Callable[[Example], list[dict[str, str]]] | None:
    """Return what gives an example the messages of the flow, with its best notes; None without notes.

    The notes are those that the shipped retriever finds for the question.

    Raises:
        DataError: ``data.malformed``, from what is returned, for a question that no note fits; at work such a
            question is referred and never written to.
    """
    if options.notes == 0:
        return None
    from cbtguard.nodes.retrieval.encoder import EmbeddedEncoder  # noqa: PLC0415 - loads a model
    from cbtguard.nodes.retrieval.hybrid import HybridRetriever  # noqa: PLC0415 - the same
    from cbtguard.nodes.retrieval.note import NoteLibrary  # noqa: PLC0415 - the same
    from cbtguard.nodes.writers.prompt import PromptForm, build_prompt  # noqa: PLC0415 - the same
    from cbtguard.nodes.writers.task import WritingTask  # noqa: PLC0415 - the same

    library: Any = NoteLibrary()
    retriever = HybridRetriever(library, EmbeddedEncoder())
    form = PromptForm.CBT_LLM if options.prompt is PromptStyle.CBT_LLM else PromptForm.CHAT

    def messages(example: Example) -> list[dict[str, str]]:
        found = [hit.note_id for hit in retriever.retrieve(example.question, k=options.notes)]
        if not found:
            raise DataError(
                "data.malformed",
                f"No technique note fits the question of example {example.id}.",
                hint="Leave it out, or tune with --notes 0.",
            )
        task = WritingTask(question=example.question, language=example.language, notes=library.pick(found))
        return build_prompt(task, form=form).messages()

    return messages
