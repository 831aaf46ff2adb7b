"""What is said when danger is said again, and what a care text answers first."""

from __future__ import annotations

import re
from functools import cache
from itertools import pairwise, product

import pytest

from cbtguard.safety.errors import InputError
from cbtguard.safety.referral import FileDirectory, Mood, Referrals, mood_of
from cbtguard.safety.referral.wording import AGAIN_KINDS
from cbtguard.safety.risk.model import Subject

LANGUAGES = ("zh-Hans", "zh-Hant", "en")
REGIONS = ("CN", "HK", "TW", "SG", "US", "GB", "ZZ")
TURNS = 12
KINDS = sorted(AGAIN_KINDS)


@cache
def referrals() -> Referrals:
    return Referrals(FileDirectory())


def again(kind: str, subject: str, language: str, variant: int, region: str = "CN") -> str:
    found = referrals().crisis(
        level="crisis",
        kinds=[kind],
        subject=subject,
        region=region,
        language=language,
        variant=variant,
        again=True,
    )
    assert found.template == f"again/{subject}/{kind}"
    assert found.lines
    assert all(line.contact in found.text for line in found.lines)
    assert referrals().is_vetted(found.text)
    return found.text


def sentences(text: str) -> set[str]:
    return {part for part in re.split(r"[。？！.?!\n]", text) if len(part) > 12}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("subject", Subject)
@pytest.mark.parametrize("kind", KINDS)
def test_turns_of_the_same_danger_do_not_repeat(kind, subject, language):
    texts = [again(kind, subject, language, variant) for variant in range(TURNS)]
    assert len(set(texts)) == (6 if (kind, subject) == ("abuse", "self") else TURNS)
    for earlier, later in pairwise(texts):
        assert not sentences(earlier) & sentences(later)


def test_it_is_shorter_than_the_first_text_and_another_one():
    for kind, subject, language, region in product(KINDS, Subject, LANGUAGES, REGIONS):
        first = (
            referrals()
            .crisis(level="crisis", kinds=[kind], subject=subject, region=region, language=language)
            .text
        )
        text = again(kind, subject, language, 0, region)
        assert len(text) < len(first)
        assert not sentences(text) & sentences(first)


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_emergency_and_a_body_in_danger_are_told_all_every_time(language):
    call = {
        "level": "emergency",
        "kinds": ["suicide"],
        "subject": "self",
        "region": "CN",
        "language": language,
    }
    assert referrals().crisis(**call, again=True) == referrals().crisis(**call)
    body = call | {"level": "crisis", "kinds": ["suicide", "medical_emergency"]}
    assert referrals().crisis(**body, again=True) == referrals().crisis(**body)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("mood", Mood)
def test_a_mood_is_answered_before_the_question(mood, language):
    for variant in range(TURNS):
        plain = referrals().care(region="CN", language=language, variant=variant).text
        found = referrals().care(region="CN", language=language, variant=variant, mood=mood)
        lead, rest = found.text.split("\n\n", 1)
        assert rest == plain
        assert lead not in plain
        assert found.template == f"care/{mood}"
        assert referrals().is_vetted(found.text)
        assert not referrals().is_vetted(lead)


def test_twelve_care_texts_in_each_language():
    for language in LANGUAGES:
        texts = [referrals().care(region="CN", language=language, variant=v).text for v in range(TURNS)]
        assert len(set(texts)) == TURNS
        for earlier, later in pairwise(texts):
            assert not sentences(earlier) & sentences(later)


def test_an_unknown_mood_is_a_typed_error():
    with pytest.raises(InputError) as caught:
        referrals().care(region="CN", language="en", variant=0, mood="sad")
    assert caught.value.code == "input.mood_unknown"


@pytest.mark.parametrize(
    ("text", "mood"),
    [
        ("谢谢！", Mood.THANKS),
        ("　謝謝你聽我說～", Mood.THANKS),
        ("THANK YOU.", Mood.THANKS),
        ("thx 🙏", Mood.THANKS),
        ("开玩笑的啦哈哈", Mood.DENIAL),
        ("開玩笑的", Mood.DENIAL),
        ("Just kidding, forget it", Mood.DENIAL),
        ("I\u2019m just joking lol", Mood.DENIAL),
        ("你根本不懂！", Mood.ANGER),
        ("you don\u2019t get it", Mood.ANGER),
        ("", None),
        ("。。。", None),
        ("嗯", None),
        ("谢谢，再见了", None),
        ("谢谢，我已经没事了", None),
        ("我没有开玩笑", None),
        ("不是开玩笑的", None),
        ("just kidding, I'm really going to do it", None),
        ("滚烫的水", None),
        ("shut up and listen, I took them", None),
        ("谢谢" * 40, None),
    ],
)
def test_a_mood_is_told_from_the_whole_message_only(text, mood):
    assert mood_of(text) is mood
