"""Keys, near-duplicates, groups and splits: nothing leaks from one split into another."""

from __future__ import annotations

import itertools
from collections import defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cbtguard.lab.build.alike import find_alike, likeness, nearest_across
from cbtguard.lab.build.plan import Plan, Sharing, Task, plan, sharing_of
from cbtguard.lab.build.question import Question
from cbtguard.safety.errors import InputError

WORDS = ("睡不着", "工作", "妈妈", "总觉得", "不够好", "考试", "朋友", "害怕", "周末", "吵架", "手机", "每天")


def questions(texts: list[str]) -> list[Question]:
    return [Question(number=n, id="", question=text, description="") for n, text in enumerate(texts, 1)]


def planned(texts: list[str], **sharing: float) -> Plan:
    return plan(questions(texts), Sharing(shares=(0.5, 0.25, 0.25), **sharing))  # type: ignore[arg-type]


texts = st.lists(st.lists(st.sampled_from(WORDS), min_size=3, max_size=9).map("".join), max_size=40)


@given(texts)
@settings(deadline=None, max_examples=60)
def test_no_two_alike_lie_in_different_splits(given_texts: list[str]) -> None:
    whole = planned(given_texts)
    for (one, first), (two, second) in itertools.combinations(zip(whole.rows, given_texts, strict=True), 2):
        share = likeness(first, second)
        if share >= 0.5:
            assert one.split == two.split
            assert one.group == two.group
        if share >= 0.8:
            assert one.job.task is Task.SCREEN or two.job.task is Task.SCREEN
    kept = [row for row in whole.rows if row.repeats < 0]
    sides = [row.split for row in kept]
    assert nearest_across([row.job.question.message for row in kept], sides) < 0.5


@given(texts, st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=30)
def test_the_order_of_the_source_moves_no_question(given_texts: list[str], order: object) -> None:
    mixed = list(given_texts)
    order.shuffle(mixed)  # type: ignore[attr-defined]
    splits: dict[str, set[str]] = defaultdict(set)
    for row in (*planned(given_texts).rows, *planned(mixed).rows):
        splits[row.job.question.message].add(row.split)
    assert all(len(found) == 1 for found in splits.values())


@given(texts)
@settings(deadline=None, max_examples=30)
def test_keys_and_ids_are_unique_and_steady(given_texts: list[str]) -> None:
    whole, again = planned(given_texts * 2), planned(given_texts * 2)
    keys = [row.job.key for row in whole.rows]
    assert len(set(keys)) == len(keys) == 2 * len(given_texts)
    assert len({row.id for row in whole.rows}) == len(keys)
    assert whole == again
    # A question that was asked before is the same job, whatever comes behind it.
    assert keys[: len(given_texts)] == [row.job.key for row in planned(given_texts).rows]


def test_ids_that_come_twice_or_look_so() -> None:
    asked = [
        Question(number=n, id=name, question=f"{WORDS[n]}{WORDS[n + 1]}{WORDS[n + 2]}", description="")
        for n, name in enumerate(("a", "a#2", "a", "a", "b"))
    ]
    ids = [row.id for row in plan(asked, Sharing()).rows]
    assert ids == ["a", "a#2", "a#3", "a#4", "b"]


def test_what_makes_no_difference_to_likeness() -> None:
    first = "考试前一定会拉肚子，平时练习都好好的！"
    found = find_alike(
        [
            first,
            "考試前一定會拉肚子……平時練習都好好的",
            "考试前一定会拉肚子，平時練習都好好的",
            "老公不做家务",
        ]
    )
    assert found.repeats == (-1, 0, 0, -1)
    assert found.groups == (0, 0, 0, 3)
    assert likeness("ＡＢＣＤ efg", "abcd-EFG") == 1.0
    assert find_alike([]).groups == ()
    assert find_alike(["！？", "……"]).repeats == (-1, 0)


def test_more_seeds_more_splits() -> None:
    names = [f"{n:032x}" for n in range(400)]
    one = [Sharing(seed=1).split_of(name) for name in names]
    assert one == [Sharing(seed=1).split_of(name) for name in names]
    assert one != [Sharing(seed=2).split_of(name) for name in names]
    assert 340 <= one.count("train") <= 380
    assert set(one) == {"train", "valid", "test"}


@pytest.mark.parametrize(
    ("shares", "repeat", "group"),
    [
        ("90,5", 0.8, 0.5),
        ("a,b,c", 0.8, 0.5),
        ("0,0,0", 0.8, 0.5),
        ("9,-1,1", 0.8, 0.5),
        ("nan,1,1", 0.8, 0.5),
        ("8,1,1", 0.5, 0.8),
        ("8,1,1", 1.2, 0.5),
        ("8,1,1", 0.8, 0.0),
    ],
)
def test_shares_that_cannot_be_used(shares: str, repeat: float, group: float) -> None:
    with pytest.raises(InputError) as caught:
        sharing_of(shares, 0, repeat, group)
    assert caught.value.code == "input.split"
