"""Reading labelled files: JSON Lines or YAML, each row made into a case, each fault named by its place."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeVar

from cbtguard.safety.errors import DataError
from cbtguard.safety.files import read_text, read_yaml

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

T = TypeVar("T")


def read_rows(path: Path, make: Callable[[dict[str, Any]], T], *, hint: str) -> tuple[T, ...]:
    """Return what ``make`` makes of each row of a ``.jsonl`` or ``.yaml`` file.

    Args:
        path: The file.
        make: Turns a row into a case; may raise ValueError, KeyError or TypeError for a row that is none.
        hint: What a row looks like.

    Raises:
        DataError: ``data.malformed``, naming file and row; ``data.unreadable``; ``data.empty``.
    """
    cases: list[T] = []
    if path.suffix in {".yaml", ".yml"}:
        listed: Any = read_yaml(path)
        rows = list(enumerate(listed if isinstance(listed, list) else listed.get("cases", []), 1))
    else:
        rows = [(n, raw) for n, raw in enumerate(read_text(path).split("\n"), 1) if raw.strip()]
    for number, row in rows:
        try:
            cases.append(make(json.loads(row) if isinstance(row, str) else row))
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(
                "data.malformed", f"The file {path.name} is malformed at row {number}.", hint=hint
            ) from error
    if not cases:
        raise DataError("data.empty", f"There are no cases in {path.name}.", hint=hint)
    return tuple(cases)
