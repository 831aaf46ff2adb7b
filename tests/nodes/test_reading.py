"""Reading a question: problems, feelings and thinking habits, each with the words that show it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cbtguard.nodes.reading import read, reader
from cbtguard.nodes.reading.reader import emotion_name
from cbtguard.nodes.retrieval.note import vocabulary
from cbtguard.safety.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

ANY = st.text(alphabet=st.characters(codec=None, exclude_categories=()), max_size=150)

SHOWN = [
    ("我连续一个月失眠，躺在床上睡不着", "problems", "sleep", "失眠"),
    ("我連續一個月失眠，躺在床上睡不著", "problems", "sleep", "失眠"),
    ("I can't sleep at night", "problems", "sleep", None),
    ("和女朋友分手了，我很难过", "problems", "breakup", "分手"),
    ("我好焦虑", "emotions", "anxious", "焦虑"),
    ("I feel so LONELY", "emotions", "lonely", "LONELY"),
    ("İ feel so lonely", "emotions", "lonely", "lonely"),
]


@pytest.mark.parametrize(("text", "what", "label", "evidence"), SHOWN)
def test_read(text: str, what: str, label: str, evidence: str | None) -> None:
    found = {finding.label: finding for finding in getattr(read(text), what)}
    assert label in found
    assert evidence is None or evidence in found[label].evidence


@pytest.mark.parametrize("text", ["", "12345", "今天天气不错。", "\n\n", "the the the"])
def test_nothing_is_read_into_nothing(text: str) -> None:
    reading = read(text)
    assert reading.emotions == ()
    assert reading.distortions == ()


@settings(deadline=None)
@given(ANY)
@example("İ" * 40 + "我好焦虑，总是失眠")
@example("\ud800我好焦虑")
def test_evidence_is_the_words_at_its_place_and_the_strongest_comes_first(text: str) -> None:
    reading = read(text)
    assert read(text) == reading
    for several in (reading.problems, reading.emotions, reading.distortions):
        weights = [finding.weight for finding in several]
        assert weights == sorted(weights, reverse=True)
        assert len({finding.label for finding in several}) == len(several)
        for finding in several:
            assert finding.evidence == text[finding.start : finding.end] != ""


def test_repeated_words_count_more() -> None:
    once = read("我好焦虑").emotions[0]
    often = read("我好焦虑，真的焦虑，一直焦虑").emotions[0]
    assert often.weight > once.weight
    assert (often.start, often.end) == (once.start, once.end)


def test_tables_speak_the_vocabulary() -> None:
    assert set(reader._table("problems")) <= set(vocabulary().problems)
    assert set(reader._table("distortions")) <= set(vocabulary().distortions)


@pytest.mark.parametrize("what", ["problems", "emotions", "distortions"])
def test_no_pattern_matches_nothing(what: str) -> None:
    assert [label for label, (pattern, _) in reader._table(what).items() if pattern.search("")] == []


def test_every_feeling_has_its_names() -> None:
    for label in reader._table("emotions"):
        names = {emotion_name(label, lang, noun=noun) for lang in ("zh-Hans", "en") for noun in (False, True)}
        assert all(names)


@pytest.mark.parametrize("entry", ["lonely: {zh: a}", "lonely: {zh: '(', en: a}", "lonely: text"])
def test_a_malformed_table_names_file_and_entry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, entry: str
) -> None:
    (tmp_path / "odd.yaml").write_text(entry, encoding="utf-8")
    monkeypatch.setattr(reader, "_DATA", tmp_path)
    with pytest.raises(DataError, match="lonely") as caught:
        reader._table("odd")
    assert "odd.yaml" in caught.value.message
