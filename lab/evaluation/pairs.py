"""Answers to be measured: a question, an answer, and where there is one a reference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cbtguard.lab.evaluate.lines import read_rows
from cbtguard.safety.errors import DataError
from cbtguard.safety.language import OTHER, UNDETERMINED, detect

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_HINT = "A row has id, question and answer, and may have reference, language, notes and citations."


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """An answer beside its reference."""

    id: str
    question: str
    answer: str
    reference: str
    """Empty where there is none."""
    language: str
    """``zh`` or ``en``: Traditional Chinese is measured as Chinese."""
    citations: tuple[str, ...]
    """Ids of the notes the answer says it stands on."""


def read_pairs(paths: Sequence[Path]) -> tuple[Pair, ...]:
    """Return the answers of JSON Lines or YAML files, in order.

    Raises:
        DataError: ``data.malformed`` for a row of another form or an id that stands twice; ``data.unreadable``;
            ``data.empty``.
    """
    pairs = tuple(pair for path in paths for pair in read_rows(path, pair_of, hint=_HINT))
    if len({pair.id for pair in pairs}) < len(pairs):
        raise DataError(
            "data.malformed", "An id stands for two answers.", hint="Give each answer its own id."
        )
    return pairs


def pair_of(row: dict[str, Any]) -> Pair:
    """Return the answer of a row.

    Raises:
        KeyError: A field is missing.
        TypeError: A field is no text.
    """
    texts = {name: row[name] for name in ("question", "answer")}
    texts["reference"] = row.get("reference") or ""
    if not all(isinstance(text, str) for text in texts.values()):
        raise TypeError("text")
    spoken = str(row.get("language") or language_of(texts["question"], texts["reference"], texts["answer"]))
    return Pair(
        id=str(row["id"]),
        language="en" if spoken.startswith("en") else "zh",
        citations=tuple(map(str, row.get("citations") or ())),
        **texts,
    )


def language_of(*texts: str) -> str:
    """Return the language of the first text that has one, ``en`` or a tag of Chinese; ``zh-Hans`` of none."""
    known = (detect(text) for text in texts)
    return next((language for language in known if language not in {OTHER, UNDETERMINED}), "zh-Hans")
