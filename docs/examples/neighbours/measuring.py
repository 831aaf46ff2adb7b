"""What each side of the comparison measures of itself; only the standard library, so that any environment has it."""

from __future__ import annotations

import argparse
import json
import re
import resource
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

HERE = Path(__file__).parent
PHONE = re.compile(r"(?<!\d)1[3-9]\d{9}(?!\d)")
MAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.]+")


def keywords() -> list[str]:
    """Return the terms of the keyword rails."""
    return (HERE / "keywords.txt").read_text(encoding="utf-8").split("\n")[:-1]


def turns() -> dict[str, str]:
    """Return what ordinary people write, each with what the stub model says to it."""
    lines = (HERE / "turns.jsonl").read_text(encoding="utf-8").splitlines()
    return {row["text"]: row["answer"] for row in map(json.loads, lines)}


def answer() -> str:
    """Return what the stub model says to the first of them."""
    return next(iter(turns().values()))


def pattern() -> re.Pattern[str]:
    """Return the terms as one pattern."""
    return re.compile("|".join(map(re.escape, keywords())), re.IGNORECASE)


def masked(text: str) -> str:
    """Return a text without telephone numbers and mail addresses."""
    return MAIL.sub("[MAIL]", PHONE.sub("[PHONE]", text))


def main(make: Callable[[], tuple[Callable[[str], object], Callable[[str], bool]]]) -> None:
    """Measure and print one JSON object.

    Args:
        make: Returns what takes one turn, and what tells whether a message is stopped at the door.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("--began", type=float, required=True)
    parser.add_argument("--turns", type=int, required=True)
    parser.add_argument("--messages", type=Path)
    options = parser.parse_args()
    ordinary = list(turns())
    turn, stopped = make()
    turn(ordinary[0])
    cold = time.time() - options.began
    for number in range(8):
        turn(ordinary[number % len(ordinary)])
    took, worked = [], []
    for number in range(options.turns):
        start, begun = time.perf_counter(), time.process_time()
        turn(ordinary[number % len(ordinary)])
        took.append((time.perf_counter() - start) * 1000)
        worked.append((time.process_time() - begun) * 1000)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    found = []
    if options.messages:
        with options.messages.open(encoding="utf-8") as lines:
            found = [stopped(json.loads(line)) for line in lines]
    told = {"cold_s": cold, "ms": took, "cpu_ms": worked, "peak_mb": peak, "stopped": found}
    sys.stdout.write(f"\n{json.dumps(told)}\n")
