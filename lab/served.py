"""A service in a process of its own, as an operator runs it, and callers who note what they get."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_START_S = 180.0
_ADDRESS = re.compile(r"serves on (http://\S+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What one caller got."""

    status: int
    """0 where the connection broke."""
    seconds: float
    route: str = ""
    text: str = ""
    """All that could be read, in the order it came."""
    reply: str = ""
    record_id: str | None = None


class Served:
    """A running ``cbtguard serve``.

    Args:
        home: Its folder; the log goes to a file in it.
        settings: As the environment names them, without ``CBTGUARD_``.
        serve: The table ``[serve]``.
    """

    def __init__(self, home: Path, settings: dict[str, str], serve: dict[str, Any]) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self._log = home / f"log-{time.monotonic_ns()}"
        environment = {
            **os.environ,
            "CBTGUARD_HOME": str(home),
            "CBTGUARD_SERVE": json.dumps({"log": "off", **serve}),
            **{f"CBTGUARD_{name.upper()}": value for name, value in settings.items()},
        }
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "cbtguard.service.cli", "serve", "--port", "0"],
                env=environment,
                stdout=log,
                stderr=log,
            )
        self.url = ""

    def ready(self) -> Served:
        """Wait until it serves.

        Raises:
            RuntimeError: When it ends before, or takes minutes.
        """
        end = time.monotonic() + _START_S
        while time.monotonic() < end and self.process.poll() is None:
            found = _ADDRESS.search(self._log.read_text(encoding="utf-8", errors="replace"))
            if found:
                self.url = found[1]
                with httpx.Client(base_url=self.url, trust_env=False, timeout=5) as client:
                    try:
                        if client.get("/readyz").status_code == 200:
                            return self
                    except httpx.HTTPError:
                        pass
            time.sleep(0.1)
        raise RuntimeError(f"the service did not start; see {self._log}")

    def memory_mib(self) -> float:
        """Resident memory, in MiB."""
        import psutil  # type: ignore[import-untyped]  # noqa: PLC0415 - comes with the development tools

        return float(psutil.Process(self.process.pid).memory_info().rss / 2**20)

    def end(self, sig: int = signal.SIGTERM, seconds: float = 60) -> int:
        """Send a signal and return the exit code; a service that does not end is killed."""
        if self.process.poll() is None:
            self.process.send_signal(sig)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait(seconds)


@contextmanager
def served(home: Path, settings: dict[str, str], serve: dict[str, Any]) -> Iterator[Served]:
    """A service that is ended behind the block."""
    service = Served(home, settings, serve)
    try:
        yield service.ready()
    finally:
        service.end()


async def ask(
    client: httpx.AsyncClient, text: str, *, stream: bool, leave: bool = False, **body: Any
) -> Reply:
    """Ask as one caller.

    Args:
        client: Of the service.
        text: The question.
        stream: By events, or whole.
        leave: Whether to go away at the first event of a stop.
        body: Further fields.
    """
    start = time.perf_counter()
    status, texts, answer = 0, [], {}
    path, body = ("/v1/ask/stream" if stream else "/v1/ask"), {"text": text, **body}
    try:
        async with client.stream("POST", path, json=body) as response:
            status = response.status_code
            if not stream or status != 200:
                answer = json.loads(await response.aread())
                texts.append(str(answer.get("reply", "")))
            else:
                async for line in response.aiter_lines():
                    if not line.startswith("data: "):
                        continue
                    event = json.loads(line.removeprefix("data: "))
                    if leave:
                        break
                    texts.append(str(event.get("text") or ""))
                    answer = event if "route" in event else answer
    except (httpx.HTTPError, json.JSONDecodeError):
        status = 0
    return Reply(
        status=status,
        seconds=time.perf_counter() - start,
        route=str(answer.get("route", "")),
        text="".join(texts),
        reply=str(answer.get("reply", "")),
        record_id=answer.get("record_id"),
    )
