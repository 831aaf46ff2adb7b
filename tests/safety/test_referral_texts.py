"""Every referral text, for every situation, as the person would read it."""

from __future__ import annotations

import re
from datetime import date
from functools import cache
from itertools import pairwise, product

import pytest

from cbtguard.safety.errors import InputError
from cbtguard.safety.referral import FileDirectory, Reason, Referral, Referrals, Service
from cbtguard.safety.risk.model import Kind, Level, Subject

LANGUAGES = ("zh-Hans", "zh-Hant", "en")
REGIONS = ("CN", "HK", "TW", "SG", "US", "GB", "ZZ")
TALK = {Service.PSYCHOLOGICAL, Service.WEB_DIRECTORY}

# Written here anew, not read from the rules the texts are checked with at load.
SAFETY = {
    "zh-Hans": r"安全吗|念头|想死|自杀|不想活|想过死|喘得上气",
    "zh-Hant": r"安全嗎|念頭|想死|自殺|不想活|想過死|呼吸順不順",
    "en": r"(?i)\bsafe\b|thoughts of|ending your life|suicide|want to live|think of dying",
}
PROFESSIONAL = {
    "zh-Hans": r"医生|精神科|心理科|咨询师|社工|心理老师",
    "zh-Hant": r"醫生|醫師|身心科|精神科|心理師|社工|輔導老師",
    "en": r"(?i)doctor|mental health professional|therapist|social worker|counsellor",
}
TRUSTED = {
    "zh-Hans": r"信得过|信任",
    "zh-Hant": r"信得過|信任",
    "en": r"(?i)you (both )?trust|they trust|trusted",
}
NOT_CONNECTED = {
    "zh-Hans": r"没接通|打不通|占线|没人接|没接",
    "zh-Hant": r"沒接通|打不通|忙線|沒人接|沒接",
    "en": r"(?i)do not get through|line is busy|nobody answers|no one answers|does not connect",
}
DIRECT_QUESTION = {
    "zh-Hans": r"结束自己生命的念头|想死|不想活|自杀|想过死",
    "zh-Hant": r"結束自己生命的念頭|想死|不想活|自殺|想過死",
    "en": r"(?i)ending your life|thoughts of dying|suicide|want(ing)? to live|already done something",
}
FORBIDDEN = {
    "zh-Hans": (
        "一定会好|会好起来|保证|我是真人|想开点|坚强|自私|懦弱|替你保密|你患有"
        "|割腕|跳楼|上吊|烧炭|安眠药|农药|剂量"
    ),
    "zh-Hant": (
        "一定會好|會好起來|保證|我是真人|想開點|堅強|自私|懦弱|替你保密|你患有"
        "|割腕|跳樓|上吊|燒炭|安眠藥|農藥|劑量|輕生"
    ),
    "en": (
        r"(?i)\bpromise|guarantee|will be (fine|okay|alright)|gets better|selfish|coward|cheer up|calm down"
        r"|commit(ted)? suicide|\b(rope|gun|pills|knife|bridge|razor)\b|i am human|keep (it|this) secret"
        r"|you must"
    ),
}
HAN = re.compile(r"[\u3400-\u9fff]")


@cache
def referrals() -> Referrals:
    # Ages add a remark to a line; they are tried in test_referral_hours.
    return Referrals(FileDirectory(today=date(2026, 11, 23)))


def contacts(referral: Referral) -> set[str]:
    """What a reader could dial or open, as the text must show it."""
    return {line.contact or line.name[referral.language] for line in referral.lines}


def every_crisis() -> list[Referral]:
    return [
        referrals().crisis(
            level=level, kinds=[kind], subject=subject, region=region, language=language, variant=variant
        )
        for level, kind, subject, region, language, variant in product(
            (Level.CRISIS, Level.EMERGENCY), Kind, Subject, REGIONS, LANGUAGES, range(3)
        )
    ]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("subject", Subject)
