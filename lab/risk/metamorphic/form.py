"""The form of the characters: width, case, script, what is put between them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cbtguard.lab.risk.metamorphic.perturbation import perturbation
from cbtguard.lab.risk.metamorphic.tables import converter, risk_words

if TYPE_CHECKING:
    import random

_WIDE = {code: code + 0xFEE0 for code in range(0x21, 0x7F)} | {0x20: 0x3000}
_INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff\u00ad"
_SIGNS = "*.·-_~/|+"
_HAN_PAIR = re.compile(r"(?<=[\u3400-\u9fff])(?=[\u3400-\u9fff])")
_SHORT = 30
"""Nobody puts a sign after every character of a long letter."""


@perturbation("zh", "en")
def full_width(text: str, _: random.Random) -> str:
    """Latin letters, digits and signs in full width."""
    return text.translate(_WIDE)


@perturbation("en")
def upper_case(text: str, _: random.Random) -> str:
    """All in capitals."""
    return text.upper()


@perturbation("en")
def mixed_case(text: str, draw: random.Random) -> str:
    """CApItAlS at random."""
    return "".join(char.upper() if draw.random() < 0.5 else char.lower() for char in text)


@perturbation("zh")
def traditional(text: str, _: random.Random) -> str:
    """Traditional script, character by character."""
    return str(converter("s2t").convert(text))


@perturbation("zh")
def traditional_tw(text: str, _: random.Random) -> str:
    """Traditional script with the words of Taiwan."""
    return str(converter("s2twp").convert(text))


@perturbation("zh")
def simplified(text: str, _: random.Random) -> str:
    """Simplified script."""
    return str(converter("t2s").convert(text))


@perturbation("zh", "en")
def zero_width(text: str, draw: random.Random) -> str:
    """Characters that cannot be seen, between one in three."""
    return "".join(char + (draw.choice(_INVISIBLE) if draw.random() < 0.33 else "") for char in text)


@perturbation("zh", "en")
def combining_marks(text: str, draw: random.Random) -> str:
    """Strokes and accents laid over the words of danger."""

    def struck(match: re.Match[str]) -> str:
        mark = draw.choice("\u0336\u0301\u0323")
        return "".join(f"{char}{mark}" for char in match.group())

    return risk_words("en").sub(struck, risk_words("zh").sub(struck, text))


@perturbation("zh")
def signs(text: str, draw: random.Random) -> str:
    """A sign between the characters of each word of danger."""
    return risk_words("zh").sub(lambda match: draw.choice(_SIGNS).join(match.group()), text)


@perturbation("zh")
def signs_everywhere(text: str, draw: random.Random) -> str:
    """A sign between all characters of a short line."""
    return _HAN_PAIR.sub(draw.choice(_SIGNS), text) if len(text) <= _SHORT else text


@perturbation("zh")
def spaces(text: str, _: random.Random) -> str:
    """A space between the characters of each word of danger."""
    return risk_words("zh").sub(lambda match: " ".join(match.group()), text)


@perturbation("zh")
def spaces_everywhere(text: str, _: random.Random) -> str:
    """A space between all characters of a short line."""
    return _HAN_PAIR.sub(" ", text) if len(text) <= _SHORT else text


@perturbation("zh")
def one_a_line(text: str, _: random.Random) -> str:
    """A short line from top to bottom, one character a line."""
    return _HAN_PAIR.sub("\n", text) if len(text) <= _SHORT else text


@perturbation("en")
def letters_apart(text: str, draw: random.Random) -> str:
    """The words of danger spelled out, k.i.l.l."""
    apart = draw.choice(".-_* ")

    def spelled(match: re.Match[str]) -> str:
        return " ".join(apart.join(word) if len(word) >= 4 else word for word in match.group().split(" "))

    return risk_words("en").sub(spelled, text)
