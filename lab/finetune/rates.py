"""What a model answers to held-out questions, as the checker sees it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cbtguard.nodes.writers.finish import cut_at_stop
from cbtguard.safety.structure import Part, StructureChecker

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cbtguard.lab.finetune.encoding import Encoder
    from cbtguard.lab.finetune.examples import Example

_AT_ONCE = 12
"""Answers written side by side."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One question with what the model said."""

    id: str
    question: str
    answer: str
    parts: tuple[str, ...]
    """The parts that were found."""
    defects: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """How answers do; all rates are 0 to 1."""

    questions: int
    part_rate: float
    """Mean over the answers of the share of the five parts that is there."""
    whole: float
    """Answers with all five parts."""
    passed: float
    """Answers without any defect; whether they stand on a note is not asked here."""
    parts: dict[str, float]
    """Each part, by its name."""
    samples: tuple[Sample, ...]
    """All answers, in the order of the questions."""

    def as_dict(self) -> dict[str, Any]:
        """Return the rates as JSON primitives, without the samples."""
        names = ("questions", "part_rate", "whole", "passed")
        return {name: getattr(self, name) for name in names} | {"parts": self.parts}


def rates(
    model: Any, tokenizer: Any, encoder: Encoder, examples: Sequence[Example], *, most: int
) -> Rates | None:
    """Return how the model answers the examples' questions; None without examples.

    Greedy, so the same weights get the same rates.

    Args:
        model: Any causal model of transformers.
        tokenizer: Its tokenizer.
        encoder: Makes the prompts.
        examples: The questions; their own answers are not used.
        most: Most tokens of an answer. One that is cut there usually lacks its last part, and that counts.
    """
    if not examples:
        return None
    prompts = [encoder.encode(example).prompt for example in examples]
    answers = write(model, tokenizer, prompts, most=most)
    return rated(examples, answers)


def rated(examples: Sequence[Example], answers: Sequence[str]) -> Rates:
    """Return the rates of answers to the questions of as many examples, at least one."""
    checker = StructureChecker()
    samples: list[Sample] = []
    for example, answer in zip(examples, answers, strict=True):
        review = checker.check(example.question, answer, language=example.language)
        samples.append(
            Sample(
                id=example.id,
                question=example.question,
                answer=answer,
                parts=tuple(part.value for part in Part if review.parts[part].present),
                defects=tuple(dict.fromkeys(defect.code for defect in review.defects)),
            )
        )
    count = len(samples)
    return Rates(
        questions=count,
        part_rate=sum(len(sample.parts) for sample in samples) / (count * len(Part)),
        whole=sum(len(sample.parts) == len(Part) for sample in samples) / count,
        passed=sum(not sample.defects for sample in samples) / count,
        parts={part.value: sum(part.value in s.parts for s in samples) / count for part in Part},
        samples=tuple(samples),
    )


def write(model: Any, tokenizer: Any, prompts: Sequence[Sequence[int]], *, most: int) -> list[str]:
    """Return what the model writes after each prompt, greedily, up to its end or a stop mark."""
    import torch  # noqa: PLC0415 - takes seconds
    from transformers import GenerationConfig  # noqa: PLC0415 - the same

    ends = _ends(model, tokenizer)
    # Named in full, as at work: what is left out would come from the model's own settings.
    config = GenerationConfig(  # type: ignore[no-untyped-call]
        do_sample=False,
        num_beams=1,
        temperature=1.0,
        top_p=1.0,
        top_k=50,
        max_new_tokens=most,
        eos_token_id=ends,
        pad_token_id=ends[0] if tokenizer.pad_token_id is None else tokenizer.pad_token_id,
        use_cache=True,
    )
    was = model.training
    model.eval()
    answers: list[str] = []
    with torch.inference_mode():
        for start in range(0, len(prompts), _AT_ONCE):
            some = prompts[start : start + _AT_ONCE]
            size = max(map(len, some))
            # Filled up on the left: an answer follows its prompt.
            ids = [[config.pad_token_id] * (size - len(one)) + [*one] for one in some]
            mask = [[0] * (size - len(one)) + [1] * len(one) for one in some]
            output = model.generate(
                input_ids=torch.tensor(ids, device=model.device),
                attention_mask=torch.tensor(mask, device=model.device),
                generation_config=config,
            )
            answers += [_text(tokenizer, row[size:].tolist(), ends) for row in output]
    model.train(was)
    return answers


def _ends(model: Any, tokenizer: Any) -> list[int]:
    listed = model.generation_config.eos_token_id
    ends = [*listed] if isinstance(listed, list) else [listed]
    return list(dict.fromkeys(end for end in [tokenizer.eos_token_id, *ends] if isinstance(end, int)))


def _text(tokenizer: Any, ids: list[int], ends: list[int]) -> str:
    place = next((n for n, token in enumerate(ids) if token in ends), len(ids))
    return cut_at_stop(str(tokenizer.decode(ids[:place], skip_special_tokens=False))).strip()