@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("level", [Level.CRISIS, Level.EMERGENCY])
def test_each_crisis_text_asks_names_people_and_shows_lines(level, kind, subject, language):
    for region, variant in product(REGIONS, range(3)):
        referral = referrals().crisis(
            level=level, kinds=[kind], subject=subject, region=region, language=language, variant=variant
        )
        text = referral.text
        assert referral.lines
        assert all(line.region == region for line in referral.lines)
        assert any(TALK & set(line.serves) for line in referral.lines)
        assert all(contact in text for contact in contacts(referral))
        for cues in (SAFETY, PROFESSIONAL, TRUSTED, NOT_CONNECTED):
            assert re.search(cues[language], text), (cues[language], text)
        assert "?" in text or "？" in text
        assert not re.search(FORBIDDEN[language], text)
        assert "{" not in text
        assert "\x00" not in text


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("subject", Subject)
@pytest.mark.parametrize("kind", [Kind.SUICIDE, Kind.SELF_HARM, Kind.PSYCHOSIS])
def test_suicide_is_asked_about_directly(kind, subject, language):
    for level in (Level.CRISIS, Level.EMERGENCY):
        text = (
            referrals()
            .crisis(level=level, kinds=[kind], subject=subject, region="CN", language=language)
            .text
        )
        if level == Level.EMERGENCY and kind == Kind.PSYCHOSIS:
            assert re.search(SAFETY[language], text)
        elif not (level == Level.EMERGENCY and kind == Kind.SUICIDE):
            assert re.search(DIRECT_QUESTION[language], text)


def test_chinese_texts_are_short_enough_to_read_in_danger():
    for referral in every_crisis():
        if referral.language == "en":
            assert 120 <= len(referral.text.split()) <= 320
            continue
        length = len(HAN.findall(referral.text))
        assert 150 <= length <= 420
        if referral.template.startswith("emergency"):
            assert length <= 300


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("region", "number"), [("CN", "120"), ("TW", "119"), ("SG", "995"), ("US", "911")])
def test_poison_is_an_ambulance_before_anything_else(language, region, number):
    referral = referrals().crisis(
        level="emergency", kinds=["medical_emergency"], subject="self", region=region, language=language
    )
    assert number in referral.text.split("\n\n")[0]
    assert Service.AMBULANCE in referral.lines[0].serves


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("subject", Subject)
@pytest.mark.parametrize("kind", Kind)
def test_an_emergency_puts_the_number_in_the_first_paragraph(kind, subject, language):
    for region, variant in product(REGIONS, range(3)):
        referral = referrals().crisis(
            level="emergency",
            kinds=[kind],
            subject=subject,
            region=region,
            language=language,
            variant=variant,
        )
        first = referral.text.split("\n\n")[0]
        come = [line for line in referral.lines if {Service.POLICE, Service.AMBULANCE} & set(line.serves)]
        assert any((line.contact or line.name[language]) in first for line in come)


def test_digits_come_from_the_lines_alone():
    for referral in every_crisis():
        text = referral.text
        for line in sorted(referral.lines, key=lambda line: -len(line.contact)):
            if line.contact:
                text = text.replace(line.contact, "")
        assert not re.search(r"\d", text), text


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("subject", Subject)
def test_several_kinds_lead_with_the_gravest_and_name_the_others(subject, language):
    alone = referrals().crisis(
        level="crisis", kinds=["suicide"], subject=subject, region="CN", language=language
    )
    both = referrals().crisis(
        level="crisis",
        kinds=["self_harm", "abuse", "suicide"],
        subject=subject,
        region="CN",
        language=language,
    )
    assert both.text.split("\n\n")[0] == alone.text.split("\n\n")[0]
    assert both.template == f"crisis/{subject}/suicide+abuse+self_harm"
    assert len(both.text) > len(alone.text)
    assert {line.id for line in alone.lines} < {line.id for line in both.lines}


def test_all_kinds_at_once_still_read_well():
    for subject, language, level in product(Subject, LANGUAGES, ("crisis", "emergency")):
        referral = referrals().crisis(
            level=level, kinds=list(Kind), subject=subject, region="CN", language=language
        )
        assert referral.template.split("/")[2].startswith("medical_emergency+suicide")
        assert len(HAN.findall(referral.text)) <= 560
        assert referrals().is_vetted(referral.text)


@pytest.mark.parametrize("language", LANGUAGES)
def test_consecutive_turns_never_read_the_same(language):
    for kind, level, subject in product(Kind, ("crisis", "emergency"), Subject):
        texts = [
            referrals()
            .crisis(level=level, kinds=[kind], subject=subject, region="CN", language=language, variant=v)
            .text
            for v in range(4)
        ]
        paragraphs = [text.split("\n\n") for text in texts]
        for earlier, later in pairwise(paragraphs):
            assert earlier[0] != later[0]
            assert earlier[-1] != later[-1]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("region", REGIONS)
