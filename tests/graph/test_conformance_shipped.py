from __future__ import annotations

import asyncio
import runpy
from itertools import count
from typing import TYPE_CHECKING

from cbtguard.graph import Composer, MemoryVaults
from cbtguard.graph import conformance as suites
from cbtguard.safety.record import MemoryRecord, PostgresRecord, SqliteRecord
from cbtguard.safety.referral import FileDirectory

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest

    from cbtguard.nodes.retrieval.encoder import EmbeddedEncoder
    from cbtguard.nodes.retrieval.hybrid import HybridRetriever
    from cbtguard.nodes.retrieval.note import NoteLibrary
    from cbtguard.safety.privacy import PresidioRedactor
    from cbtguard.safety.referral import Referrals
    from cbtguard.safety.risk import RuleDetector
    from cbtguard.safety.structure import StructureChecker


def conforms(report: suites.ConformanceReport) -> None:
    assert report.passed, str(report)
    report.raise_for_failures()


def test_the_composer_conforms() -> None:
    conforms(suites.check_writer(Composer))


def test_the_hybrid_retriever_conforms(real_retriever: HybridRetriever, real_library: NoteLibrary) -> None:
    conforms(suites.check_retriever(lambda: real_retriever, library=real_library))


def test_the_embedded_encoder_conforms(real_encoder: EmbeddedEncoder) -> None:
    conforms(suites.check_encoder(lambda: real_encoder))


def test_the_rule_detector_conforms(real_detector: RuleDetector) -> None:
    conforms(suites.check_detector(lambda: real_detector))


def test_the_presidio_redactor_conforms(real_redactor: PresidioRedactor) -> None:
    conforms(suites.check_redactor(lambda: real_redactor))


def test_the_structure_checker_conforms(real_checker: StructureChecker) -> None:
    conforms(suites.check_checker(lambda: real_checker))


def test_the_directory_conforms() -> None:
    conforms(suites.check_directory(FileDirectory))


def test_the_referrals_conform(real_referrals: Referrals) -> None:
    regions = FileDirectory().regions()
    conforms(suites.check_desk(lambda: real_referrals, regions=regions))


def test_the_memory_record_conforms() -> None:
    conforms(suites.check_record_store(MemoryRecord))


def test_the_sqlite_record_conforms(tmp_path: Path) -> None:
    number = count()
    conforms(
        suites.check_record_store(
            lambda: SqliteRecord(tmp_path / f"{next(number)}.sqlite"),
            reopen=lambda closed: SqliteRecord(closed.path),
        )
    )


def test_the_postgres_record_conforms(fresh_postgres: Callable[[], str]) -> None:
    made: dict[int, str] = {}

    def make() -> PostgresRecord:
        dsn = fresh_postgres()
        record = PostgresRecord(dsn)
        made[id(record)] = dsn
        return record

    conforms(suites.check_record_store(make, reopen=lambda closed: PostgresRecord(made[id(closed)])))


def test_the_memory_vaults_conform() -> None:
    conforms(suites.check_vault_store(MemoryVaults))


def test_a_suite_runs_inside_a_running_loop_too() -> None:
    async def inside() -> suites.ConformanceReport:
        return suites.check_vault_store(MemoryVaults)

    conforms(asyncio.run(inside()))


def test_the_module_lists_every_suite(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_module("cbtguard.graph.conformance", run_name="__main__")
    lines = capsys.readouterr().out.splitlines()
    assert [line[:14].strip() for line in lines] == list(suites.SUITES)
    assert all("Return whether" in line for line in lines)
