"""LangChain retrievers in the flow, ours in LangChain, and the community's BM25 with Chinese words."""

from __future__ import annotations

import shutil
import warnings

import pytest
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever

from cbtguard.graph import Guard
from cbtguard.graph.settings import Settings
from cbtguard.nodes.retrieval import community
from cbtguard.nodes.retrieval.community import bm25_retriever, community_bm25
from cbtguard.nodes.retrieval.hybrid import Hit, Retriever
from cbtguard.nodes.retrieval.langchain import LangChainRetriever, NotesRetriever
from cbtguard.nodes.retrieval.note import NOTES, NoteLibrary
from cbtguard.safety.errors import DataError, DependencyError

LIBRARY = NoteLibrary()


class Listed(BaseRetriever):
    documents: list[Document]

    def _get_relevant_documents(self, query, *, run_manager):
        return self.documents


def listed(*metadata: dict) -> LangChainRetriever:
    documents = [Document(page_content="x", metadata=one) for one in metadata]
    return LangChainRetriever(Listed(documents=documents), LIBRARY)


@pytest.mark.parametrize(
    ("metadata", "hits"),
    [
        ([], []),
        ([{"note_id": "worry-time"}], [("worry-time", 1.0)]),
        ([{"note_id": "worry-time", "score": 0.4}], [("worry-time", 0.4)]),
        ([{"note_id": "worry-time", "score": 0}], []),
        (
            [{"note_id": "worry-time"}, {"note_id": "worry-time"}, {"note_id": "slow-breathing"}],
            [("worry-time", 1.0), ("slow-breathing", 0.5)],
        ),
    ],
)
def test_documents_become_hits(metadata, hits):
    retriever = listed(*metadata)
    assert isinstance(retriever, Retriever)
    assert [(hit.note_id, hit.score) for hit in retriever.retrieve("x")] == hits


def test_no_more_hits_than_asked_for():
    ids = [note.id for note in LIBRARY][:8]
    retriever = listed(*({"note_id": one} for one in ids))
    assert [hit.note_id for hit in retriever.retrieve("x", k=2)] == ids[:2]


@pytest.mark.parametrize(
    ("metadata", "code"),
    [
        ({}, "data.note_unknown"),
        ({"note_id": "no-such-note"}, "data.note_unknown"),
        ({"note_id": 7}, "data.note_unknown"),
        ({"note_id": "worry-time", "score": 1.5}, "data.malformed"),
        ({"note_id": "worry-time", "score": float("nan")}, "data.malformed"),
        ({"note_id": "worry-time", "score": "high"}, "data.malformed"),
        ({"note_id": "worry-time", "score": True}, "data.malformed"),
    ],
)
def test_documents_without_sense_are_refused(metadata, code):
    with pytest.raises(DataError) as caught:
        listed(metadata).retrieve("睡不着")
    assert caught.value.code == code
    assert "睡不着" not in str(caught.value)


class Fixed:
    name = "fixed"

    def retrieve(self, text: str, *, k: int = 3):
        return [Hit(note_id="worry-time", score=0.5), Hit(note_id="slow-breathing", score=0.25)][:k]


@pytest.mark.parametrize("language", ["zh-Hans", "zh-Hant", "en"])
def test_our_retriever_serves_langchain_and_comes_back(language):
    ours = NotesRetriever(retriever=Fixed(), library=LIBRARY, language=language)
    documents = ours.invoke("总是担心")
    assert [d.id for d in documents] == ["worry-time", "slow-breathing"]
    assert documents[0].page_content.startswith(LIBRARY["worry-time"].title.of(language))
    assert documents[0].metadata["title"] == LIBRARY["worry-time"].title.zh
    back = LangChainRetriever(ours, LIBRARY)
    assert list(back.retrieve("总是担心")) == Fixed().retrieve("总是担心")
    assert back.name == "langchain/NotesRetriever"


def test_only_what_is_a_retriever_is_taken():
    with pytest.raises(ValueError, match="retriever"):
        NotesRetriever(retriever=object(), library=LIBRARY)


@pytest.fixture(scope="module")
def few(tmp_path_factory) -> NoteLibrary:
    """Some notes: cutting all into words takes seconds."""
    folder = tmp_path_factory.mktemp("notes")
    for note_id in (
        "worry-time",
        "slow-breathing",
        "anger-pause",
        "grief-waves",
        "money-worry",
        "small-starts",
    ):
        shutil.copy(NOTES / f"{note_id}.yaml", folder)
    return NoteLibrary(folder)


@pytest.fixture(scope="module")
def bm25(few) -> LangChainRetriever:
    return community_bm25(few)


@pytest.mark.parametrize(
    ("question", "note"),
    [
        ("一躺下就开始琢磨明天的事，越想越清醒", "worry-time"),
        ("My head is like thirty browser tabs, I worry in the shower", "worry-time"),
    ],
)
def test_community_bm25_finds_notes_by_chinese_and_english_words(bm25, question, note):
    hits = bm25.retrieve(question)
    assert note in [hit.note_id for hit in hits]
    assert all(0 < hit.score <= 1 for hit in hits)


@pytest.mark.parametrize("question", ["", "？？？", "qqq zzz", "的了吗", "🙂"])
def test_community_bm25_finds_nothing_where_no_word_is_shared(bm25, question):
    assert bm25.retrieve(question) == ()


def test_the_import_warns_nobody(few):
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        documents = bm25_retriever(few, k=2).invoke("担心")
    assert len(documents) == 2
    assert not [w for w in heard if "langchain-community" in str(w.message)]


@pytest.mark.parametrize("missing", ["rank_bm25", "langchain_community"])
def test_a_missing_library_is_a_missing_dependency(monkeypatch, missing):
    original = community.find_spec
    monkeypatch.setattr(community, "find_spec", lambda name: None if name == missing else original(name))
    with pytest.raises(DependencyError) as caught:
        bm25_retriever(LIBRARY)
    assert caught.value.code == "dependency.library"


def test_the_flow_answers_on_a_langchain_retriever(bm25, few, tmp_path):
    with Guard(Settings(home=tmp_path, record="memory"), retriever=bm25, library=few) as guard:
        answer = guard.ask("一躺下就开始琢磨明天的事，越想越清醒，总是担心。")
        nothing = guard.ask("qqq zzz")
    assert answer.route == "answered"
    assert nothing.route == "referred"
