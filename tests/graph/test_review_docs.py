"""What docs/review.md says is so."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from cbtguard.graph.review.refusals import _REFUSALS
from cbtguard.nodes.reviewer import Act, Status

if TYPE_CHECKING:
    import pytest

DOC = (Path(__file__).parents[2] / "docs" / "review.md").read_text(encoding="utf-8")


def test_the_example_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CBTGUARD_HOME", str(tmp_path))
    [example] = re.findall(r"```python\n(.*?)```", DOC, re.DOTALL)
    assert len(example.strip().splitlines()) <= 11
    exec(compile(example, "docs/review.md", "exec"), {})  # noqa: S102 - the document's own block
    told = capsys.readouterr().out.splitlines()
    assert told[0].startswith("held ")
    assert any(line.startswith("watch ") for line in told)
    assert any(line.startswith("composer ") for line in told)
    assert (tmp_path / "threads.sqlite").exists()


def test_the_document_names_every_act_status_and_error() -> None:
    named = set(re.findall(r"`([a-z_.]+)`", DOC))
    assert {act.value for act in Act} - {"expire"} <= named
    assert {status.value for status in Status} - {"open"} <= named
    assert set(_REFUSALS) <= named
