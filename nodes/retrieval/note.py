"""A technique note: what a person can do, why it helps, and when it does not."""

from __future__ import annotations

import datetime as dt  # noqa: TC003 - pydantic resolves the annotation
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cbtguard.safety.errors import DataError
from cbtguard.safety.files import read_yaml, version_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

NOTES = Path(__file__).parent / "data" / "notes"
_FEWEST_QUESTIONS = 2
VOCABULARY = Path(__file__).parent / "data" / "vocabulary.yaml"


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


class Bilingual(_Model):
    """The same content in both languages, each written for itself."""

    zh: str = Field(min_length=1)
    en: str = Field(min_length=1)

    def of(self, language: str) -> str:
        """Return the text for ``zh-Hans``, ``zh-Hant`` or ``en``."""
        return self.en if language.startswith("en") else self.zh


class BilingualList(_Model):
    """Sentences in both languages."""

    zh: tuple[str, ...] = Field(min_length=1)
    en: tuple[str, ...] = Field(min_length=1)

    def of(self, language: str) -> tuple[str, ...]:
        """Return the sentences for ``zh-Hans``, ``zh-Hant`` or ``en``."""
        return self.en if language.startswith("en") else self.zh


class Source(_Model):
    """A manual, trial, review or guideline that a note stands on."""

    name: str = Field(min_length=8)
    year: int = Field(ge=1950, le=2100)
    kind: Literal["manual", "trial", "review", "guideline"]


class Note(_Model):
    """One technique note, as in ``data/notes/ID.yaml``; docs/notes.md describes the fields."""

    id: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")
    technique: str = Field(pattern=r"^[a-z0-9_]+$")
    title: Bilingual
    distortions: tuple[str, ...] = Field(max_length=4)
    problems: tuple[str, ...] = Field(min_length=1, max_length=5)
    cues: BilingualList
    not_for: Bilingual
    idea: Bilingual
    questions: BilingualList
    steps: BilingualList
    encouragement: BilingualList
    example: Bilingual
    sources: tuple[Source, ...] = Field(min_length=1)
    evidence: Literal["strong", "moderate", "emerging", "expert"]
    cautious: bool = False
    """Whether ``not_for`` is always told along with the technique."""
    reviewed: dt.date


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """The distortions and problems a note may name."""

    distortions: dict[str, Bilingual]
    problems: dict[str, Bilingual]
    situational: frozenset[str]
    """Problems that are a situation of life: a note about one fits only who is in it."""


@cache
def vocabulary() -> Vocabulary:
    """Return the shipped vocabulary."""
    data = read_yaml(VOCABULARY)
    return Vocabulary(
        distortions={k: Bilingual(**v) for k, v in data["distortions"].items()},
        problems={k: Bilingual(**v) for k, v in data["problems"].items()},
        situational=frozenset(data["situational"]),
    )


class NoteLibrary:
    """The notes of a folder, by id, with a version that changes when any note does.

    Args:
        folder: Folder of ``*.yaml`` notes; the shipped ones by default.

    Raises:
        DataError: ``data.malformed`` naming the first malformed note, ``data.empty`` for a folder without
            notes. Nothing of a folder with a malformed note is used: a note may be the one that says when
            a technique is dangerous.
    """

    def __init__(self, folder: Path = NOTES) -> None:
        self.folder = folder
        paths = sorted(folder.glob("*.yaml")) if folder.is_dir() else []
        if not paths:
            raise DataError(
                "data.empty",
                f"There are no technique notes in {folder}.",
                hint="Point notes_dir at a folder of YAML notes, or leave it unset for the shipped ones.",
            )
        self._notes = {note.id: note for note in (read_note(path) for path in paths)}
        self.version = version_of(paths)

    def __len__(self) -> int:
        return len(self._notes)

    def __iter__(self) -> Iterator[Note]:
        return iter(self._notes.values())

    def __contains__(self, note_id: object) -> bool:
        return note_id in self._notes

    def __getitem__(self, note_id: str) -> Note:
        return self._notes[note_id]

    def pick(self, ids: Iterable[str]) -> tuple[Note, ...]:
        """Return the notes with these ids, in order.

        Raises:
            DataError: ``data.note_unknown``.
        """
        picked = []
        for note_id in ids:
            if note_id not in self._notes:
                raise DataError(
                    "data.note_unknown",
                    f"There is no technique note {note_id!r}.",
                    hint="A retriever must return ids of the note library it was given.",
                )
            picked.append(self._notes[note_id])
        return tuple(picked)


def read_note(path: Path) -> Note:
    """Return one note, checked against the schema and the vocabulary.

    Raises:
        DataError: ``data.unreadable`` or ``data.malformed``, naming the file and the field.
    """
    data: Any = read_yaml(path)
    if not isinstance(data, dict):
        raise _malformed(path, "the file is not a mapping of fields")
    try:
        note = Note(**data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise _malformed(path, f"{where}: {first['msg']}") from error
    except TypeError as error:
        raise _malformed(path, "a field name is not text") from error
    if note.id != path.stem:
        raise _malformed(path, "id: must be the file's name")
    words = vocabulary()
    for field, known in (("distortions", words.distortions), ("problems", words.problems)):
        for word in getattr(note, field):
            if word not in known:
                raise _malformed(path, f"{field}: {word!r} is not in the vocabulary")
    if min(len(note.questions.zh), len(note.questions.en)) < _FEWEST_QUESTIONS:
        raise _malformed(path, "questions: an answer asks two of them, so each language needs two")
    if len(note.steps.zh) != len(note.steps.en):
        raise _malformed(path, "steps: both languages must have the same number")
    return note


def _malformed(path: Path, what: str) -> DataError:
    return DataError(
        "data.malformed",
        f"The technique note {path.name} is malformed: {what}.",
        hint="Mend the note; `cbtguard lab notes lint FOLDER` lists every problem at once.",
    )
