"""From an example to tokens: prompt and answer, with loss on the answer alone."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Any

from cbtguard.lab.finetune.texts import texts
from cbtguard.nodes.writers.prompt_texts import prompt_marks
from cbtguard.safety.errors import DataError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cbtguard.lab.finetune.examples import Example

    Notes = Callable[[Example], list[dict[str, str]]]
    """Gives the messages that the flow would send for an example, notes and all."""

IGNORED = -100
"""The label of a token that bears no loss, as in PyTorch."""


class PromptStyle(StrEnum):
    """What stands before an answer."""

    CHAT = "chat"
    """The model's own chat template."""
    CBT_LLM = "cbt-llm"
    """The form that CBT-LLM was tuned on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """An example in tokens. Both lists have one length."""

    input_ids: list[int]
    labels: list[int]
    """The token itself in the answer and its end mark; :data:`IGNORED` in the prompt."""

    @property
    def prompt(self) -> list[int]:
        """The tokens before the answer."""
        return self.input_ids[: self.labels.count(IGNORED)]


class Encoder:
    """Turns examples into tokens.

    Args:
        tokenizer: Of the model.
        style: What stands before an answer.
        spelt_out: Whether the system message of a chat names the five parts; it stands where an example
            brings none of its own.
        notes: Gives the flow's own messages, in place of system message and question alone.

    Raises:
        SettingsError: ``settings.invalid`` when the tokenizer has no chat template and one is wanted, or no
            token that ends a text.
    """

    def __init__(
        self, tokenizer: Any, style: PromptStyle, *, spelt_out: bool = False, notes: Notes | None = None
    ) -> None:
        if tokenizer.eos_token_id is None:
            raise SettingsError(
                "settings.invalid",
                "The tokenizer has no token that ends a text.",
                hint="Set eos_token; without one, a tuned model never stops.",
            )
        if style is PromptStyle.CHAT and not tokenizer.chat_template:
            raise SettingsError(
                "settings.invalid",
                "The tokenizer has no chat template.",
                hint="Use --prompt cbt-llm, or a model that was tuned for chats.",
            )
        self._tokenizer, self._style, self._spelt_out, self._notes = tokenizer, style, spelt_out, notes

    def encode(self, example: Example) -> Encoded:
        """Return the tokens of an example: prompt, answer, end."""
        if self._style is PromptStyle.CHAT:
            asked, said = self._chat(example)
        else:
            asked, said = self._cbt_llm(example)
        return Encoded(input_ids=[*asked, *said], labels=[IGNORED] * len(asked) + said)

    def fitting(self, examples: Sequence[Example], size: int) -> tuple[list[Encoded], int]:
        """Return the examples that have at most ``size`` tokens, and how many are longer.

        A longer one is left out, not cut: a model that learns from cut answers learns to leave out their end,
        where encouragement and the way to more help stand.

        Raises:
            DataError: ``data.empty`` when none fits.
        """
        made = [self.encode(example) for example in examples]
        kept = [one for one in made if len(one.input_ids) <= size]
        if not kept:
            raise DataError(
                "data.empty",
                f"None of {len(made)} examples has at most {size} tokens.",
                hint=f"Raise --length; the shortest has {min(len(one.input_ids) for one in made)}.",
            )
        return kept, len(made) - len(kept)

    def _chat(self, example: Example) -> tuple[list[int], list[int]]:
        messages = self._messages(example)
        asked = self._templated(messages, prompt=True)
        whole = self._templated([*messages, {"role": "assistant", "content": example.answer}], prompt=False)
        # A template may rewrite what went before, such as one that drops earlier thinking.
        said = self._ids(whole[len(asked) :] if whole.startswith(asked) else example.answer)
        if self._tokenizer.eos_token_id not in said:
            said.append(self._tokenizer.eos_token_id)
        # Prompt and answer are split before they are turned into tokens: at work the prompt stands alone, too.
        return self._ids(asked), said

    def _cbt_llm(self, example: Example) -> tuple[list[int], list[int]]:
        if self._notes is not None:
            (message,) = self._notes(example)
            asked = message["content"]
        else:
            asked = cbt_llm_form().replace("{}", example.question)
        # As at work: a text in this form gets the special tokens of the tokenizer, a chat brings its own.
        ids = list(self._tokenizer(asked, add_special_tokens=True)["input_ids"])
        end = self._tokenizer.eos_token_id
        return (ids[:-1] if ids[-1] == end else ids), [*self._ids(example.answer), end]

    def _messages(self, example: Example) -> list[dict[str, str]]:
        if self._notes is not None:
            return self._notes(example)
        messages = [{"role": m.role, "content": m.content} for m in example.past]
        if not messages or messages[0]["role"] != "system":
            system = texts().system(example.language, spelt_out=self._spelt_out)
            messages.insert(0, {"role": "system", "content": system})
        return [*messages, {"role": "user", "content": example.question}]

    def _templated(self, messages: list[dict[str, str]], *, prompt: bool) -> str:
        from jinja2 import TemplateError  # noqa: PLC0415 - comes with chat templates

        how = {"tokenize": False, "add_generation_prompt": prompt}
        try:
            return str(self._tokenizer.apply_chat_template(messages, **how))
        except TemplateError:
            # Some templates refuse a system message; it then stands before the first question.
            system, first, *others = messages
            if system["role"] != "system":
                raise
            merged = {"role": "user", "content": f"{system['content']}\n\n{first['content']}"}
            return str(self._tokenizer.apply_chat_template([merged, *others], **how))

    def _ids(self, text: str) -> list[int]:
        return list(self._tokenizer(text, add_special_tokens=False)["input_ids"])


@cache
def cbt_llm_form() -> str:
    """Return the form that CBT-LLM was tuned on; ``{}`` takes the question."""
    return prompt_marks().cbt_llm
