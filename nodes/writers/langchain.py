"""Any LangChain chat model as a writer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cbtguard.nodes.writers.finish import finished
from cbtguard.nodes.writers.naming import recordable
from cbtguard.nodes.writers.prompt import build_prompt
from cbtguard.safety.errors import DependencyError, WriterError

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

    from cbtguard.nodes.writers.prompt import Prompt
    from cbtguard.nodes.writers.task import Draft, WritingTask


class ChatModelWriter:
    """Writes with a chat model. Its tokens reach no stream, callback or trace: a draft is not yet checked.

    Temperature, length and keys are the model's own settings. Citations are as in
    :func:`cbtguard.nodes.writers.finish.finished`.

    Args:
        model: Any LangChain chat model.
        name: What answers and records call it; by default ``langchain/`` and the model's own name.
    """

    def __init__(self, model: BaseChatModel, *, name: str | None = None) -> None:
        self._model = model
        fields = [getattr(model, field, None) for field in ("model_name", "model")]
        own = next((value for value in fields if isinstance(value, str) and value), type(model).__name__)
        self.name = recordable(name or f"langchain/{own}")

    async def write(self, task: WritingTask) -> Draft:
        """Return the model's draft.

        Raises:
            DependencyError: ``dependency.library`` when the model lacks a library.
            WriterError: ``writer.no_notes``, or ``writer.failed`` when the model fails or gives no text.
        """
        prompt = build_prompt(task)
        cause = ""
        text = ""
        try:
            text = await self._ask(prompt)
        except ImportError as error:
            raise DependencyError(
                "dependency.library",
                f"The chat model {self.name!r} lacks a library ({type(error).__name__}).",
                hint="Install what the model's package asks for.",
            ) from error
        except Exception as error:  # noqa: BLE001 - a client of a service fails in any way
            cause = type(error).__name__
        # Raised out here: the original may quote the prompt.
        if cause or not text.strip():
            raise WriterError(
                "writer.failed",
                f"The chat model {self.name!r} wrote no draft ({cause or 'no text'}).",
                hint="Check that the service is up and that its key and model name are right.",
            )
        return finished(text, language=task.language, notes=prompt.notes)

    async def _ask(self, prompt: Prompt) -> str:
        from langsmith import tracing_context  # noqa: PLC0415 - keeps start-up short

        messages: list[Any] = list(prompt.messages())
        # A trace that the environment turned on would hold the draft.
        with tracing_context(enabled=False):
            reply = await self._model.ainvoke(messages, {"callbacks": [], "tags": ["nostream"]})
        # Blocks that are no text (thinking, tool calls, images) are left out.
        return str(reply.text)
