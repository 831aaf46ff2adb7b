"""Judging: several samples of each judge, read strictly, medians and spreads; raw answers kept in a file."""

from __future__ import annotations

import json
import re
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cbtguard.safety.errors import WriterError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from cbtguard.lab.evaluation.chat import Chat
    from cbtguard.lab.evaluation.rubric import Rubric

_WARM = 0.7
"""Temperature where more than one sample is drawn; a single one is the likeliest text."""
_FENCE = re.compile(r"\A\s*```(?:json)?\s*\n(.*)\n\s*```\s*\Z", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rating:
    """What one judge gave one text for one item."""

    id: str
    judge: str
    rubric: str
    version: str
    item: str
    median: float
    spread: int
    """Largest minus smallest of the samples."""
    samples: int
    """Samples that could be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What judges gave."""

    ratings: tuple[Rating, ...]
    asked: int
    """Samples asked for."""
    malformed: int
    """Samples in another form than asked for; they count for nothing."""
    failed: int
    """Samples that a judge could not give."""


def read_scores(text: str, rubric: Rubric) -> dict[str, int] | None:
    """Return the ratings in a judge's answer, None for any other form.

    An answer is one JSON object with ``scores``, which holds each item and no other, a whole number in its
    range, and may have ``reason``; a code fence around it is taken off. A number as text, a fraction, an item
    too many: all are another form. Nothing is guessed.
    """
    fenced = _FENCE.match(text)
    try:
        said = json.loads(fenced[1] if fenced else text, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, dict) or not set(said) <= {"reason", "scores"}:
        return None
    scores = said.get("scores")
    if not isinstance(scores, dict) or set(scores) != {item.name for item in rubric.items}:
        return None
    if not all(type(scores[i.name]) is int and i.low <= scores[i.name] <= i.high for i in rubric.items):
        return None
    return scores


async def judge(
    texts: Mapping[str, dict[str, str]],
    rubric: Rubric,
    judges: Sequence[Chat],
    *,
    samples: int = 1,
    raw: Path | None = None,
) -> Judgement:
    """Return what judges give texts.

    Args:
        texts: Id to material, as :meth:`cbtguard.lab.evaluation.rubric.Rubric.messages` takes it.
        rubric: What is asked.
        judges: The models.
        samples: How often each is asked about each text.
        raw: File that every answer is appended to, as JSON Lines; it may quote what it judges.
    """
    ratings: list[Rating] = []
    malformed = failed = 0
    for model in judges:
        for name, material in texts.items():
            given: list[dict[str, int]] = []
            for number in range(samples):
                said, scores, error = "", None, ""
                try:
                    said = await model.say(
                        rubric.messages(material), temperature=_WARM if samples > 1 else 0.0, seed=number
                    )
                    scores = read_scores(said, rubric)
                except WriterError as caught:
                    error = caught.code
                failed += bool(error)
                malformed += scores is None and not error
                if scores is not None:
                    given.append(scores)
                _keep(raw, model, rubric, {"id": name, "sample": number, "text": said, "error": error})
            ratings += _rated(name, model, rubric, given)
    asked = len(judges) * len(texts) * samples
    return Judgement(ratings=tuple(ratings), asked=asked, malformed=malformed, failed=failed)


def _rated(name: str, model: Chat, rubric: Rubric, given: Sequence[dict[str, int]]) -> list[Rating]:
    if not given:
        return []
    out = []
    for item in rubric.items:
        values = [scores[item.name] for scores in given]
        out.append(
            Rating(
                id=name,
                judge=model.name,
                rubric=rubric.name,
                version=rubric.version,
                item=item.name,
                median=float(statistics.median(values)),
                spread=max(values) - min(values),
                samples=len(values),
            )
        )
    return out


def _keep(path: Path | None, model: Chat, rubric: Rubric, row: dict[str, Any]) -> None:
    if path is None:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    row = {"judge": model.name, "rubric": rubric.name, "version": rubric.version, **row}
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(row, ensure_ascii=False) + "\n")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A key that stands twice has two values, so neither counts."""
    if len(dict(pairs)) < len(pairs):
        raise ValueError("key")
    return dict(pairs)
