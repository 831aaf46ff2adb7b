"""Language and script: detection by script and common words, conversion that keeps offsets."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cbtguard.safety.errors import InputError
from cbtguard.safety.language import (
    OTHER,
    UNDETERMINED,
    Language,
    detect,
    is_mixed,
    normalise_language,
    to_simplified,
    to_traditional,
)

ANY = st.text(alphabet=st.characters(codec=None, exclude_categories=()), max_size=120)

DETECTED = {
    "zh-Hans": [
        "我最近失眠",
        "我",
        "皇后",
        "老板今天又在会上批评了我，we had a meeting",
        "wo xiang si le",
        "ni hao",
        "<Name1>说他很累",
        "我很😭😭😭",
        "𠮷野家的事",
    ],
    "zh-Hant": ["我最近睡不著，很難過", "後來我們吵架了", "媽媽說我不夠努力", "工作壓力好大，想離職"],
    "en": [
        "I feel sad",
        "hello",
        "ok",
        "ＩＦＥＥＬ ＳＡＤ and it won't stop",
        "𝓘 𝓯𝓮𝓮𝓵 𝓼𝓪𝓭",
        "I can't sleep, <人名1> keeps calling me",
        "I've lost my job and I'm afraid to tell my family",
        "My boss says 加油 every single day and I hate it so much",
    ],
    OTHER: [
        "今日はとても疲れました",
        "ありがとう",
        "나는 슬퍼요",
        "Я не хочу жить",
        "أنا حزين جدا",
        "मैं बहुत दुखी हूँ",
        "Bonjour, je suis triste et fatigué",
        "estoy muy triste y no puedo dormir",
        "Ich bin sehr traurig und kann nicht schlafen",
        "qwz xcv bnm lkj hgf dsa poi",
    ],
    UNDETERMINED: ["", "12345", "😂😂", "？？？！", "<人名1>", "…", "\n"],
}
ASKED = [
    ("zh", "zh-Hans"),
    ("zh-CN", "zh-Hans"),
    ("ZH_hans", "zh-Hans"),
    ("zh-SG", "zh-Hans"),
    ("zh-TW", "zh-Hant"),
    ("zh_HK", "zh-Hant"),
    ("zh-Hant-HK", "zh-Hant"),
    (" zh-mo ", "zh-Hant"),
    ("en", "en"),
    ("en-GB", "en"),
    ("EN_us", "en"),
]


@pytest.mark.parametrize(("expected", "text"), [(k, t) for k, several in DETECTED.items() for t in several])
def test_detect(expected: str, text: str) -> None:
    assert detect(text) == expected


@given(ANY)
@example("\ud800")
def test_detect_answers_for_any_text_and_always_the_same(text: str) -> None:
    found = detect(text)
    assert found in {*Language, OTHER, UNDETERMINED}
    assert detect(text) == found


@given(st.text(alphabet="0123456789 .,!?，。😂🎉\n", max_size=60))
def test_text_without_letters_is_undetermined(text: str) -> None:
    assert detect(text) == UNDETERMINED


@pytest.mark.parametrize(("tag", "expected"), ASKED)
def test_normalise_language(tag: str, expected: str) -> None:
    assert normalise_language(tag) is Language(expected)


@pytest.mark.parametrize("tag", ["", "fr", "english", "zhx", "z", "auto", "en\x00"])
def test_normalise_language_refuses_the_rest_without_quoting_it(tag: str) -> None:
    with pytest.raises(InputError) as caught:
        normalise_language(tag)
    assert caught.value.code == "input.language_unknown"
    assert not tag or f"{tag!r}" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "simplified"),
    [
        ("後來我們睡不著", "后来我们睡不着"),
        ("頭髮", "头发"),
        ("活著沒甚麼意思", "活着没什么意思"),
        ("甚至，著名，顯著", "甚至，著名，显著"),
        ("執著於妳", "执着于你"),
        ("乾脆", "干脆"),
        ("我很累", "我很累"),
        ("I am tired", "I am tired"),
        ("軟體裡的<人名1>", "软体里的<人名1>"),
        ("", ""),
    ],
)
def test_to_simplified(text: str, simplified: str) -> None:
    assert to_simplified(text) == simplified


@given(ANY)
@example("\ud800後")
def test_to_simplified_keeps_the_length_and_settles(text: str) -> None:
    plain = to_simplified(text)
    assert len(plain) == len(text)
    assert to_simplified(plain) == plain


@pytest.mark.parametrize(
    ("text", "taiwan", "hong_kong"),
    [
        ("软件里的头发", "軟體裡的頭髮", "軟件裏的頭髮"),
        ("皇后在后面", "皇后在後面", "皇后在後面"),
        ("<人名1>睡不着", "<人名1>睡不著", "<人名1>睡不着"),
    ],
)
def test_to_traditional_by_phrase_and_region(text: str, taiwan: str, hong_kong: str) -> None:
    assert to_traditional(text) == taiwan
    assert to_traditional(text, region="HK") == hong_kong


@pytest.mark.parametrize(
    ("text", "mixed"),
    [
        ("最近总是睡不着，一躺下就想工作的事", False),
        ("我的boss总是push我加班，压力很大", False),
        ("<PERSON1>，我睡不着，<EMAIL_ADDRESS1>", False),
        ("I can't sleep, and 李 keeps calling", False),
        ("最近总是睡不着 and I keep thinking about work all night long", True),
        ("眠れない，我睡不着", True),
        ("사는 게 힘들어 我不想说了", True),
        ("👍👍", False),
        ("", False),
    ],
)
def test_a_message_in_two_languages_is_mixed(text: str, mixed: bool) -> None:
    assert is_mixed(text) is mixed
