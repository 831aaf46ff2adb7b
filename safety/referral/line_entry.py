"""One entry of a directory file: from YAML to a checked line."""

from __future__ import annotations

import re
from datetime import date
from functools import cache
from typing import TYPE_CHECKING, Any
from zoneinfo import available_timezones

from cbtguard.safety.errors import DataError
from cbtguard.safety.language import Language
from cbtguard.safety.referral.hours import spans_of
from cbtguard.safety.referral.model import ELSEWHERE, Audience, Channel, Line, Service

if TYPE_CHECKING:
    from enum import StrEnum
    from pathlib import Path

_MONTH = re.compile(r"(\d{4})-(\d{2})(?:-\d{2})?")
# What each plain text field must look like, and how to say so.
_FORMS = {
    "region": (re.compile(r"[A-Z]{2}"), "a code of two capital letters"),
    "contact": (
        re.compile(r"\+?\d+(?:[ -]\d+)*|[a-z0-9.-]+\.[a-z]{2,}(?:/[\w./-]*)?|"),
        "a quoted telephone number in groups of digits, or a web address without scheme",
    ),
    "hours": (re.compile(r"24/7|varies|[A-Z][a-z].*"), "24/7, varies, or like Mo-Su 08:00-22:00"),
    "timezone": (re.compile(r"[\w/+-]+"), "an IANA name"),
    "source": (re.compile(r"\S.*"), "the publisher of the number"),
}
_DIALLED = frozenset({Channel.CALL, Channel.TEXT, Channel.WHATSAPP})
_DIGITS = range(3, 16)
"""Digits of a number: from short codes to the longest that E.164 allows."""
_NEEDED = frozenset(
    {*_FORMS, "id", "name", "channels", "hours_text", "languages", "audience", "serves", "verified_on"}
)
_OPTIONAL = frozenset({"caution", "withheld", "replaces"})


def malformed(path: Path, entry: str, problem: str) -> DataError:
    """Return the error for one entry of a directory or text file."""
    return DataError(
        "data.malformed",
        f"The data file {path}, entry {entry!r}, {problem}.",
        hint="Mend the entry; the files shipped with the package show the form.",
    )


def read_line(path: Path, item: Any, index: int) -> Line:
    """Return the line of one entry.

    Args:
        path: The file, for the error.
        item: The parsed entry.
        index: Where it stands in the file, for an entry without an id.

    Raises:
        DataError: ``data.malformed``.
    """
    entry = _check_form(path, item, index)
    verified_on = _month(path, entry, item["verified_on"])
    caution = by_language(path, entry, item["caution"]) if item.get("caution") is not None else None
    withheld: bool = item.get("withheld", False)
    channels = _members(path, entry, "channels", item["channels"], Channel)
    _check_contact(path, entry, item["contact"], channels)
    if verified_on is None and caution is None and not withheld:
        raise malformed(path, entry, "was never verified: it needs a caution, or must be withheld")
    return Line(
        id=entry,
        region=item["region"],
        name=by_language(path, entry, item["name"]),
        contact=item["contact"],
        channels=channels,
        hours=item["hours"],
        hours_text=by_language(path, entry, item["hours_text"]),
        timezone=item["timezone"],
        languages=strings(path, entry, item["languages"]),
        audience=_members(path, entry, "audience", item["audience"], Audience),
        serves=_members(path, entry, "serves", item["serves"], Service),
        source=item["source"],
        verified_on=verified_on,
        caution=caution,
        withheld=withheld,
    )


def _check_form(path: Path, item: Any, index: int) -> str:
    """Check the keys and plain fields of an entry and return its id."""
    if not isinstance(item, dict) or not isinstance(item.get("id"), str) or not item["id"]:
        raise malformed(path, f"lines/{index}", "must be a mapping with an id")
    entry: str = item["id"]
    if not set(item) >= _NEEDED or not set(item) <= _NEEDED | _OPTIONAL:
        raise malformed(path, entry, f"must have {sorted(_NEEDED)} and may have {sorted(_OPTIONAL)}")
    for key, (form, meaning) in _FORMS.items():
        if not isinstance(item[key], str) or not form.fullmatch(item[key]):
            raise malformed(path, entry, f"{key!r} must be {meaning}")
    for key in ("withheld", "replaces"):
        if not isinstance(item.get(key, False), bool):
            raise malformed(path, entry, f"{key!r} must be true or false")
    if not entry.startswith(item["region"].lower() + "-"):
        raise malformed(path, entry, "the id must begin with the region in lower case and a hyphen")
    if item["contact"] == "" and item["region"] != ELSEWHERE:
        raise malformed(path, entry, "only the entry for elsewhere may do without a contact")
    if item["timezone"] not in _zones():
        raise malformed(path, entry, "'timezone' must be an IANA name")
    _check_hours(path, entry, item["hours"])
    return entry


def _check_hours(path: Path, entry: str, hours: str) -> None:
    try:
        spans_of(hours)
    except ValueError as error:
        meant = "24/7, varies, or like Mo-Fr 18:00-02:00; Sa 10:00-24:00, with a beginning and another end"
        raise malformed(path, entry, f"'hours' must be {meant}") from error


def _check_contact(path: Path, entry: str, contact: str, channels: tuple[str, ...]) -> None:
    """Refuse a number that nobody can dial, and a channel that the contact cannot serve."""
    digits = sum(char.isdigit() for char in contact)
    if contact[:1].isdigit() or contact.startswith("+"):
        if digits not in _DIGITS:
            raise malformed(path, entry, f"'contact' must have {_DIGITS[0]} to {_DIGITS[-1]} digits")
        if not _DIALLED.intersection(channels):
            raise malformed(path, entry, "'contact' is a number: 'channels' must name call, text or whatsapp")
    elif contact and _DIALLED.intersection(channels):
        raise malformed(path, entry, "'contact' is a web address: 'channels' may name web and chat only")


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones()) | {"UTC"}


def _month(path: Path, entry: str, value: Any) -> date | None:
    if value is None:
        return None
    match = _MONTH.fullmatch(str(value))
    if not match or not 1 <= int(match[2]) <= 12:
        raise malformed(path, entry, "'verified_on' must be a month such as 2026-11, or null")
    return date(int(match[1]), int(match[2]), 1)


def by_language(path: Path, entry: str, value: Any) -> dict[str, str]:
    """Return a text in every language.

    Raises:
        DataError: ``data.malformed``.
    """
    if not isinstance(value, dict) or set(value) != set(Language):
        raise malformed(path, entry, f"must give each text in {', '.join(Language)}")
    if not all(isinstance(text, str) and text.strip() == text and text for text in value.values()):
        raise malformed(path, entry, "has an empty text or one with blanks around it")
    return {str(language): value[language] for language in Language}


def strings(path: Path, entry: str, value: Any) -> tuple[str, ...]:
    """Return a list of texts.

    Raises:
        DataError: ``data.malformed``.
    """
    if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
        raise malformed(path, entry, "must hold lists of text; quote what YAML reads as a truth value")
    return tuple(value)


def _members(path: Path, entry: str, key: str, value: Any, of: type[StrEnum]) -> tuple[str, ...]:
    items = strings(path, entry, value)
    if not items or not set(items) <= set(of) or len(set(items)) != len(items):
        raise malformed(path, entry, f"{key!r} must name, each once, some of {', '.join(of)}")
    return items
