"""The examples beside other libraries: what of them runs without those libraries."""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = Path(__file__).parents[2] / "docs" / "examples" / "neighbours"


@pytest.fixture
def side_by_side() -> Iterator[Any]:
    sys.path.insert(0, str(FOLDER))
    try:
        yield importlib.import_module("side_by_side")
    finally:
        sys.path.remove(str(FOLDER))


def test_the_keyword_rails_have_forty_terms() -> None:
    terms = (FOLDER / "keywords.txt").read_text(encoding="utf-8").splitlines()
    assert len(set(terms)) == 40
    assert all(term == term.strip() for term in terms)


def test_the_rest_configuration_asks_in_the_shape_that_the_service_answers() -> None:
    rest = json.loads((FOLDER / "garak_rest.json").read_text(encoding="utf-8"))["rest"]["RestGenerator"]
    assert rest["uri"].endswith("/v1/chat/completions")
    assert rest["req_template_json_object"]["messages"] == [{"role": "user", "content": "$INPUT"}]
    assert rest["response_json_field"] == "$.choices[0].message.content"


def test_labels_that_say_neither_are_not_scored(side_by_side: Any, tmp_path: Path) -> None:
    file = tmp_path / "mine.jsonl"
    labels = ["crisis", "no_crisis", "ambiguous", 1, 0, "help"]
    file.write_text(
        "".join(json.dumps({"text": "x", "label": one}) + "\n" for one in labels), encoding="utf-8"
    )
    found = side_by_side.rows(argparse.Namespace(file=[file], cases=False))
    assert [danger for _, _, danger in found] == [True, False, True, False, True]


def test_the_audits_own_cases_have_both_labels(side_by_side: Any) -> None:
    found = side_by_side.rows(argparse.Namespace(file=[], cases=True))
    assert {(name, danger) for name, _, danger in found} == {
        (f"audit cases, {language}", danger)
        for language in ("English", "Chinese")
        for danger in (True, False)
    }


def test_a_side_that_is_not_installed_is_left_out_by_name(side_by_side: Any, tmp_path: Path) -> None:
    nothing = tmp_path / "nothing.jsonl"
    nothing.touch()
    told = side_by_side.side(sys.executable, "side_nemo.py", "no-such-library", 1, nothing)
    assert told.startswith("left out: no-such-library is not installed")
    told = side_by_side.side(str(tmp_path / "python"), "side_nemo.py", "nemoguardrails", 1, nothing)
    assert told.startswith("left out: nemoguardrails")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("script", "library"), [("side_langchain.py", "langchain"), ("side_flow.py", "cbtguard")]
)
def test_a_side_runs(side_by_side: Any, tmp_path: Path, script: str, library: str) -> None:
    messages = tmp_path / "messages.jsonl"
    messages.write_text('"今天买了菜"\n"我不想活了"\n', encoding="utf-8")
    told = side_by_side.side(sys.executable, script, library, 4, messages)
    assert told["stopped"] == [False, True]
    assert len(told["ms"]) == 4
    assert told["peak_mb"] > 0
