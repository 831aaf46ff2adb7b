"""The checker's rules hold to their examples; any text at all gets a verdict that hangs together."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from cbtguard.safety.errors import DataError
from cbtguard.safety.files import read_yaml
from cbtguard.safety.structure import Part, StructureChecker, harm, layout
from cbtguard.safety.structure.harm import DATA, find_harm
from cbtguard.safety.structure.parts import find_parts
from cbtguard.safety.structure.weights import HARMS

if TYPE_CHECKING:
    from pathlib import Path

ENTRIES: dict[str, Any] = read_yaml(DATA)
REASONS: dict[str, dict[str, str]] = read_yaml(DATA.parent / "reasons.yaml")
EXAMPLES = [
    (code, sign, text)
    for code, entry in ENTRIES.items()
    for sign in ("positive", "negative")
    for text in entry[sign]
]
CHECKER = StructureChecker()
ANY = st.text(alphabet=st.characters(codec=None, exclude_categories=()), max_size=200)
PIECES = st.lists(
    st.sampled_from(
        [
            *[
                "我能理解你的难过。",
                "试试写下来，",
                "“",
                "”",
                "一、",
                "**共情**\n",
                "慢慢来。",
                "？",
                "想法",
                "<人名1>",
                "你",
            ],
            *[
                "It is understandable. ",
                "Try this: ",
                "What if?",
                "# Strategy\n",
                "1. ",
                "you",
                "{x}",
                "138001380001",
            ],
            *["\n", "İ", "\ud800", "😂", "\u202e"],
        ]
    ),
    max_size=30,
).map("".join)


@pytest.mark.parametrize(("code", "sign", "text"), EXAMPLES)
def test_every_defect_holds_to_its_examples(code: str, sign: str, text: str) -> None:
    english = re.search(r"[\u4e00-\u9fff]", text) is None
    found = {defect.code for defect in find_harm(text, english=english, reading=None)}
    assert (code in found) is (sign == "positive")


@pytest.mark.parametrize("code", ENTRIES)
def test_every_defect_has_examples_and_reasons(code: str) -> None:
    entry = ENTRIES[code]
    assert entry["positive"]
    assert entry["negative"]
    assert entry["reason"]["zh"].endswith("。")
    assert entry["reason"]["en"].endswith(".")
    for key in ("any", "zh", "en", "unless"):
        for pattern in [entry[key]] if isinstance(entry.get(key), str) else entry.get(key, []):
            assert re.compile(pattern).search("") is None
            # What the patterns see is in lower case.
            assert not re.search(r"(?<!\\)[A-Z]", pattern)


def test_the_model_looks_for_codes_that_have_a_rule() -> None:
    assert set(HARMS) <= set(ENTRIES)


def test_every_code_has_a_reason() -> None:
    own = {f"missing_{part.value}" for part in Part} | {
        "order",
        "too_short",
        "too_long",
        "cut",
        "loop",
        "off_topic",
        "echo",
        "unhandled_risk",
    }
    own |= {"wrong_language", "contact", "invented_person", "invented_citation", "ungrounded"}
    assert set(REASONS) == own
    assert not set(REASONS) & set(ENTRIES)
    assert all(reason["zh"].endswith("。") and reason["en"].endswith(".") for reason in REASONS.values())


@pytest.mark.parametrize("language", ["zh-Hans", "zh-Hant", "en"])
def test_headings_alone_show_nothing(language: str) -> None:
    text = "一、验证与共情\n二、识别关键思维\n三、挑战与反思\n四、策略\n五、鼓励与前瞻\n"
    if language == "en":
        text = "1. Validation\n2. Key Thought\n3. Challenge\n4. Strategy\n5. Encouragement\n"
    assert not any(finding.present for finding in find_parts("", text, language).values())


@given(st.one_of(ANY, PIECES), st.one_of(ANY, PIECES), st.sampled_from(["zh-Hans", "zh-Hant", "en", None]))
@example("", "", None)
@example("\ud800", "\ud800", "en")
@example("İ" * 30, "İ" * 300 + "我能理解你的难过。", "zh-Hans")
def test_any_text_gets_a_verdict_that_hangs_together(
    question: str, answer: str, language: str | None
) -> None:
    review = CHECKER.check(question, answer, language=language, notes=["a"], citations=["a"])
    assert CHECKER.check(question, answer, language=language, notes=["a"], citations=["a"]) == review
    found = [defect.code for defect in review.defects]
    assert len(found) == len(set(found))
    for part, finding in review.parts.items():
        assert (f"missing_{part.value}" in found) is (not finding.present)
        assert 0 <= finding.start <= finding.end <= len(answer)
        assert finding.evidence == answer[finding.start : finding.end]
        assert bool(finding.evidence) is finding.present
    assert review.passed is (not review.defects)
    for defect in review.defects:
        assert defect.reason
        assert defect.reason_zh


@pytest.mark.slow
@pytest.mark.parametrize(
    "repeated",
    [
        "*",
        "\n",
        " ",
        "共情 ",
        "共情\n",
        "* ",
        "字",
        ".",
        "1",
        "a",
        "1 ",
        "“",
        "a@",
        "好。",
        "**共情",
        "一、",
        "you can ",
        "？",
        "你",
    ],
)
def test_long_repetitions_end(repeated: str) -> None:
    answer = repeated * (20_000 // len(repeated))
    for language in ("zh-Hans", "en"):
        assert not CHECKER.check("我睡不着", answer + "x", language=language).passed


@pytest.mark.parametrize(
    ("entry", "named"),
    [
        ({"zh": "("}, "new"),
        ({"zh": "a"}, "new"),
        ({"zh": "a", "reason": {"en": "A."}}, "new"),
        (7, "new"),
        ({"zh": 7}, "new"),
    ],
)
def test_a_malformed_defect_names_file_and_entry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, entry: object, named: str
) -> None:
    path = tmp_path / "defects.yaml"
    path.write_text(yaml.safe_dump({"new": entry}), encoding="utf-8")
    monkeypatch.setattr(harm, "DATA", path)
    harm.rules.cache_clear()
    try:
        with pytest.raises(DataError, match=named) as caught:
            harm.rules()
    finally:
        harm.rules.cache_clear()
    assert caught.value.code == "data.malformed"
    assert "defects.yaml" in caught.value.message


@pytest.mark.parametrize(
    "names", [[], {"strategy": {"zh": "("}}, {"strategy": "advice"}, {"strategy": {"zh": 1}}]
)
def test_malformed_headings_name_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: object
) -> None:
    path = tmp_path / "headings.yaml"
    path.write_text(yaml.safe_dump(names), encoding="utf-8")
    monkeypatch.setattr(layout, "HEADINGS", path)
    layout._headings.cache_clear()
    try:
        with pytest.raises(DataError, match=r"headings\.yaml") as caught:
            layout.lay_out("", "Hello.")
    finally:
        layout._headings.cache_clear()
    assert caught.value.code == "data.malformed"
