from __future__ import annotations

import base64
from itertools import count
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from langgraph.checkpoint.memory import InMemorySaver

from cbtguard.graph.conformance import ConformanceReport, check_thread_store, check_vault_store
from cbtguard.graph.sealed import serializer
from cbtguard.graph.talks_postgres import open_postgres
from cbtguard.graph.talks_sqlite import open_sqlite
from cbtguard.graph.vault_rows import PostgresRows, SqliteRows
from cbtguard.graph.vaults import SealedVaults
from cbtguard.safety.sealing import Sealer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cbtguard.graph import Talks

KEY = base64.b64decode("q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=")


def conforms(report: ConformanceReport) -> None:
    assert report.passed, str(report)


def sealer(sealed: bool, purpose: str = "threads") -> Sealer | None:
    return Sealer(KEY, purpose) if sealed else None


def file_bytes(path: Path) -> bytes:
    return b"".join(one.read_bytes() for one in sorted(path.parent.glob(f"{path.name}*")))


def table_bytes(dsn: str) -> bytes:
    """Return all that the tables of a database hold, as a dump would show it."""
    query = (
        b"SELECT table_schema, table_name FROM information_schema.tables WHERE table_schema LIKE 'cbtguard%'"
    )
    found: list[bytes] = []
    with psycopg.connect(dsn, autocommit=True) as connection:
        for schema, table in connection.execute(query).fetchall():
            rows = connection.execute(f'TABLE "{schema}"."{table}"'.encode()).fetchall()
            found += [one if isinstance(one, bytes) else str(one).encode() for row in rows for one in row]
    return b"\n".join(found)


@pytest.mark.parametrize("sealed", [False, True])
def test_talks_in_memory_conform(sealed: bool) -> None:
    conforms(check_thread_store(lambda: InMemorySaver(serde=serializer(sealer(sealed)))))


@pytest.mark.parametrize("sealed", [False, True])
def test_talks_in_sqlite_conform(tmp_path: Path, sealed: bool) -> None:
    number = count()

    async def reopen(talks: Any) -> Talks:
        await talks.close()
        return await open_sqlite(talks.path, sealer(sealed))

    conforms(
        check_thread_store(
            lambda: open_sqlite(tmp_path / f"{next(number)}.sqlite", sealer(sealed)),
            reopen=reopen,
            stored=lambda talks: file_bytes(talks.path),  # type: ignore[attr-defined]
            sealed=sealed,
        )
    )


@pytest.mark.parametrize("sealed", [False, True])
def test_talks_in_postgres_conform(fresh_postgres: Callable[[], str], sealed: bool) -> None:
    dsns: dict[int, str] = {}

    async def make() -> Talks:
        dsn = fresh_postgres()
        talks = await open_postgres(dsn, sealer(sealed))
        dsns[id(talks)] = dsn
        return talks

    async def reopen(talks: Any) -> Talks:
        await talks.close()
        return await open_postgres(dsns[id(talks)], sealer(sealed))

    conforms(
        check_thread_store(
            make, reopen=reopen, stored=lambda talks: table_bytes(dsns[id(talks)]), sealed=sealed
        )
    )


def test_sealed_vaults_in_sqlite_conform(tmp_path: Path) -> None:
    made: list[SealedVaults] = []

    def make() -> SealedVaults:
        made.append(SealedVaults(SqliteRows(tmp_path / "vaults.sqlite"), Sealer(KEY, "vaults")))
        return made[-1]

    conforms(check_vault_store(make))
    for one in made:
        one.close()


def test_sealed_vaults_in_postgres_conform(postgres: str) -> None:
    made: list[SealedVaults] = []

    def make() -> SealedVaults:
        made.append(SealedVaults(PostgresRows(postgres), Sealer(KEY, "vaults")))
        return made[-1]

    conforms(check_vault_store(make))
    for one in made:
        one.close()
