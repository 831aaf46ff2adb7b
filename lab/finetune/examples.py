"""What a model is tuned on: JSON Lines in a folder, split into train, valid and test."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cbtguard.safety.errors import DataError
from cbtguard.safety.files import read_text
from cbtguard.safety.language import detect

if TYPE_CHECKING:
    from pathlib import Path

SPLITS = ("train", "valid", "test")
_HINT = (
    "A row has question, description and answer (language and id if known), or messages: a list of role and "
    "content that ends with an assistant."
)
_ROLES = {"system", "user", "assistant"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What was said before the question."""

    role: str
    """``system``, ``user`` or ``assistant``."""
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A question with the answer a model is to learn."""

    id: str
    question: str
    """Question and description together, as a person would write them."""
    answer: str
    language: str
    past: tuple[Message, ...] = ()
    """What went before; a system message comes first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Examples:
    """A data folder."""

    train: tuple[Example, ...]
    valid: tuple[Example, ...]
    test: tuple[Example, ...]
    """May be empty."""
    digest: str
    """SHA-256 over the bytes of the three files, in hex."""


def read_examples(folder: Path) -> Examples:
    """Return the examples of a folder with ``train.jsonl``, ``valid.jsonl`` and, if wanted, ``test.jsonl``.

    Raises:
        DataError: ``data.unreadable``, ``data.empty`` or ``data.malformed``, naming file and row;
            ``data.leak`` when a held-out question stands in the training file, too.
    """
    digest = hashlib.sha256()
    splits: dict[str, tuple[Example, ...]] = {}
    for split in SPLITS:
        path = folder / f"{split}.jsonl"
        if split == "test" and not path.exists():
            splits[split] = ()
            continue
        text = read_text(path)
        digest.update(f"{split}\n{text}".encode())
        splits[split] = _rows(path, text)
    seen = {_plain(example.question) for example in splits["train"]}
    leaked = [
        f"{split} {example.id}"
        for split in SPLITS[1:]
        for example in splits[split]
        if _plain(example.question) in seen
    ]
    if leaked:
        raise DataError(
            "data.leak",
            f"{len(leaked)} held-out questions of {folder} stand in train.jsonl, too (first: {leaked[0]}).",
            hint="Split so that a question stands in one file only; held-out figures mean nothing otherwise.",
        )
    return Examples(
        train=splits["train"], valid=splits["valid"], test=splits["test"], digest=digest.hexdigest()
    )


def _rows(path: Path, text: str) -> tuple[Example, ...]:
    made: list[Example] = []
    # Not splitlines: a text may hold other line ends.
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            made.append(_example(json.loads(line), f"{path.stem}-{number}"))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(
                "data.malformed", f"The file {path} is malformed at row {number}.", hint=_HINT
            ) from error
    if not made:
        raise DataError("data.empty", f"There are no rows in {path}.", hint=_HINT)
    return tuple(made)


def _example(row: dict[str, Any], name: str) -> Example:
    past: tuple[Message, ...] = ()
    if "messages" in row:
        *before, asked, said = (
            Message(role=m["role"], content=m["content"].strip()) for m in row["messages"]
        )
        roles = [message.role for message in before]
        if (
            (asked.role, said.role) != ("user", "assistant")
            or not {*roles} <= _ROLES
            or "system" in roles[1:]
        ):
            raise ValueError(name)
        past, question, answer = tuple(before), asked.content, said.content
    else:
        parts = (str(row["question"]).strip(), str(row.get("description") or "").strip())
        question, answer = "\n".join(part for part in parts if part), row["answer"].strip()
    if not question or not answer:
        raise ValueError(name)
    language = row.get("language") or detect(question)
    return Example(
        id=str(row.get("id") or name), question=question, answer=answer, language=str(language), past=past
    )


def _plain(text: str) -> str:
    return "".join(text.lower().split())
