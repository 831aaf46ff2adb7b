"""Which notes fit, learned: the file, the training, and what happens without it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from cbtguard.lab.retrieval.train import EXAMPLES, Example, read_examples, train
from cbtguard.nodes.retrieval.affinity import MODEL, affinity
from cbtguard.nodes.retrieval.encoder import EmbeddedEncoder
from cbtguard.nodes.retrieval.hybrid import HybridRetriever, read_parts
from cbtguard.nodes.retrieval.note import NoteLibrary
from cbtguard.nodes.retrieval.words import Terms
from cbtguard.safety.errors import DataError
from cbtguard.safety.risk.normalise import normalise

if TYPE_CHECKING:
    from pathlib import Path

IDS = ("sleep-stimulus-control", "exam-anxiety", "anger-pause")


def _examples() -> tuple[Example, ...]:
    """Some of the shipped examples, few enough to train on in a second, and some that no note fits."""
    wanted = [e for e in read_examples(EXAMPLES, frozenset(n.id for n in NoteLibrary())) if e.notes]
    chosen = [e for e in wanted if e.notes[0] in IDS][:60]
    known = tuple(Example(text=e.text, notes=tuple(n for n in e.notes if n in IDS)) for e in chosen)
    everything = read_examples(EXAMPLES, frozenset(n.id for n in NoteLibrary()))
    return known + tuple([e for e in everything if not e.notes][:10])


@pytest.mark.slow
def test_training_gives_the_same_bytes_and_learns() -> None:
    examples = _examples()
    first, _, _ = train(examples, IDS, lambda _: None)
    again, _, _ = train(examples, IDS, lambda _: None)
    assert first.dump() == again.dump()
    encoder = EmbeddedEncoder()
    right = 0
    for example in examples:
        state = encoder.middle(read_parts(example.text))
        chances, _ = first.probabilities(normalise(example.text).text, state)
        right += not example.notes or IDS[int(chances.argmax())] in example.notes
    assert right >= 0.9 * len(examples)


def test_every_note_has_examples_in_both_languages() -> None:
    notes = {note.id for note in NoteLibrary()}
    examples = read_examples(EXAMPLES, frozenset(notes))
    for han in (True, False):
        own = [e for e in examples if any("\u4e00" <= char <= "\u9fff" for char in e.text) is han]
        counts = {note: sum(note in e.notes for e in own) for note in notes}
        assert min(counts.values()) >= 20, min(counts, key=lambda note: counts[note])


def test_the_shipped_model_knows_every_shipped_note() -> None:
    assert set(affinity().ids) == {note.id for note in NoteLibrary()}
    assert affinity().encoder == EmbeddedEncoder().name
    assert MODEL.stat().st_size < 4_000_000


def test_a_damaged_model_is_refused(tmp_path: Path) -> None:
    for name, content in (("cut.npz", MODEL.read_bytes()[:5000]), ("text.npz", b"not a model")):
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(DataError) as caught:
            affinity(path)
        assert caught.value.code == "data.malformed"
    with pytest.raises(DataError) as caught:
        affinity(tmp_path / "missing.npz")
    assert caught.value.code == "data.unreadable"


@pytest.mark.parametrize("line", ["no-such-note\t问题", "worry-time\t", "worry-time 没有制表符"])
def test_a_malformed_example_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "x.tsv").write_text(f"-\t今天天气不错\n{line}\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"x\.tsv is malformed at line 2"):
        read_examples(tmp_path, frozenset({"worry-time"}))


class OtherEncoder(EmbeddedEncoder):
    def __init__(self) -> None:
        super().__init__()
        self.name = "other"


@pytest.mark.slow
def test_with_another_encoder_the_learned_part_is_left_out() -> None:
    retriever = HybridRetriever(NoteLibrary(), OtherEncoder())
    assert "+" not in retriever.name
    hits = retriever.retrieve("最近总是失眠，一躺下就想很多工作上的事")
    assert hits
    assert "sleep" in "".join(hit.note_id for hit in hits)


def test_scores_lie_between_0_and_1() -> None:
    retriever = HybridRetriever(NoteLibrary(), EmbeddedEncoder())
    for text in ("", "嗯", "我好焦虑" * 400, "I can't sleep", "🙂"):
        scores = retriever.scores(text)
        assert scores.shape == (len(NoteLibrary()),)
        assert np.isfinite(scores).all()
        assert scores.min() >= 0
        assert scores.max() <= 1


def test_known_words_are_found_longest_first() -> None:
    terms = Terms(["考试", "考试焦虑", "焦虑", "睡眠", "worry", "考"])
    assert terms.find("我有考试焦虑，睡眠不好") == ["考试焦虑", "考试", "焦虑", "睡眠"]
    assert terms.find("worrying") == ["worry"]
    assert terms.find("") == []
