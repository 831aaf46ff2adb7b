"""Tuning from data to adapter: before, the steps, after, and what is kept."""

from __future__ import annotations

import json
import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cbtguard.lab.finetune.base import load_base
from cbtguard.lab.finetune.card import write_card
from cbtguard.lab.finetune.encoding import IGNORED, Encoder
from cbtguard.lab.finetune.flow import flow_messages
from cbtguard.lab.finetune.packing import Collator, apart, pack, refuse_leaks
from cbtguard.lab.finetune.rates import rates
from cbtguard.safety.errors import DependencyError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from cbtguard.lab.finetune.examples import Examples
    from cbtguard.lab.finetune.options import Options
    from cbtguard.lab.finetune.packing import Row
    from cbtguard.lab.finetune.rates import Rates

NOTE = "cbtguard.json"
"""Lies beside an adapter and says in which form it was taught to read a question."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A model before or after."""

    loss: float
    """Nats a token, over the held-out answers."""
    rates: Rates | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuned:
    """What a tuning came to."""

    before: Measured
    after: Measured
    told: Rates | None
    """The base model with the five parts spelt out in its system message, where that was asked for."""
    steps: int
    planned: int
    ended: str
    """``done``, ``held_out`` (nothing got better) or ``minutes``."""
    minutes: float
    """Of the steps and the measurements between them."""
    long: int
    """Training examples that were left out because they are too long."""
    rows: int
    """Rows that are learned from; fewer than examples when packed."""
    history: tuple[dict[str, Any], ...]
    """The trainer's log."""


def finetune(
    data: Examples,
    model: str,
    out: Path,
    options: Options,
    *,
    trust_remote_code: bool = False,
    resume: bool = False,
    told: bool = False,
    licence: str = "other",
    say: Callable[[str], None] = lambda _: None,
) -> Tuned:
    """Tune a model and leave its adapter in a folder, with its tokenizer and a card.

    The adapter that is kept is the one with the lowest held-out loss. Under ``accelerate launch`` every
    process calls this; the first one writes.

    Args:
        data: To learn from, to watch and to measure.
        model: Folder, GGUF file, or hub name in the local cache.
        out: Folder of the adapter; checkpoints lie in its ``checkpoints``.
        options: How to tune.
        trust_remote_code: Whether code beside the weights may run.
        resume: Go on from the last checkpoint of ``out``, if there is one.
        told: Also measure the base model with the five parts spelt out.
        licence: Of the adapter, for its card.
        say: Told how it goes.

    Raises:
        SettingsError: ``settings.invalid`` for what cannot be; ``settings.occupied`` when ``out`` holds an
            adapter already.
        DependencyError: As :func:`cbtguard.lab.finetune.base.load_base`.
        WriterError: As :func:`cbtguard.lab.finetune.base.load_base`.
        DataError: ``data.empty`` when no example fits ``options.length``.
    """
    if (out / "adapter_config.json").exists():
        raise SettingsError(
            "settings.occupied", f"There is an adapter in {out} already.", hint="Name another folder."
        )
    _seed(options.seed)
    base = load_base(model, options, trust_remote_code=trust_remote_code)
    tokenizer = base.tokenizer
    encoder = Encoder(tokenizer, options.prompt, notes=flow_messages(options))
    train, long = encoder.fitting(data.train, options.length)
    valid, _ = encoder.fitting(data.valid, options.length)
    if options.packing:
        refuse_leaks(base.model, train)
    rows = pack(train, options.length) if options.packing else apart(train)
    held = apart(valid)
    collator = Collator(pad=tokenizer.pad_token_id)
    asked = (data.test or data.valid)[: options.asked]
    say(f"{len(train)} examples in {len(rows)} rows, {long} too long; {len(valid)} held out")

    def measured(name: str) -> Measured:
        loss = held_out_loss(base.model, held, collator, options.batch)
        found = rates(base.model, tokenizer, encoder, asked, most=options.answer)
        say(f"{name}: held-out loss {loss:.3f}" + (f", part rate {found.part_rate:.2f}" if found else ""))
        return Measured(loss=loss, rates=found)

    # An adapter that has learned nothing adds nothing: this is the base model.
    _to_device(base.model)
    before = measured("before")
    spelt = None
    if told and options.notes == 0:
        spelt = rates(
            base.model,
            tokenizer,
            Encoder(tokenizer, options.prompt, spelt_out=True),
            asked,
            most=options.answer,
        )
    trainer, watch, limit = _trainer(
        base.model,
        rows,
        held,
        collator,
        options,
        out,
        _watched(base.model, tokenizer, encoder, data, options),
        say,
    )
    start = time.monotonic()
    last = resume and any((out / "checkpoints").glob("checkpoint-*"))
    result = trainer.train(resume_from_checkpoint=True if last else None)
    minutes = (time.monotonic() - start) / 60
    if not math.isfinite(result.training_loss):
        raise DependencyError(
            "dependency.device",
            "The loss is no number any more; nothing was kept.",
            hint="Lower --rate, or use --dtype float32.",
        )
    tuned = Tuned(
        before=before,
        after=measured("after"),
        told=spelt,
        steps=trainer.state.global_step,
        planned=trainer.state.max_steps,
        ended="minutes" if limit.ended else watch.ended or "done",
        minutes=minutes,
        long=long,
        rows=len(rows),
        history=tuple(trainer.state.log_history),
    )
    if trainer.is_world_process_zero():
        out.mkdir(parents=True, exist_ok=True)
        laid = trainer.accelerator.unwrap_model(base.model)
        # peft takes the name from the model, where it may be that of a cache folder, or of one that holds GGUF.
        laid.peft_config["default"].base_model_name_or_path = base.name
        laid.save_pretrained(out, save_embedding_layers=False)
        tokenizer.save_pretrained(out)
        note = {
            "prompt": options.prompt.value,
            "base": base.name,
            "data": data.digest,
            "options": options.as_dict(),
        }
        (out / NOTE).write_text(json.dumps(note, indent=2) + "\n", encoding="utf-8")
        write_card(out, base.name, data, options, tuned, licence=licence)
    return tuned


