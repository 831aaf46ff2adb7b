"""Thinking habits: the learned reading holds its floors, names its words, and trains to the same bytes."""

from __future__ import annotations

from pathlib import Path

import pytest

from cbtguard.lab.evaluate.distortions import DistortionReport, Marked, measure, read_marked
from cbtguard.lab.reading.train import EXAMPLES, read_sentences, train
from cbtguard.nodes.reading import read
from cbtguard.nodes.reading.habits import MODEL, habits
from cbtguard.nodes.retrieval.note import vocabulary
from cbtguard.safety.errors import DataError
from cbtguard.safety.risk.normalise import normalise

FILE = Path(__file__).parents[1] / "data" / "distortions.jsonl"


@pytest.fixture(scope="module")
def held() -> list[Marked]:
    return [text for text in read_marked(FILE) if text.set == "held"]


@pytest.fixture(scope="module")
def report(held: list[Marked]) -> DistortionReport:
    return measure(held)


def test_the_file_is_large_and_both_halves_have_all_labels(held: list[Marked]) -> None:
    marked = read_marked(FILE)
    assert len(marked) >= 300
    assert sum(not text.labels for text in marked) >= 60
    assert sum(len(text.labels) > 1 for text in marked) >= 50
    assert sum(text.id.startswith("zh") for text in marked) >= 200
    for half in ([t for t in marked if t.set == "tune"], held):
        assert {label for text in half for label in text.labels} == set(vocabulary().distortions)


def test_the_held_half_is_read_well_enough(report: DistortionReport) -> None:
    assert report.macro_f1 >= 0.65
    assert report.micro_f1 >= 0.65
    assert report.any.value >= 0.70
    assert report.clean.value >= 0.65


def test_no_habit_is_lost(report: DistortionReport) -> None:
    assert {name: round(score.f1, 2) for name, score in report.labels.items() if score.f1 < 0.5} == {}


def test_no_text_of_the_measure_is_trained_on() -> None:
    trained = {normalise(sentence.text).text for sentence in read_sentences(EXAMPLES)}
    assert [text.id for text in read_marked(FILE) if normalise(text.text).text in trained] == []


@pytest.mark.parametrize(
    ("text", "label", "words"),
    [
        ("今天开会大家都没说话，他们肯定都在心里笑话我", "mind_reading", "笑话"),
        ("昨天加班到很晚，回家路上下雨了。我就是个没用的废物", "labeling", "废物"),
        ("I went for a walk. I'm going to be alone forever, I just know it.", "fortune_telling", "alone"),
    ],
)
def test_the_words_that_show_a_habit_are_named(text: str, label: str, words: str) -> None:
    found = {finding.label: finding for finding in read(text).distortions}
    assert label in found
    assert words in found[label].evidence
    assert text[found[label].start : found[label].end] == found[label].evidence


def test_a_long_letter_is_read_by_its_words_alone() -> None:
    letter = "今天早上我去了公园，看见很多人在跑步。" * 20 + "我就是个没用的废物，什么都做不好。"
    labels = {finding.label for finding in read(letter).distortions}
    assert labels <= set(vocabulary().distortions)


def test_the_model_is_small_and_knows_every_distortion() -> None:
    assert MODEL.stat().st_size < 300_000
    assert set(habits().labels) == set(vocabulary().distortions)


@pytest.mark.slow
def test_training_runs_on_the_shipped_sentences() -> None:
    said: list[str] = []
    assert train(read_sentences(EXAMPLES), said.append).labels == habits().labels
    assert len(said) == 2


def test_a_damaged_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cut.npz"
    path.write_bytes(MODEL.read_bytes()[:4000])
    with pytest.raises(DataError) as caught:
        habits(path)
    assert caught.value.code == "data.malformed"
    with pytest.raises(DataError) as caught:
        habits(tmp_path / "missing.npz")
    assert caught.value.code == "data.unreadable"


@pytest.mark.parametrize("line", ["no_such_habit\t文字", "labeling\t", "labeling 没有制表符"])
def test_a_malformed_sentence_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "x.tsv").write_text(f"-\t今天天气不错\n{line}\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"x\.tsv is malformed at line 2"):
        read_sentences(tmp_path)
