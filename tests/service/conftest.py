from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from cbtguard.graph import Draft, Guard, Hit, Settings
from cbtguard.graph.conformance.material import material
from cbtguard.safety.record import MemoryRecord
from cbtguard.service.http import ServeSettings, create_app
from cbtguard.service.http.keys import KeyFile, Scope
from cbtguard.service.http.logs import JsonLines
from cbtguard.service.http.server import DrainingServer, make_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from cbtguard.graph import NoteLibrary
    from cbtguard.safety.privacy import PresidioRedactor
    from cbtguard.safety.referral import Referrals
    from cbtguard.safety.risk import RuleDetector
    from cbtguard.safety.structure import StructureChecker

GOOD = material().exchanges[0].answer


class Ready:
    """Retrieves the same two notes for everybody."""

    name = "ready"

    def retrieve(self, text: str, *, k: int = 3) -> tuple[Hit, ...]:
        return (Hit(note_id="sleep-stimulus-control", score=0.9), Hit(note_id="worry-time", score=0.7))


class Sound:
    """Writes the same sound answer for everybody."""

    name = "sound"

    def __init__(self, text: str = GOOD) -> None:
        self.text = text
        self.tasks: list[Any] = []

    async def write(self, task: Any) -> Draft:
        self.tasks.append(task)
        return Draft(text=self.text, citations=tuple(note.id for note in task.notes[:1]))


@dataclass
class Running:
    """A real server on loopback."""

    url: str
    guard: Guard
    server: DrainingServer
    keys: KeyFile
    log: list[str]
    thread: threading.Thread

    def client(self, key: str | None = None, **headers: str) -> httpx.Client:
        if key:
            headers["Authorization"] = f"Bearer {key}"
        return httpx.Client(base_url=self.url, headers=headers, timeout=20, trust_env=False)

    def entries(self) -> list[Any]:
        return [stored.entry for stored in self.guard.services.record.entries()]

    def stop(self) -> None:
        self.server.should_exit = True
        self.thread.join(15)


class Kept(logging.Handler):
    """Keeps every line of the log as it would be written."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.setFormatter(JsonLines())

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


def until(found: Callable[[], Any], most: float = 10.0) -> Any:
    """Return what is found, once it is."""
    end = time.monotonic() + most
    while not (value := found()) and time.monotonic() < end:
        time.sleep(0.01)
    return value


@pytest.fixture(scope="module")
def parts(
    real_redactor: PresidioRedactor,
    real_detector: RuleDetector,
    real_library: NoteLibrary,
    real_checker: StructureChecker,
    real_referrals: Referrals,
) -> dict[str, Any]:
    return {
        "redactor": real_redactor,
        "detector": real_detector,
        "library": real_library,
        "checker": real_checker,
        "referrals": real_referrals,
        "retriever": Ready(),
    }


@pytest.fixture(scope="module")
def serving(
    parts: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., Running]]:
    """Start servers; each has a guard and a home of its own."""
    stack = contextlib.ExitStack()
    kept = Kept()
    watched = [logging.getLogger(name) for name in ("cbtguard", "uvicorn")]
    for logger in watched:
        level = logger.level
        logger.addHandler(kept)
        logger.setLevel(logging.DEBUG)
        stack.callback(logger.removeHandler, kept)
        stack.callback(logger.setLevel, level)

    def start(
        *,
        scopes: tuple[tuple[str, ...], ...] = (),
        settings: dict[str, Any] | None = None,
        tracing: Any = None,
        own: dict[str, Any] | None = None,
        **serve: Any,
    ) -> tuple[Running, list[str]]:
        home: Path = tmp_path_factory.mktemp("served")
        guard = Guard(
            Settings(home=home, **(settings or {})),
            **{**parts, "writer": Sound(), "record": MemoryRecord(), **(own or {})},
        )
        keys = KeyFile(home / "keys.json")
        made = [
            keys.new(f"test {n}", [Scope(one) for one in some], at="2026-11-23T00:00:00Z")[1]
            for n, some in enumerate(scopes)
        ]
        app = create_app(guard, ServeSettings(port=0, **serve), tracing=tracing)
        listening = socket.create_server(("127.0.0.1", 0))
        server = make_server(app, "127.0.0.1", 0)
        thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listening])), daemon=True)
        thread.start()
        running = Running(
            f"http://127.0.0.1:{listening.getsockname()[1]}", guard, server, keys, kept.lines, thread
        )
        stack.callback(guard.close)
        stack.callback(running.stop)
        until(lambda: server.started)
        until(lambda: app.state.core.warm)
        return running, made

    with stack:
        yield start
