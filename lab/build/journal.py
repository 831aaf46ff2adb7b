"""The journal of a build: one line a finished row, so that it goes on at any row after any end."""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Any, Self

from cbtguard.lab.build.outcome import Outcome
from cbtguard.lab.build.plan import Job, Task
from cbtguard.safety.errors import DataError, InputError

if TYPE_CHECKING:
    from pathlib import Path

NAME = "journal.jsonl"
_FORMAT = 1
_HEAD = b'{"journal": '
"""How the file begins; one that does not is somebody else's, and is left as it is."""
_ROWS, _SECONDS = 64, 2.0
"""Rows and seconds after which what was written is forced to the disk."""


class Journal:
    """Append-only: the first line says what it was made with, each further one holds an outcome.

    A line that was not finished, because the process or the machine ended, is cut off. Every line goes to
    the system at once, so that the end of the process loses no finished row, and to the disk in batches, so
    that the end of the machine loses a few.

    Args:
        folder: Where the file lies; held against a second build until :meth:`close`.
        made_with: What outcomes depend on.
        fresh: Forget what was done.

    Raises:
        InputError: ``input.build_busy``, or ``input.build_changed`` when the file was made with something else.
        DataError: ``data.malformed`` for a file that is no journal.
    """

    def __init__(self, folder: Path, made_with: dict[str, str], *, fresh: bool = False) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / NAME
        # Rows that are no longer wanted, and crisis rows, are nobody's business but the builder's.
        handle = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        self._file: IO[bytes] = os.fdopen(handle, "r+b")
        self._known: dict[str, tuple[Task, Outcome]] = {}
        self._waiting, self._synced = 0, time.monotonic()
        try:
            self._hold()
            if fresh:
                # Held first: a build that is at work there keeps its rows.
                self._file.truncate(0)
            self._load(made_with)
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def outcome(self, job: Job) -> Outcome | None:
        """Return what became of a job; None where it, or enough of it, was not done."""
        task, outcome = self._known.get(job.key, (Task.SCREEN, None))
        if outcome is None:
            return None
        if task is Task.SCREEN and job.task is Task.WHOLE and outcome.kind != "crisis":
            return None
        return outcome

    def add(self, job: Job, outcome: Outcome) -> None:
        """Keep what became of a job."""
        self._known[job.key] = (job.task, outcome)
        self._write({"key": job.key, "task": job.task.value, **_plain(outcome)})
        self._waiting += 1
        if self._waiting >= _ROWS or time.monotonic() - self._synced > _SECONDS:
            self._sync()

    def forget_errors(self) -> int:
        """Take rows that failed for not done; return how many."""
        failed = [key for key, (_, outcome) in self._known.items() if outcome.kind == "error"]
        for key in failed:
            del self._known[key]
        return len(failed)

    def close(self) -> None:
        """Force all to the disk and let go of the file."""
        if not self._file.closed:
            self._sync()
            self._file.close()

    def _write(self, row: dict[str, Any]) -> None:
        self._file.write(json.dumps(row, ensure_ascii=False).encode("utf-8", "replace") + b"\n")
        self._file.flush()

    def _sync(self) -> None:
        os.fsync(self._file.fileno())
        self._waiting, self._synced = 0, time.monotonic()

    def _hold(self) -> None:
        try:
            import fcntl  # noqa: PLC0415 - not on every platform
        except ImportError:  # pragma: no cover - elsewhere, the operator takes care
            return
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise InputError(
                "input.build_busy",
                "Another build is at work in this folder.",
                hint="Wait for it, or give another folder.",
            ) from None

    def _load(self, made_with: dict[str, str]) -> None:
        content = self._file.read()
        if content[: len(_HEAD)] != _HEAD[: len(content)]:
            raise self._foreign()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            self._file.truncate(whole)
        self._file.seek(whole)
        lines = content[:whole].splitlines()
        if not lines:
            self._write({"journal": _FORMAT, "made_with": made_with})
            self._sync()
            return
        try:
            head = json.loads(lines[0])
            self._compare({**head["made_with"], "format": head["journal"]}, made_with)
            for line in lines[1:]:
                # Power that failed may leave a block of zeros; such a row is done again.
                with suppress(json.JSONDecodeError, UnicodeDecodeError):
                    row = json.loads(line.decode())
                    outcome = Outcome(
                        kind=row["kind"], data=row["data"], read=row["read"], written=row["written"]
                    )
                    self._known[row["key"]] = (Task(row["task"]), outcome)
        except (ValueError, KeyError, TypeError) as error:
            raise self._foreign() from error

    def _foreign(self) -> DataError:
        return DataError(
            "data.malformed",
            f"The file {self.path} is not a journal of a build.",
            hint="Give another folder, or take the file away to begin anew.",
        )

    def _compare(self, before: dict[str, Any], now: dict[str, Any]) -> None:
        now = {**now, "format": _FORMAT}
        changed = sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))
        if changed:
            raise InputError(
                "input.build_changed",
                f"The folder holds a build that was made with another {', '.join(changed)}.",
                hint="Give another folder, or --fresh to begin anew.",
            )


def _plain(outcome: Outcome) -> dict[str, Any]:
    return {
        "kind": outcome.kind,
        "data": outcome.data,
        "read": outcome.read,
        "written": outcome.written,
    }
