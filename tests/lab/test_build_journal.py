"""The journal of a build: whatever ends it, what was done is kept, once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cbtguard.lab.build.journal import Journal
from cbtguard.lab.build.outcome import Outcome
from cbtguard.lab.build.plan import Job, Task
from cbtguard.lab.build.question import Question
from cbtguard.safety.errors import DataError, InputError

if TYPE_CHECKING:
    from pathlib import Path

MADE = {"writer": "composer", "checker": "structure@1"}


def job(number: int, task: Task = Task.WHOLE) -> Job:
    asked = Question(number=number, id="", question=f"问题{number}", description="")
    return Job(key=asked.content, task=task, question=asked)


def outcome(number: int, kind: str = "refused") -> Outcome:
    return Outcome(kind=kind, data={"reason": "no_note", "number": number}, read=number, written=1)


def filled(folder: Path) -> Path:
    with Journal(folder, MADE) as journal:
        for number in range(3):
            journal.add(job(number), outcome(number))
        return journal.path


def test_every_cut_of_the_file_loses_at_most_the_last_row(tmp_path: Path) -> None:
    content = filled(tmp_path / "whole").read_bytes()
    head = content.index(b"\n") + 1
    for cut in range(head, len(content) + 1, 7):
        folder = tmp_path / str(cut)
        folder.mkdir()
        (folder / "journal.jsonl").write_bytes(content[:cut])
        whole = content[:cut].count(b"\n") - 1
        with Journal(folder, MADE) as journal:
            known = [journal.outcome(job(number)) for number in range(3)]
            assert known == [outcome(number) for number in range(whole)] + [None] * (3 - whole)
            for number in range(whole, 3):
                journal.add(job(number), outcome(number))
        assert (folder / "journal.jsonl").read_bytes() == content


def test_a_build_made_with_something_else_is_refused(tmp_path: Path) -> None:
    filled(tmp_path)
    with pytest.raises(InputError) as caught:
        Journal(tmp_path, {**MADE, "checker": "structure@2"})
    assert caught.value.code == "input.build_changed"
    assert "checker" in caught.value.message
    with Journal(tmp_path, MADE) as journal:
        assert journal.outcome(job(0)) is not None


def test_one_build_a_folder(tmp_path: Path) -> None:
    with Journal(tmp_path, MADE):
        with pytest.raises(InputError) as caught:
            Journal(tmp_path, MADE)
        assert caught.value.code == "input.build_busy"
    Journal(tmp_path, MADE).close()


@pytest.mark.parametrize(
    "content", [b"no\n", b"no", b"[]\n", b'{"made_with": {}}\n', b'{"journal": 1}\n{"key": 1}\n']
)
def test_a_file_that_is_no_journal(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "journal.jsonl").write_bytes(content)
    with pytest.raises(DataError):
        Journal(tmp_path, MADE)
    assert (tmp_path / "journal.jsonl").read_bytes() == content


def test_a_block_of_zeros_costs_its_row(tmp_path: Path) -> None:
    path = filled(tmp_path)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:2], b"\0" * 50 + b"\n", *lines[3:]]))
    with Journal(tmp_path, MADE) as journal:
        assert [journal.outcome(job(n)) is not None for n in range(3)] == [True, False, True]


def test_only_screened_is_not_done(tmp_path: Path) -> None:
    with Journal(tmp_path, MADE) as journal:
        journal.add(job(1, Task.SCREEN), outcome(1, "cleared"))
        journal.add(job(2, Task.SCREEN), outcome(2, "crisis"))
        journal.add(job(3), outcome(3, "answered"))
        assert journal.outcome(job(1, Task.SCREEN)) is not None
        assert journal.outcome(job(1)) is None
        assert journal.outcome(job(2)) is not None
        assert journal.outcome(job(3, Task.SCREEN)) is not None


def test_rows_in_error_may_be_tried_again(tmp_path: Path) -> None:
    with Journal(tmp_path, MADE) as journal:
        journal.add(job(1), outcome(1, "error"))
        journal.add(job(2), outcome(2))
        assert journal.forget_errors() == 1
        assert journal.outcome(job(1)) is None
        journal.add(job(1), outcome(1, "answered"))
    with Journal(tmp_path, MADE) as journal:
        again = journal.outcome(job(1))
        assert again is not None
        assert again.kind == "answered"
