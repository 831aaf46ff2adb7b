"""The form of an entry's canonical JSON, judged on the text itself.

Building every entry anew only to see that its text is canonical would make a long walk ten times longer. So
one regular expression per schema accepts what the flow writes. What it accepts is canonical and an entry,
always; a rare text that it does not know, such as one with a time of 1e-07 ms, is left to the slow way.
"""

from __future__ import annotations

import re
from datetime import datetime
from functools import lru_cache
from itertools import pairwise
from typing import Final

from cbtguard.safety.record.entry import SCHEMA, fields_of
from cbtguard.safety.record.shapes import MAX_ITEMS

_CHARACTER: Final = "[A-Za-z0-9_.:+/@-]"
_SOME: Final = f'"{_CHARACTER}{{1,128}}"'
_ANY: Final = f'"{_CHARACTER}{{0,128}}"'
_COUNT: Final = "(?:0|[1-9][0-9]{0,8})"
# At most twelve digits and no idle zero: such a decimal is what Python writes for the float that it names.
_DURATION: Final = r"(?:0|[1-9][0-9]{0,8})\.(?:0|[0-9]{0,2}[1-9])"
_MOMENT: Final = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}(?:Z|\+00:00)"


def _several(opening: str, item: str, closing: str) -> str:
    return f"\\{opening}(?:{item}(?:,{item}){{0,{MAX_ITEMS - 1}}})?\\{closing}"


def _mapping(name: str, value: str) -> str:
    return f"(?P<{name}>{_several('{', f'{_SOME}:{value}', '}')})"


_SHAPES: Final = {
    **dict.fromkeys(("turn_id", "thread", "route"), _SOME),
    **dict.fromkeys(("reason", "level", "subject", "language", "region"), _ANY),
    **dict.fromkeys(("turn", "attempts"), _COUNT),
    **dict.fromkeys(("kinds", "rules", "defects", "notes", "lines", "faults"), _several("[", _SOME, "]")),
    "at": f'"(?P<at>{_MOMENT})"',
    "writer": f"(?:null|{_SOME})",
    "redactions": _mapping("redactions", _COUNT),
    "versions": _mapping("versions", _ANY),
    "timings_ms": _mapping("timings_ms", _DURATION),
    "review": f'(?:null|\\{{"act":{_SOME},"at":"(?P<acted>{_MOMENT})","reviewer":"[0-9a-f]{{16,64}}"\\}})',
}


def _form(schema: int) -> re.Pattern[str]:
    shapes = {**_SHAPES, "schema": str(schema)}
    return re.compile(
        "\\{" + ",".join(f'"{name}":{shapes[name]}' for name in sorted(fields_of(schema))) + "\\}"
    )


_FORMS: Final = tuple(_form(schema) for schema in range(SCHEMA, 0, -1))
_KEY: Final = re.compile(f'"({_CHARACTER}+)":')


def is_canonical(text: str) -> bool:
    """Return whether a text is the canonical JSON of an entry; False also where that cannot be told here."""
    for form in _FORMS:
        match = form.fullmatch(text)
        if match is not None:
            at, redactions, timings, versions = match.group("at", "redactions", "timings_ms", "versions")
            return (
                _is_moment(at)
                and (form is not _FORMS[0] or _is_moment(match["acted"]))
                and _is_sorted(redactions)
                and _is_sorted(versions)
                and _ascending(timings)
            )
    return False


def _is_moment(value: str | None) -> bool:
    try:
        return value is None or bool(datetime.fromisoformat(value))
    except ValueError:
        return False


def _ascending(mapping: str) -> bool:
    return _are_ascending(tuple(_KEY.findall(mapping)))


@lru_cache(maxsize=256)
def _are_ascending(keys: tuple[str, ...]) -> bool:
    return all(one < other for one, other in pairwise(keys))


# Versions and redactions are the same in most entries.
_is_sorted = lru_cache(maxsize=256)(_ascending)