def test_care_asks_listens_and_differs(language, region):
    texts = [referrals().care(region=region, language=language, variant=v).text for v in range(8)]
    assert len(set(texts)) >= 6
    for text in texts:
        for cues in (SAFETY, PROFESSIONAL, TRUSTED, NOT_CONNECTED):
            assert re.search(cues[language], text), text
        assert not re.search(FORBIDDEN[language], text)
    for earlier, later in pairwise(texts):
        sentences = set(re.split(r"[。？.?\n]", later)) - {""}
        shared = [s for s in re.split(r"[。？.?\n]", earlier) if s and s in sentences]
        assert not shared, shared


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("reason", Reason)
def test_fallbacks_keep_the_way_to_help(reason, language):
    for region, variant in product(REGIONS, range(3)):
        referral = referrals().fallback(reason=reason, region=region, language=language, variant=variant)
        assert all(contact in referral.text for contact in contacts(referral))
        assert re.search(TRUSTED[language], referral.text)
        assert re.search(PROFESSIONAL[language], referral.text)
        assert referral.template == f"fallback/{reason}"


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_language_fallback_can_be_understood_in_the_other_language(language):
    text = referrals().fallback(reason="language", region="ZZ", language=language).text
    assert HAN.search(text)
    assert "English" in text


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kinds", [[], *([kind] for kind in Kind), ["self_harm", "suicide"]])
def test_safety_notes_are_two_or_three_sentences_with_a_question(kinds, language):
    for region in REGIONS:
        referral = referrals().safety_note(kinds=kinds, region=region, language=language)
        marks = re.findall(r"[。？]|[.?](?=\s|$)", referral.text)
        assert 2 <= len(marks) <= 3
        assert re.search(r"[?？]", referral.text)
        assert "\n" not in referral.text
        assert all(contact in referral.text for contact in contacts(referral))


@pytest.mark.parametrize(
    ("language", "needles"),
    [
        ("zh-Hans", ["12356", "110", "120", "findahelpline.com"]),
        ("zh-Hant", ["1925", "119", "18111", "999", "12356", "findahelpline.com"]),
        ("en", ["988", "911", "116 123", "999", "findahelpline.com"]),
        ("fr", ["12356", "110", "120", "988", "116 123", "findahelpline.com"]),
        ("", ["12356", "988"]),
    ],
)
def test_the_last_resort_never_fails(language, needles):
    text = referrals().last_resort(language)
    assert all(needle in text for needle in needles)
    assert referrals().is_vetted(text)


def test_last_resort_numbers_are_in_the_directory():
    known = {line.contact for line in FileDirectory().all_lines()}
    for language in LANGUAGES:
        text = referrals().last_resort(language)
        found = {found.strip() for found in re.findall(r"116 123|\d[\d-]*\d|[a-z]+\.com", text)}
        assert found
        assert found <= known


@pytest.mark.parametrize(
    ("language", "words"), [("zh", ["程序", "治疗师", "医疗器械"]), ("en-GB", ["AI program"])]
)
def test_the_disclosure_says_what_this_is(language, words):
    text = referrals().disclosure(language)
    assert all(word in text for word in words)
    assert referrals().is_vetted(text)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"level": "watch"}, "input.level_unknown"),
        ({"level": "red"}, "input.level_unknown"),
        ({"kinds": []}, "input.kind_unknown"),
        ({"kinds": ["sadness"]}, "input.kind_unknown"),
        ({"subject": "both"}, "input.subject_unknown"),
        ({"language": "fr"}, "input.language_unknown"),
    ],
)
def test_what_cannot_be_answered_is_a_typed_error(change, code):
    call = {
        "level": "crisis",
        "kinds": ["suicide"],
        "subject": "self",
        "region": "CN",
        "language": "zh-Hans",
    } | change
    with pytest.raises(InputError) as caught:
        referrals().crisis(**call)
    assert caught.value.code == code


def test_unknown_reason_is_a_typed_error():
    with pytest.raises(InputError) as caught:
        referrals().fallback(reason="mood", region="CN", language="en")
    assert caught.value.code == "input.reason_unknown"


@pytest.mark.parametrize("region", ["", "ZZ", "FR", "??"])
def test_a_region_without_lines_is_answered_as_elsewhere(region):
    referral = referrals().crisis(
        level="crisis", kinds=["suicide"], subject="self", region=region, language="en"
    )
    assert referral.region == "ZZ"
    assert "findahelpline.com" in referral.text
    assert "your local emergency number" in referral.text
