"""A process that tries one copy of the package after the other, each in a child of its own.

It imports libraries once and nothing of this package, so that every child reads the package from its own copy.
It is run as a file, with the names of further libraries: lines of JSON come in, lines of JSON go out.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

_LIBRARIES = (
    "numpy",
    "yaml",
    "pydantic",
    "langgraph.graph",
    "langgraph.checkpoint.memory",
    "opencc",
    "pypinyin",
)
_HIDDEN = ("torch", "transformers")


def _child(job: dict[str, Any], out: Path) -> None:
    sys.path.insert(0, job["folder"])
    sys.dont_write_bytecode = True
    found: dict[str, Any]
    try:
        probe = importlib.import_module("cbtguard.audit.mutants.probe")
        known = None if job["failing"] is None else frozenset(job["failing"])
        found = probe.probed(job["suites"], known)
    except BaseException as error:  # noqa: BLE001 - a copy that cannot be read at all is found
        text = f"{type(error).__name__}: {error}"
        typed = hasattr(error, "code")
        found = {"failed": {"load": text[:300]}, "found_by": "load" if typed else "load, untyped"}
    out.write_text(json.dumps(found, ensure_ascii=False), encoding="utf-8")


def _one(job: dict[str, Any]) -> dict[str, Any]:
    out = Path(job["folder"]) / "found.json"
    out.unlink(missing_ok=True)
    start = time.monotonic()
    pid = os.fork()
    if pid == 0:
        with contextlib.suppress(BaseException):
            _child(job, out)
        os._exit(0)
    late = False
    while os.waitpid(pid, os.WNOHANG)[0] == 0:
        if time.monotonic() - start > job["seconds"]:
            late = True
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            break
        time.sleep(0.02)
    if out.is_file():
        found: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
    else:
        found = {"failed": {"load": "no result"}, "found_by": "" if late else "load, untyped"}
    return {**found, "seconds": round(time.monotonic() - start, 1), "late": late}


def main() -> None:
    """Take jobs until there are no more."""
    for name in _HIDDEN:
        sys.modules[name] = None  # type: ignore[assignment]
    # The folder of this file would hide libraries behind modules of the same name.
    sys.path[:] = [one for one in sys.path if Path(one or ".").resolve() != Path(__file__).resolve().parent]
    for name in (*_LIBRARIES, *sys.argv[1:]):
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    for line in sys.stdin:
        sys.stdout.write(json.dumps(_one(json.loads(line)), ensure_ascii=False) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
