"""Reading entries of the data files: a helper returns the checked value or says where the file is wrong."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from cbtguard.safety.errors import DataError

DATA = Path(__file__).parent / "data"


def malformed(path: Path, entry: str, wanted: str) -> DataError:
    """Return the error for an entry of a data file that is not what the code needs."""
    return DataError(
        "data.malformed",
        f"The data file {path.name} is malformed at {entry!r}.",
        hint=f"It needs {wanted} there.",
    )


def mapping(value: Any, path: Path, entry: str) -> dict[str, Any]:
    """Return a mapping with text keys.

    Raises:
        DataError: ``data.malformed``.
    """
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise malformed(path, entry, "a mapping with text keys")
    return value


def strings(value: Any, path: Path, entry: str) -> tuple[str, ...]:
    """Return a list of texts; one text is split at white space.

    Raises:
        DataError: ``data.malformed`` also when the list or a text in it is empty.
    """
    items = value.split() if isinstance(value, str) else value
    if not isinstance(items, list) or not items or not all(isinstance(i, str) and i.strip() for i in items):
        raise malformed(path, entry, "a list of texts that are not empty")
    return tuple(items)


def fraction(value: Any, path: Path, entry: str) -> float:
    """Return a number from 0 to 1.

    Raises:
        DataError: ``data.malformed``.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise malformed(path, entry, "a number from 0 to 1")
    return float(value)


def expression(value: Any, path: Path, entry: str, *, ignore_case: bool = False) -> re.Pattern[str]:
    """Return a compiled regular expression.

    Raises:
        DataError: ``data.malformed``.
    """
    try:
        return re.compile(value, re.IGNORECASE if ignore_case else 0)
    except (re.error, TypeError) as error:
        raise malformed(path, entry, "a regular expression") from error
