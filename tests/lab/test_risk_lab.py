"""The lab of the crisis screen: labelled files read, predictions counted, the card written, the bench run."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cbtguard.lab.risk import bench
from cbtguard.lab.risk.card import page, write_card
from cbtguard.lab.risk.figures import bins, by_part, calibration_error, curve_of, figures
from cbtguard.lab.risk.fit import Options
from cbtguard.lab.risk.lines import Line, distinct, read_any
from cbtguard.lab.risk.predictions import (
    BY_RULE,
    CrossValidated,
    Prediction,
    assessed,
    cross_validated,
    load,
    save,
)
from cbtguard.lab.risk.report import kinds_right, measured, missed, misses, mistakes, subject_right
from cbtguard.safety.errors import DataError
from cbtguard.safety.risk import Kind, Level, RuleDetector, Subject
from cbtguard.service.cli import main

if TYPE_CHECKING:
    from pathlib import Path

GRAVE = [
    "我想自杀",
    "不想活了",
    "想从楼顶跳下去",
    "I want to kill myself",
    "he hits me every night",
    "我吞了一瓶药",
]
CALM = ["今天有点累", "笑死我了", "作业好多", "the exam is near", "my boss is strict", "周末去爬山"]


def line(text: str, level: Level = Level.NONE, **fields: Any) -> Line:
    base: dict[str, Any] = {"kinds": (), "subject": Subject.SELF, "type": "plain", "origin": "corpus"}
    return Line(text=text, level=level, **{**base, **fields})


def said(one: Line, level: Level, probability: float = 0.5, **fields: Any) -> Prediction:
    base: dict[str, Any] = {"kinds": (Kind.SUICIDE,) if level.refers else (), "subject": Subject.SELF}
    return Prediction(line=one, level=level, probability=probability, **{**base, **fields})


def ask(*arguments: str, code: int = 0) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["lab", "risk", *arguments])
    assert ended.value.code == code


# --- reading ------------------------------------------------------------------------------------------------


def test_a_file_with_labels(tmp_path: Path) -> None:
    path = tmp_path / "messages.jsonl"
    rows = [
        {"text": "a", "label": "crisis", "fine": "自杀未遂", "origin": "forum"},
        {"text": "b", "label": "no_crisis"},
        {"text": "c", "label": "ambiguous"},
    ]
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    found = read_any(path)
    assert [(one.text, one.level, one.kinds, one.origin) for one in found] == [
        ("a", Level.CRISIS, (Kind.SUICIDE,), "messages:forum"),
        ("b", Level.NONE, (), "messages:-"),
    ]


def test_a_file_with_levels(tmp_path: Path) -> None:
    path = tmp_path / "cases.jsonl"
    rows = [
        {"text": "a", "level": "emergency", "kinds": ["abuse"], "subject": "other", "type": "now"},
        {"text": "b", "level": "watch"},
    ]
    path.write_text("\n".join(map(json.dumps, rows)) + "\n\n", encoding="utf-8")
    first, second = read_any(path)
    assert first == line(
        "a", Level.EMERGENCY, kinds=(Kind.ABUSE,), subject=Subject.OTHER, type="now", origin="cases"
    )
    assert second == line("b", Level.WATCH, type="", origin="cases")


def test_a_table_and_a_folder_of_tables(tmp_path: Path) -> None:
    path = tmp_path / "one.tsv"
    path.write_text("crisis\tsuicide,abuse\tother\tplan\ttext\n", encoding="utf-8")
    assert read_any(path) == read_any(tmp_path)
    assert read_any(path)[0].kinds == (Kind.SUICIDE, Kind.ABUSE)


@pytest.mark.parametrize(
    "row",
    [
        '{"text": "a", "level": "severe"}',
        '{"text": 3, "level": "none"}',
        '{"level": "none"}',
        '{"text": "a"}',
        '{"text": "a", "level": "crisis", "kinds": ["sorrow"]}',
        "no json",
        "[]",
    ],
)
def test_a_malformed_line_is_named(tmp_path: Path, row: str) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text('{"text": "a", "level": "none"}\n' + row, encoding="utf-8")
    with pytest.raises(DataError, match=r"Line 2 of bad\.jsonl") as caught:
        read_any(path)
    assert caught.value.code == "data.malformed"


# --- counting -----------------------------------------------------------------------------------------------

PREDICTIONS = (
    said(line("a", Level.CRISIS, kinds=(Kind.SUICIDE,)), Level.CRISIS, 0.9),
    said(line("b", Level.CRISIS, kinds=(Kind.ABUSE,), subject=Subject.OTHER), Level.WATCH, 0.2),
    said(line("c", Level.EMERGENCY, kinds=(Kind.ABUSE,), subject=Subject.OTHER), Level.EMERGENCY, 0.95),
    said(line("d", Level.NONE), Level.NONE, 0.05),
    said(line("e", Level.NONE, type="idiom"), Level.CRISIS, 0.8),
    said(line("f", Level.WATCH), Level.CRISIS, 0.6),
)


def test_figures_count_what_was_found() -> None:
    data = figures(PREDICTIONS)
    assert (data["recall"]["hits"], data["recall"]["total"]) == (2, 3)
    assert (data["false_alarms"]["hits"], data["false_alarms"]["total"]) == (1, 2)
    assert data["by"]["kind"]["abuse"]["recall"]["rate"] == 0.5
    assert data["by"]["type"]["idiom"]["false_alarms"]["rate"] == 1.0
    assert json.loads(json.dumps(data)) == data
    low, high = data["recall"]["interval"]
    assert 0 < low < data["recall"]["rate"] < high < 1


def test_kinds_and_subjects_are_counted_where_there_was_an_alarm() -> None:
    assert (kinds_right(PREDICTIONS).hits, kinds_right(PREDICTIONS).total) == (1, 2)
    assert (subject_right(PREDICTIONS).hits, subject_right(PREDICTIONS).total) == (1, 2)


def test_the_report_names_misses_and_false_alarms() -> None:
    assert [p.line.text for p in misses(PREDICTIONS)] == ["b"]
    assert [p.line.text for p in mistakes(PREDICTIONS)] == ["e"]
    assert [text.split()[-1] for text in missed(PREDICTIONS)] == ["b", "e"]
    report = "\n".join(measured(PREDICTIONS))
    assert "97% NOT reached" in report
    assert "kind right" in report


@given(st.lists(st.tuples(st.floats(0, 1), st.sampled_from([Level.NONE, Level.CRISIS])), max_size=60))
def test_every_line_falls_into_one_bin(rows: list[tuple[float, Level]]) -> None:
    found = [said(line("x", level), Level.NONE, probability) for probability, level in rows]
    assert sum(one.true.total for one in bins(found)) == len(rows)
    assert all(one.low <= one.said <= one.high for one in bins(found))
    assert 0 <= calibration_error(found) <= 1


def test_parts_are_sorted() -> None:
    assert list(by_part(PREDICTIONS, "level")) == ["crisis", "emergency", "none", "watch"]


# --- the card -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def found() -> CrossValidated:
    lines = [
        *(line(text, Level.CRISIS, kinds=(Kind.SUICIDE,)) for text in GRAVE),
        *(line(text, type="idiom") for text in CALM * 5),
        line("forum text that must not be quoted", Level.CRISIS, kinds=(Kind.ABUSE,), origin="set:forum"),
        line("another text from a forum", origin="set:forum"),
    ]
    levels = [Level.CRISIS, Level.NONE] * (len(lines) // 2) + [Level.NONE] * (len(lines) % 2)
    predictions = tuple(
        said(one, level, i / len(lines)) for i, (one, level) in enumerate(zip(lines, levels, strict=True))
    )
    return CrossValidated(
        predictions=predictions,
        ruled=tuple(Level.NONE for _ in lines),
        reach=tuple(p.probability for p in predictions),
        folds=5,
    )


RATES = {
    "lines": 9,
    "rates": [
        {
            "name": name,
            "expect": "keeps",
            **{key: {"hits": 1, "total": 2} for key in ("kept", "lost", "raised")},
        }
        for name in ("full_width", "all")
    ],
}


def test_the_card_holds_every_part(found: CrossValidated) -> None:
    text = page(found, unseen={"cases": PREDICTIONS}, robustness=RATES)
    for title in (
        "Intended use",
        "Not for",
        "Data",
        "Recall",
        "False alarms by type of text",
        "Calibration and curve",
        "On lines never fitted to",
        "Said in other ways",
        "Known misses",
        "Limits",
    ):
        assert f"\n## {title}\n" in text
    assert "$" not in text
    assert "rules and model" in text
    assert "| suicide |" in text
    assert "| set:forum |" in text
    assert "**all that must keep it**" in text
    assert re.search(r"\d+\.\d% of \d+ \(\d+\.\d to \d+\.\d\)", text)


def test_the_card_quotes_the_corpus_only(found: CrossValidated) -> None:
    text = page(found, unseen={}, robustness=None)
    assert any(one in text for one in GRAVE)
    assert "forum text" not in text
    assert "Said in other ways" not in text
    assert "On lines never fitted to" not in text


def test_the_same_figures_give_the_same_bytes(found: CrossValidated, tmp_path: Path) -> None:
    first = write_card(tmp_path / "a" / "card.md", found)
    second = write_card(tmp_path / "b" / "card.md", found)
    assert [path.name for path in first] == ["card.md", "risk-calibration.svg", "risk-curve.svg"]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    for path in first[1:]:
        assert path.parent.name == "img"
        assert f"img/{path.name}" in first[0].read_text(encoding="utf-8")
        assert path.read_bytes().startswith(b"<?xml")
        assert len(path.read_bytes()) < 60_000


def test_predictions_survive_a_file(found: CrossValidated, tmp_path: Path) -> None:
    path = tmp_path / "held.json"
    save(path, found)
    lines = [p.line for p in found.predictions]
    again = load(path, lines)
    assert (again.ruled, again.reach, again.folds) == (found.ruled, found.reach, 5)
    assert [(p.line, p.level, p.kinds) for p in again.predictions] == [
        (p.line, p.level, p.kinds) for p in found.predictions
    ]
    assert not any(line.text in path.read_text(encoding="utf-8") for line in lines)
    with pytest.raises(DataError, match="other lines"):
        load(path, lines[1:])
    path.write_text('{"rows": [[1]]}', encoding="utf-8")
    with pytest.raises(DataError):
        load(path, lines[:1])


def test_cross_validation_scores_each_line_by_a_model_that_has_not_seen_it() -> None:
    lines = distinct(
        [
            *(
                line(f"{text}，{more}", Level.CRISIS, kinds=(Kind.SUICIDE,))
                for text in GRAVE
                for more in "甲乙丙丁"
            ),
            *(line(f"{text}，{more}") for text in CALM for more in "甲乙丙丁"),
            *(line(f"我吞了药，{more}", Level.EMERGENCY, kinds=(Kind.SUICIDE,)) for more in "子丑寅卯辰"),
            *(line(f"有点没意思，{more}", Level.WATCH) for more in "子丑寅卯辰"),
        ]
    )
    told: list[str] = []
    found = cross_validated(lines, told.append, Options(sense=False))
    assert [p.line for p in found.predictions] == list(lines)
    assert len(told) == found.folds
    assert all(0 <= p.probability <= 1 for p in found.predictions)
    assert all(bool(p.kinds) is (p.level is not Level.NONE) for p in found.predictions)
    assert len(found.ruled) == len(found.reach) == len(lines)
    assert all((far == BY_RULE) is level.refers for far, level in zip(found.reach, found.ruled, strict=True))
    alarms = [share.hits for _, _, share in curve_of(lines, found.reach)]
    assert alarms == sorted(alarms, reverse=True)


# --- commands -----------------------------------------------------------------------------------------------


def test_a_detector_is_measured_line_by_line() -> None:
    lines = [line("我想自杀", Level.CRISIS, kinds=(Kind.SUICIDE,)), line("今天有点累")]
    done: list[int] = []
    found = assessed(lines * 30, RuleDetector(), progress=done.append)
    assert [p.level for p in found[:2]] == [Level.CRISIS, Level.NONE]
    assert found[0].kinds == (Kind.SUICIDE,)
    assert done == [50]


def test_measure_tells_and_writes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, out = tmp_path / "lines.tsv", tmp_path / "figures.json"
    rows = [f"crisis\tsuicide\tself\tplain\t{text}\n" for text in GRAVE[:3]]
    rows += [f"none\t-\tself\tplain\t{text}\n" for text in CALM[:3]]
    path.write_text("".join(rows), encoding="utf-8")
    ask("measure", str(path), "--json", str(out), "--show")
    assert "97% reached" in capsys.readouterr().out
    assert json.loads(out.read_text(encoding="utf-8"))["recall"]["hits"] == 3


@pytest.mark.parametrize("command", ["train", "measure", "metamorphic", "card"])
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    ask(command, "--help")
    assert "Usage:" in capsys.readouterr().out


def test_the_group_lists_its_commands(capsys: pytest.CaptureFixture[str]) -> None:
    ask("--help")
    said_ = capsys.readouterr().out
    assert all(name in said_ for name in ("train", "measure", "metamorphic", "card"))
    ask("fly", code=2)


def test_training_still_runs_as_a_module() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "cbtguard.lab.risk.train", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "--corpus" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code"), [(["measure", "/no/such/file"], 2), (["card", "--corpus", "/no"], 2)]
)
def test_a_missing_file_is_refused(arguments: list[str], code: int) -> None:
    ask(*arguments, code=code)


# --- the bench ----------------------------------------------------------------------------------------------


def test_the_texts_that_are_timed_are_long_enough_and_differ() -> None:
    some = bench.texts(40, 60)
    assert {len(text) for text in some} == {60}
    assert len(set(some)) > 30
    assert some == bench.texts(40, 60)


@pytest.mark.parametrize(("share", "value"), [(0.0, 1), (0.5, 3), (0.99, 5), (1.0, 5)])
def test_quantiles(share: float, value: float) -> None:
    assert bench.quantile([5, 1, 4, 2, 3], share) == value


@pytest.mark.slow
def test_the_bench_measures_speed_growth_and_memory() -> None:
    rows = list(bench.screen(20))
    for what in ("60 characters", "20000 characters", "1 is linear", "peak memory", "two processes"):
        assert any(what in row for row in rows), what
