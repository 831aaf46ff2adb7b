"""The checker on whole answers: sound ones pass, each missing part and each defect is found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cbtguard.safety.files import read_yaml
from cbtguard.safety.structure import Checker, Part, Review, StructureChecker

DATA = read_yaml(Path(__file__).parents[1] / "data" / "structure_answers.yaml")
SOUND: dict[str, dict[str, Any]] = {case["id"]: case for case in DATA["sound"]}
CHECKER = StructureChecker()
BLANK = {"en": " "}


def put_together(case: dict[str, Any], parts: dict[str, str]) -> str:
    """The answer in its voice: paragraphs, one block, headed or numbered."""
    gap = BLANK.get(case["language"], "")
    match case["join"]:
        case "block":
            return gap.join(parts.values())
        case "headings":
            heads = dict(zip(Part, case["headings"], strict=True))
            return "\n\n".join(f"**{heads[Part(name)]}**\n{text}" for name, text in parts.items())
        case "numbers":
            return "\n".join(f"{number}. {text}" for number, text in enumerate(parts.values(), 1))
        case _:
            return "\n\n".join(parts.values())


def check(case: dict[str, Any], answer: str, **options: Any) -> Review:
    """The verdict with one note given and cited."""
    options = {"language": case["language"], "notes": ["note-a"], "citations": ["note-a"], **options}
    return CHECKER.check(case["question"], answer, **options)


def with_addition(case: dict[str, Any], add: str, gap: str = "") -> str:
    """The answer with a sentence behind its strategy."""
    parts = dict(case["parts"])
    parts["strategy"] += (gap or BLANK.get(case["language"], "")) + add
    return put_together(case, parts)


def codes(review: Review) -> list[str]:
    """The codes of its defects."""
    return [defect.code for defect in review.defects]


def test_is_a_checker() -> None:
    assert isinstance(CHECKER, Checker)
    assert CHECKER.version.startswith("structure-")
    assert CHECKER.version == StructureChecker().version


@pytest.mark.parametrize("name", SOUND)
def test_a_sound_answer_passes(name: str) -> None:
    case = SOUND[name]
    answer = put_together(case, case["parts"])
    review = check(case, answer)
    assert codes(review) == []
    assert review.passed
    for finding in review.parts.values():
        assert finding.evidence == answer[finding.start : finding.end] != ""
        assert 0 < finding.score <= 1


@pytest.mark.parametrize("name", SOUND)
def test_the_language_is_taken_from_the_question(name: str) -> None:
    case = SOUND[name]
    assert check(case, put_together(case, case["parts"]), language=None).passed


def test_a_missing_part_is_missed_and_no_other() -> None:
    wrong = []
    for name, case in SOUND.items():
        for part in Part:
            rest = {key: text for key, text in case["parts"].items() if key != part.value}
            review = check(case, put_together(case, rest))
            missing = [code for code in codes(review) if code.startswith("missing_")]
            if missing == [f"missing_{part.value}"]:
                assert (review.parts[part].evidence, review.passed) == ("", False)
            else:
                wrong.append((name, part.value, missing))
    # A statistical reader: one in twenty may be told otherwise, such as a question taken for a key thought.
    assert len(wrong) * 20 <= len(SOUND) * len(Part), wrong


@pytest.mark.parametrize("number", range(len(DATA["broken"])))
def test_a_defect_is_found_for_what_it_is(number: int) -> None:
    broken = DATA["broken"][number]
    case = SOUND[broken["base"]]
    answer = with_addition(case, broken["add"], broken.get("after", "")) if "add" in broken else None
    answer = answer or put_together(case, case["parts"]) + broken.get("end", "")
    review = check(case, answer, language=broken.get("language", case["language"]))
    assert broken["code"] in codes(review)
    if "language" not in broken:
        # Calling somebody too sensitive blames and belittles at once.
        assert set(codes(review)) - {"belittling", "blame"} <= {broken["code"]}
    assert not review.passed


@pytest.mark.parametrize("number", range(len(DATA["harmless"])))
def test_words_that_do_no_harm_pass(number: int) -> None:
    case = SOUND[DATA["harmless"][number]["base"]]
    assert codes(check(case, with_addition(case, DATA["harmless"][number]["add"]))) == []


@pytest.mark.parametrize(
    ("notes", "citations", "expected"),
    [
        (["note-a", "note-b"], ["note-b"], []),
        (["note-a"], ["note-a", "note-x"], ["invented_citation"]),
        (["note-a"], [], ["ungrounded"]),
        ([], ["note-a"], ["invented_citation"]),
        (None, [], []),
        (None, ["note-x"], []),
    ],
)
def test_grounding(notes: list[str] | None, citations: list[str], expected: list[str]) -> None:
    case = SOUND["zh-exam"]
    review = check(case, put_together(case, case["parts"]), notes=notes, citations=citations)
    assert codes(review) == expected


def test_too_short_and_too_long() -> None:
    case = SOUND["zh-exam"]
    assert "too_short" in codes(check(case, "你很辛苦，慢慢来。"))
    assert "too_short" in codes(check(case, ""))
    long = put_together(case, case["parts"]) + "".join(f"第{n}天，写下一件小事。" for n in range(500))
    assert "too_long" in codes(check(case, long))


def test_advice_before_empathy_is_out_of_order() -> None:
    case = SOUND["en-interview"]
    parts = case["parts"]
    order = ("strategy", "key_thought", "challenge", "validation", "encouragement")
    review = check(case, put_together(case, {name: parts[name] for name in order}))
    assert "order" in codes(review) or "missing_validation" in codes(review)
    assert not review.passed


ELSEWHERE = {
    "zh-exam": "我家楼上装修，电钻从早吵到晚，物业打了三次电话都没有回应，房东也推来推去，租约还剩八个月。",
    "en-interview": "Neighbours renovate upstairs, drilling echoes daily, landlord ignores emails, lease expires.",
}


@pytest.mark.parametrize(("name", "question"), list(ELSEWHERE.items()))
def test_an_answer_to_another_question_is_off_topic(name: str, question: str) -> None:
    case = SOUND[name]
    answer = put_together(case, case["parts"])
    review = CHECKER.check(question, answer, language=case["language"])
    assert codes(review) == ["off_topic"]


@pytest.mark.parametrize(
    ("said", "told", "defect"),
    [
        ("他们都说我太敏感，让我想开点", "你就是太敏感了，想开点吧。", "belittling"),
        ("他说我爱你但从来做不到", "其实我爱你，每天都想抱着你。", "romance"),
    ],
)
def test_the_persons_own_words_in_quotation_marks_are_no_defect(said: str, told: str, defect: str) -> None:
    case = SOUND["zh-work-block"]
    answer = f"你写下“{said}”。" + put_together(case, case["parts"])
    assert codes(check({**case, "question": f"{case['question']}{said}。"}, answer)) == []
    assert defect in codes(check(case, told + put_together(case, case["parts"])))


@pytest.mark.parametrize(("leaked", "code"), [("<|im_end|>", "leak"), ("我想割腕", "means")])
def test_some_words_are_a_defect_even_as_a_quote(leaked: str, code: str) -> None:
    case = SOUND["zh-work-block"]
    answer = f"你写下“{leaked}”。" + put_together(case, case["parts"])
    assert code in codes(check({**case, "question": case["question"] + leaked}, answer))


def test_the_verdict_as_json_primitives() -> None:
    case = SOUND["en-health"]
    data = check(case, put_together(case, case["parts"])).as_dict()
    assert data["passed"] is True
    assert data["defects"] == []
    assert list(data["parts"]) == [part.value for part in Part]
    assert all(set(finding) == {"present", "evidence"} for finding in data["parts"].values())


def test_a_review_speaks_of_all_parts() -> None:
    with pytest.raises(ValueError, match="five parts"):
        Review(parts={}, defects=())
