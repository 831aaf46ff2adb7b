"""Measures of answers: likeness, the composer's report, the benches of checker, streaming and scale."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from cbtguard.lab.answer_bench import _fitted, _of_length, check, stream
from cbtguard.lab.bench import MESSAGES
from cbtguard.lab.evaluate.composer import alike, measure, read_asked
from cbtguard.lab.plots import Line, chart
from cbtguard.lab.retrieval.scale import synthetic
from cbtguard.nodes.retrieval import index
from cbtguard.nodes.retrieval.encoder import EmbeddedEncoder
from cbtguard.nodes.retrieval.hybrid import HybridRetriever
from cbtguard.nodes.retrieval.note import NoteLibrary
from cbtguard.safety.structure.checker import StructureChecker

if TYPE_CHECKING:
    from pathlib import Path


def test_alike_finds_the_pair_that_is() -> None:
    said = "先停在这一句。把它写下来，看看有没有别的解释，再定一个很小的下一步。"
    found = alike([said, "完全不同的另一段话，讲的是睡觉和散步。", said + "好。"], ["a", "b", "c"])
    assert found.worst is not None
    assert {found.worst.first, found.worst.second} == {"a", "c"}
    assert found.worst.likeness > 0.8
    assert found.pairs == 1
    assert (found.alike.hits, found.alike.total) == (2, 3)


def test_alike_agrees_with_counting_by_hand() -> None:
    texts = ["abcdef", "abcdxx", "zzzz"]
    grams = [{text[i : i + 4] for i in range(len(text) - 3)} for text in texts]
    hand = len(grams[0] & grams[1]) / len(grams[0] | grams[1])
    found = alike(texts, ["1", "2", "3"])
    assert found.worst is not None
    assert found.worst.likeness == pytest.approx(hand, abs=1e-4)


@pytest.mark.parametrize("texts", [[], ["one"]])
def test_too_few_answers_are_like_none(texts: list[str]) -> None:
    assert alike(texts, [str(n) for n in range(len(texts))]).worst is None


def test_the_composers_answers_hold_all_parts(tmp_path: Path) -> None:
    rows = [{"text": text} for text in (*MESSAGES, MESSAGES[0], "怎么做红烧肉？")]
    path = tmp_path / "asked.jsonl"
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8")
    library = NoteLibrary()
    retriever = HybridRetriever(library, EmbeddedEncoder())
    report = measure(read_asked(path), retriever, library, StructureChecker())
    assert (report.answered.hits, report.answered.total) == (4, 5)
    assert {name: share.value for name, share in report.parts.items()} == dict.fromkeys(report.parts, 1.0)
    assert report.cited.value == 1.0
    assert report.likeness.pairs == 0


def test_the_checker_bench_draws_its_plot(tmp_path: Path) -> None:
    lines = list(check(MESSAGES, 5, tmp_path))
    assert lines[-1].endswith("check-latency.svg")
    assert (tmp_path / "check-latency.svg").read_text(encoding="utf-8").startswith("<?xml")


def test_answers_are_cut_and_drawn_out() -> None:
    answer = "\n\n".join(("一" * 40, "二" * 40 + "。" + "二" * 30 + "。", "三" * 40))
    assert [len(_of_length(answer, n)) for n in (50, 1000)] == [50, 1000]
    assert len(_fitted("\n\n".join(["句子。" * 300, "尾。"]))) <= 502


@pytest.mark.slow
def test_checked_words_leave_before_the_model_ends() -> None:
    first, *times = list(stream(MESSAGES, 5, None))
    assert first.startswith("5 of 5")
    p50 = [float(line.split("p50")[1].split()[0]) for line in times]
    assert p50[0] < p50[1] < p50[2] <= p50[3]


def test_the_same_figures_draw_the_same_file(tmp_path: Path) -> None:
    line = Line(name="p50", x=[1.0, 10.0], y=[2.0, 3.0])
    drawn = [
        chart(tmp_path / name, [line], title="t", x="x", y="y", limit=("aim", 4.0)).read_bytes()
        for name in ("a.svg", "b.svg")
    ]
    assert drawn[0] == drawn[1]


def test_synthetic_notes_are_of_shipped_parts() -> None:
    shipped = tuple(NoteLibrary())
    made = list(synthetic(shipped, 20))
    cues = {cue for note in shipped for cue in (*note.cues.zh, *note.cues.en)}
    assert len({note.id for note in made}) == 20
    assert all({*note.cues.zh, *note.cues.en} <= cues for note in made)


@pytest.mark.slow
def test_a_large_index_finds_what_a_small_one_does(monkeypatch: pytest.MonkeyPatch) -> None:
    library, encoder = NoteLibrary(), EmbeddedEncoder()
    small = index.build(library, encoder)
    monkeypatch.setattr(index, "_MANY", 100)
    monkeypatch.setattr(index, "_LOOKED_AT", 45)
    large = index.build(library, encoder)
    assert large.means is not None
    same = 0
    for text in MESSAGES:
        query = index.centred(encoder.queries([text]), small.centre)[0]
        exact, near = small.nearest(query), large.nearest(query)
        same += exact.argmax() == near.argmax()
        looked_at = near > -1
        assert looked_at.sum() == 45
        assert np.allclose(exact[looked_at], near[looked_at], atol=2e-3)
    # Half of the notes is looked at closely, after a rough look at all.
    assert same >= len(MESSAGES) - 1
