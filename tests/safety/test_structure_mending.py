"""What a failed draft needs, where it goes, and how much of an unfinished one may be read."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cbtguard.safety.files import read_yaml
from cbtguard.safety.structure import Part, Review, StructureChecker, plan, releasable, spliced
from cbtguard.safety.structure.mending import complete, frozen, paragraphs, regions

CHECKER = StructureChecker()
ANSWERS = Path(__file__).parents[1] / "data" / "structure_answers.yaml"
SOCIAL = next(answer for answer in read_yaml(ANSWERS)["sound"] if answer["id"] == "zh-social")
QUESTION = SOCIAL["question"]
BLOCKS = [SOCIAL["parts"][part.value] for part in Part]
SOUND = "\n\n".join(BLOCKS)


def review(text: str) -> Review:
    return CHECKER.check(QUESTION, text, language="zh-Hans")


def test_the_material_has_a_paragraph_for_each_part() -> None:
    assert len(BLOCKS) == len(Part)
    assert review(SOUND).passed


@pytest.mark.parametrize("part", list(Part))
def test_a_missing_part_is_what_is_planned_and_put_in(part: Part) -> None:
    place = list(Part).index(part)
    without = "\n\n".join(BLOCKS[:place] + BLOCKS[place + 1 :])
    found = review(without)
    needed = plan(without, found)
    assert part in needed.parts
    assert not needed.whole
    mended = spliced(without, found, {p: BLOCKS[list(Part).index(p)] for p in needed.parts})
    assert BLOCKS[place] in mended
    if needed.parts == (part,):
        assert mended == SOUND


def test_harm_in_one_paragraph_costs_that_part_alone() -> None:
    text = "\n\n".join([*BLOCKS[:3], BLOCKS[3] + "想开点，别矫情。", BLOCKS[4]])
    found = review(text)
    assert plan(text, found).parts == (Part.STRATEGY,)
    assert spliced(text, found, {Part.STRATEGY: BLOCKS[3]}) == SOUND


@pytest.mark.parametrize(
    "text",
    ["", "好的。", "Sleep well and all will be fine. " * 12, "想开点。" * 60],
    ids=["empty", "short", "other language", "loop"],
)
def test_a_useless_draft_is_written_anew(text: str) -> None:
    assert plan(text, review(text)).whole


def test_every_character_belongs_to_one_part() -> None:
    spans = list(regions(SOUND, review(SOUND)).values())
    assert spans[0].start == 0
    assert spans[-1].end == len(SOUND)
    assert all(a.end == b.start for a, b in pairwise(spans))


@given(st.lists(st.sampled_from(BLOCKS), min_size=1, max_size=6), st.sampled_from(list(Part)))
@settings(max_examples=60, deadline=None)
def test_splicing_keeps_all_other_words(blocks: list[str], part: Part) -> None:
    text = "\n\n".join(blocks)
    found = review(text)
    where = regions(text, found)
    mended = spliced(text, found, {part: "新的一段。"})
    assert mended.count("新的一段。") == 1
    kept = [text[span.start : span.end].strip() for other, span in where.items() if other is not part]
    assert all(words in mended for words in kept)


@given(st.integers(min_value=0, max_value=len(SOUND)))
@settings(max_examples=80, deadline=None)
def test_only_whole_parts_at_the_beginning_are_released(length: int) -> None:
    beginning = SOUND[: complete(SOUND[:length])]
    end = releasable(beginning, CHECKER.prefix(QUESTION, beginning, language="zh-Hans"))
    assert 0 <= end <= len(beginning)
    released = SOUND[:end]
    assert not released or released.rstrip().endswith(tuple("。！？”"))


def test_more_is_released_as_more_is_written() -> None:
    ends = []
    for length in range(0, len(SOUND), 10):
        beginning = SOUND[: complete(SOUND[:length])]
        ends.append(releasable(beginning, CHECKER.prefix(QUESTION, beginning, language="zh-Hans")))
    assert ends == sorted(ends)
    assert len(set(ends)) >= 4
    assert max(ends) < len(SOUND)


def test_nothing_is_released_behind_harm() -> None:
    beginning = "想开点，别矫情。" + SOUND
    assert releasable(beginning, CHECKER.prefix(QUESTION, beginning, language="zh-Hans")) == 0


def test_what_was_read_is_frozen() -> None:
    found = review(SOUND)
    starts = {part: span.start for part, span in regions(SOUND, found).items()}
    read = starts[Part.CHALLENGE]
    assert frozen(SOUND, read, [Part.KEY_THOUGHT], found)
    assert not frozen(SOUND, read, [Part.STRATEGY], found)
    assert not frozen(SOUND, 0, list(Part), found)


def test_a_writer_asked_for_one_part_is_cut_when_it_goes_on() -> None:
    assert paragraphs("一。\n\n二。\n\n三。") == "一。\n\n二。"
