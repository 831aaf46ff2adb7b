"""A build killed in the middle, gone on with, and looked over: rows a second, rows lost, crisis rows let in."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cbtguard.lab.build.figures import asked
from cbtguard.lab.build.files import digest
from cbtguard.lab.build.journal import NAME
from cbtguard.lab.build.plan import SPLITS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_LOOK_S = 0.02


def bench(source: Path, *, kills: int = 2, rows: int | None = None) -> Iterator[str]:
    """Yield lines about a build of a file with the composer.

    Args:
        source: Questions.
        kills: How often the build is killed, at even distances.
        rows: Rows of the source; counted in the journal of an unbroken build when None.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        start = time.monotonic()
        process = start_build(source, folder / "whole")
        while lines_of(folder / "whole") < 2 and process.poll() is None:
            time.sleep(_LOOK_S)
        first = time.monotonic()
        process.wait()
        end = time.monotonic()
        done = lines_of(folder / "whole") - 1
        rate = done / (end - first)
        yield f"{done} rows in {end - first:.1f} s after a start of {first - start:.1f} s: {rate:.1f} rows/s"
        total = rows or done
        for number in range(kills):
            told = killed_at(source, folder / "killed", total * (number + 1) // (kills + 1))
            yield f"killed with {told} rows done"
        start_build(source, folder / "killed").wait()
        yield from _compared(folder / "whole", folder / "killed")
        yield from _screened(folder / "killed")


def start_build(source: Path, folder: Path, *options: str) -> subprocess.Popen[bytes]:
    """Start a build in a process of its own."""
    command = [sys.executable, "-m", "cbtguard.service.cli", "lab", "build", str(source), str(folder)]
    environment = {**os.environ, "CBTGUARD_WRITER": "composer"}
    return subprocess.Popen([*command, *options], env=environment, stderr=subprocess.DEVNULL)  # noqa: S603 - our own


def killed_at(source: Path, folder: Path, rows: int, *options: str) -> int:
    """Start a build, kill it once so many rows are done, and return how many were."""
    process = start_build(source, folder, *options)
    while lines_of(folder) <= rows and process.poll() is None:
        time.sleep(_LOOK_S)
    process.send_signal(signal.SIGKILL)
    process.wait()
    return lines_of(folder) - 1


def lines_of(folder: Path) -> int:
    """Return how many whole lines the journal of a build has."""
    path = folder / NAME
    return path.read_bytes().count(b"\n") if path.exists() else 0


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Return the rows of a file of a data set."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _compared(one: Path, other: Path) -> Iterator[str]:
    names = [path.name for path in sorted(one.iterdir()) if path.name != NAME]
    same = sum(digest(one / name) == digest(other / name) for name in names)
    keys = Counter(json.loads(line)["key"] for line in (other / NAME).read_bytes().splitlines()[1:])
    wanted = {json.loads(line)["key"] for line in (one / NAME).read_bytes().splitlines()[1:]}
    doubled = sum(count - 1 for count in keys.values())
    yield f"{len(wanted - keys.keys())} rows lost, {doubled} doubled"
    yield f"{same} of {len(names)} files have the bytes of the unbroken build"


def _screened(folder: Path) -> Iterator[str]:
    from cbtguard.graph.assemble import default_detector  # noqa: PLC0415 - compiles the rules

    detector = default_detector()
    rows = [row for split in SPLITS for row in read_rows(folder / f"{split}.jsonl")]

    def refers(texts: Sequence[str]) -> bool:
        return any(detector.assess(text).level.refers for text in texts if text.strip())

    found = sum(refers([asked(row), row["question"], row["description"]]) for row in rows)
    yield f"{found} of {len(rows)} rows of the splits are at crisis or emergency by the screen"
