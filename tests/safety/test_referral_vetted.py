"""``is_vetted`` is true for exactly the texts that can be produced; the proof rests on it."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cbtguard.safety.referral import FileDirectory, Reason, Referrals
from cbtguard.safety.risk.model import Kind, Subject

LANGUAGES = ("zh-Hans", "zh-Hant", "en")
REGIONS = ("CN", "HK", "TW", "SG", "US", "GB", "ZZ", "")


@cache
def referrals() -> Referrals:
    return Referrals(FileDirectory())


where = st.fixed_dictionaries({"region": st.sampled_from(REGIONS), "language": st.sampled_from(LANGUAGES)})
crises = st.builds(
    lambda place, level, kinds, subject, variant: referrals().crisis(
        level=level, kinds=kinds, subject=subject, variant=variant, **place
    ),
    where,
    st.sampled_from(["crisis", "emergency"]),
    st.lists(st.sampled_from(list(Kind)), min_size=1, max_size=8),
    st.sampled_from(list(Subject)),
    st.integers(),
)
cares = st.builds(lambda place, variant: referrals().care(variant=variant, **place), where, st.integers())
fallbacks = st.builds(
    lambda place, reason, variant: referrals().fallback(reason=reason, variant=variant, **place),
    where,
    st.sampled_from(list(Reason)),
    st.integers(),
)
notes = st.builds(
    lambda place, kinds: referrals().safety_note(kinds=kinds, **place),
    where,
    st.lists(st.sampled_from(list(Kind)), max_size=3),
)
every = st.one_of(crises, cares, fallbacks, notes)


@settings(max_examples=300, deadline=None)
@given(every)
def test_every_text_that_is_produced_is_vetted(referral):
    assert referral.lines
    assert referrals().is_vetted(referral.text)


@settings(max_examples=300, deadline=None)
@given(every, st.data())
def test_one_changed_character_is_not_vetted(referral, data):
    text = referral.text
    place = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.characters().filter(lambda char: char != text[place]))
    # A changed word may turn one wording into another; a changed character never does.
    assert not referrals().is_vetted(text[:place] + other + text[place + 1 :])


@settings(max_examples=100, deadline=None)
@given(every, st.text(min_size=1, max_size=5), st.booleans())
def test_added_text_is_not_vetted(referral, more, before):
    assert not referrals().is_vetted(more + referral.text if before else referral.text + more)


@settings(max_examples=100, deadline=None)
@given(every, st.data())
def test_a_missing_paragraph_is_not_vetted(referral, data):
    paragraphs = referral.text.split("\n\n")
    if len(paragraphs) == 1:
        assert not referrals().is_vetted(referral.text[:-1])
        return
    gone = data.draw(st.integers(0, len(paragraphs) - 1))
    assert not referrals().is_vetted("\n\n".join(p for i, p in enumerate(paragraphs) if i != gone))


@pytest.mark.parametrize("text", ["", " ", "\n\n", "你好", "12356", "\ud800", "x" * 100_000])
def test_other_text_is_not_vetted(text):
    assert not referrals().is_vetted(text)


def test_lines_of_another_region_are_not_vetted():
    text = (
        referrals().crisis(level="crisis", kinds=["suicide"], subject="self", region="US", language="en").text
    )
    assert not referrals().is_vetted(text.replace("- 988:", "- 989:"))


def test_kinds_in_any_order_give_one_text():
    texts = {
        referrals().crisis(level="crisis", kinds=kinds, subject="self", region="CN", language="zh-Hans").text
        for kinds in (["abuse", "suicide"], ["suicide", "abuse"], ["suicide", "abuse", "abuse"])
    }
    assert len(texts) == 1


def test_the_version_follows_directory_and_texts(tmp_path):
    extra = tmp_path / "more.yaml"
    extra.write_text(
        """
version: "1"
lines:
  - id: cn-campus
    region: CN
    name: {zh-Hans: 校内热线, zh-Hant: 校內專線, en: campus line}
    contact: "010-00000000"
    channels: [call]
    hours: Mo-Fr 09:00-17:00
    hours_text: {zh-Hans: 工作日, zh-Hant: 工作日, en: weekdays}
    timezone: Asia/Shanghai
    languages: [zh]
    audience: [youth]
    serves: [psychological]
    source: the operator
    verified_on: 2026-11
    caution: null
""",
        encoding="utf-8",
    )
    other = Referrals(FileDirectory(extra=[extra]))
    assert other.version != referrals().version
    assert Referrals(FileDirectory()).version == referrals().version
