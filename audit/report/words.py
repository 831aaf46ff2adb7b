"""The sentences of the report, read once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from cbtguard.audit.case import Suite
from cbtguard.safety.errors import DataError
from cbtguard.safety.files import read_yaml

DATA = Path(__file__).parent / "data"
_FILE = DATA / "words.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What the report says, by place."""

    title: str
    suites: dict[Suite, dict[str, str]]
    """Suite to ``title``, ``about``, ``result`` and ``severity`` (SARIF's level)."""
    sections: dict[str, str]
    about: dict[str, str]
    plain: dict[str, str]
    limits: tuple[str, ...]
    glossary: dict[str, str]
    signature: str
    footer: str


@cache
def read_words() -> Words:
    """Return the sentences.

    Raises:
        DataError: ``data.unreadable`` or ``data.malformed``.
    """
    read: Any = read_yaml(_FILE)
    try:
        suites = {Suite(name): dict(entry) for name, entry in read["suites"].items()}
        if set(suites) != set(Suite):
            raise KeyError("suites")  # noqa: TRY301 - one way out
        return Words(**{**read, "suites": suites, "limits": tuple(read["limits"])})
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise DataError(
            "data.malformed",
            f"{_FILE} lacks an entry or has one too many ({type(error).__name__}).",
            hint="Each suite and each place of the report needs its words.",
        ) from error
