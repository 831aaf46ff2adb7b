"""The reading model: its file, its training, windows, and what it adds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cbtguard.lab.risk.lines import Line, read_folder
from cbtguard.lab.risk.otherwise import otherwise, unpointed
from cbtguard.lab.risk.tune import states_of, tune
from cbtguard.safety.errors import DataError
from cbtguard.safety.risk import LearnedDetector, Level, Subject
from cbtguard.safety.risk.features import passages
from cbtguard.safety.risk.learned import DATA, SENSE
from cbtguard.safety.risk.neural import Reader, parse
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
    ("text", "plain"),
    [
        ("i gave the cat away, and my coat.", "i gave the cat away and my coat"),
        ("no one would notice - really", "no one would notice really"),
        ("so tired of it all...", "so tired of it all"),
        ("At 3.30, what then?", "At 3.30 what then?"),
        ("...", "..."),
    ],
)
def test_stops_go_and_numbers_and_questions_keep_their_signs(text: str, plain: str) -> None:
    assert unpointed(text) == plain


def test_lines_said_otherwise_hold_their_words_and_talk_of_their_own_fold_only() -> None:
    lines = [
        Line(text=text, level=level, kinds=(), subject=Subject.SELF, type="x", origin="y")
        for text, level in [
            *((f"harmless talk number {n} of the first fold", Level.NONE) for n in range(40)),
            *((f"calm words number {n} of the other fold", Level.NONE) for n in range(40)),
            *((f"nobody will miss me, day {n}", Level.CRISIS) for n in range(40)),
        ]
    ]
    part = np.array([0] * 40 + [1] * 40 + [0, 1] * 20)
    texts = [line.text if n != 7 else None for n, line in enumerate(lines)]
    said = otherwise(lines, texts, part)
    assert said == otherwise(lines, texts, part)
    assert said[7] is None
    changed = 0
    for number, (line, new) in enumerate(zip(lines, said, strict=True)):
        if number == 7:
            continue
        assert new is not None
        assert unpointed(line.text) in unpointed(new)
        changed += new != line.text
        stranger = "other fold" if part[number] == 0 else "first fold"
        assert stranger not in new
    assert changed > 40
