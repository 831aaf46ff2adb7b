"""The shapes that values of a record entry may have, and the refusals that never quote the value."""

from __future__ import annotations

import math
import re
from datetime import datetime
from typing import Final

from cbtguard.safety.errors import RecordError

MAX_ITEMS: Final = 256
"""Most items in one tuple or mapping of an entry; it bounds an entry's size."""

MAX_COUNT: Final = 2**31 - 1
"""Largest whole number in an entry."""

_IDENTIFIER: Final = re.compile(r"[A-Za-z0-9_.:+/@-]{0,128}")
_DIGEST: Final = re.compile(r"[0-9a-f]{16,64}")
_MOMENT: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}(?:Z|\+00:00)")


def _refused(field: str) -> RecordError:
    return RecordError(
        "record.text",
        f"The record field {field!r} holds something that is not an identifier.",
        hint="Record ids, codes and versions only; what a person or a model wrote never enters the record.",
    )


def misshapen(field: str, wanted: str) -> RecordError:
    """Return the error for a field that is of another type or out of range."""
    return RecordError(
        "record.value", f"The record field {field!r} must be {wanted}.", hint="Mend the caller of the record."
    )


def identifier(field: str, value: object, *, least: int = 0) -> str:
    """Return a plain identifier of at least `least` characters."""
    if not isinstance(value, str) or len(value) < least or _IDENTIFIER.fullmatch(value) is None:
        raise _refused(field)
    # A member of a string enum becomes the plain string that JSON would hold.
    return str.__str__(value)


def digest(field: str, value: object) -> str:
    """Return a hash of 16 to 64 lower-case hex digits."""
    if not isinstance(value, str) or _DIGEST.fullmatch(value) is None:
        raise _refused(field)
    return str.__str__(value)


def identifiers(field: str, values: object) -> tuple[str, ...]:
    """Return a tuple of identifiers that are not empty."""
    if not isinstance(values, tuple) or len(values) > MAX_ITEMS:
        raise misshapen(field, f"a tuple of at most {MAX_ITEMS} identifiers")
    return tuple(identifier(field, value, least=1) for value in values)


def items(field: str, mapping: object) -> list[tuple[str, object]]:
    """Return the items of a mapping whose keys are identifiers that are not empty."""
    if not isinstance(mapping, dict) or len(mapping) > MAX_ITEMS:
        raise misshapen(field, f"a dict of at most {MAX_ITEMS} items")
    return [(identifier(field, key, least=1), value) for key, value in mapping.items()]


def count(field: str, value: object) -> int:
    """Return a whole number from 0 to `MAX_COUNT`."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_COUNT:
        raise misshapen(field, f"a whole number from 0 to {MAX_COUNT}")
    return int(value)


def duration(field: str, value: object) -> float:
    """Return finite milliseconds, 0 or more, as a float."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise misshapen(field, "a number of milliseconds")
    try:
        milliseconds = float(value)
    except OverflowError as error:
        raise misshapen(field, "a finite number of milliseconds") from error
    if not math.isfinite(milliseconds) or milliseconds < 0:
        raise misshapen(field, "a finite number of milliseconds, 0 or more")
    return milliseconds


def moment(field: str, value: object) -> str:
    """Return a real UTC time in ISO 8601 with milliseconds."""
    if not isinstance(value, str) or _MOMENT.fullmatch(value) is None:
        raise _refused(field)
    try:
        datetime.fromisoformat(value)
    except ValueError as error:
        raise misshapen(field, "a real UTC time such as 2025-01-31T08:00:00.000Z") from error
    return str.__str__(value)
