"""Directory files: from YAML to checked lines, regions and the order in which lines are shown."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from cbtguard.safety.files import read_yaml
from cbtguard.safety.referral.line_entry import by_language, malformed, read_line, strings
from cbtguard.safety.referral.model import Line, Service
from cbtguard.safety.risk.model import Kind, Level

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_REGION = re.compile(r"[A-Z]{2}")
ANY_KIND = "any"
"""Key of the order used when no kind is given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """A region and the words it is called by."""

    code: str
    names: Mapping[str, str]
    aliases: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """How many lines of one service to show."""

    service: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Entries:
    """What one directory file holds."""

    version: str
    regions: tuple[Region, ...]
    lines: tuple[Line, ...]
    replaced: frozenset[str]
    """Ids of lines that take the place of a line of an earlier file."""
    order: Mapping[str, Mapping[str, tuple[Wanted, ...]]]
    """Level to kind to the services shown, in order; empty in an operator's file that adds lines only."""


def read_entries(path: Path) -> Entries:
    """Read and check one directory file.

    Raises:
        DataError: ``data.unreadable`` or ``data.malformed``, naming the file and the entry.
    """
    data = read_yaml(path)
    if not isinstance(data, dict) or not isinstance(data.get("lines"), list):
        raise malformed(path, "top", "must be a mapping with a list 'lines'")
    unknown = set(data) - {"version", "regions", "lines", "order"}
    if unknown:
        raise malformed(path, "top", f"has unknown keys: {', '.join(sorted(map(str, unknown)))}")
    version = data.get("version")
    if not isinstance(version, str | date) or not str(version):
        raise malformed(path, "version", "must be text, best a date")
    lines = tuple(read_line(path, item, index) for index, item in enumerate(data["lines"]))
    repeated = {line.id for line in lines if sum(other.id == line.id for other in lines) > 1}
    if repeated:
        raise malformed(path, min(repeated), "stands twice in this file")
    return Entries(
        version=str(version),
        regions=_regions(path, data.get("regions", {})),
        lines=lines,
        replaced=frozenset(item["id"] for item in data["lines"] if item.get("replaces") is True),
        order=_order(path, data.get("order", {})),
    )


def _regions(path: Path, data: Any) -> tuple[Region, ...]:
    if not isinstance(data, dict):
        raise malformed(path, "regions", "must be a mapping")
    regions = []
    for code, item in data.items():
        if not isinstance(code, str) or not _REGION.fullmatch(code):
            # Unquoted NO (Norway) is a truth value in YAML.
            raise malformed(path, f"regions/{code}", "must be a quoted code of two capital letters")
        if not isinstance(item, dict) or set(item) != {"names", "aliases"}:
            raise malformed(path, f"regions/{code}", "must have 'names' and 'aliases'")
        regions.append(
            Region(
                code=code,
                names=by_language(path, f"regions/{code}/names", item["names"]),
                aliases=strings(path, f"regions/{code}/aliases", item["aliases"]),
            )
        )
    return tuple(regions)


def _order(path: Path, data: Any) -> dict[str, dict[str, tuple[Wanted, ...]]]:
    if not data:
        return {}
    kinds = {ANY_KIND, *Kind}
    if not isinstance(data, dict) or set(data) != set(Level):
        raise malformed(path, "order", f"must have the levels {', '.join(Level)}")
    order: dict[str, dict[str, tuple[Wanted, ...]]] = {}
    for level, by_kind in data.items():
        if not isinstance(by_kind, dict) or set(by_kind) != kinds:
            raise malformed(path, f"order/{level}", f"must have the kinds {', '.join(sorted(kinds))}")
        order[level] = {}
        for kind, wanted in by_kind.items():
            entry = f"order/{level}/{kind}"
            if not isinstance(wanted, dict) or not wanted:
                raise malformed(path, entry, "must map services to counts")
            for service, count in wanted.items():
                if service not in set(Service) or type(count) is not int or not 1 <= count <= 4:
                    raise malformed(path, entry, "must map known services to counts from 1 to 4")
            order[level][kind] = tuple(Wanted(service=s, count=c) for s, c in wanted.items())
    return order
