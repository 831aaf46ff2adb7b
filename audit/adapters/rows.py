"""Rows of the tables in a folder, whatever form they have: JSON, JSON Lines, CSV or TSV."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cbtguard.audit.own import BadRow
from cbtguard.safety.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

ENDINGS = frozenset({".json", ".jsonl", ".ndjson", ".csv", ".tsv"})
_LISTS = ("data", "rows", "examples", "personas", "items", "train", "test", "validation")
_CSV_FIELD = 10_000_000
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*(?: [A-Za-z0-9_.()-]+){0,2}")
_LONGEST_NAME = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut(BadRow):
    """A row that can be read, but whose label stands for no one outcome."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """The rows of one file."""

    path: Path
    name: str
    """Below the folder that was given."""
    columns: tuple[str, ...]
    rows: tuple[Mapping[str, Any] | None, ...]
    """None for what is no row."""


def files_of(path: Path) -> tuple[tuple[str, Path], ...]:
    """Return name and path of each table at a path, a file or a folder.

    Raises:
        InputError: ``input.data``, naming the files that are there.
    """
    if path.is_file() and path.suffix.lower() in ENDINGS:
        return ((path.name, path),)
    there = sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else []
    found = tuple(
        (one.relative_to(path).as_posix(), one)
        for one in there
        if one.suffix.lower() in ENDINGS and not any(part.startswith(".") for part in one.parts[-2:])
    )
    if found:
        return found
    if path.is_file():
        what = f"ends in {path.suffix or 'nothing'}"
    elif path.is_dir():
        what = f"holds {', '.join(one.name for one in there[:8]) or 'no file'}"
    else:
        what = "is not there"
    raise InputError(
        "input.data",
        f"No table was found at {path}: it {what}.",
        hint=f"Give a file, or a folder of files, that end in {', '.join(sorted(ENDINGS))}.",
    )


def sheet(name: str, path: Path) -> Sheet:
    """Return the rows of one file.

    Raises:
        InputError: ``input.data`` when it cannot be read.
    """
    text = _text(path)
    ending = path.suffix.lower()
    if ending in {".csv", ".tsv"}:
        columns, rows = _csv(path, text, "\t" if ending == ".tsv" else ",")
    else:
        rows = _json(path, text) if ending == ".json" else _jsonl(text)
        columns = tuple(dict.fromkeys(str(key) for row in rows if row for key in row))
    return Sheet(path=path, name=name, columns=columns, rows=tuple(rows))


def told(columns: tuple[str, ...]) -> str:
    """Return names of columns for a message; what may be a person's words, as without a header, is counted only."""
    shown = [
        one if _NAME.fullmatch(one) and len(one) <= _LONGEST_NAME else f"({len(one)} characters)"
        for one in columns[:30]
    ]
    return ", ".join(shown) or "none"


def _text(path: Path) -> str:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise _unread(path, type(error).__name__) from None
    for coding in ("utf-8-sig", "gb18030"):
        try:
            return raw.decode(coding)
        except UnicodeDecodeError:
            continue
    raise _unread(path, "neither UTF-8 nor GB 18030")


def _csv(path: Path, text: str, mark: str) -> tuple[tuple[str, ...], list[Mapping[str, Any] | None]]:
    csv.field_size_limit(_CSV_FIELD)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=mark, restkey="")
    try:
        rows: list[Mapping[str, Any] | None] = list(reader)
    except csv.Error:
        raise _unread(path, "no CSV") from None
    return tuple(one for one in reader.fieldnames or () if one is not None), rows


def _jsonl(text: str) -> list[Mapping[str, Any] | None]:
    rows: list[Mapping[str, Any] | None] = []
    for line in text.split("\n"):
        if not line.strip():
            continue
        try:
            found = json.loads(line)
        except (ValueError, RecursionError):
            found = None
        rows.append(found if isinstance(found, dict) else None)
    return rows


def _json(path: Path, text: str) -> list[Mapping[str, Any] | None]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        rows = _jsonl(text)  # JSON Lines under the wrong name
        if any(rows):
            return rows
        raise _unread(path, "no JSON") from None
    if isinstance(found, dict):
        found = _inside(found)
    if isinstance(found, dict):
        found = [found]
    if not isinstance(found, list):
        raise _unread(path, "no list of rows")
    return [one if isinstance(one, dict) else None for one in found]


def _inside(found: dict[str, Any]) -> Any:
    """A list under a usual name, rows by their keys, or columns of rows as pandas writes them."""
    lists = [found[name] for name in _LISTS if isinstance(found.get(name), list)]
    if lists:
        return [row for one in lists for row in one]
    if found and all(isinstance(one, list) for one in found.values()):
        return [dict(zip(found, values, strict=False)) for values in zip(*found.values(), strict=False)]
    if found and all(isinstance(one, dict) for one in found.values()):
        keys = [tuple(one) for one in found.values()]
        if all(one == keys[0] for one in keys) and all(key.isdigit() for key in keys[0]):
            return [{name: cells[key] for name, cells in found.items()} for key in keys[0]]
        return list(found.values())
    return found


def _unread(path: Path, why: str) -> InputError:
    return InputError(
        "input.data",
        f"The file {path.name} cannot be read ({why}).",
        hint="Save it in UTF-8 as CSV with a header, as JSON Lines, or as a JSON list of objects.",
    )
