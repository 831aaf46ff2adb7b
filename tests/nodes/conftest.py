"""Shared by the session: the embedded encoder and a small library with its index."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from cbtguard.nodes.retrieval.encoder import EmbeddedEncoder
from cbtguard.nodes.retrieval.hybrid import HybridRetriever
from cbtguard.nodes.retrieval.note import NOTES, NoteLibrary

if TYPE_CHECKING:
    from pathlib import Path

FEW = (
    "sleep-stimulus-control",
    "exam-anxiety",
    "panic-cycle",
    "breakup-recovery",
    "money-worry",
    "good-enough",
)


@pytest.fixture(scope="session")
def encoder() -> EmbeddedEncoder:
    return EmbeddedEncoder()


@pytest.fixture(scope="session")
def few_notes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with six of the shipped notes; tests copy it before they change it."""
    folder = tmp_path_factory.mktemp("notes")
    for name in FEW:
        shutil.copy(NOTES / f"{name}.yaml", folder)
    return folder


@pytest.fixture(scope="session")
def library(few_notes: Path) -> NoteLibrary:
    return NoteLibrary(few_notes)


@pytest.fixture(scope="session")
def index_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("index")


@pytest.fixture(scope="session")
def retriever(library: NoteLibrary, encoder: EmbeddedEncoder, index_cache: Path) -> HybridRetriever:
    return HybridRetriever(library, encoder, cache=index_cache)
