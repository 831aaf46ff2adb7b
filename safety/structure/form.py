"""What can be seen of an answer without understanding it: its length, end, repetitions, script and contacts."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cbtguard.safety.files import read_yaml
from cbtguard.safety.language import OTHER, detect

if TYPE_CHECKING:
    from collections.abc import Iterator

_CONTACTS = Path(__file__).parent / "data" / "contacts.yaml"
FEWEST = {"zh": 80, "en": 220}
"""Shortest answer that can hold five parts, in characters."""
MOST = 4000
# A closing mark or an emoji, then nothing but quotes, brackets, stars or emoji.
_END = re.compile(r"(?:[。！？!?.…~～]|[\U0001f300-\U0001faff\u2600-\u27bf])[^\w，,、；;：:<>]*$")
_CONTACT = re.compile(
    r"(?<![\d.])(?:\+?(?:\d[\- ]?){6,}\d|1[12]\d(?=电话|报警|急救)|https?://\S+|www\.\S+"
    r"|[\w.]{1,64}@[\w.]{1,64}\.\w+)"
    r"|(?:拨打|拨|热线|号码|联系电话|微信|qq)[^\d\n。]{0,8}\d{4,}"
    r"|(?:地址|[\u4e00-\u9fff]{2,8}(?:路|街|大道|巷))[^。\n，]{0,8}\d{1,5}号"
    r"|(?i:微信|v信|公众号|qq群?|whatsapp|telegram|line id)[^。\n，]{0,6}[a-zA-Z][\w\-]{3,}"
    r"|(?i:\b[a-z0-9][a-z0-9-]{1,40}\.(?:com|org|net|cn|info|example|io|co\.uk)\b)"
    r"|(?i:(?:call|dial|text|hotline|helpline)(?: (?:at|is|on|to|the number))* (?!911|999|112)\d{3,})"
    r"|\d{1,5} [A-Z][a-z]+ (?:Street|St|Road|Rd|Avenue|Ave|Lane|Drive|Court|Place|Square)\b"
)
_LINK = re.compile(r"https?:|www\.")
_NUMBERED = re.compile(r"\d|@|://|www|\.(?:com|org|net|cn|info|io)|(?i:微信|v信|公众号|whatsapp|telegram)")
_PLACEHOLDER = re.compile(
    r"<[^<>\s|/]{1,24}\d{1,4}>"
    r"|[\[【<](?:姓名|名字|人名|某人|(?i:your name|name|person|patient|client|user))[_ ]?\d{0,3}[\]】>]"
)
_HAN = re.compile(r"[\u3400-\u9fff]")
_LATIN = re.compile(r"[A-Za-z]{2,}")
_ALIEN = re.compile(r"[\u0370-\u1fff\u3040-\u30ff\uac00-\ud7af]")
_SENTENCE = re.compile(r"[。！？!?；;…\n]+|(?<=[a-z\"')])\.\s")
_CLAUSE = re.compile(r"[。！？!?；;…\n，,：:]+|(?<=[a-z\"')])\.\s")
_NUMBERING = re.compile(r"^\s*(?:[-*•]|\(?\d{1,2}[.、)）]|[（(]?[一二三四五六七八九十][、）)])?\s*")
_PERIODIC = re.compile(r"(.{2,30}?)\1{3,}", re.DOTALL)
_SOME_HAN = 12
"""Chinese characters that an English answer may hold: a name, a word."""
_SHORTEST, _LONGEST = 8, 30
"""Characters of a phrase four times in a row, and of the longest phrase that is looked for."""
_PRIME = np.uint64(1_000_003)
_FILLER = " .-—…_*=·、\n"


def length(answer: str, *, english: bool) -> str | None:
    """Return ``too_short``, ``too_long`` or None."""
    held = len(answer.strip())
    if held < FEWEST["en" if english else "zh"]:
        return "too_short"
    return "too_long" if held > MOST else None


def cut(answer: str) -> bool:
    """Whether an answer breaks off in the middle of a sentence."""
    body = answer.strip()
    return bool(body) and _END.search(body[-60:]) is None


def loop(plain: str, *, english: bool) -> str | None:
    """Return the sentence, clause or phrase that comes again and again."""
    scale = 3 if english else 1
    sentences = Counter(_parted(plain, _SENTENCE))
    clauses = Counter(_parted(plain, _CLAUSE))
    for counted, fewest, times in ((sentences, 12, 2), (sentences, 6, 3), (clauses, 7, 3), (clauses, 3, 5)):
        for text, found in counted.items():
            if found >= times and len(text) >= fewest * scale:
                return text
    if _periodic(plain):
        repeated = _PERIODIC.search(plain)
        if repeated and repeated.group(1).strip(_FILLER):
            return repeated.group(1)
    return None


def _periodic(plain: str) -> bool:
    """Whether some four characters come three times at the same short distance, as in any phrase four in a row."""
    held = np.frombuffer(plain.encode("utf-32-le", "surrogatepass"), dtype=np.uint32).astype(np.uint64)
    if len(held) < _SHORTEST:
        return False
    fours = ((held[:-3] * _PRIME + held[1:-2]) * _PRIME + held[2:-1]) * _PRIME + held[3:]
    order = fours.argsort(kind="stable")
    same = fours[order[1:]] == fours[order[:-1]]
    apart = np.diff(order)
    found = same[1:] & same[:-1] & (apart[1:] == apart[:-1]) & (apart[1:] <= _LONGEST)
    return bool(found.any())


def _parted(plain: str, marks: re.Pattern[str]) -> Iterator[str]:
    """Yield what stands between marks, without numbers and quotes around it."""
    for part in marks.split(plain):
        text = _NUMBERING.sub("", part).strip(" .“”\"'「」").lower()
        if text:
            yield text


def wrong_language(answer: str, *, english: bool) -> bool:
    """Whether an answer, or a good part of it, is not in the language of the question."""
    han = len(_HAN.findall(answer))
    latin = len(_LATIN.findall(answer))
    alien = len(_ALIEN.findall(answer))
    if alien * 8 > han + latin + alien:
        return True
    if english:
        if han > _SOME_HAN:
            return True
        return any(_foreign(paragraph) for paragraph in answer.split("\n"))
    return latin > 15 and latin * 6 > han


def _foreign(paragraph: str) -> bool:
    """Whether a paragraph of some length in Latin letters is not English."""
    held = _LATIN.findall(paragraph.lower())
    # The commonest words of English make up a third of it; only without them is a closer look needed.
    if len(held) <= 7 or sum(word in _frequent() for word in held) * 6 > len(held):
        return False
    return detect(paragraph) == OTHER


@cache
def _frequent() -> frozenset[str]:
    return frozenset(read_yaml(_CONTACTS.parent / "topic.yaml")["frequent"].split())


def contact(answer: str, question: str) -> str | None:
    """Return the first number, link or address that an answer names of its own; public lines are none."""
    if not _NUMBERED.search(answer):
        return None
    for match in _CONTACT.finditer(answer):
        named = match.group()
        number = re.sub(r"\D", "", named)
        if number in public_lines():
            continue
        # What is repeated from the question is an echo; a link may have been ordered there.
        known = named in question or (len(number) > 4 and number in re.sub(r"\D", "", question))
        if known and not _LINK.match(named):
            continue
        return named[:40]
    return None


@cache
def public_lines() -> frozenset[str]:
    """Return the digits of the public numbers an answer may name."""
    return frozenset(re.sub(r"\D", "", line) for line in read_yaml(_CONTACTS)["lines"])


def strangers(question: str, answer: str) -> Iterator[str]:
    """Yield placeholders of persons that the question does not know."""
    known = set(_PLACEHOLDER.findall(question))
    for found in _PLACEHOLDER.findall(answer):
        if found not in known:
            yield found
