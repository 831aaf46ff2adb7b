"""Adapters by name, and a named source such as ``psysuicide:PATH`` as the cases of an audit."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from cbtguard.audit.adapters.adapter import Adapter
from cbtguard.audit.adapters.rows import LeftOut, files_of
from cbtguard.audit.adapters.table import read_table, squeeze
from cbtguard.audit.case import Case, Expect
from cbtguard.audit.own import BadRow, OwnData
from cbtguard.audit.suites import digest
from cbtguard.safety.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

TABLES = Path(__file__).parent.parent / "data" / "adapters"


@cache
def names() -> tuple[str, ...]:
    """Return the names of the shipped adapters."""
    return tuple(sorted(path.stem for path in TABLES.glob("*.yaml")))


@cache
def adapter_named(name: str) -> Adapter:
    """Return an adapter; capitals, dashes and underscores do not matter.

    Raises:
        InputError: ``input.adapter``, naming those that there are.
    """
    found = next((one for one in names() if squeeze(one) == squeeze(name)), None)
    if found is None:
        raise InputError(
            "input.adapter",
            "There is no adapter of that name.",
            hint=f"There are {', '.join(names())}; any other table is read with --map and --label-map.",
        )
    return Adapter(read_table(TABLES / f"{found}.yaml"))


def names_a_set(source: str) -> bool:
    """Return whether a source is a data set's name, a colon and a path."""
    name, colon, path = source.partition(":")
    return bool(colon and path) and any(squeeze(one) == squeeze(name) for one in names())


def read_named(source: str, labels: Mapping[str, str]) -> OwnData:
    """Return the cases of a named data set.

    Args:
        source: Such as ``psysuicide:PATH``, a file or a folder.
        labels: Label to outcome, over those of the adapter.

    Raises:
        InputError: ``input.adapter``, ``input.data`` or ``input.columns``.
    """
    name, _, where = source.partition(":")
    adapter = adapter_named(name)
    path = Path(where).expanduser()
    cases: list[Case] = []
    bad: list[BadRow] = []
    left: list[BadRow] = []
    for one in adapter.read(path, {label: Expect(value) for label, value in labels.items()}):
        if isinstance(one, Case):
            cases.append(one)
        else:
            (left if isinstance(one, LeftOut) else bad).append(one)
    data = {f"{adapter.name}/{file}": digest(there) for file, there in files_of(path)}
    return OwnData(cases=tuple(cases), bad=tuple(bad), left=tuple(left), data=data)
