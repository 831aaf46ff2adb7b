"""What no guess may hide: risk words, drug names, feelings, idioms, titles of works."""

from __future__ import annotations

import re
from bisect import bisect_right
from functools import cache
from typing import TYPE_CHECKING

from cbtguard.safety.files import read_yaml
from cbtguard.safety.privacy.reading import DATA, expression, malformed, mapping, strings
from cbtguard.safety.privacy.script import shadow

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_LATIN = re.compile("[a-z0-9]").match


def _by_first(terms: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return terms by their first character, longest first."""
    table: dict[str, list[str]] = {}
    for term in sorted({shadow(term).lower().strip() for term in terms}, key=lambda t: (-len(t), t)):
        table.setdefault(term[0], []).append(term)
    return {first: tuple(sharing) for first, sharing in table.items()}


def _whole_word(text: str, start: int, end: int) -> bool:
    """Return whether no Latin letter or digit touches a Latin term."""
    if not _LATIN(text[start]):
        return True
    return not (start and _LATIN(text[start - 1])) and not (end < len(text) and _LATIN(text[end]))


class Vetoes:
    """Finds the parts of a text that must stay and cuts them out of a guess.

    Args:
        path: A file like ``never_redact.yaml``.
        extra: Further terms to protect, each kept wherever a guess touches it.

    Raises:
        DataError: ``data.unreadable`` or ``data.malformed``.
    """

    def __init__(self, path: Path, extra: Iterable[str] = ()) -> None:
        whole = mapping(read_yaml(path), path, "(top)")
        kept: list[str] = [term for term in extra if term.strip()]
        exact: list[str] = []
        for name, group in mapping(whole.get("groups"), path, "groups").items():
            body = mapping(group, path, f"groups.{name}")
            terms = strings(body.get("terms"), path, f"groups.{name}.terms")
            match body.get("match"):
                case "overlap":
                    kept.extend(terms)
                case "whole":
                    exact.extend(terms)
                case _:
                    raise malformed(path, f"groups.{name}.match", "'overlap' or 'whole'")
        patterns = mapping(whole.get("patterns"), path, "patterns")
        self._kept = _by_first(kept)
        self._exact = frozenset(shadow(term).lower() for term in exact)
        self._patterns = tuple(expression(patterns[key], path, f"patterns.{key}") for key in patterns)

    def spans(self, folded: str) -> list[tuple[int, int]]:
        """Return the protected spans of a shadow text, sorted and joined where they meet.

        Overlapping terms are all found: 想死 in 不想死 and terms that begin inside another one.
        """
        low = "".join(char.lower() if len(char.lower()) == 1 else char for char in folded)
        found = []
        for start, char in enumerate(low):
            for term in self._kept.get(char, ()):
                if low.startswith(term, start) and _whole_word(low, start, start + len(term)):
                    found.append((start, start + len(term)))
                    break
        found.extend(match.span() for pattern in self._patterns for match in pattern.finditer(folded))
        return _joined(sorted(found))

    def is_exact(self, value: str) -> bool:
        """Return whether a guess is nothing but a term that may not be a guess of its own."""
        return value.lower().strip() in self._exact


def _joined(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for start, end in spans:
        if joined and start < joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def cut(start: int, end: int, kept: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return what is left of a span when protected spans (sorted, disjoint) are cut out of it."""
    left = []
    place = start
    first = max(bisect_right(kept, (start, start)) - 1, 0)
    for keep_start, keep_end in kept[first:]:
        if keep_start >= end:
            break
        if keep_end <= start:
            continue
        if keep_start > place:
            left.append((place, keep_start))
        place = max(place, keep_end)
    if place < end:
        left.append((place, end))
    return left


@cache
def default_vetoes() -> Vetoes:
    """Return the vetoes that ship with the package."""
    return Vetoes(DATA / "never_redact.yaml")
