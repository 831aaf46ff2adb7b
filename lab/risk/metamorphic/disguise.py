"""Words of danger in other spellings: sound, code, pinyin, leet, emoji."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cbtguard.lab.risk.metamorphic.perturbation import perturbation
from cbtguard.lab.risk.metamorphic.tables import converter, lines, risk_words, table

if TYPE_CHECKING:
    import random

_FILE = "disguises.yaml"
_LEET = {"a": "4@", "e": "3", "i": "1!", "o": "0", "s": "5$", "t": "7"}
_LONG = re.compile(r"[A-Za-z]{3,}")
_VOWELS = re.compile(r"(?<=[a-z])[aeiou](?=[a-z])", re.IGNORECASE)


@perturbation("zh")
def homophones(text: str, draw: random.Random) -> str:
    """Characters of the same sound for a word of danger, as they go round."""
    return table(_FILE, "zh", "sounds").put(text, draw)


@perturbation("zh")
def number_code(text: str, draw: random.Random) -> str:
    """Numbers and rare characters for a word of danger."""
    return table(_FILE, "zh", "numbers").put(text, draw)


@perturbation("zh")
def initials(text: str, draw: random.Random) -> str:
    """The initials of a word of danger."""
    return table(_FILE, "zh", "initials").put(text, draw)


@perturbation("zh")
def code_words(text: str, draw: random.Random) -> str:
    """Words that stand for a word of danger."""
    return table(_FILE, "zh", "codes").put(text, draw)


@perturbation("zh")
def pinyin(text: str, draw: random.Random) -> str:
    """The words of danger in pinyin."""
    apart = draw.choice(["", " "])
    kept = lines(_FILE, "zh", "no_pinyin")

    def spelled(match: re.Match[str]) -> str:
        word = converter("t2s").convert(match.group())
        return match.group() if word in kept else apart.join(_sounds(word))

    return risk_words("zh").sub(spelled, text)


@perturbation("zh")
def half_pinyin(text: str, draw: random.Random) -> str:
    """One character of each word of danger in pinyin."""

    def half(match: re.Match[str]) -> str:
        word = match.group()
        place = draw.randrange(len(word))
        return f"{word[:place]}{_sounds(word)[place]}{word[place + 1 :]}"

    return risk_words("zh").sub(half, text)


def _sounds(word: str) -> list[str]:
    from pypinyin import lazy_pinyin  # noqa: PLC0415 - loads its tables

    # Its tables of words are for Simplified: 腳 alone would sound otherwise than in a word.
    return list(lazy_pinyin(converter("t2s").convert(word)))


@perturbation("en")
def code_words_en(text: str, draw: random.Random) -> str:
    """Words and letters that stand for a word of danger."""
    return table(_FILE, "en", "codes").put(text, draw)


@perturbation("en")
def misspelled(text: str, draw: random.Random) -> str:
    """A word of danger as it is misspelled to get past a word list."""
    return table(_FILE, "en", "sounds").put(text, draw)


@perturbation("en")
def leet(text: str, draw: random.Random) -> str:
    """Digits and signs for letters in the words of danger."""

    def written(match: re.Match[str]) -> str:
        found = [i for i, char in enumerate(match.group()) if char.lower() in _LEET]
        chosen = set(draw.sample(found, min(2, len(found))))
        return "".join(
            draw.choice(_LEET[char.lower()]) if i in chosen else char for i, char in enumerate(match.group())
        )

    # In words of two letters (end it) nobody hides anything.
    return risk_words("en").sub(lambda match: _LONG.sub(written, match.group()), text)


@perturbation("en")
def masked(text: str, draw: random.Random) -> str:
    """A vowel of each word of danger behind a sign."""
    sign = draw.choice("*#")
    return risk_words("en").sub(lambda match: _VOWELS.sub(sign, match.group(), count=1), text)


@perturbation("zh", name="emoji_for_words")
def emoji_for_words_zh(text: str, draw: random.Random) -> str:
    """Pictures in place of things."""
    return table(_FILE, "zh", "emoji").put(text, draw)


@perturbation("en", name="emoji_for_words_en")
def emoji_for_words_en(text: str, draw: random.Random) -> str:
    """Pictures in place of things."""
    return table(_FILE, "en", "emoji").put(text, draw)
