"""What referral texts are held to: words refused, cues required, no digit, only known fields."""

from __future__ import annotations

import re
import string
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cbtguard.safety.files import read_yaml
from cbtguard.safety.referral.line_entry import malformed

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path

FIELDS = frozenset({"lines", "line", "ambulance", "police", "emergency"})
"""What a text may leave open: the list of lines, the first line to talk to, and numbers."""
STATEMENT_CUES = frozenset({"professional", "trusted", "not_connected"})
"""Cues of a text that names the way to help without asking how safe the person is."""
_DIGIT = re.compile(r"\d")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What the texts of one language are held to; see ``data/rules.yaml``."""

    refused: Mapping[str, tuple[str, ...]]
    cues: Mapping[str, tuple[str, ...]]
    longest: int

    def check(self, path: Path, entry: str, text: str) -> None:
        """Refuse a text with a refused word, a digit, an unknown field or too many characters.

        Raises:
            DataError: ``data.malformed``.
        """
        if len(text) > self.longest:
            raise malformed(path, entry, f"is longer than {self.longest} characters")
        for group, words in self.refused.items():
            if any(_stands_in(word, text.lower()) for word in words):
                raise malformed(path, entry, f"holds a word that rules.yaml refuses under {group!r}")
        if _DIGIT.search(text):
            raise malformed(path, entry, "holds a digit; numbers come from the directory")
        unknown = set(fields(path, entry, text)) - FIELDS
        if unknown:
            raise malformed(path, entry, f"names unknown fields {sorted(unknown)}")

    def missing_cues(self, text: str, groups: Collection[str] = ()) -> tuple[str, ...]:
        """Return the groups of cue words, all or those given, of which a text holds none."""
        return tuple(
            group
            for group, words in self.cues.items()
            if (not groups or group in groups) and not any(word in text.lower() for word in words)
        )


def fields(path: Path, entry: str, text: str) -> Iterator[str]:
    """Yield the names of the fields of a text.

    Raises:
        DataError: ``data.malformed`` for a stray brace, a conversion or a format.
    """
    try:
        parts = list(string.Formatter().parse(text))
    except ValueError as error:
        raise malformed(path, entry, "has a stray brace") from error
    for _, name, spec, conversion in parts:
        if name is not None:
            if spec or conversion or not name.isidentifier():
                raise malformed(path, entry, "has a field that is not a plain name")
            yield name


def read_rules(path: Path) -> dict[str, Rules]:
    """Read the rules by language.

    Raises:
        DataError: ``data.unreadable`` or ``data.malformed``.
    """
    data = read_yaml(path)
    try:
        return {
            language: Rules(
                refused={group: tuple(words) for group, words in item["refused"].items()},
                cues={group: tuple(words) for group, words in item["cues"].items()},
                longest=int(item["longest"]),
            )
            for language, item in data.items()
        }
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise malformed(path, "top", "must give refused, cues and longest for each language") from error


def _stands_in(word: str, text: str) -> bool:
    """Whether a word stands in a text; a word in letters only as a whole word (no gun in "begun")."""
    if not word.isascii():
        return word in text
    return re.search(rf"(?<![a-z]){re.escape(word)}(?![a-z])", text) is not None
