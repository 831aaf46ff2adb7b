"""The learned detector: same data same bytes, safe loading, long texts, places in the original."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cbtguard.lab.risk import fit as fitting
from cbtguard.lab.risk import folds as folding
from cbtguard.lab.risk import lines as corpus
from cbtguard.lab.risk.measure import Share
from cbtguard.lab.risk.thresholds import Bounds
from cbtguard.lab.risk.train import train
from cbtguard.safety.errors import DataError
from cbtguard.safety.risk import Kind, LearnedDetector, Level, RiskDetector, Subject
from cbtguard.safety.risk.features import pieces, windows
from cbtguard.safety.risk.learned import MODEL, raw
from cbtguard.safety.risk.normalise import normalise
from cbtguard.safety.risk.weights import HEADS, SCRIPTS, THRESHOLDS, load

CORPUS = Path(__file__).parents[2] / "lab" / "risk" / "corpus"
DETECTOR = LearnedDetector()
RISK = "药我都攒够了，今晚就走，别来找我。"
CALM = (
    "今天早上吃了豆浆油条。地铁上人很多，我站了一路。中午和同事去吃了面。下午开了两个会。"
    "晚上回家做了西红柿炒鸡蛋。猫在沙发上睡着了。周末打算去爬山。"
)


@pytest.fixture(scope="session")
def few_lines():
    lines = corpus.read_folder(CORPUS)
    return lines[:: max(1, len(lines) // 400)]


def test_is_a_detector():
    assert isinstance(DETECTOR, RiskDetector)
    assert DETECTOR.name == "learned"


@pytest.mark.slow
def test_training_twice_gives_the_same_bytes(few_lines):
    said: list[str] = []
    options = fitting.Options(size=20_000)
    first = train(few_lines, options, Bounds(), said.append).weights.dump()
    assert train(few_lines, options, Bounds(), said.append).weights.dump() == first
    assert said


def test_trained_weights_survive_the_file(few_lines, tmp_path):
    weights = fitting.fit(few_lines, fitting.Options(size=5_000))
    path = tmp_path / "model.npz"
    path.write_bytes(weights.dump())
    again, digest = load(path)
    assert len(digest) == 12
    for text in ("我想自杀", "i want to kill myself", "今天天气不错"):
        np.testing.assert_array_equal(again.logits(text), weights.logits(text))
    assert again.dump() == weights.dump()


def test_shipped_file_holds_no_pickle_and_is_small():
    assert MODEL.stat().st_size < 6_000_000
    with np.load(MODEL, allow_pickle=False) as file:
        assert not any(file[name].dtype.hasobject for name in file.files)
    weights, digest = load(MODEL)
    assert DETECTOR.version.startswith(f"learned-{digest}-")
    assert weights.table.shape == (len(weights.keys), len(HEADS))
    for script in SCRIPTS:
        named = weights.thresholds[script]
        assert set(named) == set(THRESHOLDS)
        assert named["crisis_hinted"] < named["crisis"] < named["crisis_softened"]
    assert weights.card["lines"]


def _arrays(**named):
    memory = io.BytesIO()
    np.savez(memory, **named)
    return memory.getvalue()


def _archive():
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as archive:
        archive.writestr("readme.txt", "nothing")
    return memory.getvalue()


def _flipped(content):
    middle = len(content) // 2
    return content[:middle] + bytes(b ^ 0xFF for b in content[middle : middle + 64]) + content[middle + 64 :]


DAMAGED = {
    "empty": lambda: b"",
    "text": lambda: b"not a model",
    "cut": lambda: MODEL.read_bytes()[: MODEL.stat().st_size // 2],
    "flipped": lambda: _flipped(MODEL.read_bytes()),
    "pickle": lambda: _arrays(keys=np.array([{"a": 1}], dtype=object)),
    "missing part": lambda: _arrays(keys=np.zeros(3, dtype=np.uint32)),
    "no arrays": _archive,
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_damaged_file_is_a_data_error(kind, tmp_path):
    path = tmp_path / "model.npz"
    path.write_bytes(DAMAGED[kind]())
    with pytest.raises(DataError) as caught:
        LearnedDetector(path)
    assert caught.value.code == "data.malformed"
    assert "model.npz" in caught.value.message


@pytest.mark.parametrize(
    "change",
    [
        {"keys": np.array([2, 1], dtype=np.uint32), "table": np.zeros((2, len(HEADS)), dtype=np.int8)},
        {"keys": np.array([1, 2], dtype=np.int64), "table": np.zeros((2, len(HEADS)), dtype=np.int8)},
        {"scales": np.full(len(HEADS), np.nan, dtype=np.float32)},
        {"biases": np.zeros(2, dtype=np.float32)},
        {"thresholds": {}},
        {"thresholds": {script: {} for script in SCRIPTS}},
    ],
    ids=["order", "numbers", "not a number", "shape", "no thresholds", "no names"],
)
def test_file_that_contradicts_itself_is_a_data_error(change, tmp_path):
    weights, _ = load(MODEL)
    path = tmp_path / "model.npz"
    path.write_bytes(replace(weights, **change).dump())
    with pytest.raises(DataError) as caught:
        LearnedDetector(path)
    assert caught.value.code == "data.malformed"


def test_missing_file_is_a_data_error(tmp_path):
    with pytest.raises(DataError) as caught:
        LearnedDetector(tmp_path / "none.npz")
    assert caught.value.code == "data.unreadable"


@pytest.mark.parametrize("place", ["start", "middle", "end"])
def test_risk_sentence_is_found_anywhere_in_a_long_text(place):
    half = len(CALM) // 2
    text = {
        "start": RISK + CALM * 4,
        "middle": CALM * 2 + RISK + CALM * 2,
        "end": CALM * 4 + RISK,
    }[place]
    assert DETECTOR.assess(CALM * 4).level is Level.NONE
    risk = DETECTOR.assess(text)
    assert risk.level.refers
    assert risk.kinds[0] is Kind.SUICIDE
    signal = risk.signals[0]
    assert signal.evidence in text
    assert "药我都攒够了" in signal.evidence
    assert len(signal.evidence) < half


def test_start_and_end_weigh_the_same():
    plain = [DETECTOR.read(normalise(text)) for text in (RISK + CALM, CALM + RISK)]
    assert plain[0].crisis == pytest.approx(plain[1].crisis, abs=0.1)


@pytest.mark.parametrize(
    "text",
    [
        "药我都攒够了，今晚就走，别来找我。",
        "藥我都攢夠了，今晚就走，別來找我。",
        "药\u200b我都\u200b攒够\u200b了，今晚就走，别来\u200b找我。",
        "\ufeff药我都攒够了，今晚就走，别来找我。",
        "ｔｈｅ ｒｏｐｅ ｉｓ ｒｅａｄｙ，药我都攒够了，今晚就走，别来找我。",
    ],
)
def test_span_maps_back_to_the_original(text):
    text = f"今天下雨了。{text}"
    risk = DETECTOR.assess(text)
    assert risk.level.refers
    for signal in risk.signals:
        assert signal.evidence == text[signal.start : signal.end]
        assert signal.detector == "learned"
        assert signal.rule == DETECTOR.version
        assert signal.reason
        assert signal.reason_zh
    assert normalise(risk.signals[0].evidence).text.endswith("别来找我。")


@given(st.text(max_size=300))
def test_any_text_is_read(text):
    reading = DETECTOR.read(normalise(text))
    for value in (reading.crisis, reading.watch, reading.emergency, reading.other):
        assert 0 <= value <= 1
    assert reading.watch >= reading.crisis
    risk = DETECTOR.assess(text)
    assert risk == DETECTOR.assess(text)
    for signal in risk.signals:
        assert 0 <= signal.start <= signal.end <= len(text)


@given(st.text(max_size=400))
def test_windows_cover_the_text(text):
    spans = windows(text)
    assert (spans[-1].start, spans[-1].end) == (0, len(text))
    parts = spans[:-1] or spans
    for at, char in enumerate(text):
        if not char.isspace():
            assert 1 <= sum(span.start <= at < span.end for span in parts) <= 3


@given(st.text(min_size=1, max_size=80))
def test_pieces_are_distinct_and_in_order(text):
    found = pieces(text)
    assert found.dtype == np.uint32
    assert (np.diff(found.astype(np.int64)) > 0).all()


def test_pieces_never_change():
    # A change here makes every trained model useless.
    assert [int(x) for x in pieces("我想 die")[:3]] == [203066606, 1215765145, 1477538739]


def test_number_of_pieces_is_linear_in_the_length():
    counts = [len(pieces("".join(chr(0x4E00 + i) for i in range(n)))) for n in (100, 200, 400)]
    assert counts[1] - counts[0] == pytest.approx((counts[2] - counts[1]) / 2, abs=5)


def test_words_share_pieces_with_their_other_forms():
    assert len(np.intersect1d(pieces("cutting"), pieces("cuts"))) > 0
    assert len(np.intersect1d(pieces("cutting"), pieces("shave"))) == 0


def test_near_duplicates_share_a_fold():
    texts = [f"第{number}个人说他喜欢{word}" for number, word in enumerate("甲乙丙丁戊己庚辛", 1)]
    texts += ["我昨天晚上一个人在江边走了很久很久，没有人知道我在想什么"]
    texts += ["我昨天晚上一个人在江边走了很久很久，没有人知道我在想什么呢！"]
    texts += ["我昨天晚上一個人在江邊走了很久很久，沒有人知道我在想什麼"]
    part = folding.folds(texts, 5)
    assert part[-1] == part[-2] == part[-3]
    assert set(part.tolist()) <= set(range(5))
    assert (folding.folds([*texts, "完全不一样的一句话"], 5)[: len(texts)] == part).all()


def test_corpus_is_well_formed():
    lines = corpus.read_folder(CORPUS)
    assert len(lines) > 5_000
    for line in lines:
        assert (line.level is Level.NONE) <= (line.subject is Subject.SELF)
        assert line.kinds or not line.level.refers


@pytest.mark.parametrize(
    "content",
    [
        "none\t-\tself\ttag\n",
        "grave\t-\tself\ttag\ttext\n",
        "none\t-\tself\ttag\ta\tb\n",
        "none\tx\tself\ttag\ttext\n",
    ],
)
def test_malformed_corpus_names_file_and_line(content, tmp_path):
    (tmp_path / "a.tsv").write_text("none\t-\tself\ttag\tfine\n" + content, encoding="utf-8")
    with pytest.raises(DataError) as caught:
        corpus.read_folder(tmp_path)
    assert caught.value.code == "data.malformed"
    assert "Line 2 of a.tsv" in caught.value.message


def test_empty_corpus_is_a_data_error(tmp_path):
    with pytest.raises(DataError) as caught:
        corpus.read_folder(tmp_path)
    assert caught.value.code == "data.unreadable"


def test_labelled_lines_leave_out_what_is_not_scored(tmp_path):
    path = tmp_path / "set.jsonl"
    path.write_text(
        '{"text": "a", "label": "crisis", "fine": "自伤行为", "origin": "x"}\n'
        '{"text": "b", "label": "ambiguous", "fine": ""}\n\n{"text": "c", "label": "no_crisis"}\n',
        encoding="utf-8",
    )
    lines = corpus.read_labelled(path)
    assert [(line.text, line.level, line.kinds, line.origin) for line in lines] == [
        ("a", Level.CRISIS, (Kind.SELF_HARM,), "set:x"),
        ("c", Level.NONE, (), "set:-"),
    ]
    path.write_text('{"text": "a"}\n', encoding="utf-8")
    with pytest.raises(DataError):
        corpus.read_labelled(path)


@pytest.mark.parametrize(
    ("hits", "total", "low", "high"),
    [(0, 0, 0.0, 1.0), (0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (50, 100, 0.4038, 0.5962)],
)
def test_wilson_interval(hits, total, low, high):
    assert Share(hits=hits, total=total).interval == pytest.approx((low, high), abs=1e-3)


@pytest.mark.parametrize("end", ["。", ".", "!", "……", "，", " "])
@pytest.mark.parametrize("text", ["药我都攒够了，今晚就走", "我把猫送人了", "i gave the cat away"])
def test_how_somebody_ends_a_sentence_changes_nothing(text: str, end: str) -> None:
    assert pieces(text + end).tolist() == pieces(text).tolist()


def test_a_question_is_not_a_statement() -> None:
    assert pieces("怎样才能不痛？").tolist() != pieces("怎样才能不痛").tolist()


@pytest.mark.parametrize("talk", ["中午的面有点咸。", "周末打算去爬山！", "猫在沙发上睡着了。"])
def test_what_stands_around_a_sentence_cannot_hide_it(talk: str) -> None:
    weights, _ = load(MODEL)
    alone = raw(weights, RISK).words[0]
    for told in (talk + RISK, RISK + talk, talk * 2 + RISK + talk * 2):
        assert raw(weights, told).words[0] >= alone - weights.window_cost - 1e-9
