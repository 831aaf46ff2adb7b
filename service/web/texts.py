"""The texts of the pages, one file for each language."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cbtguard.safety.errors import DataError
from cbtguard.safety.files import read_yaml

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

DATA: Final = Path(__file__).parent / "data"
LANGUAGES: Final = ("zh", "en")
"""Languages of the pages; the first is the one of whoever names none."""


@cache
def texts_of(language: str) -> Mapping[str, str]:
    """Return the texts in a language: dotted key to text.

    Args:
        language: One of :data:`LANGUAGES`.

    Raises:
        DataError: ``data.unreadable`` or ``data.malformed``.
    """
    path = DATA / "texts" / f"{language}.yaml"
    return dict(_flat(path, read_yaml(path), ""))


def _flat(path: Path, data: Any, prefix: str) -> Iterator[tuple[str, str]]:
    if not isinstance(data, dict) or not data:
        raise _malformed(path, prefix, "must be a mapping")
    for key, value in data.items():
        if not isinstance(key, str):
            raise _malformed(path, f"{prefix}{key}", "must have a quoted key")
        if isinstance(value, dict):
            yield from _flat(path, value, f"{prefix}{key}.")
        elif isinstance(value, str) and value.strip():
            yield f"{prefix}{key}", value
        else:
            raise _malformed(path, f"{prefix}{key}", "must be text")


def _malformed(path: Path, entry: str, why: str) -> DataError:
    return DataError(
        "data.malformed", f"{path}: the entry {entry!r} {why}.", hint="Mend the file of the pages' texts."
    )


def language_of(asked: str | None, accepted: str) -> str:
    """Return the language of a page.

    Args:
        asked: What the address names; None or unknown where it names none.
        accepted: The header ``Accept-Language``.
    """
    if asked in LANGUAGES:
        return str(asked)
    for one in accepted.lower().split(","):
        tag = one.partition(";")[0].strip().partition("-")[0]
        if tag in LANGUAGES:
            return tag
    return LANGUAGES[0]
