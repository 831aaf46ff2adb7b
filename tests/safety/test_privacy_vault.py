"""The vault: one value, one placeholder, for good; nothing leaks from it."""

from __future__ import annotations

import copy
import json
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cbtguard.safety.errors import InputError
from cbtguard.safety.privacy import EntityType, Vault

LOST = [
    "<人名7>",
    "<电话7>",
    "<证件号7>",
    "<邮箱7>",
    "<地址7>",
    "<学校7>",
    "<单位7>",
    "<Name7>",
    "<Phone7>",
    "<QQ7>",
]
SAME = [
    (EntityType.PERSON, "張偉", "张伟"),
    (EntityType.PERSON, "Tom Smith", "tom  smith"),
    (EntityType.PERSON, "张 伟", "张伟"),
    (EntityType.PERSON, "Ｔｏｍ", "Tom"),
    (EntityType.PHONE, "138-0013-8000", "１３８００１３８０００"),
    (EntityType.BANK_CARD, "4111 1111 1111 1111", "4111111111111111"),
    (EntityType.RESIDENT_ID, "11010519491231002X", "11010519491231002x"),
    (EntityType.EMAIL, "A@Example.com", "a@example.com"),
]
DIFFERENT = [
    (EntityType.PERSON, "张伟", "张玮"),
    (EntityType.PHONE, "13800138000", "13800138001"),
    (EntityType.ADDRESS, "文三路12号", "文三路1 2号楼"),
]


@pytest.mark.parametrize(("kind", "first", "second"), SAME)
def test_one_value_written_in_two_ways_has_one_placeholder(kind: EntityType, first: str, second: str) -> None:
    vault = Vault()

    assert vault.placeholder(kind, first, "zh") == vault.placeholder(kind, second, "zh")
    assert vault.values == {first, second}
    assert vault.counters == {kind.value: 1}


@pytest.mark.parametrize(("kind", "first", "second"), DIFFERENT)
def test_two_values_have_two_placeholders(kind: EntityType, first: str, second: str) -> None:
    vault = Vault()

    assert vault.placeholder(kind, first, "zh") != vault.placeholder(kind, second, "zh")


def test_numbers_run_over_both_languages() -> None:
    vault = Vault()

    given_out = [
        vault.placeholder(EntityType.PERSON, "张伟", "zh"),
        vault.placeholder(EntityType.PERSON, "Tom", "en"),
        vault.placeholder(EntityType.PERSON, "张伟", "en"),
        vault.placeholder(EntityType.PHONE, "13800138000", "zh"),
    ]

    assert given_out == ["<人名1>", "<Name2>", "<Name1>", "<电话1>"]
    assert vault.restore("<Name1>、<人名2>、<电话1>") == "张伟、Tom、13800138000"


@pytest.mark.parametrize("written", ["<人名1>", "＜人名1＞", "< 人名 1 >", "<name1>", "<NAME 1>"])
def test_a_placeholder_bent_by_a_model_still_comes_back(written: str) -> None:
    vault = Vault()
    vault.placeholder(EntityType.PERSON, "陈浩", "zh")

    assert vault.restore(f"你提到{written}。") == "你提到陈浩。"


@pytest.mark.parametrize("placeholder", LOST)
def test_a_lost_value_becomes_a_neutral_word(placeholder: str) -> None:
    restored = Vault({"PERSON": 9}).restore(f"({placeholder})")

    assert "<" not in restored
    assert "7" not in restored
    assert len(restored) > 3


@pytest.mark.parametrize("text", ["<b>", "1 < 2 > 0", "<人名>", "<人名x>", "人名1", "<路人1>"])
def test_what_is_no_placeholder_stays(text: str) -> None:
    assert Vault().restore(text) == text


def test_a_lost_vault_never_gives_a_number_out_again() -> None:
    first = Vault()
    old = {first.placeholder(EntityType.PERSON, name, "zh") for name in ("张伟", "李娜", "王芳")}
    counters = json.loads(json.dumps(first.counters))

    second = Vault(counters)
    new = second.placeholder(EntityType.PERSON, "赵磊", "zh")

    assert new == "<人名4>"
    assert new not in old
    assert second.restore("<人名1>") == "那个人"
    assert second.restore("<Name1>") == "that person"


@pytest.mark.parametrize("counters", [{"NOBODY": 1}, {"PERSON": -1}, {"PERSON": True}, {"PERSON": "3"}])
def test_counters_that_no_vault_wrote_are_refused(counters: dict[str, int]) -> None:
    with pytest.raises(InputError) as caught:
        Vault(counters)

    assert caught.value.code == "input.counters"


def test_nothing_shows_or_pickles_the_values() -> None:
    vault = Vault()
    vault.placeholder(EntityType.PERSON, "欧阳雪", "zh")

    assert "欧阳雪" not in repr(vault) + str(vault) + f"{vault}" + repr(vault.counters)
    assert not hasattr(vault, "__dict__")
    for copier in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError) as caught:
            copier(vault)
        assert "欧阳雪" not in str(caught.value)


def test_restored_values_are_not_read_again() -> None:
    vault = Vault()
    vault.placeholder(EntityType.PERSON, "<人名2>", "zh")
    vault.placeholder(EntityType.PERSON, "张伟", "zh")

    assert vault.restore("<人名1>") == "<人名2>"


values = st.text(st.characters(exclude_characters="<>＜＞"), min_size=1, max_size=12).filter(str.strip)


@given(st.lists(st.tuples(st.sampled_from(EntityType), values, st.sampled_from(["zh", "en"])), max_size=12))
def test_every_placeholder_comes_back_as_it_was_first_written(
    rows: list[tuple[EntityType, str, str]],
) -> None:
    vault = Vault()
    first: dict[tuple[EntityType, str], str] = {}
    for kind, value, language in rows:
        placeholder = vault.placeholder(kind, value, language)
        again = vault.placeholder(kind, value, language)
        assert again == placeholder
        number = "".join(char for char in placeholder if char.isdigit())
        original = first.setdefault((kind, number), value)
        assert vault.restore(f"…{placeholder}…") == f"…{original}…"
    assert vault.values == {value for _, value, _ in rows}
    assert sum(vault.counters.values()) == len(first)


@given(st.text(max_size=200))
def test_restore_takes_any_text(text: str) -> None:
    vault = Vault()
    vault.placeholder(EntityType.PERSON, "张伟", "zh")

    assert vault.restore(text + "<人名1>").endswith("张伟")
