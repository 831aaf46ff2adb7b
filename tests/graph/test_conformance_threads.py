from __future__ import annotations

import base64
from itertools import count
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from cbtguard.graph.conformance import ConformanceReport, check_thread_store, check_vault_store
from cbtguard.graph.sealed import serializer
from cbtguard.graph.talks import Talks
from cbtguard.graph.talks_postgres import PostgresTalks, open_postgres
from cbtguard.graph.talks_sqlite import open_sqlite
from cbtguard.graph.vault_rows import PostgresRows, SqliteRows
from cbtguard.graph.vaults import SealedVaults
from cbtguard.safety.sealing import Sealer

if TYPE_CHECKING:
    from pathlib import Path

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


async def empty_postgres(dsn: str, sealed: bool) -> PostgresTalks:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(b"DROP SCHEMA IF EXISTS cbtguard_threads CASCADE")
    return await open_postgres(dsn, sealer(sealed))


@pytest.mark.parametrize("sealed", [False, True])
def test_talks_in_postgres_conform(postgres: str, sealed: bool) -> None:
    async def reopen(talks: Talks) -> Talks:
        await talks.close()
        return await open_postgres(postgres, sealer(sealed))

    conforms(
        check_thread_store(
            lambda: empty_postgres(postgres, sealed),
            reopen=reopen,
            stored=lambda _: table_bytes(postgres),
            sealed=sealed,
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


# --- stores that do not conform -----------------------------------------------------------------------------


def failed(report: ConformanceReport) -> set[str]:
    return {check.name for check in report.failures}


class NeverForgets(InMemorySaver):
    async def adelete_thread(self, thread_id: str) -> None:
        """Nothing."""


class ForgetsAll(InMemorySaver):
    async def adelete_thread(self, thread_id: str) -> None:
        for thread in list(self.storage):
            await super().adelete_thread(thread)


class OneForAll(InMemorySaver):
    async def aget_tuple(self, config: Any) -> Any:
        return await super().aget_tuple(self.turned(config))

    async def aput(self, config: Any, *args: Any) -> Any:
        return await super().aput(self.turned(config), *args)

    def turned(self, config: Any) -> Any:
        return {**config, "configurable": {**config["configurable"], "thread_id": "the one"}}


class Quotes(InMemorySaver):
    async def aput(self, config: Any, checkpoint: Any, metadata: Any, new_versions: Any) -> Any:
        quoted = {**metadata, "said": checkpoint["channel_values"].get("question", "")}
        return await super().aput(config, checkpoint, quoted, new_versions)


class Timeless(InMemorySaver):
    async def aput(self, config: Any, *args: Any) -> Any:
        return await super().aput({**config, "metadata": {}}, *args)


class Loses(InMemorySaver):
    async def aget_tuple(self, config: Any) -> Any:
        return None


@pytest.mark.parametrize(
    ("broken", "check"),
    [
        (NeverForgets, "forgets"),
        (NeverForgets, "starts_anew"),
        (ForgetsAll, "forgets"),
        (OneForAll, "talks_apart"),
        (Quotes, "metadata_without_text"),
        (Timeless, "finds_idle"),
        (Loses, "goes_on"),
        (Loses, "primitives_only"),
    ],
)
def test_a_broken_store_is_caught(broken: type[InMemorySaver], check: str) -> None:
    assert check in failed(check_thread_store(lambda: broken(serde=serializer())))


def test_a_store_that_restores_objects_is_caught() -> None:
    permissive = JsonPlusSerializer(pickle_fallback=True, allowed_msgpack_modules=True)
    assert failed(check_thread_store(lambda: InMemorySaver(serde=permissive))) == {"restores_no_objects"}


def test_a_store_that_is_lost_with_the_process_is_caught() -> None:
    async def reopen(_: Any) -> Talks:
        return Talks(InMemorySaver(serde=serializer()))

    report = check_thread_store(lambda: InMemorySaver(serde=serializer()), reopen=reopen)
    assert failed(report) == {"durable"}


def test_a_file_that_keeps_what_was_deleted_is_caught(tmp_path: Path) -> None:
    number = count()

    async def make() -> Talks:
        talks = await open_sqlite(tmp_path / f"{next(number)}.sqlite", None)
        await talks.saver.conn.execute("PRAGMA secure_delete = OFF")
        return talks

    report = check_thread_store(make, stored=lambda talks: file_bytes(talks.path))  # type: ignore[attr-defined]
    assert failed(report) == {"wiped"}


def test_the_librarys_own_checkpointer_leaves_text_in_the_clear(postgres: str) -> None:
    """Why `WholeSaver` is there: sealing the library's own hides lists and tables, and no text."""

    async def make() -> Talks:
        talks = await empty_postgres(postgres, True)
        talks.saver = AsyncPostgresSaver(talks._pool, serde=serializer(sealer(True)))
        return talks

    report = check_thread_store(make, stored=lambda _: table_bytes(postgres), sealed=True)
    assert failed(report) == {"clean_bytes"}
