"""Every referral text read by rules that can fail, and the page that shows it."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from click.testing import CliRunner

from cbtguard.lab.cli import lab_command
from cbtguard.lab.referrals.dimensions import Dimensions, read_dimensions
from cbtguard.lab.referrals.table import BEGIN, END, Row, put_into, render, rows
from cbtguard.safety.errors import DataError
from cbtguard.safety.referral import FileDirectory, Referral, Referrals
from cbtguard.safety.risk import Kind, Subject

PAGE = Path(__file__).parents[2] / "docs" / "referral-texts.md"
WHOLE = (
    "heard",
    "asks",
    "next",
    "line",
    "professional",
    "trusted",
    "grounding",
    "supportive",
    "boundary",
    "never",
)


@cache
def every() -> tuple[Row, ...]:
    return tuple(rows())


@cache
def dimensions() -> dict[str, Dimensions]:
    return read_dimensions()


@cache
def referrals() -> Referrals:
    return Referrals(FileDirectory())


def crisis(language: str, **change: str) -> Referral:
    call = {"level": "crisis", "kind": "suicide", "subject": "self"} | change
    return referrals().crisis(
        level=call["level"], kinds=[call["kind"]], subject=call["subject"], region="CN", language=language
    )


def test_no_text_falls_short() -> None:
    assert [one for row in every() for one in row.short] == []


@pytest.mark.parametrize("language", ["zh-Hans", "zh-Hant", "en"])
def test_every_level_subject_and_kind_is_read_whole(language: str) -> None:
    names = {row.name: row for row in every() if row.language == language}
    for level in ("crisis", "emergency"):
        for subject in Subject:
            for kind in Kind:
                row = names[f"{level}/{subject}/{kind}"]
                assert len(row.readings) == 21
                wanted = set(WHOLE) | ({"helps"} if subject == "other" else set())
                assert all(set(reading.found) == wanted for reading in row.readings)
    assert len(names) == 24 + 10 + 1 + 9 + 5


def test_the_page_is_what_the_command_writes() -> None:
    page = PAGE.read_text("utf-8")
    assert put_into(page, render(every())) == page


def test_the_command_prints_and_writes(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", encoding="utf-8")
    run = CliRunner().invoke(
        lab_command, ["referrals", "table", "--document", str(page)], standalone_mode=False
    )
    assert run.return_value == 0
    text = page.read_text("utf-8")
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")
    assert "old" not in text
    assert "crisis/self/suicide" in text


def test_a_page_without_a_place_is_refused() -> None:
    with pytest.raises(DataError) as caught:
        put_into("nothing", render(every()[:1]))
    assert caught.value.code == "data.malformed"


# --- the rules can fail -----------------------------------------------------------------------------------------

STUB = {"zh-Hans": "今天天气不错。", "zh-Hant": "今天天氣不錯。", "en": "The weather is nice today."}


@pytest.mark.parametrize("language", STUB)
@pytest.mark.parametrize("kind", Kind)
def test_small_talk_holds_nothing(language: str, kind: str) -> None:
    stub = replace(crisis(language), text=STUB[language])
    reading = dimensions()[language].read(stub, WHOLE, kind=kind, subject="other")
    assert set(reading.short) == {*WHOLE, "helps"} - {"never"}


@pytest.mark.parametrize(
    ("language", "gone", "dimension"),
    [
        ("zh-Hans", "？", "asks"),
        ("zh-Hant", "？", "asks"),
        ("en", "?", "asks"),
        ("zh-Hans", "医生|精神科|心理科", "professional"),
        ("zh-Hant", "醫生|精神科|身心科", "professional"),
        ("en", "doctor|mental health professional", "professional"),
        ("zh-Hans", "信得过", "trusted"),
        ("en", "you trust", "trusted"),
        ("zh-Hans", "双脚|吸气|呼气|脚踩", "grounding"),
        ("en", "feet|breath", "grounding"),
        ("zh-Hans", "程序|人工智能", "boundary"),
        ("en", "AI program|a program", "boundary"),
        ("zh-Hans", "12356|82951332|161-9995", "line"),
        ("en", "12356|82951332|161-9995", "line"),
        ("zh-Hans", "结束自己生命|想到死", "heard"),
        ("en", "dying|ending your life", "heard"),
    ],
)
def test_what_is_taken_out_is_missed(language: str, gone: str, dimension: str) -> None:
    whole = crisis(language)
    text = whole.text
    for word in gone.split("|"):
        text = text.replace(word, "…")
    found = dimensions()[language].read(replace(whole, text=text), WHOLE, kind="suicide")
    assert dimension in found.short
    assert dimensions()[language].read(whole, WHOLE, kind="suicide").short == ()


@pytest.mark.parametrize(
    ("language", "added"),
    [
        ("zh-Hans", "一定会好的。"),
        ("zh-Hans", "不要去天台。"),
        ("zh-Hant", "我保證。"),
        ("zh-Hant", "不要輕生。"),
        ("en", "I promise."),
        ("en", "Keep away from the bridge."),
        ("en", "Calm down."),
    ],
)
def test_what_is_added_is_seen(language: str, added: str) -> None:
    whole = crisis(language)
    found = dimensions()[language].read(replace(whole, text=f"{whole.text} {added}"), WHOLE, kind="suicide")
    assert found.short == ("never",)


def test_the_name_of_a_line_is_not_what_was_heard() -> None:
    whole = referrals().crisis(level="crisis", kinds=["abuse"], subject="self", region="US", language="en")
    assert "Suicide & Crisis Lifeline" in whole.text
    stub = replace(whole, text="988: Suicide & Crisis Lifeline")
    assert "heard" in dimensions()["en"].read(stub, ("heard",), kind="suicide").short


def test_a_row_that_falls_short_is_counted() -> None:
    row = every()[0]
    bad = dimensions()["zh-Hans"].read(replace(crisis("zh-Hans"), text="…"), WHOLE, kind="suicide")
    broken = replace(row, readings=(*row.readings, bad))
    assert broken.cell("asks") == "**21/22**"
    assert "zh-Hans crisis/self/suicide: asks" in broken.short


def test_a_language_without_its_patterns_is_refused() -> None:
    for data in (None, {}, {"heard": {}}):
        with pytest.raises(DataError) as caught:
            Dimensions("en", data)
        assert caught.value.code == "data.malformed"
