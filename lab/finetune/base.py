"""The model that is tuned: loaded in full or in 4 bit, with an adapter laid over it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cbtguard.nodes.writers.source import ModelSource, need_library, on_this_machine, refuse_code
from cbtguard.safety.errors import CbtguardError, DependencyError, SettingsError, WriterError

if TYPE_CHECKING:
    from cbtguard.lab.finetune.options import Options


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """A model with a new adapter, ready to learn."""

    model: Any
    """Of peft; only the adapter has gradients."""
    tokenizer: Any
    name: str
    """Where the base model lies, as an adapter names it."""


def load_base(name: str, options: Options, *, trust_remote_code: bool = False) -> Base:
    """Return a model with an untrained adapter.

    Args:
        name: Folder, GGUF file, or hub name in the local cache; nothing is fetched.
        options: How to tune.
        trust_remote_code: Whether code that lies beside the weights may run, with all rights.

    Raises:
        DependencyError: ``dependency.library`` or ``dependency.model`` for what is not installed;
            ``dependency.device`` when 4 bit is asked for without CUDA.
        WriterError: ``writer.remote_code`` or ``writer.model`` for a model that cannot be used.
        SettingsError: ``settings.invalid`` when the model has none of the layers that are to be adapted.
    """
    for library in ("torch", "transformers", "peft", "accelerate"):
        need_library(library, "Tuning needs it: install cbtguard[finetune].")
    if options.four_bit:
        _need_four_bit()
    path = Path(name).expanduser()
    gguf = path.name if path.suffix.lower() == ".gguf" and path.is_file() else None
    place = str(path.resolve()) if path.exists() else name
    source = ModelSource(
        name=str(path.resolve().parent) if gguf else place,
        gguf_file=gguf,
        trust_remote_code=trust_remote_code,
    )
    failure: CbtguardError
    try:
        source = on_this_machine(source)
        refuse_code(source)
        tokenizer, model = _read(source, options)
    except CbtguardError:
        raise
    except OSError as error:
        failure = DependencyError(
            "dependency.model",
            f"The model {name!r} is not complete on this machine ({type(error).__name__}).",
            hint="Give a folder or a GGUF file; a hub name works once it lies in the local cache.",
        )
    except Exception as error:  # noqa: BLE001 - a model's files and its own code fail in any way
        failure = WriterError(
            "writer.model",
            f"The model {name!r} cannot be loaded ({type(error).__name__}).",
            hint="Load it with transformers directly to see what is wrong with its files.",
        )
    else:
        return Base(model=_adapted(model, options), tokenizer=tokenizer, name=place)
    raise failure


def _need_four_bit() -> None:
    import torch  # noqa: PLC0415 - takes seconds

    if not torch.cuda.is_available():
        raise DependencyError(
            "dependency.device",
            "4 bit (QLoRA) needs an accelerator with CUDA, and there is none.",
            hint="Leave out --four-bit for LoRA on the weights as they are, or use a machine with CUDA.",
        )
    need_library("bitsandbytes", "4 bit (QLoRA) needs it: install cbtguard[qlora].")


def _read(source: ModelSource, options: Options) -> tuple[Any, Any]:
    import torch  # noqa: PLC0415 - takes seconds
    from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: PLC0415 - the same

    where: dict[str, Any] = {"local_files_only": True, "trust_remote_code": source.trust_remote_code}
    if source.gguf_file is not None:
        for library in ("gguf", "accelerate"):
            need_library(library, "GGUF weights need it.")
        where["gguf_file"] = source.gguf_file
    tokenizer: Any = AutoTokenizer.from_pretrained(source.place, **where)
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    dtype = _dtype(options)
    if options.four_bit:
        from transformers import BitsAndBytesConfig  # noqa: PLC0415 - takes seconds

        where["quantization_config"] = BitsAndBytesConfig(  # type: ignore[no-untyped-call, unused-ignore]
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=dtype,
        )
        # Each process of accelerate holds the whole model on its own device.
        where["device_map"] = {"": int(os.environ.get("LOCAL_RANK", "0"))}
    model: Any = AutoModelForCausalLM.from_pretrained(source.place, dtype=dtype, **where)
    if source.gguf_file is not None:
        model = _unpacked(model, dtype)
    elif not options.four_bit and not torch.cuda.is_available():
        model = model.to(dtype)
    return tokenizer, model


def _dtype(options: Options) -> Any:
    import torch  # noqa: PLC0415 - takes seconds

    if options.dtype != "auto":
        return getattr(torch, options.dtype)
    cuda = torch.cuda.is_available() and torch.cuda.is_bf16_supported()
    return torch.bfloat16 if cuda else torch.float32


def _unpacked(model: Any, dtype: Any) -> Any:
    """The same weights as an ordinary model: one from GGUF counts as quantised and is not trained."""
    from transformers import AutoModelForCausalLM  # noqa: PLC0415 - takes seconds

    settings = model.config.to_dict()
    settings.pop("quantization_config", None)
    fresh: Any = AutoModelForCausalLM.from_config(type(model.config)(**settings))
    fresh.load_state_dict({name: weights.float() for name, weights in model.state_dict().items()})
    fresh.generation_config = model.generation_config
    return fresh.to(dtype)


def _adapted(model: Any, options: Options) -> Any:
    from peft import (  # type: ignore[import-not-found,unused-ignore] # noqa: PLC0415 - an optional library
        LoraConfig,
        get_peft_model,
        prepare_model_for_kbit_training,
    )

    # Not only for memory: with a cache, transformers does not look for texts that are packed in a row.
    model.config.use_cache = False
    if options.four_bit:
        model = prepare_model_for_kbit_training(model, use_gradient_checkpointing=options.checkpointing)
    elif options.checkpointing:
        # With the base frozen, no gradient would reach a checkpointed layer.
        model.enable_input_require_grads()
    targets: Any = options.targets
    if targets != "all-linear":
        targets = [target.strip() for target in targets.split(",")]
    config = LoraConfig(
        task_type="CAUSAL_LM",
        r=options.rank,
        lora_alpha=options.alpha,
        lora_dropout=options.dropout,
        target_modules=targets,
    )
    try:
        return get_peft_model(model, config)
    except ValueError as error:
        raise SettingsError(
            "settings.invalid",
            "The model has none of the layers that are to be adapted.",
            hint="Name its linear layers in --targets, such as W_pack,o_proj for Baichuan.",
        ) from error
