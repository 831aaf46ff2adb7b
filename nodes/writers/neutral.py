"""Text of people and notes made harmless for a prompt: nothing in it passes for the format of a chat."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cbtguard.nodes.writers.prompt_texts import prompt_marks
from cbtguard.safety.privacy.settings import default_settings

if TYPE_CHECKING:
    from collections.abc import Iterable

# Characters that hide, join or turn round what stands behind them; private use; lone surrogates; tags.
_HIDDEN = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\uffff\ue000-\uf8ff\ud800-\udfff\U000e0000-\U000effff]"
)
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")
# Full-width Latin letters: a tokenizer that folds width would see a role name or a control token.
_NARROW = {code: code - 0xFEE0 for code in (*range(0xFF21, 0xFF3B), *range(0xFF41, 0xFF5B))}
# Single guillemets stay what they are under every Unicode normal form.
_ANGLES = str.maketrans({"<": "‹", ">": "›", "＜": "‹", "＞": "›", "﹤": "‹", "﹥": "›"})

_PASSES = 8
"""Nesting deeper than this is an attack: all signs of which marks are made become spaces."""
_FLAT = str.maketrans(dict.fromkeys("[]［］【】#:：﹕|｜‹›", " "))


def neutral(text: str, marks: Iterable[str] = ()) -> str:
    """Return text without anything that a model could take for the format of its prompt.

    Chat control tokens go, speaker names lose their colon, angle brackets become guillemets, invisible
    characters go. Placeholders of personal data such as ``<Name1>`` stay. What the words *say* is left
    alone: an order in plain words is the prompt's and the checker's business.

    Args:
        text: What a person wrote, or a field of a note.
        marks: Further tokens to take out: those special to the model's own tokenizer.
    """
    plain = _HIDDEN.sub("", text).translate(_NARROW)
    plain = _CONTROL.sub(lambda found: "\n" if found.group() in "\r\u2028\u2029" else " ", plain)
    pieces: list[str] = []
    place = 0
    for found in default_settings().placeholders.pattern.finditer(plain):
        pieces += [_stripped(plain[place : found.start()], marks), found.group()]
        place = found.end()
    pieces.append(_stripped(plain[place:], marks))
    return "".join(pieces)


def _stripped(text: str, marks: Iterable[str]) -> str:
    for _ in range(_PASSES):
        # A space in place of each, and once more: what is taken out may join what stood around it.
        once = _without_marks(text, marks)
        if once == text:
            return text
        text = once
    return text.translate(_FLAT)


def _without_marks(text: str, marks: Iterable[str]) -> str:
    rules = prompt_marks()
    for mark in marks:
        text = text.replace(mark, " ")
    text = rules.control.sub(" ", text)
    text = rules.speakers.sub(r"\1 ", text)
    return text.translate(_ANGLES)
