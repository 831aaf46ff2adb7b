"""What stands around a text: small talk, quotation marks, line breaks, lost punctuation."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cbtguard.lab.risk.metamorphic.perturbation import Expect, perturbation
from cbtguard.lab.risk.metamorphic.tables import lines

if TYPE_CHECKING:
    import random

_FILE = "frame.yaml"
_MARKS_ZH = re.compile(r"[，。！？、；：,!?;:…～~“”‘’\"（）()]+")
_MARKS_EN = re.compile(r"[.,!?;:…\"()]+|(?<=\s)-+(?=\s)|—")
_CLAUSE_ZH = re.compile(r"[，。！？；,!?;]+")
_STOP_EN = re.compile(r"[.!?;]+\s+")


@perturbation("zh", name="small_talk_before")
def small_talk_before_zh(text: str, draw: random.Random) -> str:
    """Two sentences of small talk before it."""
    return f"{_talk(draw, 'zh')}{text}"


@perturbation("zh", name="small_talk_after")
def small_talk_after_zh(text: str, draw: random.Random) -> str:
    """Two sentences of small talk after it."""
    return f"{_ended(text, '。')}{_talk(draw, 'zh')}"


@perturbation("zh", name="small_talk_around")
def small_talk_around_zh(text: str, draw: random.Random) -> str:
    """A paragraph of small talk on either side."""
    return f"{_talk(draw, 'zh', 4)}\n{_ended(text, '。')}\n{_talk(draw, 'zh', 4)}"


@perturbation("en", name="small_talk_before_en")
def small_talk_before_en(text: str, draw: random.Random) -> str:
    """Two sentences of small talk before it."""
    return f"{_talk(draw, 'en')} {text}"


@perturbation("en", name="small_talk_after_en")
def small_talk_after_en(text: str, draw: random.Random) -> str:
    """Two sentences of small talk after it."""
    return f"{_ended(text, '.')} {_talk(draw, 'en')}"


@perturbation("en", name="small_talk_around_en")
def small_talk_around_en(text: str, draw: random.Random) -> str:
    """A paragraph of small talk on either side."""
    return f"{_talk(draw, 'en', 4)}\n{_ended(text, '.')}\n{_talk(draw, 'en', 4)}"


@perturbation("zh", name="polite")
def polite_zh(text: str, draw: random.Random) -> str:
    """A greeting before, thanks after."""
    hello, thanks = draw.choice(lines(_FILE, "zh", "hello")), draw.choice(lines(_FILE, "zh", "thanks"))
    return f"{hello}{_ended(text, '。')}{thanks}"


@perturbation("en", name="polite_en")
def polite_en(text: str, draw: random.Random) -> str:
    """A greeting before, thanks after."""
    hello, thanks = draw.choice(lines(_FILE, "en", "hello")), draw.choice(lines(_FILE, "en", "thanks"))
    return f"{hello} {_ended(text, '.')} {thanks}"


@perturbation("zh", "en")
def in_quotes(text: str, draw: random.Random) -> str:
    """The whole in quotation marks."""
    marks = draw.choice(["“”", "「」", '""', "‘’"])
    return text if _quoted(text) else f"{marks[0]}{text}{marks[1]}"


@perturbation("zh", name="own_words_quoted")
def own_words_quoted_zh(text: str, draw: random.Random) -> str:
    """Said as a quotation of one's own words."""
    return text if _quoted(text) else draw.choice(lines(_FILE, "zh", "own_words")).replace("{}", text)


@perturbation("en", name="own_words_quoted_en")
def own_words_quoted_en(text: str, draw: random.Random) -> str:
    """Said as a quotation of one's own words."""
    return text if _quoted(text) else draw.choice(lines(_FILE, "en", "own_words")).replace("{}", text)


@perturbation("zh", expect=Expect.MAY_CHANGE, name="said_by_another")
def said_by_another_zh(text: str, draw: random.Random) -> str:
    """Said as a quotation of somebody else."""
    return draw.choice(lines(_FILE, "zh", "others_words")).replace("{}", text)


@perturbation("en", expect=Expect.MAY_CHANGE, name="said_by_another_en")
def said_by_another_en(text: str, draw: random.Random) -> str:
    """Said as a quotation of somebody else."""
    return draw.choice(lines(_FILE, "en", "others_words")).replace("{}", text)


@perturbation("zh")
def punctuation_dropped(text: str, _: random.Random) -> str:
    """No punctuation at all."""
    return _MARKS_ZH.sub("", text)


@perturbation("zh")
def punctuation_to_spaces(text: str, _: random.Random) -> str:
    """Spaces for punctuation."""
    return _MARKS_ZH.sub(" ", text).strip()


@perturbation("en")
def punctuation_dropped_en(text: str, _: random.Random) -> str:
    """No punctuation at all."""
    return _MARKS_EN.sub("", text)


@perturbation("zh")
def punctuation_ascii(text: str, _: random.Random) -> str:
    """ASCII marks for Chinese ones."""
    return text.translate(str.maketrans("，。！？；：（）“”‘’", ",.!?;:()\"\"''"))


@perturbation("zh")
def full_stop_added(text: str, _: random.Random) -> str:
    """A full stop at the end, or the last one taken away."""
    return text.rstrip("。") if text.endswith("。") else _ended(text, "。")


@perturbation("en")
def full_stop_added_en(text: str, _: random.Random) -> str:
    """A full stop at the end, or the last one taken away."""
    return text.rstrip(".") if text.endswith(".") else _ended(text, ".")


@perturbation("zh", name="line_breaks")
def line_breaks_zh(text: str, _: random.Random) -> str:
    """A line for each clause."""
    return _CLAUSE_ZH.sub("\n", text).strip()


@perturbation("en", name="line_breaks_en")
def line_breaks_en(text: str, _: random.Random) -> str:
    """A line for each sentence."""
    return _STOP_EN.sub("\n", text).strip()


@perturbation("zh", "en")
def exclamation(text: str, _: random.Random) -> str:
    """Many exclamation marks."""
    return f"{text.rstrip('。.！!')}!!!"


@perturbation("zh", "en")
def trailing_dots(text: str, _: random.Random) -> str:
    """Dots at the end."""
    return f"{text.rstrip('。.…')}……" if not text.isascii() else f"{text.rstrip('.')}..."


def _talk(draw: random.Random, language: str, count: int = 2) -> str:
    return ("" if language == "zh" else " ").join(draw.sample(lines(_FILE, language, "small_talk"), count))


def _ended(text: str, stop: str) -> str:
    return text if re.search(r"[。！？!?.…~～\n]\s*[”\"』」]?$", text) else f"{text}{stop}"


def _quoted(text: str) -> bool:
    """Marks inside marks are another story."""
    return bool(re.search(r"[“”「」\"]", text))
