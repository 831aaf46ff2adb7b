from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = Path(__file__).parents[1] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
MACHINE = re.compile(r"/(?:home|root|tmp|usr|var|opt|work|Users|private)/|[A-Z]:\\\\|127\.0\.0\.1:\d")
"""Paths and ports that are of one machine."""


def code_cells(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def errors(notebook: Any) -> Iterator[str]:
    for cell in code_cells(notebook):
        for output in cell.outputs:
            if output.output_type == "error":
                yield f"{output.ename} in {cell.source.splitlines()[0]!r}"


def kinds(notebook: Any) -> list[list[str]]:
    """The shape of the outputs: their sorts, cell by cell, streams left out since warnings come and go."""
    return [
        sorted({" ".join(sorted(o.data)) for o in cell.outputs if "data" in o})
        for cell in code_cells(notebook)
    ]


def test_there_are_notebooks() -> None:
    assert NOTEBOOKS


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_kept_as_it_is_to_be_read(path: Path) -> None:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    outputs = [output for cell in code for output in cell["outputs"]]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1)), "run once, in order"
    assert not [output for output in outputs if output["output_type"] == "error"]
    assert not [output for output in outputs if output.get("name") == "stderr"], "warnings come and go"
    assert any("image/png" in output.get("data", {}) for output in outputs), "a plot"
    assert any("text/markdown" in output.get("data", {}) for output in outputs), "figures"
    # The base64 of a picture may hold anything.
    said = [
        json.dumps({kind: text for kind, text in output.get("data", {}).items() if kind != "image/png"})
        + json.dumps(output.get("text", ""))
        for output in outputs
    ]
    assert not [match[0] for text in said if (match := MACHINE.search(text))]
    assert not any("execution" in cell["metadata"] for cell in cells), "times differ at each run"


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_as_it_was_kept(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import nbclient  # noqa: PLC0415 - a quick run needs neither
    import nbformat  # noqa: PLC0415 - the same

    monkeypatch.setenv("CBTGUARD_HOME", str(tmp_path / "home"))
    kept = nbformat.read(path, as_version=4)
    assert all(cell.execution_count for cell in code_cells(kept)), "a notebook is kept with its outputs"
    assert list(errors(kept)) == []
    fresh = nbformat.read(path, as_version=4)
    client = nbclient.NotebookClient(
        fresh,
        timeout=300,
        kernel_name="python3",
        allow_errors=True,
        resources={"metadata": {"path": str(tmp_path)}},
    )
    client.execute()
    assert list(errors(fresh)) == []
    assert kinds(fresh) == kinds(kept)
    assert not (tmp_path / "home").exists(), "a notebook writes into a temporary folder of its own"
