"""One draft of a loaded model: the prompt that fits its context, and the tokens up to where it ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cbtguard.nodes.writers.finish import cut_at_stop
from cbtguard.nodes.writers.prompt import Prompt, PromptForm, shorter_prompts
from cbtguard.safety.errors import WriterError

if TYPE_CHECKING:
    from collections.abc import Callable
    from threading import Event

    from cbtguard.nodes.writers.model import LoadedModel
    from cbtguard.nodes.writers.task import WritingTask

_TAIL = 24
"""Tokens in which a stop mark is looked for after each step; the longest mark has fewer."""


_EVERY = 4
"""Tokens from one telling to the next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedPrompt:
    """A prompt as the model reads it."""

    prompt: Prompt
    inputs: dict[str, Any]
    """``input_ids`` and ``attention_mask`` on the model's device, shape ``(1, tokens)``."""

    @property
    def tokens(self) -> int:
        """Length of the prompt."""
        return int(self.inputs["input_ids"].shape[1])


def fit_prompt(loaded: LoadedModel, task: WritingTask, most: int) -> FittedPrompt:
    """Return the longest prompt of a task that leaves room for an answer.

    Args:
        loaded: The model.
        task: What is to be written.
        most: Longest answer, in tokens; at most half of the context is kept free for it.

    Raises:
        WriterError: ``writer.too_long`` when not even the question with one note fits.
    """
    room = loaded.context - min(most, loaded.context // 2)
    for prompt in shorter_prompts(task, form=loaded.form, marks=loaded.marks):
        inputs = _tokens(loaded, prompt)
        if inputs["input_ids"].shape[1] <= room:
            device = loaded.model.device
            return FittedPrompt(prompt=prompt, inputs={name: ids.to(device) for name, ids in inputs.items()})
    raise WriterError(
        "writer.too_long",
        f"The question with one note does not fit into the {room} tokens that the model has for a prompt.",
        hint="Use a model with a longer context, or lower the setting max_characters.",
    )


def generate_text(
    loaded: LoadedModel,
    fitted: FittedPrompt,
    most: int,
    stop: Event,
    told: Callable[[str], None] | None = None,
) -> str:
    """Return what the model writes, up to the first stop mark, without its special tokens.

    Greedy, so the same prompt gets the same text. When ``stop`` is set the model ends after the token it
    is at, and what it wrote is of no use. ``told`` is given the text so far, every few tokens.
    """
    import torch  # noqa: PLC0415 - takes seconds
    from transformers import GenerationConfig, StoppingCriteriaList  # noqa: PLC0415 - the same

    tokenizer = loaded.tokenizer
    first_end = loaded.ends[0] if loaded.ends else 0
    # Named in full: what is left out would come from the model's own settings, sampling among them.
    config = GenerationConfig(  # type: ignore[no-untyped-call]
        do_sample=False,
        num_beams=1,
        temperature=1.0,
        top_p=1.0,
        top_k=50,
        max_new_tokens=min(most, loaded.context - fitted.tokens),
        eos_token_id=list(loaded.ends) or None,
        pad_token_id=first_end if tokenizer.pad_token_id is None else tokenizer.pad_token_id,
        use_cache=True,
    )
    halt = _Halt(loaded=loaded, start=fitted.tokens, stop=stop, told=told)
    with torch.inference_mode():
        output = loaded.model.generate(
            **fitted.inputs, generation_config=config, stopping_criteria=StoppingCriteriaList([halt])
        )
    return _text(loaded, output[0, fitted.tokens :])


def _text(loaded: LoadedModel, ids: Any) -> str:
    # A stop mark may be a special token, so it is looked for before those are dropped.
    text = cut_at_stop(_decoded(loaded.tokenizer, ids))
    for mark in loaded.marks:
        text = text.replace(mark, "")
    return text


def _decoded(tokenizer: Any, ids: Any) -> str:
    # Spaces are left alone: what was told of a text must stay how it begins.
    return str(tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Halt:
    """Tells the model after each token whether to stop: cancelled, or a mark at which a draft ends."""

    loaded: LoadedModel
    start: int
    """Tokens of the prompt."""
    stop: Event
    told: Callable[[str], None] | None

    def __call__(self, input_ids: Any, scores: Any, **_: Any) -> Any:
        import torch  # noqa: PLC0415 - takes seconds

        del scores
        done = self.stop.is_set()
        if not done:
            ids = input_ids[0, max(self.start, input_ids.shape[1] - _TAIL) :]
            tail = _decoded(self.loaded.tokenizer, ids)
            done = cut_at_stop(tail) != tail
            if self.told is not None and (done or (input_ids.shape[1] - self.start) % _EVERY == 0):
                # The last character may still be in pieces.
                self.told(_text(self.loaded, input_ids[0, self.start :]).rstrip("\ufffd"))
        return torch.full((input_ids.shape[0],), done, device=input_ids.device, dtype=torch.bool)


def _tokens(loaded: LoadedModel, prompt: Prompt) -> dict[str, Any]:
    tokenizer = loaded.tokenizer
    chat = loaded.form is PromptForm.CHAT
    text = _templated(tokenizer, prompt) if chat else prompt.user
    # A chat template writes the first token itself.
    encoded = tokenizer(text, return_tensors="pt", add_special_tokens=not chat)
    return {name: encoded[name] for name in ("input_ids", "attention_mask")}


def _templated(tokenizer: Any, prompt: Prompt) -> str:
    from jinja2 import TemplateError  # noqa: PLC0415 - comes with chat templates

    how = {"tokenize": False, "add_generation_prompt": True}
    try:
        return str(tokenizer.apply_chat_template(prompt.messages(), **how))
    except TemplateError:
        # Some templates refuse a system message.
        return str(tokenizer.apply_chat_template(prompt.messages(merged=True), **how))
