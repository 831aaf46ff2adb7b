"""The lines a risk model is trained and measured on."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cbtguard.safety.errors import DataError
from cbtguard.safety.files import read_text
from cbtguard.safety.language import detect
from cbtguard.safety.risk import Kind, Level, Subject

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_FINE_KINDS = (("自伤", Kind.SELF_HARM), ("攻击行为", Kind.HARM_TO_OTHERS), ("自杀", Kind.SUICIDE))


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One labelled text."""

    text: str
    level: Level
    kinds: tuple[Kind, ...]
    """Empty for no danger, or where the source does not say."""
    subject: Subject
    type: str
    """What sort of text it is, in the words of its source."""
    origin: str
    """File or data set it comes from."""

    @property
    def language(self) -> str:
        """As :func:`cbtguard.safety.language.detect` names it."""
        return detect(self.text)


def read_folder(folder: Path) -> tuple[Line, ...]:
    """Return the lines of all ``*.tsv`` files of a folder, by file name: level, kinds, subject, type, text.

    Raises:
        DataError: ``data.malformed``, naming file and line; ``data.unreadable``.
    """
    lines = tuple(line for path in sorted(folder.glob("*.tsv")) for line in read_tsv(path))
    if not lines:
        raise DataError(
            "data.unreadable", f"There is no corpus in {folder}.", hint="Give a folder of .tsv files."
        )
    return lines


def read_any(path: Path) -> tuple[Line, ...]:
    """Return the labelled lines of a folder of ``*.tsv`` files, or of one file.

    A ``.tsv`` file is as in :func:`read_folder`. Any other file is JSON Lines, each line as in
    :func:`read_labelled`, or with ``text``, ``level`` and, where known, ``kinds``, ``subject`` and ``type``.

    Raises:
        DataError: ``data.malformed``, naming file and line; ``data.unreadable``.
    """
    if path.is_dir():
        return read_folder(path)
    return tuple(read_tsv(path)) if path.suffix == ".tsv" else read_labelled(path)


def read_tsv(path: Path) -> Iterator[Line]:
    """Yield the lines of one file; see :func:`read_folder`."""
    for number, raw in enumerate(read_text(path).split("\n"), 1):
        if not raw:
            continue
        try:
            level, kinds, subject, sort, text = raw.split("\t")
            yield Line(
                text=text,
                level=Level(level),
                kinds=() if kinds == "-" else tuple(Kind(kind) for kind in kinds.split(",")),
                subject=Subject(subject),
                type=sort,
                origin=path.stem,
            )
        except ValueError as error:
            raise _malformed(path, number) from error


def read_labelled(path: Path) -> tuple[Line, ...]:
    """Return the lines of a JSON Lines file with ``text`` and ``label`` (``crisis`` or ``no_crisis``), or ``level``.

    Lines with any other label are left out: they are not to be scored. Kinds come from ``fine`` where it is a
    label of PsySUICIDE.

    Raises:
        DataError: ``data.malformed``, naming file and line; ``data.unreadable``.
    """
    lines: list[Line] = []
    for number, raw in enumerate(read_text(path).split("\n"), 1):
        if not raw.strip():
            continue
        try:
            entry = json.loads(raw)
            if "level" in entry:
                lines.append(_levelled(entry, path))
                continue
            label, fine = entry["label"], str(entry.get("fine", ""))
            if label not in {"crisis", "no_crisis"}:
                continue
            grave = label == "crisis"
            lines.append(
                Line(
                    text=entry["text"],
                    level=Level.CRISIS if grave else Level.NONE,
                    kinds=tuple(kind for word, kind in _FINE_KINDS if grave and word in fine),
                    subject=Subject.SELF,
                    type=fine,
                    origin=f"{path.stem}:{entry.get('origin', '-')}",
                )
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise _malformed(path, number) from error
    return tuple(lines)


def _levelled(entry: dict[str, Any], path: Path) -> Line:
    if not isinstance(entry["text"], str):
        raise TypeError("a text")
    return Line(
        text=entry["text"],
        level=Level(entry["level"]),
        kinds=tuple(Kind(kind) for kind in entry.get("kinds", ())),
        subject=Subject(entry.get("subject", "self")),
        type=str(entry.get("type", "")),
        origin=f"{path.stem}:{entry['origin']}" if "origin" in entry else path.stem,
    )


def distinct(lines: Iterable[Line]) -> tuple[Line, ...]:
    """Return the lines with every text kept once, the first time it comes."""
    return tuple({line.text: line for line in reversed(tuple(lines))}.values())[::-1]


def _malformed(path: Path, number: int) -> DataError:
    return DataError(
        "data.malformed",
        f"Line {number} of {path.name} is not a labelled text.",
        hint="Compare it with its neighbours; docs/risk.md describes the fields.",
    )
