"""Normalisation: one plain spelling for all the ways a word can be disguised, with a map back.

Width, case, Traditional script, zero-width and inserted signs, leet, homophones and number code end in the
same characters; every character of the result knows which characters of the original it stands for.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cbtguard.safety.language import mainland_spelling
from cbtguard.safety.risk.spellings import Spellings, read_spellings

if TYPE_CHECKING:
    from collections.abc import Iterable

_HAN = re.compile(r"[\u3400-\u9fff]")
_INVISIBLE = frozenset(
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d"
    "\u202e\u2060\u2061\u2062\u2063\u2064\u206a\u206b\u206c\u206d\u206e\u206f\ufeff\ufe0e\ufe0f\ufffd"
)
# Signs that people put between characters to get past a word list; sentence punctuation is not among them.
_SIGNS = re.compile(
    r"(?<=[\u3400-\u9fff])[ \t]?[*.·•・_\-~^+|/\\#&=`'\"@$%°][*.·•・_\-~^+|/\\#&=`'\"@$%° ]{0,3}"
    r"(?=[\u3400-\u9fff])"
)
# A space often stands for a comma (很烦 不想 死了算了), so it goes only inside these words or between
# characters that all stand alone.
_SPACED_WORD = re.compile(
    r"(?<=自) +(?=[杀残伤尽])|(?<=割) +(?=[腕脉])|(?<=跳) +(?=[楼河江桥])|(?<=上) +(?=吊)|(?<=轻) +(?=生)"
    r"|(?<=安) +(?=眠)|(?<=眠) +(?=药)|(?<=服) +(?=毒)|(?<=烧) +(?=炭)|(?<=寻) +(?=死)|(?<=杀) +(?=人)"
)
_ALONE = re.compile(r"(?<![\u3400-\u9fff])[\u3400-\u9fff](?: [\u3400-\u9fff]){2,}(?![\u3400-\u9fff])")
# Written from top to bottom: a character a line.
_COLUMN = re.compile(r"(?<![^\n])[\u3400-\u9fff](?:[ \t\r]*\n[\u3400-\u9fff]){2,}(?![\u3400-\u9fff])")
_BREAKS = re.compile(r"[ \t\r]*\n")
# A sound drawn out (好累累累累, sooo) or a mark repeated; laughter stays laughter.
_DRAWN = re.compile(r"([\u3400-\u9fffa-z])\1{2,}|([!?！？。~～])\2+")
_LAUGHS = frozenset("哈呵嘿嘻嗨啊呜嗷哼喵hw")
_DOUBLED = frozenset("ls")
"""Letters that are as often doubled as not at the end of a word: killll is kill."""
_SPELLED = re.compile(r"(?<![a-z0-9])[a-z0-9@$!](?:([ .\-_*·/|+~,])(?:\1)?[a-z0-9@$!](?![a-z0-9])){3,}")
_TOKEN = re.compile(r"[a-z0-9@$!|]+")
_MASKED = re.compile(r"(?<![a-z*#])[a-z]+[*#]{1,2}[a-z]+(?![a-z*#])")
_LONG_WORD = re.compile(r"(?<![a-z])[a-z]{5,}(?![a-z])")
_LEET = str.maketrans(
    {"0": "o", "1": "i", "3": "e", "4": "a", "5": "s", "7": "t", "@": "a", "$": "s", "!": "i", "|": "l"}
)


@dataclass(frozen=True, slots=True)
class Normalised:
    """Normalised text and, for each of its characters, the original span it stands for."""

    text: str
    starts: tuple[int, ...]
    ends: tuple[int, ...]

    def original(self, start: int, end: int) -> tuple[int, int]:
        """Return the span of the original text that the span of the normalised text stands for."""
        if start >= end or not self.starts:
            place = self.starts[min(start, len(self.starts) - 1)] if self.starts else 0
            return place, place
        return self.starts[start], max(self.ends[start:end])


def normalise(text: str) -> Normalised:
    """Return the plain spelling of ``text``. Linear in its length."""
    chars: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for index, char in enumerate(text):
        for plain in _plain(char):
            chars.append(plain)
            starts.append(index)
            ends.append(index + 1)
    current = Normalised(mainland_spelling("".join(chars)), tuple(starts), tuple(ends))
    current = _replace(current, ((m.start(), m.end(), "") for m in _SIGNS.finditer(current.text)))
    current = _replace(
        current, ((m.start(), m.end(), m.group().replace(" ", "")) for m in _ALONE.finditer(current.text))
    )
    current = _replace(current, ((m.start(), m.end(), "") for m in _SPACED_WORD.finditer(current.text)))
    current = _replace(
        current, ((m.start(), m.end(), _BREAKS.sub("", m.group())) for m in _COLUMN.finditer(current.text))
    )
    current = _replace(
        current, ((m.start(), m.end(), _short(m.group())) for m in _DRAWN.finditer(current.text))
    )
    current = _replace(current, _spelled_out(current.text))
    current = _replace(current, _leet(current.text))
    current = _replace(current, _masked(current.text))
    current = _replace(current, _slipped(current.text))
    return _replace(current, _codes(current.text))


@lru_cache(maxsize=8192)
def _plain(char: str) -> str:
    """Return what one character is spelled as: nothing, one or several characters."""
    if char in _INVISIBLE:
        return ""
    if char < "\u0080":
        return char.lower()
    decomposed = unicodedata.normalize("NFKD", char)
    kept = "".join(c for c in decomposed if not unicodedata.combining(c))
    folded = unicodedata.normalize("NFKC", kept).lower() or ("" if unicodedata.combining(char) else char)
    return _simplified(folded) if len(folded) == 1 and _HAN.match(folded) else folded


@lru_cache(maxsize=8192)
def _simplified(char: str) -> str:
    plain = _converter().convert(char)
    return plain if len(plain) == 1 else char


@cache
def _converter() -> Any:
    from opencc import OpenCC  # noqa: PLC0415 - loads its tables from disk

    return OpenCC("t2s")


def _replace(source: Normalised, edits: Iterable[tuple[int, int, str]]) -> Normalised:
    """Apply edits (start, end, new text), in order and not overlapping."""
    pieces: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    done = 0
    changed = False
    for start, end, new in edits:
        if start < done:
            continue
        changed = True
        pieces.append(source.text[done:start])
        starts += source.starts[done:start]
        ends += source.ends[done:start]
        pieces.append(new)
        starts += [source.starts[start]] * len(new)
        ends += [max(source.ends[start:end])] * len(new)
        done = end
    if not changed:
        return source
    pieces.append(source.text[done:])
    starts += source.starts[done:]
    ends += source.ends[done:]
    return Normalised("".join(pieces), tuple(starts), tuple(ends))


def _spelled_out(text: str) -> Iterable[tuple[int, int, str]]:
    """``s.u.i.c.i.d.e`` and ``k i l l`` as words; ``su*cide`` stays, a masked letter is a rule's business."""
    for match in _SPELLED.finditer(text):
        separator = match.group(1)
        joined = match.group().replace(separator, "")
        if sum(char.isalpha() for char in joined) * 3 >= 2 * len(joined):
            yield match.start(), match.end(), " ".join(_words_of(joined))


