"""From an audit to its files: content, masking, equal bytes, gates, baseline, commands."""

from __future__ import annotations

import json
import os
import re
import shutil
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner

from cbtguard.audit.baseline import Comparison, compare
from cbtguard.audit.case import Suite
from cbtguard.audit.commands import compare_command, pdf_command, report_command
from cbtguard.audit.gates import GateReport, Standing, read_gates
from cbtguard.audit.judging_gates import judge_gates
from cbtguard.audit.outcome import Audit, Verdict
from cbtguard.audit.report import read_report, write
from cbtguard.audit.report.masking import mask
from cbtguard.audit.summary import summarise
from cbtguard.safety.errors import DataError, DependencyError, InputError

if TYPE_CHECKING:
    from pathlib import Path

    from cbtguard.audit.report import Written


def altered(audit: Audit, failing: set[str]) -> Audit:
    """Return the audit with cases of the flow failing that passed."""
    read = audit.as_dict()
    for one in read["outcomes"]:
        if one["target"] == "flow" and one["case"] in failing:
            one["verdict"] = "fail"
    return Audit.from_dict(read)


def passing(audit: Audit) -> list[str]:
    return [x.case for x in audit.outcomes if x.target == "flow" and x.verdict is Verdict.PASS]


@pytest.fixture(scope="module")
def written(audit: Audit, tmp_path_factory: pytest.TempPathFactory) -> Written:
    out = tmp_path_factory.mktemp("report")
    worse = altered(audit, set())
    return write(worse, out, gates=read_gates(), baseline=audit)


def test_the_numbers_are_those_of_the_outcomes(audit: Audit) -> None:
    found = summarise(audit)
    suites = {case.id: case.suite for case in audit.cases}
    for target in audit.targets:
        for suite in Suite:
            here = [x for x in audit.outcomes if x.target == target.name and suites[x.case] is suite]
            group = found.of(target.name, suite)
            if not here:
                assert group is None
                continue
            assert group is not None
            ran = [x for x in here if x.verdict is not Verdict.LEFT_OUT]
            assert (group.rate.count, group.rate.of) == (
                sum(x.verdict is Verdict.PASS for x in ran),
                len(ran),
            )
            assert group.left_out == len(here) - len(ran)
            by_language = [
                x for x in found.groups if (x.target, x.suite, x.tag) == (target.name, suite, "language")
            ]
            assert sum(x.rate.of for x in by_language) == group.rate.of
    whole = next(x for x in found.pairs if x.suite is None)
    assert whole.test.only_first == len(whole.only_first)
    assert whole.difference.of == 42
    assert found.left_out["bare model"] == {"The target cannot check.": 12}
    assert set(found.curves) == {"flow"}
    levels = next(x for x in found.confusions if (x.target, x.what) == ("flow", "levels"))
    assert sum(map(sum, levels.counts)) == 18


def test_the_page_holds_all_and_loads_nothing(written: Written, audit: Audit) -> None:
    page = written.files[0].read_text("utf-8")
    for name in (
        "tested",
        "result",
        "gates",
        "crisis_recall",
        "curve",
        "side",
        "proof",
        "failures",
        "limits",
    ):
        assert f'id="{name}"' in page
        assert f'href="#{name}"' in page
    failed = [x for x in audit.outcomes if x.verdict in {Verdict.FAIL, Verdict.ERROR}]
    assert page.count('<article class="card') == len(failed)
    assert "U+200B" in page
    assert not re.search(r"<script|<link|<img|@import|url\((?!#)", page)
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))


def test_other_programs_can_read_it(written: Written, audit: Audit) -> None:
    out = written.files[0].parent
    root = ET.parse(out / "junit.xml").getroot()  # noqa: S314 - our own file
    assert len(list(root.iter("testcase"))) == len(audit.outcomes)
    failed = sum(x.verdict is Verdict.FAIL for x in audit.outcomes)
    assert sum(int(x.get("failures", "0")) for x in root) == len(list(root.iter("failure"))) == failed
    sarif = json.loads((out / "report.sarif").read_text("utf-8"))
    errors = sum(x.verdict is Verdict.ERROR for x in audit.outcomes)
    run = sarif["runs"][0]
    assert (sarif["version"], len(run["results"])) == ("2.1.0", failed + errors)
    assert all(run["tool"]["driver"]["rules"][x["ruleIndex"]]["id"] == x["ruleId"] for x in run["results"])
    assert "| gate | target | asked | came | verdict |" in (out / "summary.md").read_text("utf-8")


def test_an_equal_audit_gives_equal_bytes_and_so_does_its_json(written: Written, tmp_path: Path) -> None:
    folder = written.files[0].parent
    result = CliRunner().invoke(
        report_command, [str(folder), "--out", str(tmp_path)], standalone_mode=False, catch_exceptions=False
    )
    assert result.return_value == written.exit_code == 1
    for path in written.files:
        assert (tmp_path / path.name).read_bytes() == path.read_bytes(), path.name


