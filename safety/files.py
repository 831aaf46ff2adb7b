"""Reading the project's data files: one place that turns every parse failure into a typed error."""

from __future__ import annotations

import hashlib
from functools import cache
from typing import TYPE_CHECKING, Any

import yaml

from cbtguard.safety.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

# The C loader is ten times faster and reads the same YAML; libyaml is missing on a few platforms.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_text(path: Path) -> str:
    """Return a data file's text.

    Raises:
        DataError: ``data.unreadable`` when the file is missing, not a file, or not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            "data.unreadable",
            f"The data file {path} cannot be read ({type(error).__name__}).",
            hint="Check the path, its permissions and that it is UTF-8 text.",
        ) from error


def read_yaml(path: Path) -> Any:
    """Return the parsed YAML document of a data file.

    Raises:
        DataError: ``data.unreadable`` or ``data.malformed``, naming the file and, where known, the line.
    """
    text = read_text(path)
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - the C twin of the safe loader
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        # ValueError: a date that the calendar does not have.
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark is not None else ""
        raise DataError(
            "data.malformed",
            f"The data file {path}{where} is not valid YAML.",
            hint="Mend the file; `cbtguard lab notes lint` checks technique notes.",
        ) from error


@cache
def _digest(path: Path, stamp: tuple[int, int]) -> bytes:
    del stamp
    return hashlib.sha256(path.read_bytes()).digest()


def version_of(paths: Iterable[Path]) -> str:
    """Return a short content hash (12 hex digits) of data files, independent of where they lie."""
    whole = hashlib.sha256()
    for path in sorted(paths, key=lambda p: p.name):
        stat = path.stat()
        whole.update(path.name.encode())
        whole.update(_digest(path, (stat.st_mtime_ns, stat.st_size)))
    return whole.hexdigest()[:12]