def _words_of(joined: str) -> list[str]:
    """``killmyself`` as words of the list ``hidden``; itself when it is not made of them."""
    hidden = _code_table().hidden
    reached: dict[int, list[str]] = {0: []}
    for end in range(1, min(len(joined), 60) + 1):
        for start in range(max(0, end - 10), end):
            if start in reached and joined[start:end] in hidden:
                reached[end] = [*reached[start], joined[start:end]]
                break
    return reached.get(len(joined), [joined])


def _leet(text: str) -> Iterable[tuple[int, int, str]]:
    """``su1c1de`` as letters.

    In words that mix letters with digits or signs and start with a letter, and wherever a word of the list
    ``hidden`` comes out.
    """
    hidden = _code_table().hidden
    for match in _TOKEN.finditer(text):
        token = match.group().rstrip("!|")
        if token.isalpha():
            continue
        if token.translate(_LEET) in hidden or (
            len(token) >= 3 and token[0].isalpha() and sum(c.isalpha() for c in token) * 2 >= len(token)
        ):
            yield match.start(), match.start() + len(token), token.translate(_LEET)


def _masked(text: str) -> Iterable[tuple[int, int, str]]:
    """``k*ll`` and ``su**ide`` as the one word of the list ``hidden`` that they can be."""
    for match in _MASKED.finditer(text):
        form = re.compile(re.sub(r"[*#]", ".", match.group()))
        found = sorted(word for word in _code_table().hidden if form.fullmatch(word))
        if found:
            yield match.start(), match.end(), found[0]


def _slipped(text: str) -> Iterable[tuple[int, int, str]]:
    """``msyelf`` as the word that was meant."""
    slips = _code_table().slips
    for match in _LONG_WORD.finditer(text):
        word = slips.get(match.group())
        if word:
            yield match.start(), match.end(), word


def _short(drawn: str) -> str:
    return drawn[0] * (2 if drawn[0] in _LAUGHS or drawn[0] in _DOUBLED else 1)


@cache
def _code_table() -> Spellings:
    return read_spellings(Path(__file__).parent / "data" / "codes.yaml")


def _codes(text: str) -> Iterable[tuple[int, int, str]]:
    """Homophones, number code and abbreviations, as listed in ``data/codes.yaml``."""
    codes = _code_table()
    for match in codes.pattern.finditer(text):
        yield match.start(), match.end(), codes.means[str(match.lastgroup)]