def test_no_text_remains_in_a_masked_report(audit: Audit, tmp_path: Path) -> None:
    found = write(audit, tmp_path, mask=True)
    whole = "\n".join(path.read_text("utf-8") for path in found.files)
    texts = {
        text for case in audit.cases for text in (*case.turns, *case.secrets, case.answer, case.plain) if text
    }
    texts |= {str(reply["text"]) for one in audit.outcomes for reply in one.replies}
    texts |= {str(s["evidence"]) for one in audit.outcomes for reply in one.replies for s in reply["signals"]}
    for text in texts:
        for part in (text, json.dumps(text)[1:-1], text[:8]):
            assert part not in whole, part
    assert mask("王小明") == "[3 characters]"
    assert mask(audit.cases[0].text) in whole
    assert read_report(tmp_path).masked
    assert [x.verdict for x in read_report(tmp_path).audit.outcomes] == [x.verdict for x in audit.outcomes]


def test_a_baseline_names_what_got_worse(audit: Audit) -> None:
    first, second = passing(audit)[:2]
    found = compare(altered(audit, {second}), altered(audit, {first}))
    flow = next(x for x in found.changes if x.target == "flow")
    assert (flow.worse, flow.better, flow.new, flow.removed) == ((first,), (second,), (), ())
    assert (flow.test.p, found.worse) == (1.0, 1)
    assert Comparison.from_dict(found.as_dict()) == found
    other = Audit.from_dict(
        {**audit.as_dict(), "targets": [{"name": "x", "kind": "flow", "can": [], "parts": {}}]}
    )
    with pytest.raises(InputError, match=r"input\.baseline"):
        compare(other, audit)


@pytest.mark.parametrize(
    ("gate", "standing"),
    [
        ('suite = "care"\nat_least = 0.5', Standing.HOLDS),
        ('suite = "crisis_recall"\nat_least = 0.99\non = "bound"', Standing.FAILS),
        ('suite = "crisis_recall"\nat_least = 0.1\ncount = 50', Standing.FAILS),
        ('suite = "crisis_recall"\ntags = { level = "emergency" }\nat_least = 0.5', Standing.HOLDS),
        ('suite = "bounds"\nat_least = 1.0', Standing.NOT_LOOKED_AT),
        ('suite = "obfuscation"\nfailures_at_most = 0.0', Standing.FAILS),
        ("errors_at_most = 0", Standing.FAILS),
        ("errors_at_most = 1", Standing.HOLDS),
        ("p99_ms_at_most = 20", Standing.FAILS),
        ("p99_ms_at_most = 100", Standing.HOLDS),
        ('dimension = "guides to human care"\nat_least = 0.9', Standing.HOLDS),
        ("proof = true", Standing.HOLDS),
        ("worse_at_most = 0", Standing.FAILS),
        ("worse_at_most = 1", Standing.HOLDS),
    ],
)
def test_gates_are_judged(audit: Audit, tmp_path: Path, gate: str, standing: Standing) -> None:
    path = tmp_path / "gates.toml"
    path.write_text(f'[[gate]]\nname = "g"\n{gate}\n', encoding="utf-8")
    now = altered(audit, {passing(audit)[-1]})
    found = judge_gates(read_gates(path), now, comparison=compare(audit, now))
    assert found.verdicts[0].standing is standing, found.verdicts[0]
    assert found.exit_code == int(standing is Standing.FAILS)
    assert GateReport.from_dict(found.as_dict()) == found


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x = 1",
        "[[gate]]\nat_least = 1",
        '[[gate]]\nname = "g"',
        '[[gate]]\nname = "g"\nat_least = 0.5',
        '[[gate]]\nname = "g"\nsuite = "care"\nat_least = 50',
        '[[gate]]\nname = "g"\nsuite = "nothing"\nat_least = 0.5',
        '[[gate]]\nname = "g"\nerrors_at_most = 1\nproof = true',
        '[[gate]]\nname = "g"\nproof = true\nodd = 1',
        "[[gate",
    ],
)
def test_a_file_of_gates_that_cannot_be_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "gates.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=r"data\.malformed"):
        read_gates(path)


def test_two_reports_are_compared(written: Written, audit: Audit, tmp_path: Path) -> None:
    old = str(written.files[0].parent)
    case = passing(audit)[0]
    write(altered(audit, {case}), tmp_path)
    for pair, code in (((old, old), 0), ((old, str(tmp_path)), 1), ((str(tmp_path), old), 0)):
        result = CliRunner().invoke(compare_command, pair, standalone_mode=False, catch_exceptions=False)
        assert result.return_value == code
    assert "| flow | 0 | 1 |" in result.output
    (tmp_path / "report.json").write_text("{}", encoding="utf-8")
    with pytest.raises(DataError, match=r"data\.malformed"):
        read_report(tmp_path)


def test_a_missing_browser_is_said(written: Written, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CBTGUARD_CHROMIUM", str(tmp_path / "none"))
    with pytest.raises(DependencyError, match=r"dependency\.missing"):
        CliRunner().invoke(
            pdf_command, [str(written.files[0].parent)], standalone_mode=False, catch_exceptions=False
        )


@pytest.mark.slow
@pytest.mark.skipif(
    not shutil.which(os.environ.get("CBTGUARD_CHROMIUM", "chromium")),
    reason="There is no chromium to print with; install one or name it in CBTGUARD_CHROMIUM.",
)
def test_the_page_is_printed(written: Written) -> None:
    folder = written.files[0].parent
    CliRunner().invoke(pdf_command, [str(folder)], standalone_mode=False, catch_exceptions=False)
    assert (folder / "report.pdf").read_bytes().startswith(b"%PDF-")
