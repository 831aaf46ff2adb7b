"""Which language a text is in, from its script and its commonest words. No model, no guess from content."""

from __future__ import annotations

import re
import unicodedata
from enum import StrEnum
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from cbtguard.safety.errors import InputError
from cbtguard.safety.files import read_yaml


class Language(StrEnum):
    """The languages the flow answers in."""

    ZH_HANS = "zh-Hans"
    ZH_HANT = "zh-Hant"
    EN = "en"


OTHER = "other"
"""Text in a language the guards do not know."""
UNDETERMINED = "und"
"""Text without words: digits, signs, emoji."""

_HAN = re.compile(r"[\u3400-\u9fff\U00020000-\U0002ffff]")
_WORD = re.compile(r"[a-z]+(?:['’][a-z]+)?")
_MAINLAND = {"著": "着", "甚": "什", "妳": "你", "裏": "里", "徬": "彷", "瞭": "了", "牠": "它", "祂": "他"}
# 著 stays in 著名, 显著, 名著 and their like; 甚 in 甚至.
_REGIONAL = re.compile(
    r"著(?![名作称述录者书])(?<![显名原土编论巨卓昭专译遗所合]著)|甚(?=[么麼])|瞭(?=解)|[妳裏徬牠祂]"
)
_PLACEHOLDER = re.compile(r"<[^<>\s]{1,24}>")


@cache
def _data() -> dict[str, Any]:
    data: dict[str, Any] = read_yaml(Path(__file__).parent / "data" / "language.yaml")
    return {
        "traditional": frozenset(data["traditional_only"]),
        "english": frozenset(data["english_words"]),
        "pinyin": frozenset(data["pinyin_syllables"]),
        "foreign": frozenset(data["foreign_words"]),
    }


def detect(text: str) -> str:
    """Return ``zh-Hans``, ``zh-Hant``, ``en``, ``other`` or ``und`` for a text.

    Han characters decide for Chinese unless kana or hangul are frequent; Latin letters are English when
    enough of the words are common English ones, Chinese when they are pinyin, else ``other``.
    """
    text = _PLACEHOLDER.sub(" ", text)
    han, latin, kana, other = _scripts(text)
    if kana > 0.15 * (han + kana) or other > han + latin / 4:
        return OTHER
    # One Chinese character says about as much as three or four letters.
    if han and han * 4 >= latin:
        traditional = sum(char in _data()["traditional"] for char in text)
        return (Language.ZH_HANT if traditional >= max(1, 0.04 * han) else Language.ZH_HANS).value
    return _latin_language(text, mixed=han > 0) if latin else UNDETERMINED


def is_mixed(text: str) -> bool:
    """Whether a text is in more than one language: a quarter of it in each of two, or a part in an unknown script.

    A borrowed word or a name in Latin letters does not make a text mixed.
    """
    han, latin, kana, other = _scripts(_PLACEHOLDER.sub(" ", text))
    # One Chinese character says about as much as three or four letters.
    known, unknown = han * 4 + latin, kana * 4 + other
    if unknown > 0.1 * (known + unknown):
        return known > 0
    return min(han * 4, latin) * 4 >= known > 0


def _scripts(text: str) -> tuple[int, int, int, int]:
    """Count Han, Latin, kana and all other letters."""
    counts = {"han": 0, "latin": 0, "kana": 0, "other": 0}
    for char in text:
        if char.isalpha():
            counts[_script(char)] += 1
    return counts["han"], counts["latin"], counts["kana"], counts["other"]


def _script(char: str) -> str:
    if char < "\u0250":
        return "latin"
    if _HAN.match(char):
        return "han"
    if "\u3040" <= char <= "\u30ff":
        return "kana"
    latin = unicodedata.name(char, "").startswith(("FULLWIDTH LATIN", "MATHEMATICAL", "LATIN"))
    return "latin" if latin else "other"


def _latin_language(text: str, *, mixed: bool) -> str:
    """English, pinyin, or another language in Latin letters."""
    data = _data()
    words = _WORD.findall(unicodedata.normalize("NFKC", text).lower())
    english = sum(word in data["english"] for word in words)
    foreign = sum(word in data["foreign"] for word in words)
    pinyin = sum(_is_pinyin(word, data["pinyin"]) for word in words)
    # Pinyin goes first: its syllables (si, le, la) are words elsewhere.
    if pinyin > 0.8 * len(words) and pinyin > max(english, foreign):
        return Language.ZH_HANS.value
    if not words or foreign > english:
        return OTHER
    if english >= max(1, 0.2 * len(words)) or (len(words) <= 6 and text.isascii()):
        return Language.EN.value
    return Language.ZH_HANS.value if mixed else OTHER


def _is_pinyin(word: str, syllables: frozenset[str]) -> bool:
    """Whether a word can be cut into pinyin syllables."""
    reach = {0}
    for end in range(1, len(word) + 1):
        if any(start in reach and word[start:end] in syllables for start in range(max(0, end - 6), end)):
            reach.add(end)
    return len(word) in reach


def normalise_language(text: str) -> Language:
    """Return the language a caller asked for: ``zh``, ``zh-CN``, ``zh-TW``, ``en-GB``...; case is ignored.

    Raises:
        InputError: ``input.language_unknown``.
    """
    tag = text.strip().replace("_", "-").lower()
    if tag in {"zh-hant", "zh-tw", "zh-hk", "zh-mo"} or tag.startswith("zh-hant-"):
        return Language.ZH_HANT
    if tag == "zh" or tag.startswith("zh-"):
        return Language.ZH_HANS
    if tag == "en" or tag.startswith("en-"):
        return Language.EN
    raise InputError(
        "input.language_unknown",
        "The language asked for is not one the guards know.",
        hint="Use zh-Hans, zh-Hant, en, or auto.",
    )


def to_simplified(text: str) -> str:
    """Return Chinese text in Simplified script, character by character: the length never changes."""
    return mainland_spelling("".join(map(_simplified, text)))


def mainland_spelling(text: str) -> str:
    """Return Simplified text with the characters that only Taiwan and Hong Kong use so: 活著, 甚麼, 妳.

    Conversion by characters leaves them, for 著 and 甚 are Simplified as well, in other words. The length
    never changes.
    """
    return _REGIONAL.sub(lambda match: _MAINLAND[match.group()], text)


def to_traditional(text: str, *, region: str = "") -> str:
    """Return Simplified text in Traditional script, by phrases; Taiwan's wording unless region is HK."""
    return str(_converter("s2hk" if region == "HK" else "s2twp").convert(text))


@lru_cache(maxsize=8192)
def _simplified(char: str) -> str:
    plain = str(_converter("t2s").convert(char)) if _HAN.match(char) else char
    return plain if len(plain) == 1 else char


@cache
def _converter(config: str) -> Any:
    from opencc import OpenCC  # noqa: PLC0415 - loads its tables from disk

    return OpenCC(config)
