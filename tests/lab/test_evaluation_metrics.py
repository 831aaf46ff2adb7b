"""Metrics over answers, held against the libraries that define them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from bert_score.utils import greedy_cos_idf
from krippendorff import alpha as reference_alpha
from nltk.stem.porter import PorterStemmer
from nltk.translate.meteor_score import single_meteor_score
from sacrebleu import corpus_bleu, corpus_chrf
from sklearn.metrics import cohen_kappa_score

from cbtguard.lab.evaluation.agreement import krippendorff_alpha, weighted_kappa
from cbtguard.lab.evaluation.bertscore import bertscore, matched
from cbtguard.lab.evaluation.bleurt import bleurt, scored
from cbtguard.lab.evaluation.grounding import grounding
from cbtguard.lab.evaluation.overlap import NoSynonyms, Unstemmed, meteor, overlap
from cbtguard.lab.evaluation.pairs import read_pairs
from cbtguard.lab.evaluation.score import LeftOut, Score, markdown, mean
from cbtguard.lab.evaluation.states import load_states
from cbtguard.lab.evaluation.variety import distinct, structure, variety
from cbtguard.lab.evaluation.words import words
from cbtguard.nodes.retrieval.encoder import EmbeddedEncoder
from cbtguard.nodes.retrieval.note import NoteLibrary
from cbtguard.nodes.writers import Composer, WritingTask
from cbtguard.safety.e5.engine import engine
from cbtguard.safety.errors import DataError, DependencyError, SettingsError
from cbtguard.safety.segmenter import segmenter

if TYPE_CHECKING:
    from pathlib import Path

ROWS = [
    (
        "zh",
        "最近总睡不着",
        "睡前先把担心写下来，再留十五分钟去想。",
        "把担心的事写在纸上，睡前留一刻钟去想它。",
    ),
    ("zh", "考试没考好", "一次没考好不等于你不行。", "这次没有考好，不能说明你这个人不行。"),
    (
        "en",
        "I can't sleep",
        "Write your worries down before bed.",
        "Before bed, write down what is worrying you.",
    ),
    (
        "en",
        "I failed the exam",
        "One exam says little about you.",
        "One failed exam says nothing about who you are.",
    ),
]


@pytest.fixture
def pairs(tmp_path: Path):
    path = tmp_path / "answers.jsonl"
    rows = [
        {"id": str(n), "question": q, "answer": a, "reference": r, "language": language}
        for n, (language, q, a, r) in enumerate(ROWS)
    ]
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8")
    return read_pairs([path])


def by_name(found, name: str, group: str) -> Score:
    [score] = [s for s in found if isinstance(s, Score) and (s.name, s.group) == (name, group)]
    return score


@pytest.mark.parametrize(("language", "tokeniser"), [("zh", "zh"), ("en", "13a")])
def test_bleu_and_chrf_are_those_of_sacrebleu(pairs, language: str, tokeniser: str):
    found = list(overlap(pairs))
    own = [(a, r) for some, _, a, r in ROWS if some == language]
    answers, references = [a for a, _ in own], [[r for _, r in own]]
    expected = corpus_bleu(answers, references, tokenize=tokeniser).score
    score = by_name(found, "BLEU", language)
    assert score.value == pytest.approx(expected, abs=1e-6)
    assert f"tok:{tokeniser}" in score.how
    expected = corpus_chrf(answers, references).score
    assert by_name(found, "chrF", language).value == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("language", "question", "answer", "reference"), ROWS)
def test_meteor_is_that_of_nltk(language: str, question: str, answer: str, reference: str):
    if language == "zh":
        cut = [[word for word, _ in segmenter().run(text)] for text in (reference, answer)]
        stemmer = Unstemmed()
    else:
        cut = [words(text, "en") for text in (reference, answer)]
        stemmer = PorterStemmer()
    expected = single_meteor_score(*cut, stemmer=stemmer, wordnet=NoSynonyms())
    assert meteor(answer, reference, language) == pytest.approx(expected, abs=1e-6)
    assert meteor(answer, answer, language) > meteor(answer, reference, language)
    assert meteor("", reference, language) == 0.0


def test_english_words_meet_by_their_stems():
    assert meteor("worries", "worried", "en") > 0 == meteor("担心", "发愁", "zh")


def test_bertscore_is_that_of_bert_score():
    drawn = np.random.default_rng(3)
    for said, wanted in ((5, 9), (12, 4), (3, 3)):
        a = drawn.normal(size=(said, 16)).astype(np.float32)
        b = drawn.normal(size=(wanted, 16)).astype(np.float32)
        # bert-score gives the marks of start and end the weight 0, and works in place.
        weights = [torch.tensor([[0.0, *[1.0] * (len(x) - 2), 0.0]]) for x in (b, a)]
        masks = [torch.ones(1, len(x), dtype=torch.long) for x in (b, a)]
        expected = greedy_cos_idf(
            torch.from_numpy(b.copy())[None], masks[0], weights[0],
            torch.from_numpy(a.copy())[None], masks[1], weights[1],
        )  # fmt: skip
        found = matched(a, b)
        assert [found.precision, found.recall, found.f1] == pytest.approx(
            [float(value) for value in expected], abs=1e-6
        )
    assert matched(a[:2], b).f1 == 0.0


def test_the_embedded_encoder_gives_what_the_engine_does():
    text = "query: 最近总是睡不着，担心工作"
    pooled = load_states(layer=12).states([text])[0].mean(axis=0)
    cosine = float(pooled / np.linalg.norm(pooled) @ engine().encode([text])[0])
    assert cosine > 0.998


@pytest.fixture(scope="module")
def states():
    return load_states(layer=4)


def test_nearer_answers_score_higher(pairs, states):
    found = list(bertscore(pairs, states))
    assert 0.5 < by_name(found, "BERTScore F1", "zh").value < 1
    same, other, empty = states.states(["一次没考好不等于你不行。", "红烧肉要小火慢炖。", ""])
    assert matched(same, same).f1 == pytest.approx(1, abs=1e-5)
    assert matched(same, other).f1 < 0.9
    assert matched(same, empty).f1 == 0.0


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> Path:
    """A BERT of the smallest size with one output, as a BLEURT checkpoint has it."""
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast  # noqa: PLC0415

    folder = tmp_path_factory.mktemp("tiny")
    (folder / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefgh"]))
    BertTokenizerFast(vocab=str(folder / "vocab.txt")).save_pretrained(folder)
    torch.manual_seed(1)
    config = BertConfig(
        vocab_size=13,
        hidden_size=8,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=16,
        num_labels=1,
    )
    BertForSequenceClassification(config).save_pretrained(folder)
    return folder


def test_any_encoder_of_this_machine_serves(tiny: Path):
    encoder = load_states(str(tiny), layer=1)
    assert [state.shape for state in encoder.states(["a b c", "d"])] == [(5, 8), (3, 8)]
    with pytest.raises(SettingsError, match="no layer 9"):
        load_states(str(tiny), layer=9)
    with pytest.raises(DependencyError):
        load_states(str(tiny / "absent"))


def test_bleurt_is_read_from_a_checkpoint_or_left_out(pairs, tiny: Path):
    from transformers import AutoModelForSequenceClassification, AutoTokenizer  # noqa: PLC0415

    tokenizer = AutoTokenizer.from_pretrained(tiny)
    model = AutoModelForSequenceClassification.from_pretrained(tiny).eval()
    with torch.inference_mode():
        expected = float(model(**tokenizer("a b", "c d", return_tensors="pt")).logits[0, 0])
    assert scored(tiny, [("a b", "c d")]) == pytest.approx([expected], abs=1e-6)
    [left] = bleurt(pairs, None)
    assert isinstance(left, LeftOut)
    assert left.name == "BLEURT"


def test_without_references_overlap_is_left_out_by_name(tmp_path: Path, states):
    path = tmp_path / "a.jsonl"
    path.write_text('{"id": 1, "question": "睡不着", "answer": "写下来"}', encoding="utf-8")
    found = [*overlap(read_pairs([path])), *bertscore(read_pairs([path]), states)]
    assert [entry.name for entry in found if isinstance(entry, LeftOut)] == [
        "BLEU",
        "chrF",
        "METEOR",
        "BERTScore",
    ]


@pytest.mark.parametrize(
    "line",
    [
        '{"id": 1}',
        '{"id": 1, "question": 2, "answer": "a"}',
        '{"id": 1, "question": "q", "answer": null}',
        "[]",
    ],
)
def test_a_row_of_another_form_is_named(tmp_path: Path, line: str):
    path = tmp_path / "a.jsonl"
    path.write_text(line, encoding="utf-8")
    with pytest.raises(DataError, match="row 1"):
        read_pairs([path])


def test_an_id_stands_once(tmp_path: Path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"id": 1, "question": "q", "answer": "a"}\n' * 2, encoding="utf-8")
    with pytest.raises(DataError, match="two answers"):
        read_pairs([path])


def test_distinct_counts_different_runs():
    assert distinct([["a", "b", "a"], ["a"]], 1) == 0.5
    assert distinct([["a", "b", "a", "b"]], 2) == pytest.approx(2 / 3)
    assert distinct([["a"]], 2) == 0.0


def test_parts_defects_length_and_grounding_of_a_composed_answer(tmp_path: Path):
    library = NoteLibrary()
    question = "最近工作压力很大，晚上总是睡不着，一直担心项目做不完。"
    notes = library.pick(["worry-time"])
    draft = Composer().compose(WritingTask(question=question, language="zh-Hans", notes=notes))
    path = tmp_path / "a.jsonl"
    rows = [{"id": 1, "question": question, "answer": draft.text, "citations": list(draft.citations)}]
    rows.append({"id": 2, "question": question, "answer": "想开点就好了。"})
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8")
    pairs = read_pairs([path])
    from cbtguard.safety.structure import StructureChecker  # noqa: PLC0415 - loads the model

    found = [
        *variety(pairs),
        *structure(pairs, StructureChecker()),
        *grounding(pairs, library, EmbeddedEncoder()),
    ]
    assert by_name(found, "all five parts", "").value == 0.5
    assert by_name(found, "passed", "").value == 0.5
    assert any(s.name.startswith("defect ") for s in found if isinstance(s, Score))
    assert by_name(found, "characters", "zh").value == (len(draft.text) + 7) / 2
    assert by_name(found, "grounding", "zh").value > 0.3 > by_name(found, "grounding by chance", "zh").value


def test_a_mean_has_the_same_interval_each_time():
    score = mean("x", [0.0, 1.0, 1.0, 0.0, 1.0], how="h")
    assert score == mean("x", [0.0, 1.0, 1.0, 0.0, 1.0], how="h")
    assert score.low is not None
    assert score.high is not None
    assert score.low < score.value == 0.6 < score.high
    text = markdown([score], [LeftOut(name="y", why="z")])
    assert "| x |  | 0.6000 |" in text
    assert "Left out: y: z" in text


@pytest.mark.parametrize("weights", ["linear", "quadratic"])
def test_kappa_is_that_of_sklearn(weights: str):
    drawn = np.random.default_rng(5)
    for _ in range(5):
        a, b = (drawn.integers(0, 5, 40).tolist() for _ in range(2))
        expected = cohen_kappa_score(a, b, weights=weights, labels=range(5))
        assert weighted_kappa(a, b, labels=range(5), weights=weights) == pytest.approx(expected, abs=1e-9)
    assert weighted_kappa([1, 1], [1, 1], labels=range(3)) is None
    assert weighted_kappa([], [], labels=range(3)) is None


@pytest.mark.parametrize("level", ["nominal", "ordinal", "interval"])
def test_alpha_is_that_of_krippendorff(level: str):
    drawn = np.random.default_rng(6)
    for _ in range(5):
        table = drawn.integers(0, 4, (3, 20)).astype(float)
        table[drawn.random(table.shape) < 0.2] = np.nan
        expected = reference_alpha(reliability_data=table, level_of_measurement=level)
        own = [[None if np.isnan(v) else float(v) for v in row] for row in table]
        assert krippendorff_alpha(own, level=level) == pytest.approx(expected, abs=1e-9)
    assert krippendorff_alpha([[1.0, None], [None, 2.0]]) is None
