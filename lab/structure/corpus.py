"""The corpus of the sentence model: answers and sentences written for it, each line labelled.

Three sorts of files, all ``LABEL<TAB>TEXT``:

``answers_*.tsv``
    Whole answers, a blank line between two. ``Q`` is the question. Any other label is made of the letters
    ``v k c s e`` (the parts, in order) or is ``-`` (none of them); ``/`` before it begins a paragraph. A line may hold
    several sentences that do the same job.
``sentences_*.tsv``
    Single sentences with the same labels.
``harms_*.tsv``
    Single sentences that do harm, labelled with the code of the defect, and harmless ones that sound alike,
    labelled ``-``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cbtguard.safety.errors import DataError
from cbtguard.safety.files import read_text
from cbtguard.safety.structure.model import Part
from cbtguard.safety.structure.weights import HARMS

if TYPE_CHECKING:
    from collections.abc import Iterator

CORPUS = Path(__file__).parent / "texts"
_LETTERS = dict(zip("vkcse", Part, strict=True))
_HINT = "A line is LABEL, a tab and a text; see cbtguard.lab.structure.corpus."


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Some sentences that do the same job."""

    parts: frozenset[Part]
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A labelled answer: its paragraphs, each made of pieces."""

    question: str
    paragraphs: tuple[tuple[Piece, ...], ...]
    english: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Harm:
    """A sentence that does harm, or sounds as if it did."""

    code: str | None
    """One of ``HARMS``, or None for a harmless one."""
    text: str
    english: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """Everything that was written."""

    answers: tuple[Answer, ...]
    sentences: tuple[Answer, ...]
    """Answers of one sentence each."""
    harms: tuple[Harm, ...]


def read_corpus(folder: Path = CORPUS) -> Corpus:
    """Return the corpus in a folder.

    Raises:
        DataError: ``data.malformed``, naming file and line; ``data.unreadable``; ``data.empty``.
    """
    answers = [answer for path in _files(folder, "answers") for answer in _answers(path)]
    sentences = [
        Answer(question="", paragraphs=((piece,),), english=_english(path))
        for path in _files(folder, "sentences")
        for number, line in _lines(path)
        for piece in [_piece(*line, path, number)]
    ]
    harms = [
        Harm(code=None if label == "-" else label, text=text, english=_english(path))
        for path in _files(folder, "harms")
        for number, (label, text) in _lines(path)
        if label == "-" or _known(label, path, number)
    ]
    if not (answers and sentences and harms):
        raise DataError("data.empty", f"There is no corpus in {folder}.", hint=_HINT)
    return Corpus(answers=tuple(answers), sentences=tuple(sentences), harms=tuple(harms))


def _files(folder: Path, sort: str) -> list[Path]:
    return sorted(folder.glob(f"{sort}_*.tsv"))


def _english(path: Path) -> bool:
    return "_en" in path.stem


def _lines(path: Path) -> Iterator[tuple[int, tuple[str, str]]]:
    for number, line in enumerate(read_text(path).split("\n"), 1):
        if line.strip():
            label, _, text = line.partition("\t")
            if not text.strip():
                raise _malformed(path, number)
            yield number, (label, text.strip())


def _answers(path: Path) -> Iterator[Answer]:
    question, paragraphs = "", [[]]  # type: ignore[var-annotated]
    lines = dict(_lines(path))
    for number in range(1, max(lines, default=0) + 2):
        if number not in lines:
            if any(paragraphs):
                yield Answer(
                    question=question,
                    paragraphs=tuple(tuple(pieces) for pieces in paragraphs if pieces),
                    english=_english(path),
                )
            question, paragraphs = "", [[]]
            continue
        label, text = lines[number]
        if label == "Q":
            question = text
            continue
        if label.startswith("/"):
            paragraphs.append([])
        paragraphs[-1].append(_piece(label.removeprefix("/"), text, path, number))


def _piece(label: str, text: str, path: Path, number: int) -> Piece:
    if not label or (label != "-" and not set(label) <= set(_LETTERS)):
        raise _malformed(path, number)
    return Piece(parts=frozenset(_LETTERS[letter] for letter in label if letter != "-"), text=text)


def _known(label: str, path: Path, number: int) -> bool:
    if label not in HARMS:
        raise _malformed(path, number)
    return True


def _malformed(path: Path, number: int) -> DataError:
    return DataError(
        "data.malformed", f"The corpus file {path.name} is malformed at line {number}.", hint=_HINT
    )
