"""The invented texts that the suites put to a plug-in, read from data and checked once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from cbtguard.nodes.retrieval.note import NOTES, Note, read_note
from cbtguard.safety.errors import DataError
from cbtguard.safety.files import read_yaml

_FILE = Path(__file__).parent / "data" / "material.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Personal:
    """A text with personal data in it."""

    text: str
    values: tuple[str, ...]
    """What must not be left in the text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Public:
    """A text with numbers that everybody may see."""

    text: str
    keep: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A question with an answer that has all five parts, and answers that must not pass."""

    language: str
    question: str
    answer: str
    poor: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """Everything the suites ask with."""

    questions: dict[str, tuple[str, ...]]
    """Language tag to ordinary questions."""
    odd: dict[str, str]
    """Short name to a text of an unusual kind."""
    crisis: tuple[str, ...]
    ordinary: tuple[str, ...]
    personal: tuple[Personal, ...]
    public: tuple[Public, ...]
    exchanges: tuple[Exchange, ...]
    notes: tuple[Note, ...]
    """Shipped notes that a writer is given."""

    @property
    def few(self) -> tuple[str, ...]:
        """One ordinary question a language, for what takes long."""
        return tuple(texts[0] for texts in self.questions.values())

    @property
    def plain(self) -> tuple[str, ...]:
        """All ordinary questions, in a fixed order."""
        return tuple(text for texts in self.questions.values() for text in texts)


@cache
def material() -> Material:
    """Return the shipped material.

    Raises:
        DataError: ``data.malformed``.
    """
    data: Any = read_yaml(_FILE)
    try:
        return Material(
            questions={tag: tuple(texts) for tag, texts in data["questions"].items()},
            odd={name: item["text"] * item.get("times", 1) for name, item in data["odd"].items()},
            crisis=tuple(data["crisis"]),
            ordinary=tuple(data["ordinary"]),
            personal=tuple(Personal(text=p["text"], values=tuple(p["values"])) for p in data["personal"]),
            public=tuple(Public(text=p["text"], keep=tuple(p["keep"])) for p in data["public"]),
            exchanges=tuple(
                Exchange(
                    language=e["language"],
                    question=e["question"],
                    answer="\n\n".join(e["answer"]),
                    poor=tuple(e["poor"]),
                )
                for e in data["exchanges"]
            ),
            notes=tuple(read_note(NOTES / f"{note}.yaml") for note in data["notes"]),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise DataError(
            "data.malformed",
            f"{_FILE.name}: an entry is missing or of another form ({type(error).__name__}).",
            hint="Restore the file that came with the package.",
        ) from error
