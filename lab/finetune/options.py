"""How a model is tuned: every choice in one place, as it goes onto the adapter's card."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from cbtguard.lab.finetune.encoding import PromptStyle
from cbtguard.safety.errors import SettingsError


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How to tune. Defaults suit a model of 0.1 to 8 billion weights and some thousand examples."""

    prompt: PromptStyle = PromptStyle.CHAT
    notes: int = 0
    """Technique notes in the prompt, as the flow gives them; 0 for the question alone."""
    length: int = 2048
    """Most tokens of an example, and of a packed row."""
    packing: bool = False
    rank: int = 16
    alpha: int = 32
    dropout: float = 0.05
    targets: str = "all-linear"
    """Layers that get an adapter: names with commas, or ``all-linear``."""
    four_bit: bool = False
    """QLoRA: the base model in 4 bit; needs CUDA and bitsandbytes."""
    dtype: str = "auto"
    """Of the base model: ``float32``, ``bfloat16``, or ``auto``: bfloat16 on an accelerator that has it."""
    checkpointing: bool = False
    """Compute activations anew in the backward pass: less memory, a third more time."""
    rate: float = 2e-4
    epochs: float = 3.0
    steps: int = -1
    """Most steps; -1 for as many as the epochs have."""
    minutes: float | None = None
    """Most minutes of training; the step under way is finished."""
    batch: int = 4
    """Rows a device and step."""
    accumulate: int = 1
    """Batches whose gradients are added up before a step."""
    warmup: int = 10
    """Steps in which the rate rises."""
    every: int = 50
    """Steps between two measurements on held-out data; there, too, a checkpoint is kept."""
    patience: int = 3
    """Measurements without a better value after which training ends; for loss and for parts alike."""
    watched: int = 8
    """Held-out questions answered at each measurement and read by the checker; 0 for none."""
    asked: int = 24
    """Questions answered before and after; 0 for none."""
    answer: int = 400
    """Most tokens of an answer that is measured."""
    seed: int = 17

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        sound = {
            "length": self.length >= 16,
            "rank": self.rank >= 1,
            "alpha": self.alpha >= 1,
            "dropout": 0 <= self.dropout < 1,
            "rate": self.rate > 0,
            "epochs": self.epochs > 0,
            "steps": self.steps == -1 or self.steps >= 1,
            "minutes": self.minutes is None or self.minutes > 0,
            "batch": self.batch >= 1,
            "accumulate": self.accumulate >= 1,
            "warmup": self.warmup >= 0,
            "every": self.every >= 1,
            "patience": self.patience >= 1,
            "watched": self.watched >= 0,
            "asked": self.asked >= 0,
            "answer": self.answer >= 1,
            "notes": self.notes >= 0,
            "dtype": self.dtype in {"auto", "float32", "bfloat16"},
        }
        wrong = [name for name, is_sound in sound.items() if not is_sound]
        if wrong:
            raise SettingsError(
                "settings.invalid",
                f"These options of tuning have no meaning: {', '.join(wrong)}.",
                hint="`cbtguard lab finetune --help` says what each may be.",
            )

    def as_dict(self) -> dict[str, Any]:
        """Return the options as JSON primitives."""
        return {**asdict(self), "prompt": self.prompt.value}
