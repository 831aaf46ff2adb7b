"""Benchmarks: each prints what it measured; nothing here passes or fails."""

from __future__ import annotations

import collections
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MESSAGES = (
    "最近工作压力特别大，晚上翻来覆去睡不着，总觉得领导看不起我，第二天又要强打精神去上班，真的好累，不知道该怎么调整自己。",
    "和男朋友异地半年了，他回消息越来越慢，我就忍不住胡思乱想，怕他不在乎我了，又不敢问，心里又委屈又生气，做什么都静不下来。",
    "孩子上初二以后一回家就关门打游戏，说他两句就摔东西，我气得吼了他，吼完又后悔，觉得自己这个妈妈当得太失败了，怎么办呢。",
    "考研第二年了，每天坐在图书馆却看不进去书，看到别人都学得那么快，我就觉得自己肯定考不上，越想越慌，手心一直冒汗。",
)
"""Invented messages of about 60 characters."""
_GUARDS = ("protect", "screen", "retrieve", "check", "record")


def _row(name: str, values: Sequence[float], unit: str = "ms") -> str:
    ordered = sorted(values)
    p99 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    return (
        f"{name:<28} p50 {statistics.median(ordered):8.2f} {unit}   p99 {p99:8.2f} {unit}   n {len(ordered)}"
    )


def turn(rounds: int) -> Iterator[str]:
    """One turn of 60 characters: each guard, all guards, the whole turn; and turn 2 against turn 200."""
    from cbtguard.graph import Guard, load_settings  # noqa: PLC0415 - keeps help fast

    with tempfile.TemporaryDirectory() as home, Guard(load_settings(home=Path(home))) as guard:
        guard.warm()
        for message in MESSAGES * 3:
            guard.ask(message)
        stops: dict[str, list[float]] = collections.defaultdict(list)
        whole: list[float] = []
        for number in range(rounds):
            start = time.perf_counter()
            answer = guard.ask(MESSAGES[number % len(MESSAGES)])
            whole.append((time.perf_counter() - start) * 1000)
            for stop, spent in answer.timings_ms.items():
                stops[stop].append(spent)
        for stop, values in stops.items():
            yield _row(stop, values)
        yield _row(
            "guards together", [sum(parts) for parts in zip(*(stops[s] for s in _GUARDS), strict=True)]
        )
        yield _row("whole turn with composer", whole)
        yield from _long_talk(guard)


def _long_talk(guard: object) -> Iterator[str]:
    early: list[float] = []
    late: list[float] = []
    for talk in range(3):
        for number in range(1, 203):
            start = time.perf_counter()
            guard.ask(MESSAGES[number % len(MESSAGES)], thread=f"talk {talk}")  # type: ignore[attr-defined]
            spent = (time.perf_counter() - start) * 1000
            if 2 <= number <= 9:
                early.append(spent)
            elif number >= 195:
                late.append(spent)
    yield _row("turns 2 to 9 of a talk", early)
    yield _row("turns 195 to 202 of a talk", late)
    yield f"{'ratio of the medians':<28} {statistics.median(late) / statistics.median(early):8.2f}"


def screen(rounds: int) -> Iterator[str]:
    """The crisis screen alone: latency by length, messages a second, memory."""
    from cbtguard.lab.risk.bench import screen as timed  # noqa: PLC0415 - keeps help fast

    yield from timed(rounds)


def cold_ask() -> Iterator[str]:
    """``cbtguard ask`` and ``cbtguard --help`` as whole processes: wall time and peak memory."""
    command = [sys.executable, "-c", "from cbtguard.service.cli import main; main()"]
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "CBTGUARD_HOME": home}
        for name, arguments in (("ask", ["ask", MESSAGES[0]]), ("--help", ["--help"])):
            walls = []
            for _ in range(6):
                start = time.perf_counter()
                subprocess.run([*command, *arguments], env=environment, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - our own command
                walls.append(time.perf_counter() - start)
            yield _row(f"cbtguard {name}", walls[1:], "s ")
            if name == "ask":
                peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
                yield f"{'peak memory':<28} {peak:8.0f} MB"


def batch(path: Path) -> Iterator[str]:
    """``cbtguard batch`` over a file: rows a second, routes, errors."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.jsonl"
        environment = {**os.environ, "CBTGUARD_HOME": folder}
        command = [
            sys.executable,
            "-c",
            "from cbtguard.service.cli import main; main()",
            "batch",
            str(path),
            str(out),
        ]
        start = time.perf_counter()
        subprocess.run(command, env=environment, check=False, stderr=subprocess.DEVNULL)  # noqa: S603 - our own command
        spent = time.perf_counter() - start
        rows = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    routes = collections.Counter(row.get("route", "error") for row in rows)
    yield f"{len(rows)} rows in {spent:.1f} s, start included: {len(rows) / spent:.1f} rows/s"
    yield ", ".join(f"{route} {count}" for route, count in sorted(routes.items()))
