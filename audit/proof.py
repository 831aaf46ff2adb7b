"""The proof of the safety contract, made in a process of its own while the audit goes on."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from cbtguard.safety.errors import AuditError


class Proving:
    """``cbtguard verify --json`` at work."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="cbtguard-proof-")
        self._file = Path(self._folder.name) / "proof.json"
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Begin."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "cbtguard.service.cli",
            "verify",
            "--json",
            str(self._file),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )

    async def result(self) -> dict[str, Any]:
        """Wait for its end and return the proof.

        Raises:
            AuditError: ``audit.proof`` when it wrote none.
        """
        if self._process is not None:
            await self._process.wait()
        try:
            found = json.loads(self._file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            found = None
        if not isinstance(found, dict):
            raise AuditError(
                "audit.proof", "The proof ended without a result.", hint="Run `cbtguard verify` alone."
            )
        return found

    async def close(self) -> None:
        """End it if it is still at work."""
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
        self._folder.cleanup()
