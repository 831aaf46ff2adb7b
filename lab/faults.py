"""``cbtguard lab bench faults``: the service under load while something fails, and what its callers got.

For each fault the same is asked: no reply without its entry in the record, no text that was not checked, no wait
beyond the bound, and answers again once the fault is over, without a restart.
"""

from __future__ import annotations

import asyncio
import signal
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from cbtguard.lab.served import Reply, Served, ask
from cbtguard.lab.stub_writer import DRAFT, Mood, StubWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BOUND_S = 30.0
"""Longest wait for a reply: the turn's own bound, and what a busy machine adds."""
RECOVERS_S = 60.0
"""The writer's breaker lets nobody through for half a minute."""
SETTINGS = {
    "writer": "openai",
    "writer_model": "stub",
    "writer_retries": "0",
    "writer_connect_s": "1",
    "writer_read_s": "4",
    "limits": '{"generate_s": 8, "record_s": 6, "turn_s": 24, "generations": 2}',
}
SERVE = {"per_minute": 600, "burst": 60, "drain_s": 5}


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What came of one fault."""

    fault: str
    replies: list[Reply] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    recovered_s: float | None = None

    def line(self) -> str:
        """Return the outcome in one line."""
        ways = Counter(reply.route or str(reply.status or "gone") for reply in self.replies)
        slowest = max((reply.seconds for reply in self.replies), default=0.0)
        back = "" if self.recovered_s is None else f"   answers again after {self.recovered_s:5.1f} s"
        told = ", ".join(f"{way} {count}" for way, count in sorted(ways.items()))
        bad = "ok" if not self.violations else "VIOLATED: " + "; ".join(sorted(set(self.violations)))
        return f"{self.fault:28} {told:44} slowest {slowest:5.1f} s{back}   {bad}"


class Faults:
    """A service with a stub writer, and load on it.

    Args:
        folder: For its files.
        clients: Callers at once; half of them read streams.
        settings: Of the service, over those of this bench.
    """

    def __init__(self, folder: Path, clients: int, settings: dict[str, str] | None = None) -> None:
        from cbtguard.graph.conformance.material import material  # noqa: PLC0415 - keeps help fast
        from cbtguard.safety.structure import StructureChecker  # noqa: PLC0415 - the same
        from cbtguard.service.http.keys import KeyFile, Scope  # noqa: PLC0415 - the same

        exchange = material().exchanges[0]
        self.question = exchange.question
        self.clients = clients
        self.home = folder
        self.writer = StubWriter(exchange.answer)
        self.settings = {**SETTINGS, "writer_url": self.writer.url, **(settings or {})}
        self._checker = StructureChecker()
        folder.mkdir(parents=True, exist_ok=True)
        keys = KeyFile(folder / "keys.json")
        self.key, self.other_key = (
            keys.new(name, [Scope.ASK, Scope.AUDIT], at="2026-01-01T00:00:00Z")[1] for name in ("one", "two")
        )
        self.service = self.started()
        # The first turn reads what later ones find read.
        self.recovery(Outcome(fault="start"))

    def started(self) -> Served:
        """Start a service on the same home."""
        serve = {**SERVE, "turns_per_key": max(8, self.clients)}
        return Served(self.home, self.settings, serve).ready()

    def close(self) -> None:
        """End the service and the writer."""
        self.service.end()
        self.writer.stop()

    # --- load --------------------------------------------------------------------------------------------

    def load(
        self, *, key: str | None = None, leave: bool = False, service: Served | None = None
    ) -> list[Reply]:
        """Let all callers ask at once, half of them for a stream."""
        return asyncio.run(self._load(service or self.service, key or self.key, leave=leave))

    async def _load(self, service: Served, key: str, *, leave: bool) -> list[Reply]:
        async with self._client(service, key) as client:
            asked = [
                ask(client, self.question, stream=leave or n % 2 == 1, leave=leave, thread=f"talk-{n}")
                for n in range(self.clients)
            ]
            return list(await asyncio.gather(*asked))

    def _client(self, service: Served, key: str) -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer {key}"}
        return httpx.AsyncClient(base_url=service.url, headers=headers, timeout=60, trust_env=False)

    def recovery(self, outcome: Outcome) -> None:
        """Ask until there is an answer again."""

        async def once() -> Reply:
            async with self._client(self.service, self.key) as client:
                return await ask(client, self.question, stream=False)

        start = time.perf_counter()
        while time.perf_counter() - start < RECOVERS_S:
            reply = asyncio.run(once())
            if reply.route == "answered":
                outcome.recovered_s = time.perf_counter() - start
                return
            time.sleep(0.5)
        outcome.violations.append("no answer after the fault was over")

    def entries(self) -> dict[str, Any]:
        """Return the record's entries by id, after its chain was verified.

        Raises:
            RuntimeError: When the chain does not hold.
        """
        from cbtguard.graph.records import open_record  # noqa: PLC0415 - keeps help fast
        from cbtguard.graph.settings import load_settings  # noqa: PLC0415 - the same

        named = {"record": self.settings["record"]} if "record" in self.settings else {}
        record = open_record(load_settings(home=self.home, **named))
        try:
            if not record.verify().ok:
                raise RuntimeError("the record does not verify")
            return {stored.record_id: stored.entry for stored in record.entries()}
        finally:
            record.close()

    # --- what must hold ----------------------------------------------------------------------------------

    def judge(self, outcome: Outcome, *, unrecorded: bool = False, refused: tuple[int, ...] = ()) -> None:
        """Note what a reply shows that must not be.

        Args:
            outcome: With its replies.
            unrecorded: Whether the record could not be kept, so that referrals leave without an entry.
            refused: Statuses that are in order beside 200; 0 for a broken connection.
        """
        entries = self.entries()
        for reply in outcome.replies:
            outcome.violations += self._wrongs(reply, entries, unrecorded=unrecorded, refused=refused)

    def _wrongs(
        self, reply: Reply, entries: dict[str, Any], *, unrecorded: bool, refused: tuple[int, ...]
    ) -> Iterator[str]:
        if reply.seconds > BOUND_S:
            yield "a wait beyond the bound"
        if DRAFT in reply.text + reply.reply:
            yield "a text that was not checked"
        if reply.status != 200:
            if reply.status not in refused:
                yield f"status {reply.status or 'gone'}"
            return
        if not reply.reply.strip():
            yield "no reply"
        if reply.route == "answered" and not self._checker.check(self.question, reply.reply).passed:
            yield "an answer that does not pass"
        if unrecorded:
            if reply.route != "referred":
                yield "an answer without an entry"
        elif reply.record_id not in entries or entries[reply.record_id].route != reply.route:
            yield "a reply without its entry"


def run(clients: int, tell: Callable[[str], None]) -> int:
    """Run all faults; return how many of them showed a violation.

    Args:
        clients: Callers at once.
        tell: Given a line for each fault.
    """
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        faults = Faults(Path(folder), clients)
        stack.callback(faults.close)
        bad = 0
        for fault in (
            none,
            *(writer_that_is(mood) for mood in (Mood.UNSOUND, Mood.GARBAGE, Mood.CUT, Mood.SLOW)),
            writer_dead,
            clients_gone,
            flood,
            disk_full,
            worker_killed,
        ):
            outcome = fault(faults)
            bad += bool(outcome.violations)
            tell(outcome.line())
        return bad


def none(faults: Faults) -> Outcome:
    """Nothing fails: what the others are compared with."""
    outcome = Outcome(fault="none", replies=faults.load())
    faults.judge(outcome)
    if {reply.route for reply in outcome.replies} != {"answered"}:
        outcome.violations.append("not all were answered")
    return outcome


def writer_that_is(mood: Mood) -> Callable[[Faults], Outcome]:
    """Return the fault of a writer's server that behaves so."""

    def fault(faults: Faults) -> Outcome:
        faults.writer.mood = mood
        try:
            outcome = Outcome(fault=f"writer {mood.value}", replies=faults.load())
        finally:
            faults.writer.mood = Mood.WELL
        faults.judge(outcome)
        if any(reply.route == "answered" for reply in outcome.replies):
            outcome.violations.append("an answer out of nothing")
        faults.recovery(outcome)
        return outcome

    return fault


