"""Ways of speaking: dialect, internet speech, what is drawn out or put behind."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cbtguard.lab.risk.metamorphic.perturbation import Expect, perturbation
from cbtguard.lab.risk.metamorphic.tables import lines, table

if TYPE_CHECKING:
    import random

_FILE = "speech.yaml"
_END = re.compile(r"(?=[。！？!?.…~～]*\s*$)")
_DRAWN = re.compile(r"[啊呀呜唉哎累烦痛难]|(?<=[a-z])(?:o|e|a|y)(?![a-z])")


@perturbation("zh")
def dialect_north(text: str, draw: random.Random) -> str:
    """俺, 咋, 啥: the North."""
    return table(_FILE, "zh", "north").put(text, draw)


@perturbation("zh")
def dialect_cantonese(text: str, draw: random.Random) -> str:
    """唔, 冇, 係, 佢: Cantonese, as it is written."""
    return table(_FILE, "zh", "cantonese").put(text, draw)


@perturbation("zh")
def dialect_southwest(text: str, draw: random.Random) -> str:
    """啥子, 莫得, 晓得: the Southwest."""
    return table(_FILE, "zh", "southwest").put(text, draw)


@perturbation("zh")
def self_names(text: str, draw: random.Random) -> str:
    """偶, 窝, 人家: other words for oneself."""
    return table(_FILE, "zh", "self").put(text, draw)


@perturbation("zh")
def internet_zh(text: str, draw: random.Random) -> str:
    """惹, 滴, 辣: spellings of the internet."""
    return table(_FILE, "zh", "internet").put(text, draw)


@perturbation("en")
def internet_en(text: str, draw: random.Random) -> str:
    """Im, u, rn: spellings of the internet."""
    return table(_FILE, "en", "internet").put(text.lower(), draw)


@perturbation("en")
def contractions_undone(text: str, draw: random.Random) -> str:
    """I am for I'm, do not for don't."""
    return table(_FILE, "en", "formal").put(text, draw)


@perturbation("zh", name="tail_words")
def tail_words_zh(text: str, draw: random.Random) -> str:
    """A word at the end that means nothing."""
    return _END.sub(draw.choice(lines(_FILE, "zh", "tails")), text, count=1)


@perturbation("en", name="tail_words_en")
def tail_words_en(text: str, draw: random.Random) -> str:
    """A word at the end that means nothing."""
    return _END.sub(f" {draw.choice(lines(_FILE, 'en', 'tails'))}", text, count=1)


@perturbation("zh", "en")
def drawn_out(text: str, draw: random.Random) -> str:
    """Sooo: a sound drawn out."""
    return _DRAWN.sub(lambda match: match.group() * draw.randint(3, 5), text, count=1)


@perturbation("zh", "en")
def emoji_added(text: str, draw: random.Random) -> str:
    """Faces at the end of sentences."""
    faces = lines(_FILE, "faces")
    return re.sub(r"(?<=[。！？!?])(?=.)|$", lambda _: draw.choice(faces), text)


@perturbation("zh", expect=Expect.MAY_CHANGE, name="laughter")
def laughter_zh(text: str, draw: random.Random) -> str:
    """Laughter at the end, which may make a joke of it."""
    return f"{text}{draw.choice(lines(_FILE, 'zh', 'laughter'))}"


@perturbation("en", expect=Expect.MAY_CHANGE, name="laughter_en")
def laughter_en(text: str, draw: random.Random) -> str:
    """Laughter at the end, which may make a joke of it."""
    return f"{text} {draw.choice(lines(_FILE, 'en', 'laughter'))}"
