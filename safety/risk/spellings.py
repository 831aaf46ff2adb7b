"""Disguised spellings, read from ``codes.yaml``: patterns, words by their sound, words behind digits and signs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cbtguard.safety.errors import DataError
from cbtguard.safety.files import read_yaml

if TYPE_CHECKING:
    from pathlib import Path

_HAN = r"[\u3400-\u9fff]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Spellings:
    """What is written for what."""

    pattern: re.Pattern[str]
    """One named group an entry; the first that matches wins."""
    means: dict[str, str]
    """Name of a group to the plain word."""
    hidden: frozenset[str]
    """English words that may be written with digits for letters, or with one letter behind a sign."""
    slips: dict[str, str]
    """Slips of typing to the English word that was meant."""


def read_spellings(path: Path) -> Spellings:
    """Return the spellings of a file.

    An entry is one of

    - ``pattern`` (a regular expression without groups) and ``means``;
    - ``word`` (Chinese), ``sounds`` (its pinyin, a syllable a character) and ``like`` (for each character those
      that are written for it), and, where that would catch innocent words, ``after`` (one of these must stand
      before it), ``not_after`` (none of these may) and ``unless`` (a pattern that must not follow). Pinyin counts
      next to Chinese characters; with ``pinyin: true`` anywhere, with ``pinyin: false`` never for the whole
      word, because it is a name too;
    - ``hidden``: a list of English words;
    - ``slips``: a list of English words that are recognised with one slip of typing in them.

    Raises:
        DataError: ``data.unreadable`` or ``data.malformed``, naming file and entry.
    """
    parts: list[str] = []
    means: dict[str, str] = {}
    hidden: set[str] = set()
    slips: dict[str, str] = {}
    for number, entry in enumerate(read_yaml(path)):
        try:
            if "hidden" in entry:
                hidden |= set(entry["hidden"])
                continue
            if "slips" in entry:
                slips |= {slip: word for word in entry["slips"] for slip in _slips(word)}
                continue
            pattern, target = (
                (_by_sound(entry), entry["word"]) if "word" in entry else (entry["pattern"], entry["means"])
            )
            compiled = re.compile(pattern)
        except (KeyError, TypeError, ValueError, re.error) as error:
            raise DataError(
                "data.malformed",
                f"Entry {number + 1} of {path.name} is not a pattern with a meaning ({error}).",
                hint="Each entry has `pattern` (a regular expression without groups) and `means`, or `word`, "
                "`sounds` and `like`.",
            ) from error
        if compiled.groups:
            raise DataError(
                "data.malformed",
                f"Entry {number + 1} of {path.name} holds a group.",
                hint="Use (?:...) instead.",
            )
        means[f"c{number}"] = target
        parts.append(f"(?P<c{number}>{pattern})")
    return Spellings(
        pattern=re.compile("|".join(parts)),
        means=means,
        hidden=frozenset(hidden),
        slips={slip: word for slip, word in slips.items() if slip not in hidden},
    )


def _slips(word: str) -> set[str]:
    """A letter lost, doubled, swapped with the next, or a neighbouring key for it; the first letter stays."""
    found = set()
    for i in range(1, len(word)):
        before, letter, behind = word[:i], word[i], word[i + 1 :]
        found |= {f"{before}{behind}", f"{before}{letter}{letter}{behind}"}
        found |= {f"{before}{key}{behind}" for key in _beside(letter)}
        if behind:
            found.add(f"{before}{behind[0]}{letter}{behind[1:]}")
    return found - {word}


def _beside(letter: str) -> set[str]:
    for row in ("qwertyuiop", "asdfghjkl", "zxcvbnm"):
        place = row.find(letter)
        if place >= 0:
            return {row[i] for i in (place - 1, place + 1) if 0 <= i < len(row)}
    return set()


def _by_sound(entry: dict[str, Any]) -> str:
    """A pattern of a word in characters of its sound and in pinyin, wholly or in part, and not of the word itself."""
    word, sounds = str(entry["word"]), str(entry["sounds"]).split()
    like = [str(chars) for chars in entry.get("like", [""] * len(word))]
    if not len(word) == len(sounds) == len(like):
        raise ValueError("a sound and a list of characters for each character")
    last = len(word) - 1
    syllables = [
        f"(?:[{char}{others}]|{'(?<![a-z])' if i == 0 else ''}{sound}{'(?![a-z])' if i == last else ''})"
        for i, (char, sound, others) in enumerate(zip(word, sounds, like, strict=True))
    ]
    # Pinyin alone may be a name or an English word.
    beside = {
        True: "",
        None: f"(?:(?<={_HAN})|(?=[a-z ]{{0,24}}{_HAN}))",
        False: f"(?!{' ?'.join(sounds)}(?![a-z]))",
    }[entry.get("pinyin")]
    after = "|".join(f"(?<={re.escape(text)})" for text in entry.get("after", ()))
    before = f"(?:{after})" if after else ""
    before += "".join(f"(?<!{re.escape(text)})" for text in entry.get("not_after", ()))
    unless = f"(?!{entry['unless']})" if "unless" in entry else ""
    return f"{before}(?!{word}){beside}{' ?'.join(syllables)}{unless}"
