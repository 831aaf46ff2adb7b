"""BLEURT (Sellam et al., ACL 2020), where a checkpoint of it lies on this machine; left out by name otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cbtguard.lab.evaluation.score import LeftOut, Score, mean
from cbtguard.nodes.writers.source import need_library
from cbtguard.safety.errors import DependencyError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from cbtguard.lab.evaluation.pairs import Pair


def bleurt(pairs: Sequence[Pair], folder: Path | None) -> Iterator[Score | LeftOut]:
    """Yield BLEURT of each language, or that it was left out.

    Args:
        pairs: The answers.
        folder: A transformers folder of a BLEURT checkpoint: a sequence classifier with one output that reads
            reference and answer, in this order.

    Raises:
        DependencyError: ``dependency.library``; ``dependency.model`` for a folder that holds no such model.
    """
    held = [pair for pair in pairs if pair.reference.strip()]
    if folder is None or not held:
        why = "no checkpoint was given (--bleurt FOLDER)" if folder is None else "no answer has a reference"
        yield LeftOut(name="BLEURT", why=why)
        return
    values = scored(folder, [(pair.reference, pair.answer) for pair in held])
    for language in sorted({pair.language for pair in held}):
        own = [value for pair, value in zip(held, values, strict=True) if pair.language == language]
        yield mean("BLEURT", own, group=language, how=f"checkpoint {folder.name}")


def scored(folder: Path, texts: Sequence[tuple[str, str]]) -> list[float]:
    """Return the model's value for each pair of reference and answer."""
    need_library("torch", "BLEURT needs it.")
    need_library("transformers", "BLEURT needs it.")
    import torch  # noqa: PLC0415 - heavy
    from transformers import AutoModelForSequenceClassification, AutoTokenizer  # noqa: PLC0415 - heavy

    try:
        tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        model: Any = AutoModelForSequenceClassification.from_pretrained(folder, local_files_only=True).eval()
    except (OSError, ValueError) as error:
        raise _unusable(folder, type(error).__name__) from None
    if model.config.num_labels != 1:
        raise _unusable(folder, "it has more than one output")
    out: list[float] = []
    for reference, answer in texts:
        asked = tokenizer(reference, answer, truncation=True, max_length=512, return_tensors="pt")
        with torch.inference_mode():
            out.append(float(model(**asked).logits[0, 0]))
    return out


def _unusable(folder: Path, why: str) -> DependencyError:
    return DependencyError(
        "dependency.model",
        f"The folder {folder.name!r} holds no BLEURT checkpoint ({why}).",
        hint="Give a transformers folder of one, or leave --bleurt out.",
    )
