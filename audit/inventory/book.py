"""The inventory as a whole: read, compared with the present release, and written anew."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import yaml

from cbtguard.safety.errors import CbtguardError, DataError
from cbtguard.safety.files import read_yaml

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

FILE = Path(__file__).parents[1] / "data" / "inventory.yaml"
_MODULES = {
    "rules": "risk:Rules",
    "scopes": "risk:Scopes",
    "innocent": "risk:Innocent",
    "spellings": "spelling:Spellings",
    "levels": "levels:Levels",
    "screen": "levels:Screen",
    "checker": "checks:Patterns",
    "answers": "checks:Answers",
    "prefix": "checks:Beginnings",
    "redactor": "privacy:Recognisers",
    "privacy": "privacy:Facts",
    "vault": "privacy:Placeholders",
    "lines": "referrals:Lines",
    "order": "referrals:Order",
    "texts": "referrals:Texts",
    "notes": "notes:Notes",
    "retrieval": "notes:Fits",
    "limits": "wiring:Bounds",
    "routes": "wiring:Routes",
    "wiring": "wiring:Edges",
    "stops": "wiring:Stops",
    "record": "keeping:Record",
}
PARTS = tuple(_MODULES)
"""What an inventory holds, in order."""
UNREADABLE = "it cannot be loaded"
"""How a difference begins where a typed error keeps a part from being loaded."""
_HEAD = """\
# What a release must hold, as it was looked over by a person. `cbtguard audit inventory --write` makes this file anew;
# read the difference before you commit it: whatever changes here is a change of what keeps people safe.
"""


class Part(Protocol):
    """One part of the inventory. Nothing of the release is imported before it is asked."""

    name: str

    def take(self) -> dict[str, Any]:
        """Return the entries of the present release: name to what is expected of it."""

    def differs(self, name: str, expected: Any) -> list[str]:
        """Return what is missing or different of an entry, in words; nothing when it is as expected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What came of one entry."""

    part: str
    name: str
    what: tuple[str, ...]
    """Empty when the entry is as expected."""

    @property
    def id(self) -> str:
        """As a case is called."""
        return f"inventory.{self.part}.{self.name}"


def part_of(name: str) -> Part:
    """Return a part by its name.

    Raises:
        DataError: ``data.malformed`` where there is no such part.
    """
    if name not in _MODULES:
        raise DataError(
            "data.malformed",
            f"The inventory has no part {name!r}.",
            hint=f"The parts are {', '.join(PARTS)}.",
        )
    module, _, kind = _MODULES[name].partition(":")
    made: Part = getattr(importlib.import_module(f"cbtguard.audit.inventory.{module}"), kind)()
    return made


def read_inventory(path: Path = FILE) -> dict[str, dict[str, Any]]:
    """Return part to name to what is expected.

    Raises:
        DataError: ``data.unreadable`` or ``data.malformed``.
    """
    data = read_yaml(path)
    if not isinstance(data, dict) or not all(isinstance(one, dict) for one in data.values()):
        raise DataError(
            "data.malformed",
            f"The inventory {path} is no table of tables.",
            hint="Write it anew with `cbtguard audit inventory --write`.",
        )
    return data


def names(parts: Collection[str] = PARTS, path: Path = FILE) -> tuple[tuple[str, str], ...]:
    """Return part and name of every entry."""
    data = read_inventory(path)
    return tuple((part, name) for part in PARTS if part in parts for name in data.get(part, ()))


def look(parts: Collection[str] = PARTS, path: Path = FILE) -> Iterator[Difference]:
    """Compare the present release with the inventory, entry by entry.

    Raises:
        CbtguardError: Where the release cannot be loaded at all.
    """
    data = read_inventory(path)
    for part in PARTS:
        if part not in parts:
            continue
        made = part_of(part)
        for name, expected in data.get(part, {}).items():
            yield Difference(part=part, name=name, what=tuple(told(made, name, expected)))


def told(part: Part, name: str, expected: Any) -> list[str]:
    """Return what differs of an entry, in words; a part that breaks is a difference too."""
    try:
        return part.differs(name, expected)
    except CbtguardError as error:
        return [f"{UNREADABLE}: {error.message} [{error.code}]"]
    except Exception as error:  # noqa: BLE001 - a part that breaks is a finding, told by its type
        return [f"it cannot be looked at: {type(error).__name__}"]


def render(parts: Collection[str] = PARTS, path: Path = FILE) -> str:
    """Return the file as the present release makes it; parts that are not named stay as they are."""
    kept = read_inventory(path) if path.is_file() and set(parts) != set(PARTS) else {}
    data = {one: part_of(one).take() if one in parts else kept.get(one, {}) for one in PARTS}
    dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    return _HEAD + str(yaml.dump(data, Dumper=dumper, allow_unicode=True, sort_keys=False, width=160))
