"""The files of a data set, written whole or not at all, the same rows giving the same bytes."""

from __future__ import annotations

import hashlib
import json
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from cbtguard.lab.build.result import Result

    Row = dict[str, Any]


def write_rows(folder: Path, result: Result) -> dict[str, int]:
    """Write all files of rows and return the number of rows of each, by name."""
    files: dict[str, list[Row]] = {}
    for split, rows in result.splits.items():
        files[f"{split}.jsonl"] = [row_of(row) for row in rows]
        files[f"{split}.chat.jsonl"] = [chat_of(row) for row in rows]
    files |= {"crisis.jsonl": result.crisis, "refused.jsonl": result.refused, "errors.jsonl": result.errors}
    for name, rows in files.items():
        write(folder / name, "".join(f"{_json(row)}\n" for row in rows))
    return {name: len(rows) for name, rows in files.items()}


def row_of(row: Row) -> Row:
    """Return a row as the split's file has it: the prompt as one text."""
    return {**row, "prompt": "\n\n".join(message["content"] for message in row["prompt"])}


def chat_of(row: Row) -> Row:
    """Return a row as messages, for fine-tuning: the prompt a writer is given in the flow, and the answer."""
    return {"id": row["id"], "messages": [*row["prompt"], {"role": "assistant", "content": row["answer"]}]}


def write(path: Path, text: str) -> None:
    """Write a file in one step: whoever reads it sees the old or the new one."""
    beside = path.with_name(f".{path.name}.new")
    with beside.open("w", encoding="utf-8", errors="replace", newline="\n") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    beside.replace(path)


def hashes(folder: Path, names: Iterable[str]) -> dict[str, Row]:
    """Return size and SHA-256 of files, by name."""
    return {
        name: {"bytes": (folder / name).stat().st_size, "sha256": digest(folder / name)}
        for name in sorted(names)
    }


def digest(path: Path) -> str:
    """Return the SHA-256 of a file, in hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _json(row: Row) -> str:
    return json.dumps(row, ensure_ascii=False)
