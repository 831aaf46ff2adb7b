"""Where questions come from: JSON Lines, JSON (PsyQA's own form), CSV, or a data set by name."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cbtguard.lab.build.question import Bad, Question, question_of
from cbtguard.safety.errors import DependencyError, InputError
from cbtguard.safety.text import MAX_CHARACTERS
from cbtguard.service.lines import read_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

DATASETS = "datasets:"
"""What a source begins with that is read by the library datasets: ``datasets:NAME`` or ``datasets:NAME:SPLIT``."""
_LARGEST_FIELD = 16_000_000
_Row = tuple[int, Any]


def read_source(
    source: str, columns: Mapping[str, str], *, limit: int = MAX_CHARACTERS
) -> Iterator[Question | Bad]:
    """Yield the questions of a source, in order, and what is wrong with rows that hold none.

    Args:
        source: A ``.jsonl``, ``.json``, ``.csv`` or ``.tsv`` file, or ``datasets:NAME[:SPLIT]``. A JSON file is
            a list of objects, as PsyQA is published; its ``answers`` are not read.
        columns: Field to column, as from :func:`cbtguard.lab.build.question.columns_of`.
        limit: Longest message, in characters.

    Raises:
        InputError: ``input.file``, ``input.source`` or ``input.columns``.
        DependencyError: ``dependency.library`` without datasets.
    """
    for number, row in _rows(source):
        if isinstance(row, InputError):
            yield Bad(number=number, id="", error=row)
        elif isinstance(row, dict):
            yield question_of(row, number, columns, limit=limit)
        else:
            yield Bad(number=number, id="", error=_bad(number, "is not an object with fields"))


def _rows(source: str) -> Iterator[_Row]:
    if source.startswith(DATASETS):
        return _named(source.removeprefix(DATASETS))
    path = Path(source)
    readers: dict[str, Callable[[Path], Iterator[_Row]]] = {
        ".jsonl": _lines,
        ".ndjson": _lines,
        ".json": _whole,
        ".csv": _table,
        ".tsv": _table,
    }
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise InputError(
            "input.source",
            "The form of the source is not known.",
            hint="Give a .jsonl, .json, .csv or .tsv file, or datasets:NAME.",
        )
    if not path.is_file():
        raise _cannot(path, FileNotFoundError())
    return reader(path)


def _lines(path: Path) -> Iterator[_Row]:
    try:
        with path.open("rb") as stream:
            for line in read_lines(stream, ()):
                yield line.number, line.error if line.error is not None else line.row
    except OSError as error:
        raise _cannot(path, error) from error


def _whole(path: Path) -> Iterator[_Row]:
    try:
        data = json.loads(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise _cannot(path, error) from error
    except (UnicodeDecodeError, RecursionError) as error:
        raise _not_json(path) from error
    except ValueError as error:
        # Many a file called .json holds one object a line.
        if "Extra data" not in str(error):
            raise _not_json(path) from error
        yield from _lines(path)
        return
    if isinstance(data, dict):
        lists = [value for value in data.values() if isinstance(value, list)]
        data = lists[0] if len(lists) == 1 else None
    if not isinstance(data, list):
        raise _not_json(path)
    yield from enumerate(data, 1)


def _table(path: Path) -> Iterator[_Row]:
    csv.field_size_limit(_LARGEST_FIELD)
    mark = "\t" if path.suffix.lower() == ".tsv" else ","
    try:
        # Bytes that are no UTF-8 become lone surrogates, which cost their row and no other.
        with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as stream:
            rows = csv.DictReader(stream, delimiter=mark)
            for number, row in enumerate(rows, 2):
                # A row with more cells than the head has them under None.
                extra = None in row
                yield number, _bad(number, "has more cells than the head") if extra else dict(row)
    except csv.Error as error:
        raise InputError(
            "input.source", f"The table {path.name} cannot be read.", hint="Check its quotation marks."
        ) from error
    except OSError as error:
        raise _cannot(path, error) from error


def _named(name: str) -> Iterator[_Row]:
    try:
        import datasets  # type: ignore[import-not-found, unused-ignore] # noqa: PLC0415 - optional, and slow
    except ImportError as error:
        raise DependencyError(
            "dependency.library",
            "Reading a data set by name needs the library datasets, which is not installed.",
            hint="Install it with `pip install datasets`, or give a file.",
        ) from error
    name, _, split = name.partition(":")
    try:
        whole = datasets.load_dataset(name, split=split or "train")
    except Exception as error:  # the library raises what its back ends do
        raise InputError(
            "input.source",
            f"The data set cannot be loaded ({type(error).__name__}).",
            hint="Check its name and its split: datasets:NAME:SPLIT.",
        ) from error
    yield from enumerate((dict(row) for row in whole), 1)


def _bad(number: int, what: str) -> InputError:
    return InputError(
        "input.bad_row", f"Row {number} {what}.", hint="See docs/dataset.md for the forms of a source."
    )


def _cannot(path: Path, error: OSError) -> InputError:
    return InputError(
        "input.file",
        f"The file {path} cannot be read ({type(error).__name__}).",
        hint="Check the path and its permissions.",
    )


def _not_json(path: Path) -> InputError:
    return InputError(
        "input.source",
        f"The file {path} is not a JSON list of objects in UTF-8.",
        hint="Give a list of objects, or one object a line.",
    )
