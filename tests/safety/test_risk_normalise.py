"""Normalisation: disguises end in one spelling, innocent text stays, every character knows its origin."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
import yaml
from hypothesis import assume, given
from hypothesis import strategies as st

from cbtguard.safety.errors import DataError
from cbtguard.safety.risk import normalise as module
from cbtguard.safety.risk.normalise import Normalised, normalise

if TYPE_CHECKING:
    from pathlib import Path

ANY = st.text(alphabet=st.characters(codec=None, exclude_categories=()), max_size=120)
# Signs, digits, letters and characters that the rewriting steps look for.
TRICKY = st.text(
    alphabet="自杀殺死想去4似s.u i*c·_-k l1@$!|zZ Ａé\u200b\u0301😂🔪不活著妳\ud800\n，。", max_size=60
)

PLAIN = {
    "width": ("ＫＩＬＬ　ｍｅ", "kill me"),
    "case": ("KiLL Me", "kill me"),
    "script": ("自殺", "自杀"),
    "regional spelling": ("活著沒甚麼意思", "活着没什么意思"),
    "zero width": ("自\u200b杀\ufeff", "自杀"),
    "soft hyphen": ("sui\u00adcide", "suicide"),
    "combining marks": ("s\u0301u\u0308icide", "suicide"),
    "accents": ("suïcidé", "suicide"),
    "ligature": ("ﬁne", "fine"),
    "mathematical letters": ("𝓴𝓲𝓵𝓵", "kill"),
    "sign between": ("自*杀", "自杀"),
    "dot between": ("自·杀", "自杀"),
    "several signs": ("自 ** 杀", "自杀"),
    "space inside a word": ("自 杀", "自杀"),
    "all characters apart": ("我 想 去 死", "我想去死"),
    "dotted letters": ("s.u.i.c.i.d.e", "suicide"),
    "spaced letters": ("k i l l myself", "kill myself"),
    "leet": ("su1c1d3", "suicide"),
    "homophone": ("想似了", "想死了"),
    "number code": ("想4了", "想死了"),
    "pinyin": ("zisha", "自杀"),
    "abbreviation": ("kms", "kill myself"),
    "masked letter": ("su*cide", "suicide"),
    "contraction": ("I dont wanna live", "i don't want to live"),
    "emoji": ("拿着🔪", "拿着刀"),
    "one character a line": ("我\n不\n想\n活\n了", "我不想活了"),
    "drawn out": ("好累累累累累，soooo tired", "好累,so tired"),
    "drawn out, doubled": ("i will killlll him", "i will kill him"),
    "marks repeated": ("不想活了！！！", "不想活了!"),
    "half in pinyin": ("我想跳lou", "我想跳楼"),
    "pinyin apart": ("一起去 tiao lou", "一起去 跳楼"),
    "pinyin beside Chinese": ("我写好了，nong yao也买了", "我写好了,农药也买了"),
    "same sound": ("不相活了", "不想活了"),
    "initials": ("我bxhl", "我不想活了"),
    "another word for oneself": ("偶不想活了", "我不想活了"),
    "internet spelling": ("我木有想自杀", "我没有想自杀"),
    "dialect": ("我莫得想法", "我没有想法"),
    "words run together by signs": ("k i l l m y s e l f", "kill myself"),
    "digits first": ("3nd my l1fe", "end my life"),
    "masked letters": ("su**ide", "suicide"),
    "slip of typing": ("i will kill msyelf", "i will kill myself"),
}
KEPT = [
    "很烦 不想活",
    "紫砂壶",
    "我今天很累。",
    "2024年3月",
    "b4 you go",
    "想四个问题",
    "价格是 3.5 元",
    "我和他*都*很好",
    "e.g. this one",
    "a - b",
    "这一窝小猫",
    "儿子杀鸡",
    "挑楼层",
    "草木有情",
    "我活不下去似的",
    "他叫yi shu",
    "偶尔想一想",
    "这个字啥意思",
    "it overdoes the salt",
    "a**hole",
    "h8 you",
    "哈哈哈",
]


CHANGED = {"我和他*都*很好": "我和他都很好", "哈哈哈": "哈哈"}
"""What goes is no word."""


@pytest.mark.parametrize(("raw", "plain"), PLAIN.values(), ids=PLAIN)
def test_disguises_end_in_the_plain_spelling(raw: str, plain: str) -> None:
    assert normalise(raw).text == plain


@pytest.mark.parametrize("text", [text for text in KEPT if text not in CHANGED])
def test_innocent_text_stays(text: str) -> None:
    assert normalise(text).text.replace(",", "，") == text


@pytest.mark.parametrize(("text", "plain"), CHANGED.items())
def test_innocent_text_keeps_its_words(text: str, plain: str) -> None:
    assert normalise(text).text == plain


@pytest.mark.parametrize(
    ("raw", "part", "original"),
    [
        ("我想自*杀了", "自杀", "自*杀"),
        ("我真的 kms 了", "kill myself", "kms"),
        ("I will S.U.I.C.I.D.E today", "suicide", "S.U.I.C.I.D.E"),
        ("甲ﬁ乙", "fi", "ﬁ"),
        ("自\u200b\u200b杀。", "自杀", "自\u200b\u200b杀"),
        ("e\u0301te\u0301", "ete", "e\u0301te"),
        ("想似了", "死", "似"),
    ],
)
def test_parts_map_back_to_the_words_that_were_written(raw: str, part: str, original: str) -> None:
    plain = normalise(raw)
    start = plain.text.index(part)
    first, last = plain.original(start, start + len(part))
    assert raw[first:last] == original


@given(st.one_of(ANY, TRICKY))
def test_every_character_knows_its_origin(text: str) -> None:
    plain = normalise(text)
    assert len(plain.text) == len(plain.starts) == len(plain.ends)
    assert all(0 <= a < b <= len(text) for a, b in zip(plain.starts, plain.ends, strict=True))
    assert list(plain.starts) == sorted(plain.starts)
    if plain.text:
        assert 0 <= plain.original(0, 1)[0] <= plain.original(0, len(plain.text))[1] <= len(text)


DRAWN = re.compile(r"(.)\1\1|([！？。])\2|(?:^|\n).\n.(?:\n|$)")
"""What is drawn out, or stands one character a line, is not plain."""


@given(st.text(alphabet="我你他很累难过今天工作家人朋友睡觉吃饭，。！？\n", max_size=80))
def test_plain_chinese_is_left_as_it_is(text: str) -> None:
    assume(not DRAWN.search(text))
    assert normalise(text).text.replace("!", "！").replace("?", "？").replace(",", "，") == text


def test_an_empty_span_maps_to_a_place() -> None:
    assert normalise("").original(0, 0) == (0, 0)
    assert normalise("abc").original(1, 1) == (1, 1)
    assert normalise("abc").original(3, 3) == (2, 2)
    assert Normalised("", (), ()).original(0, 4) == (0, 0)


@pytest.mark.parametrize(
    "repeated", ["自*", "k i ", "s.", "*", "4", "zisha", "kms ", "😂", "\u200b", "想4", " "]
)
def test_long_repetitions_end(repeated: str) -> None:
    assert len(normalise(repeated * 5000).starts) <= 100_000


@pytest.mark.parametrize(
    ("entry", "named"),
    [
        ({"pattern": "("}, "Entry 2"),
        ({"pattern": "(", "means": "x"}, "Entry 2"),
        ({"pattern": "(a)", "means": "x"}, "Entry 2"),
        ("text", "Entry 2"),
        ({"means": "x"}, "Entry 2"),
    ],
)
def test_a_malformed_code_names_file_and_entry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, entry: object, named: str
) -> None:
    (tmp_path / "data").mkdir()
    entries = [{"pattern": "zs", "means": "自杀"}, entry]
    (tmp_path / "data" / "codes.yaml").write_text(
        yaml.safe_dump(entries, allow_unicode=True), encoding="utf-8"
    )
    monkeypatch.setattr(module, "__file__", str(tmp_path / "normalise.py"))
    module._code_table.cache_clear()
    try:
        with pytest.raises(DataError, match=named) as caught:
            normalise("abc")
    finally:
        module._code_table.cache_clear()
    assert caught.value.code == "data.malformed"
    assert "codes.yaml" in caught.value.message
