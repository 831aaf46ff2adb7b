"""Any LangChain chat model as a rater."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cbtguard.nodes.raters.opinion import Opinion, opinion_of
from cbtguard.nodes.raters.prompt import messages, opinion_texts, schema
from cbtguard.nodes.writers.naming import recordable, short
from cbtguard.safety.errors import CbtguardError, DependencyError, OpinionError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langchain_core.language_models import BaseChatModel

    from cbtguard.safety.risk import PastTurn


class ChatModelRater:
    """Rates with a chat model: by its structured output where it has one, else by JSON in its text.

    Nothing of it reaches a stream, callback or trace. Temperature and keys are the model's own settings; 0 is
    the best temperature for a rater.

    Args:
        model: Any LangChain chat model.
        name: What the record calls it; by default ``langchain/`` and the model's own name.
        options: Passed on to ``with_structured_output``, such as ``{"method": "json_mode"}``; None for a model
            that has it and should not use it.
    """

    def __init__(
        self,
        model: BaseChatModel,
        *,
        name: str | None = None,
        options: dict[str, Any] | None = {},  # noqa: B006 - never changed
    ) -> None:
        fields = [getattr(model, field, None) for field in ("model_name", "model")]
        own = next((value for value in fields if isinstance(value, str) and value), type(model).__name__)
        self.name = recordable(name or f"langchain/{short(own)}")
        self.version = opinion_texts().version
        self._asked: Any = _structured(model, options)

    async def rate(self, text: str, *, language: str, history: Sequence[PastTurn] = ()) -> Opinion:
        """Return the model's opinion; see :class:`cbtguard.nodes.raters.opinion.Rater`.

        Raises:
            DependencyError: ``dependency.library`` when the model lacks a library.
            OpinionError: ``opinion.malformed`` for an answer in another form, ``opinion.failed`` when the model
                fails.
        """
        del language
        answer: Any = None
        cause = ""
        try:
            answer = await self._ask(text, history)
        except ImportError as error:
            raise DependencyError(
                "dependency.library",
                f"The chat model {self.name!r} lacks a library ({type(error).__name__}).",
                hint="Install what the model's package asks for.",
            ) from error
        except CbtguardError:
            raise
        except Exception as error:  # noqa: BLE001 - a client of a service fails in any way
            cause = type(error).__name__
        # Raised out here: the original may quote the message.
        if cause in _MALFORMED:
            answer = None
        elif cause:
            raise OpinionError(
                "opinion.failed",
                f"The chat model {self.name!r} gave no opinion ({cause}).",
                hint="Check that the service is up and that its key and model name are right.",
            )
        return opinion_of(answer)

    async def _ask(self, text: str, history: Sequence[PastTurn]) -> Any:
        from langsmith import tracing_context  # noqa: PLC0415 - keeps start-up short

        asked: list[Any] = list(messages(text, history))
        # A trace that the environment turned on would hold the message.
        with tracing_context(enabled=False):
            answer = await self._asked.ainvoke(asked, {"callbacks": [], "tags": ["nostream"]})
        return str(answer.text) if hasattr(answer, "tool_calls") else answer


_MALFORMED = frozenset({"OutputParserException", "ValidationError", "JSONDecodeError"})
"""Errors of a model's own parser, by name: its answer had another form."""


def _structured(model: BaseChatModel, options: dict[str, Any] | None) -> Any:
    if options is None:
        return model
    try:
        return model.with_structured_output(schema(), **options)
    except (NotImplementedError, AttributeError):
        return model
