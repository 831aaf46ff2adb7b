"""The benchmark of writers: what it counts, and the questions that ship."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from cbtguard.graph import FakeWriter, Guard
from cbtguard.graph.settings import Settings
from cbtguard.lab.cli import lab_command
from cbtguard.lab.writer_bench import Outcome, Turn, outcome_of, read_questions, report
from cbtguard.nodes.retrieval.hybrid import Hit
from cbtguard.nodes.retrieval.note import NoteLibrary
from cbtguard.nodes.writers import Composer, WritingTask
from cbtguard.safety.errors import DataError
from cbtguard.safety.language import detect

if TYPE_CHECKING:
    from pathlib import Path

QUESTION = "最近工作压力很大，晚上总是睡不着，一直担心项目做不完。"
NOTES = NoteLibrary().pick(["worry-time"])
SOUND = Composer().compose(WritingTask(question=QUESTION, language="zh-Hans", notes=NOTES)).text


def test_the_shipped_questions_are_fifty_and_twenty_and_each_in_its_language():
    questions = read_questions()
    assert {language: len(texts) for language, texts in questions.items()} == {"en": 50, "zh": 20}
    for language, texts in questions.items():
        assert len(set(texts)) == len(texts)
        assert all(detect(text).startswith(language) for text in texts)


@pytest.mark.parametrize("text", ["[]", "{}", "zh: 你好", "zh: []", "zh: [1]", "zh: ['']", "5"])
def test_a_file_of_another_form_is_refused(tmp_path: Path, text: str):
    path = tmp_path / "q.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError) as caught:
        read_questions(path)
    assert caught.value.code == "data.malformed"


class WorryTime:
    name = "fixed"

    def retrieve(self, text: str, *, k: int = 3) -> list[Hit]:
        return [Hit(note_id="worry-time", score=0.5)]


@pytest.fixture
def answered(tmp_path, real_redactor, real_detector, real_checker, real_referrals):
    parts = {
        "redactor": real_redactor,
        "detector": real_detector,
        "checker": real_checker,
        "referrals": real_referrals,
    }

    def ask(*outputs: str):
        settings = Settings(home=tmp_path, record="memory")
        with Guard(
            settings, writer=FakeWriter([*outputs, *["香蕉" * 200] * 9]), retriever=WorryTime(), **parts
        ) as guard:
            return guard.ask(QUESTION)

    return ask


def test_each_outcome_is_told_from_the_others(answered):
    passed = answered(SOUND)
    assert outcome_of(passed) is Outcome.PASSED
    assert outcome_of(answered("香蕉" * 200, SOUND)) is Outcome.REWRITTEN
    assert outcome_of(answered()) is Outcome.REFERRED
    assert outcome_of(replace(passed, repaired=("challenge",))) is Outcome.REPAIRED
    assert outcome_of(replace(passed, repaired=("challenge",), filled=("challenge",))) is Outcome.FILLED


def test_a_report_counts_every_turn():
    turns = [
        Turn(
            language="zh",
            outcome=outcome,
            reason="fault writer.timeout" if outcome is Outcome.REFERRED else "checked",
            attempts=number,
            defects=("cut",) if outcome is Outcome.REFERRED else (),
            seconds=float(number),
            unchecked=False,
        )
        for number, outcome in enumerate(Outcome)
    ]
    text = "\n".join(report("zh", turns))
    for told in (
        "5 questions",
        "repaired 1",
        "referred 1",
        "fault writer.timeout 1",
        "cut 1",
        "calls of the writer 0: 1, 1: 1",
        "p50 2.0",
        "most 4.0",
    ):
        assert told in text
    assert list(report("zh", [])) == []


def test_the_command_measures_a_writer_on_a_file_of_questions(tmp_path):
    path = tmp_path / "q.yaml"
    path.write_text(f"zh: ['{QUESTION}', '最近总睡不着，一躺下就想工作的事']\n", encoding="utf-8")
    result = CliRunner().invoke(
        lab_command, ["bench", "writer", "--questions", str(path), "--most", "1"], obj={"settings": None}
    )
    assert result.exit_code == 0, result.output
    assert "writer composer, ready in" in result.output
    assert "zh: 1 questions" in result.output
    assert "1 of 1: passed" in result.output
    assert "turns in which unchecked text left: 0" in result.output
