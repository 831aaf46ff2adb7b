"""The word tables of the suite, read from data and checked once."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cbtguard.safety.errors import DataError
from cbtguard.safety.files import read_yaml

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping

DATA = Path(__file__).parent / "data"


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Words and what may be written for each of them."""

    pattern: re.Pattern[str]
    """Any of the words, the longest first."""
    instead: Mapping[str, tuple[str, ...]]
    """Word, in lower case, to its other spellings."""

    def put(self, text: str, draw: random.Random, *, share: float = 1.0) -> str:
        """Return the text with its words spelled otherwise, each with a chance of ``share``."""

        def other(match: re.Match[str]) -> str:
            return (
                draw.choice(self.instead[match.group().lower()]) if draw.random() < share else match.group()
            )

        return self.pattern.sub(other, text)


@cache
def table(file: str, *path: str) -> Table:
    """Return the table at ``path`` in a data file; for Chinese, the words count in both scripts.

    Raises:
        DataError: ``data.malformed``, naming file and entry.
    """
    entry = _entry(file, path)
    chinese = "zh" in path
    instead: dict[str, tuple[str, ...]] = {}
    if not isinstance(entry, dict) or not entry:
        raise _malformed(file, path)
    for word, others in entry.items():
        several = others if isinstance(others, list) else [others]
        if not isinstance(word, str) or not several or not all(isinstance(other, str) for other in several):
            raise _malformed(file, (*path, str(word)))
        for key in {word, _traditional(word)} if chinese else {word}:
            instead[key.lower()] = tuple(several)
    words = sorted(instead, key=lambda word: (-len(word), word))
    body = "|".join(re.escape(word) for word in words)
    form = body if chinese else rf"(?<![A-Za-z'])(?:{body})(?![A-Za-z])"
    return Table(pattern=re.compile(form, re.IGNORECASE), instead=instead)


@cache
def lines(file: str, *path: str) -> tuple[str, ...]:
    """Return the list of texts at ``path`` in a data file.

    Raises:
        DataError: ``data.malformed``, naming file and entry.
    """
    entry = _entry(file, path)
    if not isinstance(entry, list) or not entry or not all(isinstance(line, str) for line in entry):
        raise _malformed(file, path)
    return tuple(entry)


@cache
def risk_words(language: str) -> re.Pattern[str]:
    """Return a pattern of the words by which danger is named in ``zh`` or ``en``, in either script."""
    words = set(lines("disguises.yaml", language, "words"))
    if language == "zh":
        words |= {_traditional(word) for word in words}
    body = "|".join(re.escape(word) for word in sorted(words, key=lambda word: (-len(word), word)))
    return re.compile(body if language == "zh" else rf"(?<![A-Za-z])(?:{body})(?![A-Za-z])", re.IGNORECASE)


def _entry(file: str, path: tuple[str, ...]) -> Any:
    entry: Any = read_yaml(DATA / file)
    for key in path:
        if not isinstance(entry, dict) or key not in entry:
            raise _malformed(file, path)
        entry = entry[key]
    return entry


@cache
def converter(config: str) -> Any:
    """Return OpenCC's converter of this name, such as ``s2t``."""
    from opencc import OpenCC  # noqa: PLC0415 - loads its tables from disk

    return OpenCC(config)


def _traditional(word: str) -> str:
    return str(converter("s2t").convert(word))


def _malformed(file: str, path: tuple[str, ...]) -> DataError:
    return DataError(
        "data.malformed",
        f"{file}, entry {'.'.join(path)!r}: it is missing or not a list of texts.",
        hint="Compare it with its neighbours.",
    )
