"""The crisis screen timed: one core, a batch on two, the growth with length, memory.

Each figure comes from a process of its own, with one thread for the numeric libraries and, where the system
allows it, bound to one core: what the caller has loaded before does not count.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

LENGTHS = (60, 600, 6000, 20_000)
"""Characters; the longest is what one turn may have."""
_ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"), "1"
)


def screen(rounds: int) -> Iterator[str]:
    """Yield latency by length, growth, messages a second on two cores, and memory.

    Args:
        rounds: Messages of 60 characters that are timed.
    """
    alone = _apart("latency", rounds)
    for length, row in alone["latency"].items():
        yield (
            f"{length + ' characters':<28} p50 {row['p50']:8.2f} ms   p99 {row['p99']:8.2f} ms   n {row['n']}"
        )
    shortest, longest = alone["latency"][str(LENGTHS[1])], alone["latency"][str(LENGTHS[-1])]
    growth = (longest["p50"] / LENGTHS[-1]) / (shortest["p50"] / LENGTHS[1])
    yield f"{'time a character, 20,000:600':<28}     {growth:8.2f}      1 is linear"
    yield f"{'first verdict, loading too':<28}     {alone['first_s'] * 1000:8.0f} ms"
    yield f"{'peak memory':<28}     {alone['peak_mb']:8.0f} MB"
    yield f"{'messages a second':<28}     {alone['per_second']:8.0f}      one process, one thread"
    yield f"{'':<28}     {_apart('threads', rounds)['per_second']:8.0f}      one process, two threads"
    started = [_start("batch", rounds) for _ in range(2)]
    both = [_finish(process) for process in started]
    yield f"{'':<28}     {sum(one['per_second'] for one in both):8.0f}      two processes"


def texts(count: int, length: int) -> list[str]:
    """Return invented messages of a length, each another one: clauses of ordinary messages in any order."""
    from cbtguard.lab.bench import MESSAGES  # noqa: PLC0415 - this is started as a module of its own

    # Repeatable on purpose.
    draw = random.Random(length)  # noqa: S311
    clauses = [clause for message in MESSAGES for clause in message.rstrip("。").split("，")]
    found = []
    for _ in range(count):
        text = ""
        while len(text) < length:
            text += "，".join(draw.sample(clauses, 4)) + "。"
        found.append(text[:length])
    return found


def quantile(values: Sequence[float], share: float) -> float:
    """Return the value that ``share`` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def _latency(rounds: int) -> dict[str, Any]:
    start = time.perf_counter()
    assess = _assess()
    assess("今天有点累。")
    first = time.perf_counter() - start
    rows: dict[str, Any] = {}
    per_second = 0.0
    for length in LENGTHS:
        some = texts(max(5, rounds * 60 // length), length)
        for text in some[: 1 + len(some) // 10]:
            assess(text)
        spent = [_timed(assess, text) for text in some]
        rows[str(length)] = {"p50": quantile(spent, 0.5), "p99": quantile(spent, 0.99), "n": len(spent)}
        per_second = per_second or 1000 * len(spent) / sum(spent)
    return {"latency": rows, "first_s": first, "per_second": per_second, "peak_mb": _peak_mb()}


def _batch(rounds: int) -> dict[str, Any]:
    assess, some = _assess(), texts(rounds, 60)
    assess(some[0])
    start = time.perf_counter()
    for text in some:
        assess(text)
    return {"per_second": len(some) / (time.perf_counter() - start)}


def _threads(rounds: int) -> dict[str, Any]:
    assess, some = _assess(), texts(rounds, 60)
    assess(some[0])
    with ThreadPoolExecutor(2) as pool:
        start = time.perf_counter()
        for _ in pool.map(assess, some):
            pass
        return {"per_second": len(some) / (time.perf_counter() - start)}


_MEASURES: dict[str, Callable[[int], dict[str, Any]]] = {
    "latency": _latency,
    "batch": _batch,
    "threads": _threads,
}


def _assess() -> Callable[[str], Any]:
    from cbtguard.graph.assemble import default_detector  # noqa: PLC0415 - what is timed

    return default_detector().assess


def _timed(work: Callable[[str], Any], text: str) -> float:
    start = time.perf_counter()
    work(text)
    return (time.perf_counter() - start) * 1000


def _peak_mb() -> float:
    try:
        import resource  # noqa: PLC0415 - not on every system
    except ImportError:
        return float("nan")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)


def _apart(measure: str, rounds: int) -> dict[str, Any]:
    return _finish(_start(measure, rounds))


def _start(measure: str, rounds: int) -> subprocess.Popen[str]:
    return subprocess.Popen(  # noqa: S603 - our own module
        [sys.executable, "-m", __spec__.name if __spec__ else __name__, measure, str(rounds)],
        stdout=subprocess.PIPE,
        env={**os.environ, **_ONE_THREAD},
        encoding="utf-8",
    )


def _finish(process: subprocess.Popen[str]) -> dict[str, Any]:
    out, _ = process.communicate()
    if process.returncode:
        raise RuntimeError(f"the timing process ended with {process.returncode}")
    found: dict[str, Any] = json.loads(out)
    return found


def _main() -> None:
    measure, rounds = sys.argv[1:]
    if measure == "latency" and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    print(json.dumps(_MEASURES[measure](int(rounds))))


if __name__ == "__main__":
    _main()
