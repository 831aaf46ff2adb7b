"""Text as it comes in: bounded, valid Unicode, without control characters; and its sentences."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

from cbtguard.safety.errors import InputError

MAX_CHARACTERS = 20_000
"""Longest text of one turn, in characters. A long letter has 5,000; a pasted chat log 15,000."""

# C0/C1 controls except tab, newline and carriage return; lone surrogates; non-characters.
_UNSAFE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_ENGLISH_STOP = re.compile(r"(?<=[a-z\"')])[.][”’\"')]*(?=\s)")
_WORTH = re.compile("[^\\s\ufffd\u200b-\u200f\u2060\ufeff]")
_CLAUSE_MARK = re.compile(r"[，,、：:。！？!?；;…\n]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A piece of a text: ``start`` inclusive, ``end`` exclusive, in characters."""

    start: int
    end: int


def clean(text: object, *, limit: int = MAX_CHARACTERS) -> str:
    """Return the text of a turn with every unsafe character turned into U+FFFD or a space.

    The length is kept, so offsets into the cleaned text are offsets into the original.

    Raises:
        InputError: ``input.not_text``, ``input.empty`` or ``input.too_long``.
    """
    if not isinstance(text, str):
        raise InputError(
            "input.not_text",
            f"A question must be text, not {type(text).__name__}.",
            hint="Send a string.",
        )
    if len(text) > limit:
        raise InputError(
            "input.too_long",
            f"The text has {len(text)} characters; one turn may have {limit}.",
            hint="Send it in parts, or raise the setting max_characters.",
        )
    cleaned = _UNSAFE.sub(_safe, text)
    if not _WORTH.search(cleaned):
        raise InputError("input.empty", "There is no text to answer.", hint="Send at least one word.")
    return cleaned


def _safe(match: re.Match[str]) -> str:
    return "\ufffd" if "\ud800" <= match.group() <= "\udfff" else " "


def sentences(text: str) -> tuple[Span, ...]:
    """Return the spans of the sentences of a Chinese, English or mixed text, in order, none blank."""
    cuts = [0]
    cuts += [m.end() for m in re.finditer(r"[。！？!?；;…\n]+[”’」』\"')）]*", text)]
    cuts += [m.end() for m in _ENGLISH_STOP.finditer(text)]
    cuts = sorted({*cuts, len(text)})
    return tuple(Span(start=a, end=b) for a, b in pairwise(cuts) if text[a:b].strip())


def lowered(text: str) -> str:
    """Return ``text`` in lower case at the same length, so that offsets stay good (İ has a longer one)."""
    plain = text.lower()
    if len(plain) == len(text):
        return plain
    return "".join(low if len(low := char.lower()) == 1 else char for char in text)


def clause_start(text: str, position: int) -> int:
    """Return where the clause that holds ``position`` begins."""
    start = 0
    for mark in _CLAUSE_MARK.finditer(text, 0, position):
        start = mark.end()
    return start
