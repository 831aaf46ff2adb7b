"""What ``privacy.yaml`` says, read once and checked."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from cbtguard.safety.files import read_yaml
from cbtguard.safety.privacy.entities import EntityType
from cbtguard.safety.privacy.reading import DATA, fraction, malformed, mapping, strings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_WORDS_OF = ("zh", "en", "lost_zh", "lost_en")


@dataclass(frozen=True, slots=True, kw_only=True)
class Placeholders:
    """The words of placeholders.

    Attributes:
        words: Per type: ``zh``, ``en`` (the word inside), ``lost_zh``, ``lost_en`` (neutral words).
        pattern: Finds placeholders; groups ``word`` and ``number``.
    """

    words: Mapping[EntityType, Mapping[str, str]]
    pattern: re.Pattern[str]

    def word(self, kind: EntityType, language: str) -> str:
        """Return the word inside a placeholder; any language but ``zh`` gives the English one."""
        return self.words[kind]["zh" if language == "zh" else "en"]

    def neutral(self, kind: EntityType, language: str) -> str:
        """Return what stands in for a value that is lost."""
        return self.words[kind]["lost_zh" if language == "zh" else "lost_en"]

    def meaning(self, word: str) -> tuple[EntityType, str]:
        """Return the type and language of a placeholder's word, in any letter case."""
        folded = word.casefold()
        for kind, words in self.words.items():
            for language in ("zh", "en"):
                if words[language].casefold() == folded:
                    return kind, language
        raise KeyError(word)


@dataclass(frozen=True, slots=True, kw_only=True)
class Predefined:
    """One of Presidio's own recognisers: class name, entity it reports, what it is called here."""

    recogniser: str
    entity: str
    type: EntityType


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivacySettings:
    """What ``privacy.yaml`` says.

    Attributes:
        threshold: Hits below this score stay in the text, 0 to 1.
        before: Characters before a hit in which its context words count.
        after: Characters after it.
        support: What a context word adds to the score.
        recognisers: Names of the recognisers that are on, with their context words in small letters.
        predefined: Presidio's own recognisers that are on.
        phone_regions: Regions (ISO 3166) whose numbering plans are tried.
        placeholders: The words of placeholders.
    """

    threshold: float
    before: int
    after: int
    support: float
    recognisers: Mapping[str, tuple[str, ...]]
    predefined: tuple[Predefined, ...]
    phone_regions: tuple[str, ...]
    placeholders: Placeholders


def load_settings(path: Path) -> PrivacySettings:
    """Read a configuration of the redactor.

    Raises:
        DataError: ``data.unreadable`` or ``data.malformed``, naming the file and the entry.
    """
    whole = mapping(read_yaml(path), path, "(top)")
    window = mapping(whole.get("context_window"), path, "context_window")
    for key in ("before", "after"):
        if not isinstance(window.get(key), int) or window[key] < 0:
            raise malformed(path, f"context_window.{key}", "a number of characters from 0")
    return PrivacySettings(
        threshold=fraction(whole.get("threshold"), path, "threshold"),
        before=window["before"],
        after=window["after"],
        support=fraction(window.get("raise"), path, "context_window.raise"),
        recognisers=_recognisers(whole.get("recognisers"), path),
        predefined=_predefined(whole.get("predefined"), path),
        phone_regions=strings(whole.get("phone_regions"), path, "phone_regions"),
        placeholders=_placeholders(whole.get("placeholders"), path),
    )


@cache
def default_settings() -> PrivacySettings:
    """Return the settings that ship with the package."""
    return load_settings(DATA / "privacy.yaml")


def _recognisers(value: Any, path: Path) -> dict[str, tuple[str, ...]]:
    enabled = {}
    for name, entry in mapping(value, path, "recognisers").items():
        body = mapping(entry, path, f"recognisers.{name}")
        if not isinstance(body.get("enabled"), bool):
            raise malformed(path, f"recognisers.{name}.enabled", "true or false")
        context = body.get("context")
        words = () if context is None else strings(context, path, f"recognisers.{name}.context")
        if body["enabled"]:
            enabled[name] = tuple(word.lower() for word in words)
    return enabled


def _predefined(value: Any, path: Path) -> tuple[Predefined, ...]:
    entries = value if isinstance(value, list) else []
    if value is not None and not isinstance(value, list):
        raise malformed(path, "predefined", "a list")
    found = []
    for place, entry in enumerate(entries):
        body = mapping(entry, path, f"predefined[{place}]")
        if set(body) != {"recogniser", "entity", "type"} or body["type"] not in EntityType.__members__:
            raise malformed(path, f"predefined[{place}]", "recogniser, entity and a known type")
        found.append(
            Predefined(
                recogniser=str(body["recogniser"]),
                entity=str(body["entity"]),
                type=EntityType(body["type"]),
            )
        )
    return tuple(found)


def _placeholders(value: Any, path: Path) -> Placeholders:
    table = mapping(value, path, "placeholders")
    words: dict[EntityType, dict[str, str]] = {}
    for kind in EntityType:
        body = mapping(table.get(kind.value), path, f"placeholders.{kind.value}")
        if not all(isinstance(body.get(key), str) and body[key] for key in _WORDS_OF):
            raise malformed(path, f"placeholders.{kind.value}", "the texts zh, en, lost_zh and lost_en")
        words[kind] = {key: body[key] for key in _WORDS_OF}
    inside = [body[language] for body in words.values() for language in ("zh", "en")]
    if len({word.casefold() for word in inside}) != len(inside):
        raise malformed(path, "placeholders", "words that differ from one another")
    choices = "|".join(re.escape(word) for word in sorted(inside, key=len, reverse=True))
    pattern = re.compile(rf"[<＜]\s?(?P<word>{choices})\s?(?P<number>[0-9]{{1,9}})\s?[>＞]", re.IGNORECASE)
    return Placeholders(words=words, pattern=pattern)
