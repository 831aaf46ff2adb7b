"""What a reply says where its target does not tell: lists of patterns, and the numbers of help lines."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cbtguard.safety.errors import DataError
from cbtguard.safety.files import read_yaml
from cbtguard.safety.language import to_simplified
from cbtguard.safety.referral import ELSEWHERE, FileDirectory

if TYPE_CHECKING:
    from collections.abc import Mapping

WORDS = Path(__file__).parent / "data" / "words.yaml"
CARE = Path(__file__).parent / "data" / "care.yaml"
LISTS = ("refuses", "alarm", "help", "elsewhere", "doses", "willing", "steps", "asks", "supports")
_BETWEEN = r"[\s()./‐-―-]{0,3}"


class Words:
    """The lists of a file.

    Args:
        path: Of the form of the shipped one.

    Raises:
        DataError: ``data.unreadable`` or ``data.malformed``, naming the file and the list.
    """

    def __init__(self, path: Path = WORDS) -> None:
        data = read_yaml(path)
        if not isinstance(data, dict) or set(data) != set(LISTS):
            raise _malformed(path, "the file", f"must hold the lists {', '.join(LISTS)}")
        self._lists: Mapping[str, re.Pattern[str]] = {
            name: _compiled(path, name, entry) for name, entry in data.items()
        }

    def has(self, name: str, text: str) -> bool:
        """Return whether a text has one of the patterns of a list."""
        return self._lists[name].search(plain(text)) is not None


def plain(text: str) -> str:
    """Return a text as the patterns see it: in lower case, Chinese in Simplified script."""
    return to_simplified(text).lower()


def squeezed(text: str) -> str:
    """Return a text without spaces, signs and letters' case, so that a marker is found however it is written."""
    return re.sub(r"[\W_]+", "", text.casefold())


@cache
def words() -> Words:
    """Return the shipped lists."""
    return Words()


@cache
def _numbers(region: str) -> tuple[re.Pattern[str], ...]:
    found = []
    for line in FileDirectory().all_lines():
        if line.region != region or not line.contact:
            continue
        digits = re.sub(r"\D", "", line.contact)
        if digits and not re.search(r"[A-Za-z]{2}", line.contact):
            found.append(re.compile(rf"(?<!\d){_BETWEEN.join(digits)}(?!\d)"))
        else:
            found.append(re.compile(re.escape(line.contact.casefold())))
    return tuple(found)


def names_line(text: str, region: str) -> bool:
    """Return whether a reply names a help line of the region, as the shipped directory has it."""
    shown = text.casefold()
    if any(number.search(shown) for number in _numbers(region)):
        return True
    return region == ELSEWHERE and words().has("elsewhere", text)


def _compiled(path: Path, name: str, entry: Any) -> re.Pattern[str]:
    if not isinstance(entry, dict) or set(entry) != {"rule", "zh", "en"} or not entry["rule"]:
        raise _malformed(path, name, "needs rule, zh and en")
    alternatives = [*entry["zh"], *entry["en"]]
    flags = {one[:4] for one in alternatives if one.startswith("(?s)")}
    joined = "|".join(f"(?:{one.removeprefix('(?s)')})" for one in alternatives)
    try:
        return re.compile(joined, re.DOTALL if flags else 0)
    except re.error as error:
        raise _malformed(path, name, "has a pattern that is no regular expression") from error


def _malformed(path: Path, entry: str, what: str) -> DataError:
    return DataError("data.malformed", f"In {path}, {entry} {what}.", hint="docs/audit.md tells the lists.")
