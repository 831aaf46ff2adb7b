"""Outcomes kept as they come, one JSON line each, so that an audit that was ended goes on where it stopped."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from cbtguard.audit.outcome import Outcome
from cbtguard.safety.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class Journal:
    """The file ``outcomes.jsonl``: a header with the hashes of the inputs, then outcomes in the order they came.

    Args:
        path: The file; made when it is not there.
        inputs: What the outcomes depend on. A file with other inputs is begun anew.

    Raises:
        DataError: ``data.unreadable`` when the file cannot be read or written.
    """

    def __init__(self, path: Path, inputs: Mapping[str, Any]) -> None:
        self.path = path
        self.done: dict[tuple[str, str], Outcome] = {}
        """Target and case to their outcome."""
        self.anew = False
        """Whether a file with other inputs was there."""
        header = {"inputs": dict(inputs)}
        try:
            good = self._read(header) if path.exists() else 0
            if good == 0:
                path.write_text(json.dumps(header, ensure_ascii=False) + "\n", encoding="utf-8")
            else:
                # A process that was killed may have left half a line.
                os.truncate(path, good)
            self._file = path.open("a", encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(
                "data.unreadable",
                f"The file {path} cannot be read or written ({type(error).__name__}).",
                hint="Give another folder with --out.",
            ) from error

    def add(self, outcome: Outcome) -> None:
        """Keep an outcome."""
        self._file.write(json.dumps(outcome.as_dict(), ensure_ascii=False) + "\n")
        self._file.flush()
        self.done[(outcome.target, outcome.case)] = outcome

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def _read(self, header: Mapping[str, Any]) -> int:
        """Take what is there, and return the bytes of it that are whole lines; 0 to begin anew."""
        good = 0
        with self.path.open("rb") as lines:
            for raw in lines:
                if not raw.endswith(b"\n"):
                    break
                try:
                    entry = json.loads(raw)
                    if good == 0:
                        if entry != header:
                            self.anew = True
                            return 0
                    else:
                        outcome = Outcome.from_dict(entry)
                        self.done[(outcome.target, outcome.case)] = outcome
                except (ValueError, TypeError, KeyError):
                    break
                good += len(raw)
        return good
