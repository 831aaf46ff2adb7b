"""Scripts and widths: the shadow of a text, in which every recogniser looks."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import Any

HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff]")
_LATIN_WORD = re.compile(r"[A-Za-z]+")
_WIDE_MARKS = frozenset("＠．－＋＿／＃：（）［］\u2010\u2011\u2012\u2013\u2014\u2212")
_DASHES = frozenset("\u2010\u2011\u2012\u2013\u2212")


class _Widths(dict[int, str]):
    """Code point to its one-character fold, filled as characters are met (thread-safe: idempotent)."""

    def __missing__(self, code: int) -> str:
        folded = _fold(chr(code))
        self[code] = folded
        return folded


def _fold(char: str) -> str:
    category = unicodedata.category(char)
    if category == "Cs":
        return "\ufffd"
    if category in {"Zs", "Cf"} or (category == "Cc" and char != "\n"):
        return " "
    if char in _DASHES:
        return "-"
    if category[0] in "LN" or char in _WIDE_MARKS:
        plain = unicodedata.normalize("NFKC", char)
        return plain if len(plain) == 1 else char
    return char


_WIDTHS = _Widths()

_NUMERALS = str.maketrans(
    "零〇一二三四五六七八九幺两洞拐勾壹贰貳叁參肆伍陆陸柒捌玖", "0012345678912079122334566789"
)
# Not 一 of 一直 and the like after a number.
_NUMERAL = "(?:[零〇一二三四五六七八九幺两洞拐勾壹贰貳叁參肆伍陆陸柒捌玖](?![直定起个下般样切些天次年月]))"
_SPOKEN = re.compile(f"{_NUMERAL}{{6,40}}|{_NUMERAL}{{2,8}}(?:[ ,，、-]{{1,2}}{_NUMERAL}{{2,8}}){{1,6}}")
_SPOKEN_LEAST = 7


@cache
def _converter() -> Any:
    import opencc  # noqa: PLC0415 - loads a shared library and dictionaries

    return opencc.OpenCC("t2s")


def to_simplified(text: str) -> str:
    """Return the text in Simplified script, character for character (same length).

    The text must not hold lone surrogates; see :func:`shadow`.
    """
    convert = _converter().convert
    whole: str = convert(text)
    if len(whole) == len(text):
        return whole
    singles = ((char, convert(char)) for char in text)
    return "".join(new if len(new) == 1 else char for char, new in singles)


def has_han(text: str) -> bool:
    """Return whether the text holds any Chinese character."""
    return HAN.search(text) is not None


def shadow(text: str) -> str:
    """Return a copy of the same length that recognisers can read.

    Full-width letters and digits become plain ones, control characters, joiners and odd spaces become a
    space, lone surrogates become U+FFFD, Traditional characters become Simplified ones, and six or more
    Chinese numerals in a row become digits. Offsets are those of the original.
    """
    folded = text.translate(_WIDTHS)
    return _SPOKEN.sub(_spoken, to_simplified(folded)) if has_han(folded) else folded


def _spoken(match: re.Match[str]) -> str:
    """Return a long run of Chinese numerals as digits: a number that was told, not a quantity."""
    written = match.group()
    digits = written.translate(_NUMERALS)
    whole = digits.isdigit()
    return digits if whole or sum(char.isdigit() for char in digits) >= _SPOKEN_LEAST else written


def language_of(text: str) -> str:
    """Return ``zh`` or ``en``: the language most of the text is in (``zh`` when it has no words)."""
    han = len(HAN.findall(text))
    return "zh" if han >= len(_LATIN_WORD.findall(text)) else "en"