def writer_dead(faults: Faults) -> Outcome:
    """Nobody listens where the writer was."""
    faults.writer.stop()
    try:
        outcome = Outcome(fault="writer dead", replies=faults.load())
    finally:
        faults.writer.start()
    faults.judge(outcome)
    faults.recovery(outcome)
    return outcome


def clients_gone(faults: Faults) -> Outcome:
    """All callers go away in the middle of their streams; each turn still leaves its entry."""

    def turns() -> int:
        return sum(entry.route != "opened" for entry in faults.entries().values())

    before = turns()
    left = faults.load(leave=True)
    end = time.monotonic() + BOUND_S
    missing = len(left)
    while missing > 0 and time.monotonic() < end:
        time.sleep(0.2)
        missing = before + len(left) - turns()
    outcome = Outcome(fault="clients gone", replies=left)
    if missing > 0:
        outcome.violations.append(f"{missing} turns without an entry")
    faults.recovery(outcome)
    return outcome


def flood(faults: Faults) -> Outcome:
    """One key floods; another one's callers are served all the same."""

    async def both() -> tuple[list[Reply], list[Reply]]:
        async with (
            faults._client(faults.service, faults.other_key) as loud,  # noqa: SLF001 - its own bench
            faults._client(faults.service, faults.key) as calm,  # noqa: SLF001 - the same
        ):
            storm = [asyncio.ensure_future(ask(loud, faults.question, stream=False)) for _ in range(200)]
            await asyncio.sleep(0.2)
            served = [await ask(calm, faults.question, stream=False) for _ in range(3)]
            return list(await asyncio.gather(*storm)), served

    storm, served = asyncio.run(both())
    outcome = Outcome(fault="flood from one key", replies=[*storm, *served])
    faults.judge(outcome, refused=(429, 503))
    if not any(reply.status == 429 for reply in storm):
        outcome.violations.append("nobody was held back")
    if {reply.route for reply in served} != {"answered"}:
        outcome.violations.append("another key was not served")
    return outcome


