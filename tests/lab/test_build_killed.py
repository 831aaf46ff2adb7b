"""A build killed by SIGKILL, twice, with a helper at work, and gone on with: no row lost, none doubled."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from cbtguard.lab.build.bench import bench, killed_at, lines_of, start_build
from cbtguard.lab.build.files import digest
from cbtguard.lab.build.journal import NAME

QUESTIONS = Path(__file__).parents[2] / "lab" / "data" / "questions"


def test_killed_once_and_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CBTGUARD_HOME", str(tmp_path / "home"))
    few = tmp_path / "few.json"
    rows = json.loads((QUESTIONS / "zh.json").read_text(encoding="utf-8"))
    few.write_text(json.dumps(rows[26:46], ensure_ascii=False), encoding="utf-8")
    alone = ("--processes", "1", "--no-plots")
    told = killed_at(few, tmp_path / "out", 5, *alone)
    assert 5 <= told < 20
    before = (tmp_path / "out" / NAME).read_bytes()
    assert start_build(few, tmp_path / "out", *alone).wait() == 0
    after = (tmp_path / "out" / NAME).read_bytes()
    assert after.startswith(before[: before.rfind(b"\n") + 1])
    keys = [json.loads(line)["key"] for line in after.splitlines()[1:]]
    assert len(keys) == len(set(keys)) == 20


@pytest.mark.slow
def test_killed_twice_is_as_if_never(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CBTGUARD_HOME", str(tmp_path / "home"))
    lines = list(bench(QUESTIONS / "zh.json"))
    assert "0 rows lost, 0 doubled" in lines
    assert lines[-1].startswith("0 of ")
    compared = next(line for line in lines if "files have" in line).split()
    assert compared[0] == compared[2]


@pytest.mark.slow
def test_helpers_end_with_the_process_that_called_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CBTGUARD_HOME", str(tmp_path / "home"))
    process = start_build(QUESTIONS / "zh.json", tmp_path / "two", "--processes", "2", "--no-plots")
    while lines_of(tmp_path / "two") < 40 and process.poll() is None:
        time.sleep(0.02)
    children = _children(process.pid)
    process.kill()
    process.wait()
    for _ in range(500):
        if not any(Path(f"/proc/{child}").exists() for child in children):
            break
        time.sleep(0.02)
    assert not any(Path(f"/proc/{child}").exists() for child in children)
    # The same rows by one process and by two.
    for folder, processes in (("two", "2"), ("one", "1")):
        done = start_build(QUESTIONS / "zh.json", tmp_path / folder, "--processes", processes, "--no-plots")
        assert done.wait() == 0
    assert digest(tmp_path / "one" / "train.jsonl") == digest(tmp_path / "two" / "train.jsonl")


def _children(pid: int) -> list[str]:
    tasks = Path(f"/proc/{pid}/task")
    return [child for task in tasks.iterdir() for child in (task / "children").read_text().split()]
