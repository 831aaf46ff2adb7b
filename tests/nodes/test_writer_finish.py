"""From a model's text to a draft."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cbtguard.nodes.retrieval.note import NoteLibrary
from cbtguard.nodes.writers.finish import begun, ended, finished
from cbtguard.nodes.writers.prompt_texts import prompt_marks

NOTES = NoteLibrary().pick(["worry-time", "thought-record", "slow-breathing"])


@pytest.mark.parametrize(
    ("text", "body"),
    [
        ("你好。<|im_end|>\n<|im_start|>user", "你好。"),
        ("你好。\nHuman: 还有吗", "你好。"),
        ("你好。</s>你好。", "你好。"),
        ("<think>\n用户很难过</think>\n\n你好。", "你好。"),
        ("<think>没有想完", ""),
        ("  你好。\n\n", "你好。"),
        ("A human being: you.", "A human being: you."),
        ("", ""),
    ],
)
def test_a_draft_ends_where_the_model_plays_another_part(text, body):
    assert finished(text, language="zh-Hans", notes=NOTES).text == body


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("试试「烦恼时段」。", ["worry-time"]),
        ("試試「煩惱時段」。", ["worry-time"]),
        ("Try a Thought Record today.", ["thought-record"]),
        ("先慢呼吸，再写思维记录表。", ["thought-record", "slow-breathing"]),
        ("可以这样做[2]。", ["thought-record"]),
        ("可以这样做【1，3】。", ["worry-time", "slow-breathing"]),
        ("See [note 3].", ["slow-breathing"]),
        ("慢呼吸[1]", ["slow-breathing", "worry-time"]),
        # no title, no number: the one that stood first
        ("会好起来。(1) 深呼吸", ["worry-time"]),
        # a number that no note has is an invented citation, and the checker must see it
        ("研究说[7]。", ["7"]),
        ("没有[0]。", ["0"]),
    ],
)
def test_citations_are_what_the_text_names(text, ids):
    assert list(finished(text, language="zh-Hans", notes=NOTES).citations) == ids


@pytest.mark.parametrize(
    ("language", "text", "body"),
    [
        ("zh-Hant", "你说总是担心，睡不着。", "你說總是擔心，睡不著。"),
        ("zh-Hant", "你說總是擔心。", "你說總是擔心。"),
        ("zh-Hans", "你说总是担心。", "你说总是担心。"),
        ("zh-Hant", "You worry.", "You worry."),
    ],
)
def test_simplified_text_becomes_traditional_where_that_was_asked_for(language, text, body):
    assert finished(text, language=language, notes=NOTES).text == body


# --- while a text is being written -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("你好", "你好"),
        ("你好。\n", "你好。"),
        ("  你好 ", "你好"),
        ("", ""),
        # thinking is no part of it, nor what may turn out to be thinking
        ("<thi", ""),
        ("<think>很难过", ""),
        ("<think>很难过</think>你好", "你好"),
        ("<thin ice", "<thin ice"),
        # nor what may grow into a stop mark
        ("你好。\nHum", "你好。"),
        ("你好。\nHumour", "你好。\nHumour"),
        ("你好<|im_", "你好"),
        ("你好<|im_end|>再见", "你好"),
        ("3 < 5 <", "3 < 5"),
    ],
)
def test_what_is_told_of_a_text_in_work_is_certain(text, start):
    assert begun(text, language="zh-Hans") == start


def test_a_text_to_be_converted_is_told_of_only_at_its_end():
    assert begun("你说总是担心", language="zh-Hant") == ""


WORDS = [
    *prompt_marks().stops,
    "<think>",
    "</think>",
    "<thinking>",
    "\n",
    " ",
    "好",
    "a",
    "<",
    "Human",
    "[1]",
]


@given(st.lists(st.sampled_from(WORDS), max_size=12).map("".join), st.integers(0, 200))
def test_what_was_told_is_how_the_draft_begins(text, size):
    told = begun(text[:size], language="zh-Hans")
    assert finished(text, language="zh-Hans", notes=NOTES).text.startswith(told)


@pytest.mark.parametrize(
    ("text", "end"),
    [("你好", False), ("你好</s>", True), ("<think></s>", False), ("<think></s></think>你好", False)],
)
def test_a_stop_mark_in_thinking_ends_nothing(text, end):
    assert ended(text) is end
