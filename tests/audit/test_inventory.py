"""The inventory: complete, up to date, and it says in words what is missing."""

from __future__ import annotations

import re

import pytest
import yaml

from cbtguard.audit.case import Suite
from cbtguard.audit.inventory import PARTS, look, names, read_inventory
from cbtguard.audit.inventory.book import FILE, part_of
from cbtguard.audit.inventory.differ import differences
from cbtguard.audit.inventory.suite import inventory_cases
from cbtguard.audit.inventory.witness import texts_for
from cbtguard.safety.errors import DataError
from cbtguard.safety.risk.rules import rule_book

QUICK = (
    "rules",
    "levels",
    "checker",
    "prefix",
    "privacy",
    "vault",
    "lines",
    "texts",
    "limits",
    "routes",
    "wiring",
    "stops",
    "record",
)
SLOW = tuple(one for one in PARTS if one not in QUICK)


@pytest.mark.parametrize("part", QUICK)
def test_the_inventory_is_up_to_date(part: str) -> None:
    """Who changes a part changes its inventory in the same commit: ``cbtguard audit inventory --write``."""
    kept = read_inventory()[part]
    assert yaml.safe_load(yaml.safe_dump(part_of(part).take(), allow_unicode=True)) == kept


@pytest.mark.slow
@pytest.mark.parametrize("part", SLOW)
def test_the_slower_parts_are_as_they_should_be(part: str) -> None:
    assert [one for one in look((part,)) if one.what] == []


def test_every_rule_of_the_screen_has_an_entry() -> None:
    assert {name for _, name in names(("rules",))} == {rule.id for rule in rule_book().rules}


@pytest.mark.parametrize(
    ("part", "name", "changed", "told"),
    [
        ("lines", "cn-12356", {"contact": "12357"}, "contact: is '12356' where it should be '12357'"),
        ("limits", "generations", 9, "is 3 where it should be 9"),
        ("rules", "zh.suicide.word", {"says": ["天气真好"]}, "the rule no longer sees '天气真好'"),
        ("routes", "after_retrieve, 0 notes", "compose", "is 'refer' where it should be 'compose'"),
        ("record", "an entry holds no sentence", False, "this does not hold"),
    ],
)
def test_a_difference_is_told_in_words(part: str, name: str, changed: object, told: str) -> None:
    expected = read_inventory()[part][name]
    wanted = {**expected, **changed} if isinstance(changed, dict) else changed
    assert told in "; ".join(part_of(part).differs(name, wanted))


def test_what_is_gone_is_missing() -> None:
    assert part_of("lines").differs("cn-no-such-line", {}) == ["it is missing"]


def test_numbers_with_a_fraction_may_differ_a_little_and_whole_ones_not() -> None:
    assert differences(0.5, 0.51) == []
    assert differences(0.5, 0.6) == ["is 0.6 where it should be 0.5"]
    assert differences(3, 4) == ["is 4 where it should be 3"]
    assert differences(["a", "b"], ["a"]) == ["1 where there should be 2; missing: 'b'"]


@pytest.mark.parametrize("pattern", ["ab?c", "(?:跳楼|割腕)(?:了|吧)?", r"[^a]b\d{2}", "(?<=想)死(?!党)"])
def test_texts_are_made_that_a_pattern_matches(pattern: str) -> None:
    made = list(texts_for(pattern))
    assert made == list(texts_for(pattern))
    assert any(re.search(pattern, text) or re.search(pattern, f"想{text}") for text in made)


def test_each_entry_is_a_case_with_an_id_of_its_own() -> None:
    cases = inventory_cases()
    assert len({case.id for case in cases}) == len(cases) == len(names())
    assert {case.suite for case in cases} == {Suite.INVENTORY}


def test_an_unknown_part_and_a_broken_file_are_typed_errors(tmp_path: object) -> None:
    with pytest.raises(DataError, match="no part"):
        part_of("nothing")
    assert FILE.is_file()
