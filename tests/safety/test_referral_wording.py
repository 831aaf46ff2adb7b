"""An operator's own texts are held to the same rules as the shipped ones."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

import cbtguard.safety.referral.referrals as module
from cbtguard.safety.errors import DataError
from cbtguard.safety.language import Language
from cbtguard.safety.referral import FileDirectory, Referrals

SHIPPED = Path(module.__file__).parent / "data" / "texts"
DIRECTORY = FileDirectory()


@pytest.fixture
def texts(tmp_path):
    folder = tmp_path / "texts"
    shutil.copytree(SHIPPED, folder)
    return folder


def change(folder: Path, way: list[object], value: object, language: str = "zh-Hans") -> None:
    path = folder / f"{language}.yaml"
    data = yaml.safe_load(path.read_text("utf-8"))
    inner = data
    for step in way[:-1]:
        inner = inner[step]
    if value is ...:
        del inner[way[-1]]
    else:
        inner[way[-1]] = value
    path.write_text(yaml.safe_dump(data, allow_unicode=True, sort_keys=False), encoding="utf-8")


def test_an_operators_wording_is_used(texts):
    change(texts, ["crisis", "self", "suicide", "opening", 0], "谢谢你愿意说出这些。")
    referrals = Referrals(DIRECTORY, texts)
    referral = referrals.crisis(
        level="crisis", kinds=["suicide"], subject="self", region="CN", language="zh-Hans"
    )
    assert referral.text.startswith("谢谢你愿意说出这些。")
    assert referrals.is_vetted(referral.text)
    shipped = Referrals(DIRECTORY)
    assert not shipped.is_vetted(referral.text)
    assert shipped.version != referrals.version


OPENING = ["crisis", "self", "suicide", "opening", 0]


@pytest.mark.parametrize(
    ("way", "value"),
    [
        (OPENING, "一定会好起来的。"),
        (OPENING, "我保证有人接。"),
        (OPENING, "坚强一点。"),
        (OPENING, "请拨打 12345。"),
        (OPENING, "请拨打１２３。"),
        (OPENING, "我是真人，陪你聊。"),
        (OPENING, "我会替你保密。"),
        (OPENING, "不要去天台。"),
        (OPENING, "你患有抑郁症。"),
        (OPENING, "请拨打{number}。"),
        (OPENING, "请拨打{police!r}。"),
        (OPENING, "请拨打{police:>9}。"),
        (OPENING, "请拨打{police.id}。"),
        (OPENING, "请拨打{}。"),
        (OPENING, "请拨打{police。"),
        (OPENING, ""),
        (OPENING, " 你好"),
        (OPENING, 7),
        (OPENING, "好" * 400),
        (["crisis", "self", "suicide", "opening"], ["一", "二"]),
        (["crisis", "self", "suicide", "opening"], ["一", "二", "二"]),
        (["crisis", "self", "suicide", "opening"], ...),
        (["crisis", "self", "suicide", "also"], ...),
        (["crisis", "self", "suicide", "colour"], "红"),
        (["crisis", "self", "suicide"], ...),
        (["crisis", "self", "shared", "help", 0], "打电话，没接通就再打。"),
        (["crisis", "self", "shared", "people", 0], "请医生一起想办法。"),
        (["crisis", "self", "shared", "people", 0], "请告诉一个信得过的人。"),
        (["crisis", "self", "shared", "closing", 0], "可以接着写。"),
        (["crisis", "other"], ...),
        (["emergency"], ...),
        (["care"], ["{line}{emergency}"]),
        (["care", 0], "今天怎么样？"),
        (["fallback", "fault"], ...),
        (["fallback", "tail", 0], "请联系医生。"),
        (["safety_note", "suicide"], "你安全吗？"),
        (["language"], "en"),
        (["words", "bullet"], "{contact}"),
        (["words", "channels", "call"], ...),
        (["words", "languages"], []),
        (["last_resort", "contacts"], ["12356", "120"]),
        (["last_resort", "contacts"], ["12356", "120", "110", "findahelpline.com", "999"]),
        (["last_resort", "contacts"], "12356"),
        (["last_resort", "text"], "请拨打{police}。"),
        (["disclosure"], None),
    ],
)
def test_what_breaks_a_rule_is_refused(texts, way, value):
    change(texts, way, value)
    with pytest.raises(DataError) as caught:
        Referrals(DIRECTORY, texts)
    assert caught.value.code == "data.malformed"
    assert "zh-Hans.yaml" in caught.value.message


@pytest.mark.parametrize(
    "value",
    [
        "I promise it will pass.",
        "Everything will be fine.",
        "They committed suicide.",
        "Keep away from the bridge.",
        "I'm human too.",
        "You are depressed.",
    ],
)
def test_english_words_are_refused_as_whole_words(texts, value):
    change(texts, OPENING, value, "en")
    with pytest.raises(DataError):
        Referrals(DIRECTORY, texts)


def test_a_word_inside_another_is_no_refused_word(texts):
    change(texts, OPENING, "You have begun to say something properly heavy.", "en")
    assert Referrals(DIRECTORY, texts).version


@pytest.mark.parametrize("language", Language)
def test_every_language_must_be_there(texts, language):
    (texts / f"{language}.yaml").unlink()
    with pytest.raises(DataError) as caught:
        Referrals(DIRECTORY, texts)
    assert caught.value.code == "data.unreadable"
