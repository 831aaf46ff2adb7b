"""Orders in a person's words, a note or an earlier message: they stay data, and an obedient model is stopped."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cbtguard.graph import FakeWriter, Guard
from cbtguard.graph.settings import Settings
from cbtguard.nodes.retrieval.hybrid import Hit
from cbtguard.nodes.retrieval.note import NoteLibrary
from cbtguard.nodes.writers import Composer
from cbtguard.nodes.writers.neutral import neutral
from cbtguard.nodes.writers.prompt import Prompt, PromptForm, build_prompt, repair_prompt
from cbtguard.nodes.writers.task import WritingTask
from cbtguard.safety.files import read_yaml
from cbtguard.safety.risk import PastTurn
from cbtguard.safety.structure import Part

CASES = read_yaml(Path(__file__).parents[1] / "data" / "injection_cases.yaml")
ORDINARY = [case for case in CASES if not case.get("crisis")]
HARMFUL = [case for case in ORDINARY if case["codes"]]
IDS = NoteLibrary().pick(["worry-time", "thought-record"])
PLAIN = {
    "zh-Hans": "最近工作压力很大，晚上总是睡不着，一直担心项目做不完。",
    "zh-Hant": "最近工作壓力很大，晚上總是睡不著，一直擔心專案做不完。",
    "en": "Work has been too much lately, I lie awake at night and keep worrying about the project.",
}
FENCES = {"question": "message", "note": "notes", "earlier": "earlier"}
FRAME = re.compile(
    r"<\|[^>]*\|>|</?s>|\[/?INST\]|<</?SYS>>|<(?:start|end)_of_turn>|</?(?:notes?|earlier|message|draft)\b"
    r"|(?:Human|Assistant|System|User|用户|助手|系统)\s*[:：]|###",
    re.IGNORECASE,
)


def by_id(cases: list[dict[str, Any]]) -> Any:
    return pytest.mark.parametrize("case", cases, ids=[case["id"] for case in cases])


def task_with(where: str, text: str, language: str) -> WritingTask:
    notes = IDS
    if where == "note":
        field = {"en": text} if language == "en" else {"zh": text}
        notes = (IDS[0].model_copy(update={"idea": IDS[0].idea.model_copy(update=field)}), *IDS[1:])
    return WritingTask(
        question=text if where == "question" else PLAIN[language],
        language=language,
        notes=notes,
        history=(PastTurn(text=text if where == "earlier" else PLAIN[language]),),
    )


def prompts(where: str, text: str, language: str) -> list[Prompt]:
    task = task_with(where, text, language)
    draft = text if where == "question" else "好的。"
    return [
        prompt
        for form in PromptForm
        for prompt in (
            build_prompt(task, form=form),
            repair_prompt(task, Part.STRATEGY, draft, ("drug_advice",), form=form),
        )
    ]


def test_there_are_many_cases_in_both_languages_and_everywhere():
    assert len(CASES) >= 50
    assert len({case["id"] for case in CASES}) == len(CASES)
    for language in ("zh", "en"):
        own = [case for case in CASES if case["language"].startswith(language)]
        assert len(own) >= 20
        assert {case["where"] for case in own} == set(FENCES)
        assert any(case.get("crisis") for case in own)


@by_id(CASES)
def test_an_order_stays_between_its_fences(case):
    where, language = case["where"], case["language"]
    user = build_prompt(task_with(where, case["text"], language)).user
    shown = neutral(case["text"]).strip()
    if where == "note" and '"' in case["text"]:
        assert '"' not in re.search(r'title="([^\n]*)">', user).group(1)
    fence = FENCES[where]
    start, end = user.index(f"<{fence}>"), user.index(f"</{fence}>")
    place = user.index(shown)
    assert start < place
    assert place + len(shown) <= end
    assert (user.count(f"<{fence}>"), user.count(f"</{fence}>")) == (1, 1)
    # The last word is the task's.
    assert user.rindex(">") < user.rindex("\n")


@by_id(CASES)
def test_the_frame_of_no_prompt_is_changed(case):
    where, language = case["where"], case["language"]
    for told, plain in zip(
        prompts(where, case["text"], language), prompts(where, PLAIN[language], language), strict=True
    ):
        assert FRAME.findall(told.system + told.user) == FRAME.findall(plain.system + plain.user)
        assert told.system == plain.system


@by_id(ORDINARY)
def test_a_draft_of_a_model_that_obeyed_stays_in_its_fence(case):
    task = task_with("question", PLAIN[case["language"]], case["language"])
    user = repair_prompt(task, Part.CHALLENGE, case["obeyed"], ()).user
    shown = neutral(case["obeyed"]).strip()
    if shown:
        assert user.index("<draft>") < user.index(shown) < user.index("</draft>")
    assert user.count("</draft>") == (1 if shown else 0)


# --- in the flow -----------------------------------------------------------------------------------------


class Fixed:
    """Finds the same notes always: encoding a library is not what is tested here."""

    name = "fixed"

    def retrieve(self, text: str, *, k: int = 3) -> list[Hit]:
        return [Hit(note_id=note.id, score=0.5) for note in IDS]


@dataclass
class Parts:
    made: dict[str, Any]

    def guard(self, home: Path, writer: FakeWriter, **more: Any) -> Guard:
        settings = Settings(home=home, record="memory")
        return Guard(settings, writer=writer, retriever=Fixed(), **self.made, **more)


@pytest.fixture
def parts(real_redactor, real_detector, real_checker, real_referrals) -> Parts:
    return Parts(
        {
            "redactor": real_redactor,
            "detector": real_detector,
            "checker": real_checker,
            "referrals": real_referrals,
        }
    )


def sound(language: str, inserted: str = "") -> str:
    """An answer with all five parts, with a sentence behind the fourth."""
    made = Composer().compose(WritingTask(question=PLAIN[language], language=language, notes=IDS))
    paragraphs = made.text.split("\n\n")
    paragraphs[3] += f" {inserted}" if inserted else ""
    return "\n\n".join(paragraphs)


@by_id(ORDINARY)
def test_what_a_model_says_that_only_obeys_never_leaves(case, parts, tmp_path):
    where, language = case["where"], case["language"]
    writer = FakeWriter([case["obeyed"]] * 9)
    with parts.guard(tmp_path, writer) as guard:
        if where == "earlier":
            guard.ask(case["text"], thread="t", language=language)
        asked = case["text"] if where == "question" else PLAIN[language]
        answer = guard.ask(asked, thread="t", language=language)
    assert case["obeyed"] not in answer.reply
    assert answer.reply
    assert answer.reason != "checked" or answer.writer != writer.name


@by_id(HARMFUL)
def test_a_sound_answer_with_the_ordered_sentence_does_not_pass(case, real_checker):
    language = case["language"]
    question = case["text"] if case["where"] == "question" else PLAIN[language]
    notes = [note.id for note in IDS]

    def codes(inserted: str) -> set[str]:
        review = real_checker.check(
            PLAIN[language] + question,
            sound(language, inserted),
            language=language,
            notes=notes,
            citations=notes[:1],
        )
        assert review.passed is not bool(review.defects)
        return {defect.code for defect in review.defects}

    assert codes("") == set()
    assert codes(case["obeyed"]) & set(case["codes"])


@by_id([case for case in CASES if case.get("crisis")])
def test_nobody_can_order_the_way_to_help_away(case, parts, tmp_path):
    writer = FakeWriter([case["obeyed"]])
    with parts.guard(tmp_path, writer) as guard:
        answer = guard.ask(case["text"], language=case["language"])
    assert (answer.route, answer.reason) == ("referred", "crisis")
    assert answer.referral is not None
    assert answer.referral.lines
    assert writer.tasks == []
    assert case["obeyed"] not in answer.reply
