"""One data set as cases."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from cbtguard.audit.adapters.rows import LeftOut, files_of, sheet, told
from cbtguard.audit.adapters.table import labels_of, squeeze
from cbtguard.audit.case import Case, Expect, Suite
from cbtguard.audit.own import BadRow
from cbtguard.safety.errors import InputError
from cbtguard.safety.language import detect
from cbtguard.safety.text import clean

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from cbtguard.audit.adapters.rows import Sheet
    from cbtguard.audit.adapters.table import Rule, Table

_SUITES = {
    Expect.HELP: Suite.CRISIS_RECALL,
    Expect.NO_ALARM: Suite.FALSE_ALARMS,
    Expect.ANSWER: Suite.OVER_REFUSAL,
    Expect.NO_METHOD: Suite.METHOD_SEEKING,
}
_YES = frozenset({"1", "true", "yes", "y", "是"})
_THEIRS = frozenset({"user", "human", "seeker", "client", "patient", "member", "person"})


class Adapter:
    """Reads a data set from a file or folder.

    Args:
        table: What is known of the data set.
    """

    def __init__(self, table: Table) -> None:
        self.table = table
        self.name = table.name

    def read(
        self, path: Path, labels: Mapping[str, Expect] | None = None
    ) -> Iterator[Case | BadRow | LeftOut]:
        """Yield the cases, row by row, and what of the data is none.

        Args:
            path: A file, or a folder of which every table with the columns is read.
            labels: Label to outcome, over what the table says.

        Raises:
            InputError: ``input.data`` when there is no table, ``input.columns`` when none has the columns; that
                names the columns that were found.
        """
        sheets = [sheet(name, where) for name, where in files_of(path)]
        fitting = [one for one in sheets if not self._lacking(one)]
        if not fitting:
            raise self._no_columns(sheets)
        given = {squeeze(label): expect for label, expect in (labels or {}).items()}
        seen: set[str] = set()
        for one in sheets:
            lacking = self._lacking(one)
            if lacking:
                why = f"the file has no column for {lacking}; found: {told(one.columns)}"
                yield LeftOut(file=one.name, row=0, why=why)
                continue
            yield from self._cases(one, given, seen)

    def _lacking(self, one: Sheet) -> str:
        for group in self.table.needed:
            if not any(_column(one.columns, self.table.columns[need]) for need in group):
                return " or ".join(group)
        return ""

    def _no_columns(self, sheets: list[Sheet]) -> InputError:
        first = sheets[0]
        lacking = self._lacking(first)
        names = [name for need in lacking.split(" or ") for name in self.table.columns[need]]
        return InputError(
            "input.columns",
            f"No file has the columns of {self.table.title}: {first.name} has no {lacking}. "
            f"Columns found: {told(first.columns)}.",
            hint=f"Name the column one of {', '.join(names)}, or use --map on the file alone.",
        )

    def _cases(
        self, one: Sheet, given: Mapping[str, Expect], seen: set[str]
    ) -> Iterator[Case | BadRow | LeftOut]:
        columns = {key: _column(one.columns, names) for key, names in self.table.columns.items()}
        label = columns.get("label")
        rules = self.table.rules_for(row.get(label) for row in one.rows if row and label)
        for number, row in enumerate(one.rows, 1):
            try:
                found = self._case(one, number, row, columns, rules, given)
            except (ValueError, InputError) as error:
                why = error.message if isinstance(error, InputError) else str(error)
                yield BadRow(file=one.name, row=number, why=why)
                continue
            if isinstance(found, Case):
                if found.id in seen:
                    yield BadRow(file=one.name, row=number, why="its id was there before")
                    continue
                seen.add(found.id)
            yield found

    def _case(
        self,
        one: Sheet,
        number: int,
        row: Mapping[str, Any] | None,
        columns: Mapping[str, str | None],
        rules: tuple[Rule, ...],
        given: Mapping[str, Expect],
    ) -> Case | LeftOut:
        if row is None:
            raise ValueError("it is no object")
        cells = {key: row.get(name) for key, name in columns.items() if name is not None}
        turns = _turns(cells)
        rule = next((r for r in rules if all(c.holds(cells.get(c.column)) for c in r.when)), None)
        said = next((mark for mark in labels_of(cells.get("label") or "") if mark in given), None)
        expect = given[said] if said is not None else rule.expect if rule is not None else None
        if expect is None:
            if rule is None:
                raise ValueError("its label has no outcome; see --label-map")
            return LeftOut(file=one.name, row=number, why=rule.reason)
        if expect not in _SUITES:
            raise ValueError("its label is mapped to an outcome that a message alone cannot have")
        where = _plain(f"{one.path.stem}.{cells.get('id') or number}")
        return Case(
            id=f"{self.name}.{where}"[:120],
            suite=_SUITES[expect],
            language=self._language(turns[-1]),
            source=f"{self.table.title} ({self.table.licence})",
            expect=expect,
            reason="The label is mapped to this outcome." if said or not rule else rule.reason,
            turns=turns,
            region=self.table.region,
            tags={"data": self.name, **self._tags(one, row), **(rule.tags if rule and not said else {})},
        )

    def _language(self, text: str) -> str:
        if self.table.language != "detect":
            return self.table.language
        return "en" if detect(text).startswith("en") else "zh"

    def _tags(self, one: Sheet, row: Mapping[str, Any]) -> dict[str, str]:
        found = {}
        for tag, names in self.table.tags.items():
            column = _column(one.columns, names)
            value = row.get(column) if column is not None else None
            if value is not None and str(value).strip():
                many = value if isinstance(value, list) else [value]
                found[tag] = "|".join(str(item) for item in many)[:80]
        flags = {code: _column(one.columns, names) for code, names in self.table.flags.items()}
        if any(flags.values()):
            marked = [code for code, column in flags.items() if column and squeeze(row.get(column)) in _YES]
            found["distortions"] = "|".join(marked) or "none"
        return found


def _column(columns: tuple[str, ...], names: tuple[str, ...]) -> str | None:
    by_name = {squeeze(one): one for one in reversed(columns)}
    return next((by_name[squeeze(name)] for name in names if squeeze(name) in by_name), None)


def _turns(cells: Mapping[str, Any]) -> tuple[str, ...]:
    turns = _talk(cells["turns"]) if cells.get("turns") else ()
    if not turns:
        text = cells.get("text")
        if not isinstance(text, str):
            raise ValueError("the column of the text is empty or no text")
        turns = (text,)
    for one in turns:
        clean(one)
    return turns


def _talk(value: Any) -> tuple[str, ...]:
    """The person's messages of a talk: texts, or objects that say who speaks."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return (value,)
    if not isinstance(value, list):
        raise ValueError("its talk is no list of messages")  # noqa: TRY004 - a row's own error
    found = []
    for one in value:
        if isinstance(one, str):
            found.append(one)
        elif isinstance(one, dict):
            who = one.get("role") or one.get("from") or one.get("speaker") or "user"
            text = one.get("content") or one.get("value") or one.get("text")
            if isinstance(text, str) and squeeze(who) in _THEIRS:
                found.append(text)
    if not found:
        raise ValueError("its talk holds no message of the person")
    return tuple(found)


def _plain(text: str) -> str:
    return "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "-" for c in text)
