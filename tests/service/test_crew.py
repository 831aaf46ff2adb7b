"""A batch over several processes: the same rows in the same order, one record, and no row lost with a helper."""

from __future__ import annotations

import contextlib
import json
import os
import signal
from typing import TYPE_CHECKING, Any

import pytest

from cbtguard.graph import Guard, Settings
from cbtguard.safety.record import SqliteRecord
from cbtguard.service.cli.batch import row_of
from cbtguard.service.crew import Crew, Wish, helpers_for

if TYPE_CHECKING:
    from pathlib import Path

ROWS = 120
WORRIES = ("工作", "考试", "相亲", "房贷", "搬家", "带孩子")


def texts() -> list[str]:
    asked = [f"我第{number}次为{WORRIES[number % 6]}的事睡不着，总觉得自己做不好。" for number in range(ROWS)]
    asked[7] = "我撑不下去了，今晚就想结束自己的生命"
    asked[100] = "   "
    return asked


def run(settings: Settings, helpers: int, *, kill: bool = False) -> tuple[list[Any], Crew]:
    outcomes: list[Any] = []
    with Guard(settings) as guard:
        crew = Crew(guard, settings, helpers, Wish("CN", "zh-Hans"), row_of)
        killed = False
        for outcome in crew.answer(texts()):
            outcomes.append(outcome)
            if kill and not killed and crew.helpers:
                os.kill(crew.helpers[0], signal.SIGKILL)
                killed = True
    return outcomes, crew


def plain(outcomes: list[Any]) -> list[str]:
    told = []
    for outcome in outcomes:
        row = dict(outcome) if isinstance(outcome, dict) else {"error": outcome.code}
        row.pop("record_id", None)
        told.append(json.dumps(row, ensure_ascii=False, sort_keys=True))
    return told


@pytest.mark.slow
def test_helpers_change_nothing_but_the_time(tmp_path: Path) -> None:
    alone, _ = run(Settings(record=str(tmp_path / "alone.sqlite"), home=tmp_path), 0)
    crowd, crew = run(Settings(record=str(tmp_path / "crowd.sqlite"), home=tmp_path), 1)
    assert plain(crowd) == plain(alone)
    assert crew.lost == 0
    assert [getattr(outcome, "code", None) for outcome in crowd].count("input.empty") == 1
    with contextlib.closing(SqliteRecord(tmp_path / "crowd.sqlite")) as record:
        report = record.verify()
    assert report.ok
    assert report.entries == ROWS - 1


@pytest.mark.slow
def test_a_helper_that_dies_costs_no_row(tmp_path: Path) -> None:
    outcomes, crew = run(Settings(record=str(tmp_path / "r.sqlite"), home=tmp_path), 1, kill=True)
    assert len(outcomes) == ROWS
    assert crew.lost == 1
    assert sum(not isinstance(outcome, dict) for outcome in outcomes) == 1


@pytest.mark.parametrize(
    ("settings", "helps"),
    [
        ({"writer": "composer", "record": "sqlite"}, True),
        ({"writer": "composer", "record": "memory"}, False),
        ({"writer": "transformers:model", "record": "sqlite"}, False),
    ],
)
def test_helpers_are_called_where_they_pay(settings: dict[str, str], helps: bool) -> None:
    cores = len(os.sched_getaffinity(0))
    assert helpers_for(Settings(**settings)) == (min(cores, 4) - 1 if helps else 0)
