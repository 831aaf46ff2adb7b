from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from cbtguard.nodes.retrieval.note import NOTES, NoteLibrary

if TYPE_CHECKING:
    from cbtguard.nodes.retrieval.encoder import EmbeddedEncoder
    from cbtguard.nodes.retrieval.hybrid import HybridRetriever
    from cbtguard.safety.privacy import PresidioRedactor
    from cbtguard.safety.referral import Referrals
    from cbtguard.safety.risk import RuleDetector
    from cbtguard.safety.structure import StructureChecker

SIX = (
    "behavioral-activation",
    "exam-anxiety",
    "sleep-stimulus-control",
    "thought-record",
    "work-priorities",
    "worry-time",
)


@pytest.fixture(scope="session")
def real_redactor() -> PresidioRedactor:
    from cbtguard.safety.privacy import PresidioRedactor  # noqa: PLC0415 - seconds

    return PresidioRedactor()


@pytest.fixture(scope="session")
def real_library(tmp_path_factory: pytest.TempPathFactory) -> NoteLibrary:
    folder = tmp_path_factory.mktemp("notes")
    for note in SIX:
        shutil.copy(NOTES / f"{note}.yaml", folder)
    return NoteLibrary(folder)


@pytest.fixture(scope="session")
def real_encoder() -> EmbeddedEncoder:
    from cbtguard.nodes.retrieval.encoder import EmbeddedEncoder  # noqa: PLC0415 - loads a model

    return EmbeddedEncoder()


@pytest.fixture(scope="session")
def real_retriever(
    real_library: NoteLibrary, real_encoder: EmbeddedEncoder, tmp_path_factory: pytest.TempPathFactory
) -> HybridRetriever:
    from cbtguard.nodes.retrieval.hybrid import HybridRetriever  # noqa: PLC0415 - builds an index

    return HybridRetriever(real_library, real_encoder, cache=tmp_path_factory.mktemp("index"))


@pytest.fixture(scope="session")
def real_referrals() -> Referrals:
    from cbtguard.safety.referral import FileDirectory, Referrals  # noqa: PLC0415 - renders all texts

    return Referrals(FileDirectory())


@pytest.fixture(scope="session")
def real_detector() -> RuleDetector:
    from cbtguard.safety.risk import RuleDetector  # noqa: PLC0415 - compiles the rules

    return RuleDetector()


@pytest.fixture(scope="session")
def real_checker() -> StructureChecker:
    from cbtguard.safety.structure import StructureChecker  # noqa: PLC0415 - compiles patterns

    return StructureChecker()