def disk_full(faults: Faults) -> Outcome:
    """No file can grow: the record cannot be kept."""
    import resource  # noqa: PLC0415 - not on every system

    pid = faults.service.process.pid
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (1, before[1]))
    try:
        outcome = Outcome(fault="disk full", replies=faults.load())
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, before)
    faults.judge(outcome, unrecorded=True)
    if any(reply.record_id is not None for reply in outcome.replies):
        outcome.violations.append("an entry that cannot be")
    faults.recovery(outcome)
    return outcome


def worker_killed(faults: Faults) -> Outcome:
    """One of two processes is killed in the middle of its turns; the other one goes on."""
    second = faults.started()
    try:

        async def both() -> tuple[list[Reply], list[Reply]]:
            doomed = asyncio.ensure_future(faults._load(second, faults.key, leave=False))  # noqa: SLF001
            others = asyncio.ensure_future(faults._load(faults.service, faults.key, leave=False))  # noqa: SLF001
            await asyncio.sleep(0.3)
            second.process.send_signal(signal.SIGKILL)
            return await doomed, await others

        broken, replies = asyncio.run(both())
    finally:
        second.end(signal.SIGKILL)
    outcome = Outcome(fault="worker killed", replies=[*broken, *replies])
    faults.judge(outcome, refused=(0,))
    if {reply.route for reply in replies} != {"answered"}:
        outcome.violations.append("the other worker did not go on")
    faults.recovery(outcome)
    return outcome


def database_restarted(faults: Faults, stop: Callable[[], None], start: Callable[[], None]) -> Outcome:
    """The database of record and talks goes away under load, and comes back."""
    stop()
    try:
        outcome = Outcome(fault="database restarted", replies=faults.load())
    finally:
        start()
    faults.judge(outcome, unrecorded=True)
    faults.recovery(outcome)
    return outcome
