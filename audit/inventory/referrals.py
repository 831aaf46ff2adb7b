"""Help lines, the order they are shown in, and the texts around them."""

from __future__ import annotations

import hashlib
import re
from itertools import product
from typing import Any

from cbtguard.audit.inventory.facts import Facts
from cbtguard.safety.files import read_yaml
from cbtguard.safety.referral import FileDirectory
from cbtguard.safety.referral import directory as folder
from cbtguard.safety.risk import Kind, Level
from cbtguard.safety.structure.harm import find_harm

_KEPT = ("region", "contact", "channels", "hours", "timezone", "languages", "audience", "serves")
_SENTENCE = re.compile(r"(?<=[。！？.!?])\s*|\n+")
_FIELD = re.compile(r"\{([a-z_]+)\}")


class Lines(Facts):
    """Every help line: number, hours, whom it is for, when it was checked, whether it is shown."""

    name = "lines"

    def take(self) -> dict[str, Any]:
        """Return the lines of the shipped directory by id."""
        found = FileDirectory()
        made = {}
        for line in (*found.all_lines(), *found.withheld_lines()):
            data = line.as_dict()
            checked = line.verified_on.isoformat()[:7] if line.verified_on else "never"
            made[line.id] = {key: data[key] for key in _KEPT}
            made[line.id] |= {
                "verified_on": checked,
                "withheld": line.withheld,
                "cautions": len(line.caution or ()),
            }
        return made


class Order(Facts):
    """Which lines a person is shown, by region, level and kind."""

    name = "order"

    def take(self) -> dict[str, Any]:
        """Return region, level and kind to the ids, in order."""
        found = FileDirectory()
        return {
            f"{region}.{level.value}.{kind.value if kind else 'any'}": [
                line.id for line in found.lines(region, level=level, kinds=(kind,) if kind else ())
            ]
            for region, level, kind in product(found.regions(), Level, (None, *Kind))
        }


class Texts(Facts):
    """Every vetted text: the fields that it names, its sentences, and that it promises and harms nothing."""

    name = "texts"

    def take(self) -> dict[str, Any]:
        """Return language and path to the text's make-up; a sentence is kept as its length and a mark."""
        made: dict[str, Any] = {}
        for path in sorted((_data() / "texts").glob("*.yaml")):
            made |= _texts(read_yaml(path), path.stem)
        return made


def _data() -> Any:
    from pathlib import Path  # noqa: PLC0415 - one use

    return Path(str(folder.__file__)).parent / "data"


def _texts(value: Any, where: str) -> dict[str, Any]:
    if isinstance(value, dict):
        return {k: v for key, one in value.items() for k, v in _texts(one, f"{where}/{key}").items()}
    if isinstance(value, list):
        return {k: v for n, one in enumerate(value, 1) for k, v in _texts(one, f"{where}/{n}").items()}
    text = str(value)
    harms = sorted({one.code for one in find_harm(text, english="en" in where[:3], reading=None)})
    return {
        where: {
            "fields": sorted(_FIELD.findall(text)),
            "sentences": [_marked(one) for one in _SENTENCE.split(text) if one and one.strip()],
            **({"harms": harms} if harms else {}),
        }
    }


def _marked(sentence: str) -> str:
    told = sentence.strip()
    return f"{told[:12]}~{len(told)}~{hashlib.sha256(told.encode()).hexdigest()[:6]}"
