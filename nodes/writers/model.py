"""Loading a causal language model from this machine, with its tokenizer and, if wanted, an adapter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cbtguard.nodes.writers.adapter import taught_form, with_base
from cbtguard.nodes.writers.prompt import PromptForm
from cbtguard.nodes.writers.source import need_library, on_this_machine, refuse_code
from cbtguard.safety.errors import CbtguardError, DependencyError, SettingsError, WriterError

if TYPE_CHECKING:
    from cbtguard.nodes.writers.source import ModelSource

_FEWEST, _UNKNOWN_CONTEXT = 64, 2048
_NO_LIMIT = 10**6
"""Tokenizers without a limit of their own give a huge number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedModel:
    """A model that is ready to write."""

    model: Any
    tokenizer: Any
    context: int
    """Most tokens of prompt and answer together."""
    form: PromptForm
    marks: frozenset[str]
    """Special tokens of the tokenizer."""
    ends: tuple[int, ...]
    """Tokens that end an answer."""


def load_model(source: ModelSource) -> LoadedModel:
    """Return the model of a source. Without ``download`` nothing is asked of the network.

    Raises:
        DependencyError: ``dependency.library`` when torch, transformers, peft or gguf is wanted and not
            installed; ``dependency.model`` when the model is not on this machine.
        SettingsError: ``settings.invalid`` for a number format that torch does not have.
        WriterError: ``writer.remote_code`` when the model needs its own code and that is not trusted,
            ``writer.model`` when its files cannot be used.
    """
    need_library("torch", "A local model needs it.")
    need_library("transformers", "A local model needs it.")
    source = with_base(source)
    if source.adapter is not None:
        need_library("peft", "A LoRA adapter needs it.")
    if source.gguf_file is not None:
        for library in ("gguf", "accelerate"):
            need_library(library, "GGUF weights need it.")
    failure: CbtguardError
    try:
        source = on_this_machine(source)
        refuse_code(source)
        tokenizer, model = _read(source)
    except CbtguardError:
        raise
    except OSError as error:
        # Hub and file errors are OSErrors; their text names addresses that do not concern the caller.
        failure = DependencyError(
            "dependency.model",
            f"The model {source.name!r} is not complete on this machine ({type(error).__name__}).",
            hint="Give a folder with the model, or fetch it once with the setting writer_download.",
        )
    except Exception as error:  # noqa: BLE001 - a model's files and its own code fail in any way
        failure = WriterError(
            "writer.model",
            f"The model {source.name!r} cannot be loaded ({type(error).__name__}).",
            hint="Load it with transformers directly to see what is wrong with its files.",
        )
    else:
        return _loaded(source, tokenizer, model)
    raise failure


def _read(source: ModelSource) -> tuple[Any, Any]:
    import torch  # noqa: PLC0415 - takes seconds
    from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: PLC0415 - the same

    where: dict[str, Any] = {
        "local_files_only": not source.download,
        # Never None: transformers would ask on the terminal.
        "trust_remote_code": source.trust_remote_code,
    }
    if source.gguf_file is not None:
        where["gguf_file"] = source.gguf_file
    tokenizer: Any = AutoTokenizer.from_pretrained(source.place, **where)
    dtype: Any = "auto" if source.dtype is None else getattr(torch, source.dtype, None)
    if dtype != "auto" and not isinstance(dtype, torch.dtype):
        raise SettingsError(
            "settings.invalid", f"There is no number format {source.dtype!r}.", hint="Use such as bfloat16."
        )
    model: Any = AutoModelForCausalLM.from_pretrained(source.place, dtype=dtype, **where)
    if source.adapter is not None:
        from peft import PeftModel  # type: ignore[import-not-found,unused-ignore] # noqa: PLC0415 - an optional library

        model = PeftModel.from_pretrained(model, source.adapter, local_files_only=not source.download)
    device = source.device or ("cuda" if torch.cuda.is_available() else "cpu")
    if source.dtype is None and device == "cpu" and model.dtype == torch.float16:
        model = model.to(torch.bfloat16)
    return tokenizer, model.to(device).eval()


def _loaded(source: ModelSource, tokenizer: Any, model: Any) -> LoadedModel:
    own = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    limits = [n for n in (own, tokenizer.model_max_length) if isinstance(n, int) and _FEWEST <= n < _NO_LIMIT]
    special = {str(token) for token in tokenizer.all_special_tokens}
    special |= {str(token) for token in tokenizer.added_tokens_decoder.values() if token.special}
    return LoadedModel(
        model=model,
        tokenizer=tokenizer,
        context=min(limits) if limits else _UNKNOWN_CONTEXT,
        form=_form(source, tokenizer),
        marks=frozenset(token for token in special if token.strip()),
        ends=_ends(tokenizer, model),
    )


def _form(source: ModelSource, tokenizer: Any) -> PromptForm:
    taught = taught_form(source)
    if taught is not None:
        return taught
    if any("cbt-llm" in name.lower() for name in (source.name, source.adapter or "")):
        return PromptForm.CBT_LLM
    return PromptForm.CHAT if tokenizer.chat_template else PromptForm.PLAIN


def _ends(tokenizer: Any, model: Any) -> tuple[int, ...]:
    listed = model.generation_config.eos_token_id
    ends = [*listed] if isinstance(listed, list) else [listed]
    ends.append(tokenizer.eos_token_id)
    return tuple(dict.fromkeys(end for end in ends if isinstance(end, int)))
