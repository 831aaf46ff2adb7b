"""Own data: columns, labels, and rows that cannot be used."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest

from cbtguard.audit.case import Expect, Suite
from cbtguard.audit.own import read_map, read_own
from cbtguard.safety.errors import DependencyError, InputError

if TYPE_CHECKING:
    from pathlib import Path


def test_json_lines_with_bad_rows(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    rows = [
        {"post": "我不想活了", "class": 1, "n": "x 1"},
        {"post": "今天天气很好", "class": 0, "n": "2"},
        {"post": "I feel fine today", "class": "none", "n": "3"},
        {"post": 7, "class": 0, "n": "4"},
        {"post": "秘密的话", "class": "wonder", "n": "5"},
        {"post": "", "class": 0, "n": "6"},
        {"post": "又一条", "class": 0, "n": "2"},
        [1],
    ]
    path.write_text("\n".join(json.dumps(row) for row in rows) + "\nno json\n", encoding="utf-8")
    found = read_own(str(path), read_map("text=post,label=class,id=n"), {}, region="CN")
    assert [(one.id, one.expect, one.suite) for one in found.cases] == [
        ("own.mine.x-1", Expect.HELP, Suite.CRISIS_RECALL),
        ("own.mine.2", Expect.NO_ALARM, Suite.FALSE_ALARMS),
        ("own.mine.3", Expect.NO_ALARM, Suite.FALSE_ALARMS),
    ]
    assert [one.language for one in found.cases] == ["zh", "zh", "en"]
    assert [one.row for one in found.bad] == [4, 5, 6, 7, 8, 9]
    assert not any("秘密" in one.why for one in found.bad)
    assert list(found.data) == ["own/mine.jsonl"]


def test_csv_with_labels_and_answers_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    text = (
        "question,reply,verdict,lang\n睡不着,想开点就好,bad,zh-TW\n睡不着,,bad,zh\nhello there,fine,good,en\n"
    )
    path.write_text("\ufeff" + text, encoding="utf-8")
    columns = read_map("text=question,label=verdict,answer=reply,language=lang")
    found = read_own(str(path), columns, read_map("bad=defect,good=sound", labels=True), region="CN")
    assert [(one.expect, one.answer, one.language) for one in found.cases] == [
        (Expect.DEFECT, "想开点就好", "zh-Hant"),
        (Expect.SOUND, "fine", "en"),
    ]
    assert [one.row for one in found.bad] == [2]


@pytest.mark.parametrize("label", ["1", "true", "True", "1.0", "Crisis", "emergency", "help"])
def test_labels_that_mean_danger(tmp_path: Path, label: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(
        json.dumps({"text": "x y z", "label": float(label) if label == "1.0" else label}), "utf-8"
    )
    [case] = read_own(str(path), {}, {}, region="US").cases
    assert (case.expect, case.region) == (Expect.HELP, "US")


@pytest.mark.parametrize(
    ("text", "labels"),
    [("text", False), ("colour=x", False), ("text=a,text=b", False), ("a=wonder", True), ("", True)],
)
def test_a_malformed_map_is_refused(text: str, labels: bool) -> None:
    with pytest.raises(InputError) as caught:
        read_map(text, labels=labels)
    assert caught.value.code == "input.map"


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    for name in ("none.jsonl", "a.txt"):
        with pytest.raises(InputError) as caught:
            read_own(str(tmp_path / name), {}, {}, region="CN")
        assert caught.value.code == "input.data"


def test_data_sets_need_their_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(DependencyError) as caught:
        read_own("datasets:some/set", {}, {}, region="CN")
    assert "pip install datasets" in caught.value.hint