def held_out_loss(model: Any, rows: Sequence[Row], collator: Collator, batch: int) -> float:
    """Return the mean loss over all tokens of the answers, in nats."""
    import torch  # noqa: PLC0415 - takes seconds

    was = model.training
    model.eval()
    total = tokens = 0.0
    with torch.no_grad():
        for start in range(0, len(rows), batch):
            inputs = {k: v.to(model.device) for k, v in collator(rows[start : start + batch]).items()}
            count = int((inputs["labels"][:, 1:] != IGNORED).sum())
            total += float(model(**inputs).loss) * count
            tokens += count
    model.train(was)
    return total / tokens


def _seed(seed: int) -> None:
    """Also the new weights of the adapter: the trainer sets its seed when they are there already."""
    from transformers import set_seed  # noqa: PLC0415 - takes seconds

    set_seed(seed)


def _to_device(model: Any) -> None:
    import os  # noqa: PLC0415

    import torch  # noqa: PLC0415 - takes seconds

    if torch.cuda.is_available() and not getattr(model, "is_loaded_in_4bit", False):
        model.to(f"cuda:{os.environ.get('LOCAL_RANK', '0')}")


def _watched(model: Any, tokenizer: Any, encoder: Encoder, data: Examples, options: Options) -> Any:
    if options.watched == 0:
        return None
    some = data.valid[: options.watched]
    return lambda: rates(model, tokenizer, encoder, some, most=options.answer)


def _checkpointing(options: Options) -> dict[str, Any]:
    from transformers import TrainingArguments  # noqa: PLC0415 - takes seconds

    if not options.checkpointing:
        return {}
    # Later releases of transformers 5 have renamed it.
    name = "activation_checkpointing"
    if name not in TrainingArguments.__dataclass_fields__:
        name = "gradient_checkpointing"
    return {name: True, f"{name}_kwargs": {"use_reentrant": False}}


def _trainer(
    model: Any,
    rows: list[Row],
    held: list[Row],
    collator: Collator,
    options: Options,
    out: Path,
    answer: Any,
    say: Callable[[str], None],
) -> tuple[Any, Any, Any]:
    import torch  # noqa: PLC0415 - takes seconds
    from transformers import Trainer, TrainingArguments  # noqa: PLC0415 - the same

    from cbtguard.lab.finetune.watch import TimeLimit, Watch  # noqa: PLC0415 - imports transformers

    cuda = torch.cuda.is_available()
    arguments = TrainingArguments(
        output_dir=str(out / "checkpoints"),
        per_device_train_batch_size=options.batch,
        per_device_eval_batch_size=options.batch,
        gradient_accumulation_steps=options.accumulate,
        learning_rate=options.rate,
        lr_scheduler_type="cosine",
        warmup_steps=options.warmup,
        num_train_epochs=options.epochs,
        max_steps=options.steps,
        eval_strategy="steps",
        eval_steps=options.every,
        save_strategy="steps",
        save_steps=options.every,
        save_total_limit=2,
        load_best_model_at_end=True,
        metric_for_best_model="eval_loss",
        greater_is_better=False,
        logging_steps=min(10, options.every),
        **_checkpointing(options),
        # The base keeps its number format; what is computed in between takes bfloat16 where a card has it.
        bf16=cuda and options.dtype != "float32" and torch.cuda.is_bf16_supported(),
        use_cpu=not cuda,
        dataloader_pin_memory=cuda,
        remove_unused_columns=False,
        label_names=["labels"],
        prediction_loss_only=True,
        report_to=[],
        disable_tqdm=True,
        seed=options.seed,
        ddp_find_unused_parameters=False if torch.cuda.device_count() > 1 else None,
    )
    watch = Watch(patience=options.patience, answer=answer, say=say)
    limit = TimeLimit(options.minutes)
    trainer: Any = Trainer(
        model=model,
        args=arguments,
        train_dataset=rows,  # type: ignore[arg-type, unused-ignore]
        eval_dataset=held,  # type: ignore[arg-type, unused-ignore]
        data_collator=collator,  # type: ignore[arg-type, unused-ignore]
        callbacks=[watch, limit],
    )
    from transformers import PrinterCallback  # noqa: PLC0415 - takes seconds

    trainer.remove_callback(PrinterCallback)
    return trainer, watch, limit
