"""A service of its own on a free port of loopback, ended by its own handle."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_LONGEST_S = 120.0


@contextmanager
def service() -> Iterator[str]:
    """Yield the address of a service with the built-in settings, whose record lies in a folder that goes with it."""
    with tempfile.TemporaryDirectory(prefix="neighbours-") as home:
        process = subprocess.Popen(
            [sys.executable, "-m", "cbtguard.service.cli", "serve", "--port", "0"],
            env={**os.environ, "CBTGUARD_HOME": home},
            stderr=subprocess.PIPE,
            text=True,
        )
        late = threading.Timer(_LONGEST_S, process.kill)
        late.start()
        try:
            url = _address(process)
            late.cancel()
            yield url
        finally:
            late.cancel()
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _address(process: subprocess.Popen[str]) -> str:
    assert process.stderr is not None  # noqa: S101 - it was asked for
    for line in process.stderr:
        found = re.search(r"serves on (http://\S+)", line)
        if found:
            # What it says later is read and dropped, so that it never waits for a reader.
            threading.Thread(target=lambda rest=process.stderr: rest.read(), daemon=True).start()
            return found[1]
    raise SystemExit("The service did not start; cbtguard[serve] must be installed.")
