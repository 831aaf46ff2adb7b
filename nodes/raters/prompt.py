"""What a rater is asked: the levels and kinds explained, the message as data."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cbtguard.nodes.writers.neutral import neutral
from cbtguard.safety.errors import DataError
from cbtguard.safety.files import read_yaml, version_of
from cbtguard.safety.risk import Kind, Level, Subject

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cbtguard.safety.risk import PastTurn

_FILE = Path(__file__).parent / "data" / "opinion.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpinionTexts:
    """The sentences of the file."""

    system: str
    message: str
    """With the slots ``earlier`` and ``text``."""
    earlier: str
    """With the slot ``messages``."""
    name: str
    """What the form of the answer is called."""
    about: dict[str, str]
    """Field of the answer to what it holds."""
    reason: str
    """Why a message was raised, as a person reads it, in English."""
    reason_zh: str
    version: str


@cache
def opinion_texts() -> OpinionTexts:
    """Return the shipped sentences.

    Raises:
        DataError: ``data.malformed``, naming the entry.
    """
    data = read_yaml(_FILE)
    entry = "whole file"
    try:
        entry = "about"
        about = {name: _text(data[entry][name]) for name in ("level", "kinds", "subject", "reason")}
        entry = "raised"
        reason, reason_zh = _text(data[entry]["en"]), _text(data[entry]["zh"])
        texts = {}
        for entry in ("system", "message", "earlier", "name"):
            texts[entry] = _text(data[entry])
    except (KeyError, TypeError) as error:
        raise DataError(
            "data.malformed",
            f"{_FILE.name}, entry {entry!r}: it is missing or no text.",
            hint="Compare with the file that ships with the package.",
        ) from error
    return OpinionTexts(**texts, about=about, reason=reason, reason_zh=reason_zh, version=version_of([_FILE]))


def messages(text: str, history: Sequence[PastTurn]) -> list[dict[str, str]]:
    """Return the messages for a chat model. Tags in the data cannot close the tag they stand in."""
    own = opinion_texts()
    past = "\n".join(f"- {neutral(turn.text).strip()}" for turn in history)
    earlier = own.earlier.format(messages=past) if past else ""
    asked = own.message.format(earlier=earlier, text=neutral(text).strip())
    return [{"role": "system", "content": own.system}, {"role": "user", "content": asked}]


def schema() -> dict[str, Any]:
    """Return the JSON schema of an answer, in the subset that every server takes."""
    own = opinion_texts()

    def one_of(words: type[Level | Kind | Subject]) -> dict[str, Any]:
        return {"type": "string", "enum": [word.value for word in words]}

    fields: dict[str, dict[str, Any]] = {
        # The reason goes first: a model that has to say why before it says what is more often right.
        "reason": {"type": "string"},
        "level": one_of(Level),
        "kinds": {"type": "array", "items": one_of(Kind)},
        "subject": one_of(Subject),
    }
    return {
        "title": own.name,
        "description": own.about["level"],
        "type": "object",
        "properties": {name: {**field, "description": own.about[name]} for name, field in fields.items()},
        "required": list(fields),
        "additionalProperties": False,
    }


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise TypeError("a text")
    return value
