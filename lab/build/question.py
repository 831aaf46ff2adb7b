"""A question of a source: what was asked, and what makes a line unusable."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cbtguard.safety.errors import CbtguardError, InputError
from cbtguard.safety.language import normalise_language
from cbtguard.safety.text import MAX_CHARACTERS, clean

if TYPE_CHECKING:
    from collections.abc import Mapping

FIELDS = ("id", "question", "description", "keywords", "language")
"""What a column may be mapped to."""
_USUAL = {
    "id": ("id", "questionID", "question_id"),
    "question": ("question", "text", "title", "input"),
    "description": ("description", "body", "content"),
    "keywords": ("keywords", "tags"),
    "language": ("language", "lang"),
}
"""Columns looked for where none is mapped: the first that a row has."""
_BETWEEN = re.compile(r"[,，、;；|\s]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question, as its source has it: personal data is still in it."""

    number: int
    """Line or entry in the source, from 1."""
    id: str
    """As the source calls it; empty where it does not."""
    question: str
    description: str
    keywords: tuple[str, ...] = ()
    language: str = "auto"
    """``zh-Hans``, ``zh-Hant``, ``en``, or ``auto``."""

    def __repr__(self) -> str:
        return f"Question({self.number})"

    @property
    def message(self) -> str:
        """What the flow is asked: the question, and on a new line its description."""
        return f"{self.question}\n{self.description}" if self.description else self.question

    @property
    def content(self) -> str:
        """Hash of all that is read of the row, but for its id: 32 hex digits."""
        whole = [self.question, self.description, self.keywords, self.language]
        text = json.dumps(whole, ensure_ascii=False).encode("utf-8", "surrogatepass")
        return hashlib.sha256(text).hexdigest()[:32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bad:
    """A line or entry that cannot be used, and why; nothing of its text."""

    number: int
    id: str
    error: CbtguardError


def columns_of(options: tuple[str, ...]) -> dict[str, str]:
    """Return field to column from options such as ``question=title``.

    Raises:
        InputError: ``input.columns``.
    """
    columns: dict[str, str] = {}
    for option in options:
        for pair in option.split(","):
            field, _, column = pair.partition("=")
            if field.strip() not in FIELDS or not column.strip():
                raise InputError(
                    "input.columns",
                    "A column mapping names a field that does not exist, or no column.",
                    hint=f"Write FIELD=COLUMN; the fields are {', '.join(FIELDS)}.",
                )
            columns[field.strip()] = column.strip()
    return columns


def question_of(
    row: Mapping[str, Any], number: int, columns: Mapping[str, str], *, limit: int = MAX_CHARACTERS
) -> Question | Bad:
    """Return the question of a row, or what is wrong with it.

    Args:
        row: Column to value.
        number: Its place in the source, from 1.
        columns: Field to column; the usual names where none is given.
        limit: Longest message, in characters.
    """
    id_ = _id(_value(row, "id", columns))
    try:
        question = _text(row, "question", columns)
        description = _text(row, "description", columns)
        if not question:
            question, description = description, ""
        if description == question:
            description = ""
        found = Question(
            number=number,
            id=id_,
            question=question,
            description=description,
            keywords=_keywords(_value(row, "keywords", columns)),
            language=_language(_value(row, "language", columns)),
        )
        _usable(found.message, limit)
    except InputError as error:
        return Bad(number=number, id=id_, error=error)
    return found


def _usable(message: str, limit: int) -> None:
    cleaned = clean(message, limit=limit)
    if "\ufffd" in cleaned and "\ufffd" not in message:
        raise InputError("input.bad_text", "The text is not UTF-8.", hint="Convert the source to UTF-8.")


def _value(row: Mapping[str, Any], field: str, columns: Mapping[str, str]) -> Any:
    if field in columns:
        return row.get(columns[field])
    return next((row[name] for name in _USUAL[field] if row.get(name) is not None), None)


def _text(row: Mapping[str, Any], field: str, columns: Mapping[str, str]) -> str:
    value = _value(row, field, columns)
    if value is None and (field != "question" or field not in columns):
        return ""
    if not isinstance(value, str):
        raise InputError(
            "input.bad_row",
            f"The field {field!r} is not text.",
            hint="Map the columns with --map, such as --map question=title.",
        )
    # A line break or a control character is no part of a question's beginning or end.
    return value.replace("\r\n", "\n").strip()


def _id(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    return str(value).strip()[:128].encode("utf-8", "replace").decode()


def _keywords(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        value = _BETWEEN.split(value)
    if not isinstance(value, list | tuple):
        return ()
    return tuple(word.strip() for word in value if isinstance(word, str) and word.strip())


def _language(value: Any) -> str:
    if not isinstance(value, str) or not value.strip() or value.strip().lower() == "auto":
        return "auto"
    return normalise_language(value).value
