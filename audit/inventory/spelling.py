"""Disguised spellings: what each must be read as."""

from __future__ import annotations

import re
from typing import Any

from cbtguard.audit.inventory.facts import Facts
from cbtguard.audit.inventory.probes import probes
from cbtguard.audit.inventory.witness import texts_for
from cbtguard.safety.files import read_yaml
from cbtguard.safety.risk.normalise import normalise
from cbtguard.safety.risk.rules import DATA


class Spellings(Facts):
    """Each step of the normalisation by probes of people, each pattern of codes.yaml by one made from it."""

    name = "spellings"

    def take(self) -> dict[str, Any]:
        """Return what each disguise is read as."""
        made = {
            name: {one: normalise(one).text for one in texts} for name, texts in probes("spellings").items()
        }
        for number, entry in enumerate(read_yaml(DATA / "codes.yaml"), 1):
            if "pattern" in entry:
                text = _shown(entry["pattern"], str(entry["means"]))
                if text is not None:
                    made[f"code.{number}"] = {text: normalise(text).text}
            elif "word" in entry:
                made |= _sounds(number, entry)
        return made

    def differs(self, name: str, expected: Any) -> list[str]:
        """Return the disguises that are read as something else now."""
        del name
        return [
            f"{text!r} is read as {read!r} where it should be {plain!r}"
            for text, plain in expected.items()
            if (read := normalise(text).text) != plain
        ]


def _sounds(number: int, entry: dict[str, Any]) -> dict[str, Any]:
    """The word with each of its characters written as one that sounds alike."""
    word, made = str(entry["word"]), {}
    for place, like in enumerate(entry.get("like", ())):
        for char in str(like)[:1]:
            written = word[:place] + char + word[place + 1 :]
            for tried in (written, *(f"{one}{written}" for one in entry.get("after", ())[:1])):
                if word in normalise(tried).text and word not in tried:
                    made[tried] = normalise(tried).text
                    break
    return {f"sound.{number}": made} if made else {}


def _shown(pattern: str, means: str) -> str | None:
    for text in texts_for(pattern):
        for tried in (text, f"我想{text}", f"我要{text}了", f"i want to {text}"):
            read = normalise(tried).text
            if means in read and means not in tried and re.search(pattern, tried):
                return tried
    return None
