"""The checker with a second reader: only stricter, and silent when the model fails."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langchain_core.runnables import RunnableLambda

from cbtguard.graph.conformance.material import material
from cbtguard.nodes.raters import JudgedChecker
from cbtguard.safety.structure import Checker, Part, PrefixChecker, Review, StructureChecker

CASE = material().exchanges[0]
CHECKER = StructureChecker()


class Judge(FakeListChatModel):
    """A chat model whose structured output is what it is told, or fails."""

    responses: list[str] = []  # noqa: RUF012 - a pydantic field
    said: Any = None
    asked: list[Any] = []  # noqa: RUF012 - the same

    def with_structured_output(self, schema: Any, **_: Any) -> Any:
        assert schema["required"] == ["missing", "faults"]

        def answer(messages: Any) -> Any:
            self.asked.append(messages)
            if isinstance(self.said, Exception):
                raise self.said
            return self.said

        return RunnableLambda(answer)


def judged(said: Any, answer: str = CASE.answer) -> tuple[Review, JudgedChecker, Judge]:
    model = Judge(said=said, asked=[])
    checker = JudgedChecker(CHECKER, model)
    review = asyncio.run(checker.check(CASE.question, answer, language=CASE.language))
    return review, checker, model


def test_it_is_a_checker_that_releases_nothing_early() -> None:
    checker = judged({"missing": [], "faults": []})[1]
    assert isinstance(checker, Checker)
    assert not isinstance(checker, PrefixChecker)
    assert checker.name.startswith("structure")
    assert checker.version.startswith(CHECKER.version)


def test_a_judge_without_objections_lets_pass() -> None:
    review, checker, model = judged({"missing": [], "faults": []})
    assert review.passed
    assert checker.unheard == 0
    assert CASE.answer.split("\n")[0] in str(model.asked)


def test_what_the_judge_misses_is_missing() -> None:
    review = judged({"missing": ["challenge", "nonsense"], "faults": []})[0]
    assert [defect.code for defect in review.defects] == ["missing_challenge"]
    assert not review.parts[Part.CHALLENGE].present
    assert not review.passed


def test_a_fault_is_added_once_with_words_of_the_answer() -> None:
    words = CASE.answer[:6]
    faults = [
        {"code": "blame", "words": words},
        {"code": "blame", "words": "x"},
        {"code": "means", "words": "not in the answer"},
        {"code": "unheard of", "words": words},
    ]
    review = judged({"missing": [], "faults": faults})[0]
    assert [(defect.code, defect.evidence) for defect in review.defects] == [("blame", words), ("means", "")]


@pytest.mark.parametrize(
    "said", [RuntimeError("secret"), None, "no json", [], {"missing": "all"}, {"missing": [1], "faults": []}]
)
def test_a_failing_judge_has_no_opinion(said: Any, caplog: pytest.LogCaptureFixture) -> None:
    review, checker, _ = judged(said)
    assert review == CHECKER.check(CASE.question, CASE.answer, language=CASE.language)
    assert review.passed
    assert checker.unheard == 1
    assert "no opinion" in caplog.text
    assert "secret" not in caplog.text


def test_what_the_checker_stops_never_reaches_the_judge() -> None:
    review, _, model = judged({"missing": [], "faults": []}, answer="多喝热水。")
    assert not review.passed
    assert model.asked == []
