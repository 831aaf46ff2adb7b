"""The service under load: turns a second of many clients, and what it adds to a writer that streams."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cbtguard.lab.bench import MESSAGES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import httpx

    from cbtguard.graph import Draft, WritingTask

_WRITES_S = 2.0
_PIECES = 100


class Typist:
    """Writes what the composer writes, piece by piece over two seconds, as a model on a server would."""

    name = "typist"

    def __init__(self) -> None:
        from cbtguard.graph import Composer  # noqa: PLC0415 - reads its phrases

        self._composer = Composer()

    async def write(self, task: WritingTask) -> Draft:
        """Return the draft after two seconds."""
        return await self.stream(task, lambda _: None)

    async def stream(self, task: WritingTask, on_text: Callable[[str], None]) -> Draft:
        """Tell the draft as it grows."""
        draft = await self._composer.write(task)
        start = time.perf_counter()
        for piece in range(1, _PIECES + 1):
            on_text(draft.text[: len(draft.text) * piece // _PIECES])
            await asyncio.sleep(max(0.0, start + _WRITES_S * piece / _PIECES - time.perf_counter()))
        return draft


def serve_bench(clients: int, seconds: float) -> Iterator[str]:
    """Measure a service in a process of its own."""
    with _served("composer") as url:
        yield from asyncio.run(_load(url, clients, seconds))
    yield from overhead()


def overhead() -> Iterator[str]:
    """Measure what the service adds to a writer that streams for two seconds."""
    with _served("typist") as url:
        yield from asyncio.run(_streams(url))


async def _load(url: str, clients: int, seconds: float) -> list[str]:
    import httpx  # noqa: PLC0415 - comes with the development tools

    spent: list[float] = []
    refused = 0
    limits = httpx.Limits(max_connections=clients)
    async with httpx.AsyncClient(base_url=url, timeout=120, limits=limits, trust_env=False) as client:
        await asyncio.gather(*(client.post("/v1/ask", json={"text": text}) for text in MESSAGES))
        start = time.perf_counter()
        end = start + seconds

        async def one(number: int) -> None:
            nonlocal refused
            while time.perf_counter() < end:
                began = time.perf_counter()
                text = MESSAGES[number % len(MESSAGES)]
                number += 1
                answer = await client.post("/v1/ask", json={"text": text})
                refused += answer.status_code != 200
                spent.append((time.perf_counter() - began) * 1000)

        await asyncio.gather(*(one(number) for number in range(clients)))
        took = time.perf_counter() - start
    spent.sort()
    p99 = spent[min(len(spent) - 1, int(len(spent) * 0.99))]
    return [
        (
            f"{clients} clients, composer        {len(spent) / took:8.1f} turns/s   p50 "
            f"{statistics.median(spent):8.0f} ms   p99 {p99:8.0f} ms   n {len(spent)}   not served {refused}"
        )
    ]


async def _streams(url: str, rounds: int = 3) -> list[str]:
    import httpx  # noqa: PLC0415 - comes with the development tools

    from cbtguard.graph import NoteLibrary, WritingTask  # noqa: PLC0415 - keeps help fast

    notes = NoteLibrary().pick(("sleep-stimulus-control",))
    task = WritingTask(question=MESSAGES[0], language="zh-Hans", notes=notes)
    typist = Typist()
    # Its phrases are read at the first draft; the service behind has read them too.
    draft = await typist.write(task)
    alone = []
    for _ in range(rounds):
        began = time.perf_counter()
        draft = await typist.write(task)
        alone.append(time.perf_counter() - began)
    bare = statistics.median(alone)
    firsts, ends, routes = [], [], []
    async with httpx.AsyncClient(base_url=url, timeout=60, trust_env=False) as client:
        await _stream(client)
        for _ in range(rounds):
            first, end, route = await _stream(client)
            firsts.append(first / bare)
            ends.append(end / bare)
            routes.append(route)
    return [
        f"a bare writer, {len(draft.text)} characters   {bare:6.2f} s",
        (
            f"the same behind the service   end {statistics.median(ends):.3f} x   first checked words "
            f"{statistics.median(firsts):.3f} x   ({', '.join(routes)})"
        ),
    ]


async def _stream(client: httpx.AsyncClient) -> tuple[float, float, str]:
    body: dict[str, Any] = {
        "model": "cbtguard",
        "stream": True,
        # Named, so that no notice comes first: the first words are the writer's.
        "thread": os.urandom(8).hex(),
        "messages": [{"role": "user", "content": MESSAGES[0]}],
    }
    began = time.perf_counter()
    first, route = 0.0, ""
    async with client.stream("POST", "/v1/chat/completions", json=body) as answer:
        async for line in answer.aiter_lines():
            if not line.startswith("data: {"):
                continue
            chunk = json.loads(line.removeprefix("data: "))
            if not first and chunk["choices"] and chunk["choices"][0]["delta"].get("content"):
                first = time.perf_counter() - began
            route = chunk["guard"]["route"] if "guard" in chunk else route
    return first, time.perf_counter() - began, route


@contextmanager
def _served(writer: str) -> Iterator[str]:
    with tempfile.TemporaryDirectory() as home:
        place = Path(home) / "port"
        server = subprocess.Popen(  # noqa: S603 - this program
            [sys.executable, "-m", "cbtguard.lab.serve_bench", writer, str(place)],
            env={**os.environ, "CBTGUARD_HOME": home},
        )
        try:
            for _ in range(1200):
                if place.exists() or server.poll() is not None:
                    break
                time.sleep(0.1)
            yield f"http://127.0.0.1:{place.read_text(encoding='utf-8')}"
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(60)


def _serve(writer: str, place: Path) -> None:
    import socket  # noqa: PLC0415 - in the process that serves only

    from cbtguard.graph import Guard, load_settings  # noqa: PLC0415 - the same
    from cbtguard.service.http import ServeSettings, create_app  # noqa: PLC0415 - the same
    from cbtguard.service.http.server import make_server  # noqa: PLC0415 - the same

    own: dict[str, Any] = {"writer": Typist()} if writer == "typist" else {}
    with (
        Guard(load_settings(), **own) as guard,
        socket.create_server(("127.0.0.1", 0), backlog=512) as listening,
    ):
        guard.warm()
        server = make_server(create_app(guard, ServeSettings(turns=1024)), "127.0.0.1", 0)
        place.with_suffix(".part").write_text(str(listening.getsockname()[1]), encoding="utf-8")
        place.with_suffix(".part").replace(place)
        asyncio.run(server.serve(sockets=[listening]))


if __name__ == "__main__":
    _serve(sys.argv[1], Path(sys.argv[2]))
