"""Edits of a source: what is exchanged in a file, by hand-written pairs or by the place of a YAML node."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from cbtguard.safety.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """A span of a file's text, and what stands there instead."""

    start: int
    end: int
    new: str


def by_words(text: str, find: str, replace: str, where: str) -> Edit:
    """Return the edit of the one place where words stand.

    Raises:
        DataError: ``data.malformed`` when they stand nowhere or more than once.
    """
    if text.count(find) != 1:
        raise DataError(
            "data.malformed",
            f"The words of the planted defect {where} stand {text.count(find)} times in their file.",
            hint="Mend the entry in audit/data/planted.yaml so that its words stand there once.",
        )
    start = text.index(find)
    return Edit(start=start, end=start + len(find), new=replace)


def applied(text: str, edit: Edit, file: str) -> str:
    """Return the changed text.

    Raises:
        DataError: ``data.malformed`` when nothing changes or a Python file does not parse any more.
    """
    changed = text[: edit.start] + edit.new + text[edit.end :]
    if changed == text:
        raise DataError(
            "data.malformed", f"A planted defect changes nothing in {file}.", hint="Mend its words."
        )
    if file.endswith(".py"):
        try:
            ast.parse(changed)
        except SyntaxError as error:
            raise DataError(
                "data.malformed", f"A planted defect leaves {file} without sense.", hint="Mend its words."
            ) from error
    return changed


@dataclass(frozen=True, slots=True)
class Document:
    """A YAML file with the places of its nodes."""

    text: str
    root: Any

    @classmethod
    def read(cls, path: Path) -> Document:
        """Return the document of a file."""
        text = path.read_text(encoding="utf-8")
        return cls(text=text, root=yaml.compose(text, Loader=_LOADER))

    def node(self, *path: str | int) -> Any:
        """Return the node at keys and positions."""
        found = self.root
        for step in path:
            found = found.value[step] if isinstance(step, int) else dict(pairs(found))[step]
        return found

    def without(self, sequence: Any, place: int) -> Edit:
        """Return the edit that takes an item out of a sequence."""
        items = sequence.value
        start, end = items[place].start_mark.index, items[place].end_mark.index
        if sequence.flow_style:
            last = place + 1 == len(items)
            if not last:
                return Edit(start=start, end=items[place + 1].start_mark.index, new="")
            begin = items[place - 1].end_mark.index if place else start
            return Edit(start=begin, end=end, new="")
        begin = self.text.rindex("\n", 0, start) + 1
        if place + 1 < len(items):
            return Edit(
                start=begin, end=self.text.rindex("\n", 0, items[place + 1].start_mark.index) + 1, new=""
            )
        over = (
            self.text.rfind("\n", begin, end)
            if self.text[begin:end].count("\n")
            else self.text.find("\n", end)
        )
        return Edit(start=begin, end=(over + 1) if over >= start else end, new="")

    def instead(self, node: Any, new: str) -> Edit:
        """Return the edit that puts other words in the place of a node."""
        return Edit(start=node.start_mark.index, end=node.end_mark.index, new=new)

    def without_key(self, mapping: Any, key: str) -> Edit:
        """Return the edit that takes a key with its value out of a block mapping."""
        name, value = next((k, v) for k, v in mapping.value if k.value == key)
        start = name.start_mark.index
        begin = self.text.rindex("\n", 0, start) + 1
        end = self.text.find("\n", value.end_mark.index - 1)
        return Edit(start=begin, end=end + 1, new="")


def pairs(mapping: Any) -> Iterator[tuple[str, Any]]:
    """Yield key and value node of a mapping."""
    for key, value in mapping.value:
        yield key.value, value
