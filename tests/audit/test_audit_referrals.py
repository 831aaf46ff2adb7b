"""The audit of the help lines, as an operator calls it."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from cbtguard.audit import audit_directory
from cbtguard.audit.cli import audit_command
from cbtguard.audit.referrals import Gap, Status
from cbtguard.safety.referral import FileDirectory

EXAMPLE = Path(__file__).parents[2] / "docs" / "lines-example.yaml"
NOON = "2026-11-23T12:00+08:00"


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    path = tmp_path / "settings.toml"
    path.write_text(f'home = "{tmp_path}"\nextra_lines = ["{EXAMPLE}"]\n', encoding="utf-8")
    return path


def call(settings: Path | None, *arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(
        audit_command,
        ["referrals", *arguments],
        obj={"settings": str(settings) if settings else None},
        standalone_mode=False,
        catch_exceptions=False,
    )
    return result.return_value, result.output


def report(settings: Path, *arguments: str) -> dict[str, Any]:
    code, output = call(settings, "--json", *arguments)
    found: dict[str, Any] = json.loads(output)
    assert code == (1 if found["due"] else 0)
    return found


def test_each_line_says_how_old_its_check_is(settings: Path) -> None:
    found = report(settings, "--at", NOON)
    lines = {line["id"]: line for line in found["lines"]}
    assert lines["cn-12356"] | {"source": ""} == {
        "id": "cn-12356",
        "region": "CN",
        "contact": "12356",
        "source": "",
        "verified_on": "2026-11",
        "age_days": 22,
        "status": "fresh",
        "opening": "unknown",
        "own": False,
        "shown": True,
    }
    assert (lines["cn-beijing"]["status"], lines["cn-beijing"]["opening"]) == ("stale", "open")
    assert (lines["cn-campus"]["own"], lines["cn-campus"]["opening"]) == (True, "closed")
    assert lines["cn-campus"]["shown"] is False
    assert lines["cn-12338"] | {"age_days": 0} == lines["cn-12338"] | {
        "status": "fresh",
        "own": True,
        "age_days": 0,
    }
    assert lines["my-listeners"]["status"] == "never"
    assert lines["my-listeners"]["age_days"] is None
    assert lines["tw-1995"]["status"] == "withheld"
    assert "cn-beijing" in found["due"]
    assert "tw-1995" not in found["due"]
    assert {one["region"] for one in found["regions"]} == {"CN", "HK", "TW", "SG", "US", "GB", "ZZ", "MY"}


def test_hours_follow_the_moment(settings: Path) -> None:
    for moment, opening in (("2026-11-24T01:30+08:00", "open"), ("2026-11-23T19:30-05:00", "closed")):
        lines = {line["id"]: line for line in report(settings, "--at", moment)["lines"]}
        assert lines["cn-campus"]["opening"] == opening


def test_the_age_can_be_set(settings: Path) -> None:
    assert len(report(settings, "--at", NOON, "--days", "20")["due"]) > 25
    settings.write_text("directory_age_days = 4000\n", encoding="utf-8")
    found = report(settings, "--at", NOON)
    assert found["age_days"] == 4000
    assert all(line["status"] != "stale" for line in found["lines"])


def test_a_directory_without_anything_due_ends_well() -> None:
    found = audit_directory(
        FileDirectory(today=date(2026, 11, 23)), datetime(2026, 11, 23, tzinfo=UTC), age_days=180
    )
    assert [line.id for line in found.due if line.status is Status.FRESH] == []
    gaps = {one.region: one.gaps for one in found.regions}
    assert gaps["TW"] == (Gap.ONE_TALK_LINE,)
    assert gaps["CN"] == gaps["ZZ"] == ()


def test_a_region_that_sleeps_is_named(tmp_path: Path) -> None:
    text = EXAMPLE.read_text("utf-8").replace("hours: varies", "hours: Mo-Fr 09:00-17:00")
    path = tmp_path / "own.yaml"
    path.write_text(text, encoding="utf-8")
    directory = FileDirectory(extra=[path], today=date(2026, 11, 23))
    found = audit_directory(directory, datetime(2026, 11, 23, 20, tzinfo=UTC), age_days=180)
    gaps = {one.region: one.gaps for one in found.regions}
    assert gaps["MY"] == tuple(Gap)


def test_the_table_is_read_by_people(settings: Path) -> None:
    code, output = call(settings, "--at", NOON)
    assert code == 1
    rows = output.splitlines()
    assert rows[0].split() == ["line", "contact", "checked", "days", "status", "now", "from"]
    assert any(row.startswith("cn-campus") and "operator" in row and "its group only" in row for row in rows)
    assert "TW: one_talk_line" in rows
    assert rows[-1].endswith("older than 180 days or never")


@pytest.mark.slow
def test_the_command_line_runs_it(tmp_path: Path, settings: Path) -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [
            sys.executable,
            "-m",
            "cbtguard.service.cli",
            "--settings",
            str(settings),
            "audit",
            "referrals",
        ]
        return subprocess.run(
            [*command, *arguments], capture_output=True, text=True, check=False, timeout=120
        )

    assert run("--json").returncode == 1
    assert run("--at", "yesterday").returncode == 2
    assert run("--at", "2026-11-23T12:00").returncode == 2
    assert run("--days", "0").returncode == 2
    settings.write_text(f'extra_lines = ["{tmp_path}/none.yaml"]\n', encoding="utf-8")
    broken = run()
    assert broken.returncode == 2
    assert "data.unreadable" in broken.stderr
