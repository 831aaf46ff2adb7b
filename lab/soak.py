"""The service over a long time: turns a second, waits, errors and memory, minute by minute."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from cbtguard.lab.bench import MESSAGES
from cbtguard.lab.served import Served, ask, served

if TYPE_CHECKING:
    from collections.abc import Iterator

TURNS_OF_A_TALK = 12
"""After so many a caller begins a new talk, as people do."""


@dataclass(slots=True)
class Minute:
    """What was measured in one minute."""

    waits: list[float] = field(default_factory=list)
    """Seconds of each turn."""
    errors: int = 0
    """Turns without a reply, or without an entry."""
    took: float = 0.0

    def line(self, number: int, memory: float) -> str:
        """Return the minute in one line."""
        waits = sorted(self.waits) or [0.0]
        p99 = waits[min(len(waits) - 1, int(len(waits) * 0.99))]
        return (
            f"minute {number:4}   {len(self.waits) / self.took:8.1f} turns/s   p50 "
            f"{statistics.median(waits) * 1000:7.0f} ms   p99 {p99 * 1000:7.0f} ms   errors {self.errors:4}   "
            f"memory {memory:7.0f} MiB"
        )


def soak(minutes: int, clients: int, seconds: float = 60.0) -> Iterator[str]:
    """Yield a line for each minute, and one on the memory at the end.

    Callers go from talk to talk; a third of the replies are read as streams.

    Args:
        minutes: How long.
        clients: Callers at once.
        seconds: Length of a minute.
    """
    with (
        tempfile.TemporaryDirectory() as folder,
        served(Path(folder), {"writer": "composer"}, {"turns": 1024}) as service,
    ):
        counts = [0] * clients
        memory = []
        for number in range(1, minutes + 1):
            minute = asyncio.run(_minute(service, counts, seconds))
            memory.append(service.memory_mib())
            yield minute.line(number, memory[-1])
        if len(memory) > 1:
            yield f"memory grew by {memory[-1] - memory[0]:.0f} MiB since the first minute, over {sum(counts)} turns"


async def _minute(service: Served, counts: list[int], seconds: float) -> Minute:
    import httpx  # noqa: PLC0415 - comes with the development tools

    minute = Minute()
    limits = httpx.Limits(max_connections=len(counts))
    start = time.perf_counter()

    async def caller(number: int, client: httpx.AsyncClient) -> None:
        while time.perf_counter() < start + seconds:
            turn = counts[number]
            counts[number] += 1
            reply = await ask(
                client,
                MESSAGES[(number + turn) % len(MESSAGES)],
                stream=turn % 3 == 0,
                thread=f"{number}-{turn // TURNS_OF_A_TALK}",
            )
            minute.waits.append(reply.seconds)
            minute.errors += reply.status != 200 or reply.record_id is None or not reply.reply

    async with httpx.AsyncClient(base_url=service.url, timeout=120, limits=limits, trust_env=False) as client:
        await asyncio.gather(*(caller(number, client) for number in range(len(counts))))
    minute.took = time.perf_counter() - start
    return minute
