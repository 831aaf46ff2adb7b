"""The documents of the safety audit: whatever they name is there, and every claim has what carries it."""

from __future__ import annotations

import ast
import re
import shlex
from functools import cache
from pathlib import Path

import click
import pytest

from cbtguard.audit.case import Suite
from cbtguard.graph import Answer, Guard, Limits, Settings, conformance
from cbtguard.graph.verify.clauses import CLAUSES, TALK_CLAUSE
from cbtguard.service.cli.main import _group
from cbtguard.service.http import ServeSettings

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
NAMES = ("safety-case.md", "threat-model.md", "laws.md", "conformance.md")
TEXTS = {name: (DOCS / name).read_text(encoding="utf-8") for name in NAMES}
CASE = TEXTS["safety-case.md"]
CODES = {name: re.findall(r"`([^`\n]+)`", text) for name, text in TEXTS.items()}
ROOMS = ("tests", "graph", "nodes", "safety", "service", "audit", "lab", "docs")


def by_name(names: tuple[str, ...] = NAMES) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("name", names)


def rows(text: str, start: str) -> list[list[str]]:
    """The cells of each table row whose first cell begins so."""
    lines = (line.rstrip()[1:-1].split("|") for line in text.splitlines() if line.startswith("| "))
    return [[cell.strip() for cell in line] for line in lines if re.fullmatch(start, line[0].strip())]


CLAIMS = rows(CASE, r"G\d+\.\d+")


@cache
def functions(path: Path) -> frozenset[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return frozenset(n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))


@cache
def anchors(path: Path) -> frozenset[str]:
    heads = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", head.lower()).strip().replace(" ", "-") for head in heads)
    return frozenset(plain)


@by_name()
def test_every_file_and_test_that_is_named_is_there(name: str) -> None:
    places = [code for code in CODES[name] if code.split("/")[0] in ROOMS and "/" in code]
    assert places
    for place in places:
        path, _, function = place.partition("::")
        assert (ROOT / path).exists(), place
        assert not function or function in functions(ROOT / path), place


@by_name()
def test_every_link_leads_somewhere(name: str) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", TEXTS[name]):
        if target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        found = (DOCS / path if path else DOCS / name).resolve()
        assert found.is_file(), target
        assert not anchor or anchor in anchors(found), target


@by_name()
def test_every_command_is_there(name: str) -> None:
    for code in CODES[name]:
        if not code.startswith("cbtguard "):
            continue
        found: click.Command = _group
        context = click.Context(found)
        words = shlex.split(code)[1:]
        taken: list[str] = []
        while words and isinstance(found, click.Group) and not words[0].startswith("-"):
            taken.append(words.pop(0))
            below = found.get_command(context, taken[-1])
            assert below is not None, code
            found = below
        told = {option for one in found.params for option in one.opts} | set(
            found.get_help_option_names(context)
        )
        arguments = [word for word in words if word.startswith("--")]
        if not isinstance(found, click.Group) and found.params:
            assert set(arguments) <= told, code


@pytest.mark.parametrize("clause", [*(one.id for one in CLAUSES), TALK_CLAUSE])
def test_every_clause_carries_a_claim_and_no_other_is_named(clause: str) -> None:
    named = {one for row in CLAIMS for one in re.findall(r"S\d+", row[3])}
    assert clause in named
    assert named == {*(one.id for one in CLAUSES), TALK_CLAUSE}


def test_every_suite_carries_a_claim_and_no_other_is_named() -> None:
    named = {suite for row in CLAIMS for suite in re.findall(r"`(\w+)`", row[2])}
    for text in TEXTS.values():
        for told in re.findall(r"suites? ((?:`\w+`(?:, | and )?)+)", text):
            named |= set(re.findall(r"`(\w+)`", told))
    # The suite of the inventory comes with a change of its own.
    assert named == {*(suite.value for suite in Suite), "inventory"}


def test_every_claim_has_evidence_and_stands_in_a_picture() -> None:
    assert len(CLAIMS) > 20
    for row in CLAIMS:
        assert len(row) == 5, row[0]
        assert any(row[2:]), row[0]
    pictures = "\n".join(re.findall(r"```mermaid\n(.*?)```", CASE, re.DOTALL))
    told = {row[0] for row in CLAIMS}
    assert set(re.findall(r"\bG\d+\.\d+", pictures)) == told
    assert set(re.findall(r"\bG\d+(?=\[)", pictures)) == {"G1", *(one.partition(".")[0] for one in told)}
    solutions = {row[0] for row in rows(CASE, r"Sn\d+")}
    assert set(re.findall(r"\bSn\d+", pictures)) == solutions


def test_what_is_referred_to_by_number_is_there() -> None:
    known = {row[0] for kind in "RACJH" for row in rows(CASE, rf"{kind}\d+")}
    text = TEXTS["laws.md"] + CASE
    assert set(re.findall(r"\b[RAJH]\d{1,2}\b", text)) <= known
    threats = [row[0] for row in rows(TEXTS["threat-model.md"], r"T\d+")]
    assert threats == [f"T{number}" for number in range(1, len(threats) + 1)]
    assert set(re.findall(r"\bT\d+\b", "".join(TEXTS.values()))) <= set(threats)


def test_every_threat_is_told_whole() -> None:
    for row in rows(TEXTS["threat-model.md"], r"T\d+"):
        assert len(row) == 6, row[0]
        assert all(row), row[0]
        assert set(row[1].split(", ")) <= set("STRIDE"), row[0]


def test_every_figure_stands_where_it_is_from() -> None:
    risks = rows(CASE, r"R\d+")
    assert risks
    for row in risks:
        (target,) = re.findall(r"\]\(([^)#]+)", row[3])
        plain = (DOCS / target).read_text(encoding="utf-8").replace("*", "")
        text = re.sub(r"\s+", " ", plain)
        for figure in re.findall(r"`([^`]+)`", row[2]):
            assert figure in text, (row[0], figure)


@by_name()
def test_every_setting_and_member_is_there(name: str) -> None:
    fields = {*Settings.model_fields, *Limits.__dataclass_fields__, *ServeSettings.model_fields}
    told = re.findall(r"(?:settings?|limit) ((?:`[a-z_]+`(?: and |, )?)+)", TEXTS[name])
    assert {one for many in told for one in re.findall(r"`(\w+)`", many)} <= fields
    owners = {"Guard": dir(Guard), "Answer": [*dir(Answer), *Answer.__dataclass_fields__]}
    for owner, member in re.findall(r"`(Guard|Answer)\.(\w+)", TEXTS[name]):
        assert member in owners[owner], (owner, member)


def blocks() -> list[str]:
    return re.findall(r"```python\n(.*?)```", TEXTS["conformance.md"], re.DOTALL)


def test_every_conformance_suite_has_an_example() -> None:
    for suite in conformance.SUITES.values():
        assert sum(f"{suite.__name__}(" in block for block in blocks()) >= 1, suite.__name__
        assert f"| `{suite.__name__}` |" in TEXTS["conformance.md"]
    for block in blocks():
        compile(block, "conformance.md", "exec")
        assert len([line for line in block.splitlines() if line.strip()]) <= 12


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(blocks())))
def test_every_example_of_conformance_runs(number: int, capsys: pytest.CaptureFixture[str]) -> None:
    exec(compile(blocks()[number], "conformance.md", "exec"), {"__name__": "example"})  # noqa: S102 - our own
    told = capsys.readouterr().out
    assert "conforms" in told or number == 0
    assert "FAIL" not in told
