"""Text as it comes in: bounded, valid, cut into sentences that lose nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cbtguard.safety.errors import InputError
from cbtguard.safety.text import MAX_CHARACTERS, clause_start, clean, lowered, sentences

# Any code point, lone surrogates included.
ANY = st.text(alphabet=st.characters(codec=None, exclude_categories=()), max_size=200)

CLEANED = [
    ("我很累。", "我很累。"),
    ("a\x00b", "a b"),
    ("a\x1b[31mb", "a [31mb"),
    ("a\x85b", "a b"),
    ("a\ud800b", "a\ufffdb"),
    ("a\uffffb", "a b"),
    ("line\r\n\tnext", "line\r\n\tnext"),
    ("👨‍👩‍👧 家", "👨‍👩‍👧 家"),
]
EMPTY = [
    "",
    " ",
    "\n\t\r",
    "\u3000",
    "\u200b\ufeff",
    "\xa0\u2003",
    "\x00\x07",
    "\ud800\udfff",
    "\u2060 \u200e",
]
SPLIT = [
    ("我很累。真的！怎么办？", ["我很累。", "真的！", "怎么办？"]),
    ("等等……好吧", ["等等……", "好吧"]),
    ("“你好。”他说", ["“你好。”", "他说"]),
    ("a\n\nb", ["a\n\n", "b"]),
    ("Hello there. I am fine.", ["Hello there.", " I am fine."]),
    ("It took 3.5 hours. ok", ["It took 3.5 hours.", " ok"]),
    ("See www.example.org now", ["See www.example.org now"]),
    ("我很 sad. 真的", ["我很 sad.", " 真的"]),
    ("\n \n", []),
    ("", []),
]


@pytest.mark.parametrize(("raw", "expected"), CLEANED)
def test_clean_replaces_unsafe_characters_one_for_one(raw: str, expected: str) -> None:
    assert clean(raw) == expected
    assert len(clean(raw)) == len(raw)


@pytest.mark.parametrize("raw", EMPTY)
def test_clean_refuses_text_without_anything_to_read(raw: str) -> None:
    with pytest.raises(InputError) as caught:
        clean(raw)
    assert caught.value.code == "input.empty"


@pytest.mark.parametrize("raw", [None, 7, b"text", ["text"]])
def test_clean_refuses_what_is_not_text(raw: object) -> None:
    with pytest.raises(InputError) as caught:
        clean(raw)
    assert caught.value.code == "input.not_text"


def test_clean_takes_the_longest_text_and_refuses_one_character_more() -> None:
    assert len(clean("字" * MAX_CHARACTERS)) == MAX_CHARACTERS
    with pytest.raises(InputError) as caught:
        clean("秘密" * MAX_CHARACTERS)
    assert caught.value.code == "input.too_long"
    assert "秘密" not in str(caught.value)
    with pytest.raises(InputError):
        clean("abcd", limit=3)


@given(ANY)
def test_clean_keeps_the_length_and_is_valid_unicode(raw: str) -> None:
    try:
        cleaned = clean(raw)
    except InputError:
        assert not any(char.isalnum() for char in raw)
        return
    assert len(cleaned) == len(raw)
    assert cleaned.encode("utf-8").decode("utf-8") == cleaned
    assert clean(cleaned) == cleaned


@pytest.mark.parametrize(("text", "expected"), SPLIT)
def test_sentences(text: str, expected: list[str]) -> None:
    assert [text[s.start : s.end] for s in sentences(text)] == expected


@given(ANY)
def test_sentences_are_in_order_and_lose_only_blanks(text: str) -> None:
    spans = sentences(text)
    place = 0
    for span in spans:
        assert place <= span.start < span.end <= len(text)
        assert text[span.start : span.end].strip()
        assert not text[place : span.start].strip()
        place = span.end
    assert not text[place:].strip()


@pytest.mark.parametrize(
    ("text", "position", "start"),
    [("我累，不想动", 5, 3), ("我累", 1, 0), ("a: b, c", 6, 5), ("一。二", 2, 2), ("一。二", 1, 0)],
)
def test_clause_start(text: str, position: int, start: int) -> None:
    assert clause_start(text, position) == start


@given(ANY)
def test_lowered_keeps_every_offset(text: str) -> None:
    low = lowered(text)
    assert len(low) == len(text)
    for before, after in zip(text, low, strict=True):
        assert after in {before, before.lower(), "ς"}


def test_lowered_lowers_around_a_letter_that_grows() -> None:
    assert lowered("İSTANBUL") == "İstanbul"
    assert lowered("I FEEL Sad") == "i feel sad"
