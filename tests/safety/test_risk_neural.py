"""The reading model: its file, its training, windows, and what it adds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cbtguard.lab.risk.lines import read_folder
from cbtguard.lab.risk.tune import states_of, tune
from cbtguard.safety.errors import DataError
from cbtguard.safety.risk import LearnedDetector
from cbtguard.safety.risk.features import passages
from cbtguard.safety.risk.learned import DATA, SENSE
from cbtguard.safety.risk.neural import Reader, parse, unpointed
from cbtguard.safety.risk.normalise import normalise
from cbtguard.safety.risk.weights import HEADS

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader(parse((DATA / SENSE).read_bytes()))


def test_the_file_is_small_and_holds_no_code() -> None:
    content = (DATA / SENSE).read_bytes()
    assert len(content) < 4_500_000
    assert parse(content).dump() == parse(parse(content).dump()).dump()


@pytest.mark.parametrize("keep", [0, 100, 50_000])
def test_a_damaged_file_is_refused(keep: int) -> None:
    with pytest.raises(DataError) as caught:
        parse((DATA / SENSE).read_bytes()[:keep])
    assert caught.value.code == "data.malformed"


def test_the_version_of_the_detector_names_the_file(tmp_path: Path) -> None:
    model = tmp_path / "model.npz"
    model.write_bytes((DATA / "model.npz").read_bytes())
    alone = LearnedDetector(model)
    (tmp_path / "with").mkdir()
    both = tmp_path / "with" / "model.npz"
    both.write_bytes(model.read_bytes())
    (tmp_path / "with" / SENSE).write_bytes((DATA / SENSE).read_bytes())
    assert alone.version != LearnedDetector(both).version
    assert LearnedDetector(both).version == LearnedDetector().version


def test_one_row_a_text_whatever_its_length(reader: Reader) -> None:
    logits = reader.logits(["我想睡了", "i am fine", "", "很累。" * 600])
    assert logits.shape == (4, len(HEADS))
    assert np.isfinite(logits).all()


def test_a_batch_gives_what_each_text_gives_alone(reader: Reader) -> None:
    texts = ["把猫托付给你了，钥匙在门口的盆里", "今天作业好多", "everyone would be better off without me"]
    together = reader.logits(texts)
    for text, row in zip(texts, together, strict=True):
        assert np.abs(reader.logits([text])[0] - row).max() < 0.6


def test_it_tells_danger_from_its_look_alikes(reader: Reader) -> None:
    grave = reader.logits(
        ["nobody will have to worry about me after sunday", "i wrote the letters and gave my dog away"]
    )
    calm = reader.logits(
        ["nobody has to worry about the car on sunday", "i wrote the letters and walked my dog"]
    )
    assert grave[:, 0].mean() > calm[:, 0].mean()


@pytest.mark.slow
def test_tuning_gives_the_same_bytes(tmp_path: Path) -> None:
    corpus = DATA.parents[2] / "lab" / "risk" / "corpus"
    lines = read_folder(corpus)[::60]
    plain = [normalise(line.text).text if line.language == "en" else None for line in lines]
    states = states_of(plain, lambda _: None)
    first = tune(lines, states, epochs=1, say=lambda _: None)
    again = tune(lines, states, epochs=1, say=lambda _: None)
    assert first.dump() == again.dump()


@given(
    st.lists(
        st.sampled_from(["我很累。", "今天下雨，路上堵车，迟到了。", "I am tired. ", "好！", "长" * 300]),
        max_size=40,
    )
)
@settings(max_examples=80, deadline=None)
def test_passages_cover_all_and_overlap_little(parts: list[str]) -> None:
    text = "".join(parts)
    spans = passages(text)
    covered = np.zeros(len(text), int)
    for span in spans:
        covered[span.start : span.end] += 1
    words = [place for place, char in enumerate(text) if not char.isspace()]
    assert all(covered[place] >= 1 for place in words)
    assert covered.max(initial=0) <= 3
    assert sum(span.end - span.start for span in spans) <= 3 * len(text) + 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("i gave the cat away, and my coat", "i gave the cat away and my coat."),
        ("no one would notice - really", "no one would notice really"),
        ("so tired of it all...", "so tired of it all"),
    ],
)
def test_pointing_says_nothing(one: str, other: str, reader: Reader) -> None:
    assert unpointed(one) == unpointed(other)
    assert reader.logits([one]).tolist() == reader.logits([other]).tolist()


def test_numbers_and_questions_keep_their_signs() -> None:
    assert unpointed("At 3.30, what then?") == "At 3.30 what then?"


def test_a_sentence_among_others_is_judged_by_itself_too(reader: Reader) -> None:
    grave = "I keep thinking nobody would notice if I went to sleep and did not wake up."
    talk = "We had pizza with the neighbours. The new bus line is handy. My phone needs a new battery."
    alone, among, nothing = reader.logits([grave, f"{talk} {grave} {talk}", f"{talk} {talk}"])[:, 0]
    assert among > nothing
    assert alone - among < (alone - nothing) / 2
