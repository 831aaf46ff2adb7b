"""Rubrics: what a judge is asked, on which scale, in which version."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from cbtguard.safety.errors import DataError, SettingsError
from cbtguard.safety.files import read_yaml

RUBRICS = Path(__file__).parent / "data" / "rubrics.yaml"
_KINDS = frozenset({"answer", "session"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One question to a judge."""

    name: str
    low: int
    high: int
    asks: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rubric:
    """Questions that are asked together."""

    name: str
    version: str
    """Of the rubric and of the words around it: ``RUBRIC.FRAME``."""
    of: str
    """``answer`` or ``session``."""
    about: str
    items: tuple[Item, ...]

    def messages(self, material: dict[str, str]) -> list[dict[str, str]]:
        """Return what a judge is asked about some material.

        Args:
            material: ``question`` and ``answer``, or ``session``. Angle brackets in it are replaced, so that
                nothing in it can end a tag.
        """
        frame = _frame()
        form = json.dumps({"reason": "one short sentence", "scores": {item.name: 0 for item in self.items}})
        asked = "\n".join(f"- {item.name} ({item.low} to {item.high}): {item.asks}" for item in self.items)
        held = {name: text.replace("<", "〈").replace(">", "〉") for name, text in material.items()}
        return [
            {"role": "system", "content": frame["system"].replace("{form}", form)},
            {
                "role": "user",
                "content": "\n\n".join(
                    (frame["items"].replace("{items}", asked), frame[self.of].format(**held))
                ),
            },
        ]


def rubric(name: str, path: Path = RUBRICS) -> Rubric:
    """Return a rubric by name.

    Raises:
        SettingsError: ``settings.invalid`` for a name that stands for none.
        DataError: As :func:`rubrics`.
    """
    known = rubrics(path)
    if name not in known:
        raise SettingsError(
            "settings.invalid", f"There is no rubric {name!r}.", hint=f"The rubrics are {', '.join(known)}."
        )
    return known[name]


@cache
def rubrics(path: Path = RUBRICS) -> dict[str, Rubric]:
    """Return the rubrics of a file by name.

    Raises:
        DataError: ``data.unreadable`` or ``data.malformed``, naming the rubric.
    """
    data: Any = read_yaml(path)
    found: dict[str, Rubric] = {}
    name = "frame"
    try:
        version = data["frame"]["version"]
        for name, row in data["rubrics"].items():
            items = tuple(Item(name=key, **item) for key, item in row["items"].items())
            found[name] = Rubric(
                name=name,
                version=f"{row['version']}.{version}",
                of=row["of"],
                about=str(row["about"]),
                items=items,
            )
            wrong = not items or row["of"] not in _KINDS or any(item.low >= item.high for item in items)
            if wrong:
                break
        else:
            return found
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _malformed(path, name) from error
    raise _malformed(path, name)


def _malformed(path: Path, name: str) -> DataError:
    return DataError(
        "data.malformed",
        f"{path.name} cannot be used: {name} is malformed.",
        hint="A rubric has version, of, about and items with low, high and asks.",
    )


@cache
def _frame() -> dict[str, str]:
    frame: dict[str, str] = read_yaml(RUBRICS)["frame"]
    return frame
