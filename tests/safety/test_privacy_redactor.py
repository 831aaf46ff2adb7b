"""The redactor as a whole: round trips, offsets, risk words, threads, odd texts, explanations."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cbtguard.safety.errors import DataError
from cbtguard.safety.files import read_yaml
from cbtguard.safety.privacy import EntityType, PresidioRedactor, Redactor, Vault
from cbtguard.safety.privacy import presidio as home

DATA = Path(home.__file__).parent / "data"
VETOED = read_yaml(DATA / "never_redact.yaml")["groups"]
KEPT = [term for group in VETOED.values() if group["match"] == "overlap" for term in group["terms"]]
HAN_KEPT = [term for term in KEPT if not term.isascii()]
LATIN_KEPT = [term for term in KEPT if term.isascii()]

RICH = [
    "我叫张伟，家住杭州市西湖区文三路128号3栋2单元501室，手机13812345678，最近总想自杀。",
    "陳美玲跟我說，她在北京大學讀書，信箱是mei.ling@example.com，電話０９１２－３４５－６７８。",
    "小李和老王都在腾讯公司上班，车牌粤B12345，身份证11010519491231002X，QQ123456789。",
    "My name is Tom Smith, I live at 12 Baker Street, London, call me at 212-736-5000.",
    "我男朋友Kevin的微信号是kevin_0101，学号2019301234，护照E12345678，卡号4111 1111 1111 1111。",
]
NAME_FRAMES = [
    "我叫{}",
    "名字叫{}，",
    "张{}老师",
    "王{}说他很好",
    "我男朋友叫{}",
    "{}先生",
    "小{}和我分手了",
    "我在{}公司上班",
    "住在{}路12号3栋",
    "我在{}大学读书",
    "李{}",
    "姓名：{}",
]
LATIN_FRAMES = [
    "my name is {}",
    "Mr {}",
    "my friend {} left",
    "I'm {}",
    "I work at {}",
    "Tom {} Smith",
    "call me {}",
]


@pytest.fixture(scope="module")
def redactor() -> PresidioRedactor:
    return PresidioRedactor()


def test_it_is_a_redactor_with_a_version(redactor: PresidioRedactor) -> None:
    assert isinstance(redactor, Redactor)
    assert redactor.name == "presidio"
    assert redactor.version.count("+") == 1


@pytest.mark.parametrize("text", RICH)
def test_what_goes_out_comes_back(redactor: PresidioRedactor, text: str) -> None:
    vault = Vault()

    redaction = redactor.redact(text, vault)

    assert len(redaction.entities) == len(redaction.placeholders) >= 3
    assert vault.restore(redaction.text) == text
    place, rebuilt = 0, ""
    for entity, placeholder in zip(redaction.entities, redaction.placeholders, strict=True):
        assert place <= entity.start < entity.end
        rebuilt += text[place : entity.start] + placeholder
        place = entity.end
        assert text[entity.start : entity.end] not in redaction.text
    assert rebuilt + text[place:] == redaction.text
    assert vault.values == {text[entity.start : entity.end] for entity in redaction.entities}


@pytest.mark.parametrize("text", RICH)
def test_a_redacted_text_is_left_alone(redactor: PresidioRedactor, text: str) -> None:
    vault = Vault()
    once = redactor.redact(text, vault)

    twice = redactor.redact(once.text, vault)

    assert twice.text == once.text


@pytest.mark.parametrize("text", RICH)
def test_no_explanation_holds_the_value(redactor: PresidioRedactor, text: str) -> None:
    for entity in redactor.find(text):
        assert text[entity.start : entity.end].casefold() not in entity.explanation.casefold()
        assert entity.explanation.endswith((".", "。"))
        assert "\n" not in entity.explanation


def test_a_name_that_is_an_ordinary_word_is_not_in_its_explanation(redactor: PresidioRedactor) -> None:
    (entity,) = redactor.find("My name is Form.")

    assert entity.type is EntityType.PERSON
    assert "form" not in entity.explanation.casefold()


def test_the_same_person_keeps_the_placeholder_in_both_scripts(redactor: PresidioRedactor) -> None:
    vault = Vault()

    first = redactor.redact("我和陈美玲吵架了。", vault)
    second = redactor.redact("陳美玲昨天打電話給我。", vault)

    assert first.placeholders == second.placeholders == ("<人名1>",)


def test_a_known_value_is_replaced_where_nothing_else_speaks_for_it(redactor: PresidioRedactor) -> None:
    vault = Vault()
    redactor.redact("我的微信是 blue_moon7", vault)

    redaction = redactor.redact("就是blue_moon7那个", vault)

    assert redaction.text == "就是<微信号1>那个"


def test_placeholders_follow_the_language_of_the_text(redactor: PresidioRedactor) -> None:
    vault = Vault()

    assert redactor.redact("我男朋友Kevin走了", vault).placeholders == ("<人名1>",)
    assert redactor.redact("I miss Kevin and Emily", vault).placeholders == ("<Name1>", "<Name2>")


def test_the_list_of_protected_terms_is_long_and_plain() -> None:
    assert len(HAN_KEPT) > 300
    assert len(LATIN_KEPT) > 150
    wanted = {
        "自杀",
        "紫砂",
        "自鲨",
        "割腕",
        "跳楼",
        "安眠药",
        "百草枯",
        "想死",
        "重开",
        "kms",
        "舍曲林",
        "阿普唑仑",
    }
    assert wanted <= set(KEPT)


@pytest.mark.parametrize("term", HAN_KEPT)
def test_a_protected_term_is_never_hidden(redactor: PresidioRedactor, term: str) -> None:
    for frame in NAME_FRAMES:
        text = frame.format(term)
        assert term in redactor.redact(text, Vault()).text, frame


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(HAN_KEPT),
    st.sampled_from(NAME_FRAMES),
    st.sampled_from("王李张刘陈杨小老阿"),
    st.sampled_from(["", "伟", "老师", "同学", "路5号", "公司", "说"]),
)
def test_a_protected_term_inside_what_looks_like_a_name_stays(
    redactor: PresidioRedactor, term: str, frame: str, before: str, after: str
) -> None:
    text = frame.format(f"{before}{term}{after}")

    assert term in redactor.redact(text, Vault()).text


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(LATIN_KEPT), st.sampled_from(LATIN_FRAMES), st.sampled_from([str, str.title, str.upper])
)
def test_a_protected_latin_term_stays(
    redactor: PresidioRedactor, term: str, frame: str, form: object
) -> None:
    written = form(term)  # type: ignore[operator]

    assert written in redactor.redact(frame.format(written), Vault()).text


def test_a_title_stays_and_so_do_extra_terms() -> None:
    redactor = PresidioRedactor(vetoes=["张冠军奶茶", "Brown Study"])

    assert redactor.find("我读了《张伟的一生》和《北京大学往事》。") == ()
    assert redactor.find("我想喝张冠军奶茶") == ()
    assert redactor.find("I am in a Mr Brown Study mood") == ()


@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.one_of(
            st.text(st.characters(), max_size=12),
            st.sampled_from(
                [
                    "\ud83d",
                    "\x00",
                    "\u200b",
                    "😭",
                    "我叫张伟",
                    "13812345678",
                    "<人名1>",
                    "《",
                    "\r\n",
                    "號",
                    "ﬁ",
                    "㎏",
                    "İ",
                ]
            ),
        ),
        max_size=8,
    ).map("".join)
)
def test_any_text_is_taken(redactor: PresidioRedactor, text: str) -> None:
    vault = Vault()

    redaction = redactor.redact(text, vault)

    assert redactor.find(text) == redactor.find(text)
    place = 0
    for entity in redaction.entities:
        assert place <= entity.start < entity.end <= len(text)
        assert 0 <= entity.score <= 1
        place = entity.end
    if not redaction.entities:
        assert redaction.text == text


@pytest.mark.parametrize("text", ["", " ", "\n\n", "\ud800", "\x00\x01", "😭" * 50, "。！？", "<人名1>"])
def test_a_text_without_words_stays(redactor: PresidioRedactor, text: str) -> None:
    assert redactor.redact(text, Vault()).text == text


def test_odd_characters_do_not_shift_offsets(redactor: PresidioRedactor) -> None:
    text = "\ud83d😭ﬁ㎏\x00我叫张伟\u200b，手机１３８-1234-5678\udc00"

    found = {text[entity.start : entity.end] for entity in redactor.find(text)}

    assert found == {"张伟", "１３８-1234-5678"}


def test_a_long_text_is_searched_to_its_end(redactor: PresidioRedactor) -> None:
    sentence = "我叫张伟，手机13812345678，妈妈不理我。"
    times = 100_000 // len(sentence.encode())
    text = sentence * times

    found = redactor.find(text)

    assert len(found) == 2 * times
    assert text[found[-1].start : found[-1].end] == "13812345678"


def test_many_threads_get_what_one_gets(redactor: PresidioRedactor) -> None:
    texts = RICH * 20
    alone = [redactor.find(text) for text in texts]

    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(redactor.find, texts))

    assert together == alone


def test_many_threads_share_a_vault(redactor: PresidioRedactor) -> None:
    vault = Vault()

    with ThreadPoolExecutor(8) as pool:
        redactions = list(pool.map(lambda text: redactor.redact(text, vault), RICH * 20))

    assert len({redaction.text for redaction in redactions}) == len(RICH)
    assert all(vault.restore(redaction.text) in RICH for redaction in redactions)


def test_a_configuration_switches_recognisers_off(tmp_path: Path) -> None:
    changed = (DATA / "privacy.yaml").read_text(encoding="utf-8")
    changed = changed.replace("  phones:\n    enabled: true", "  phones:\n    enabled: false")
    path = tmp_path / "own.yaml"
    path.write_text(changed, encoding="utf-8")

    redactor = PresidioRedactor(config=path)

    found = redactor.find("我叫张伟，手机13812345678")
    assert [entity.type for entity in found] == [EntityType.PERSON]
    assert redactor.version != PresidioRedactor().version


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("threshold: 0.5", "threshold: 5"),
        ("chinese_names:", "martian_names:"),
        ("enabled: true", "enabled: perhaps"),
        ("NhsRecognizer", "NoSuchRecognizer"),
        ("type: BANK_CARD", "type: SECRET"),
        ("zh: 人名, ", ""),
        ("zh: 人名", "zh: 电话"),
        ("phone_regions: [US, GB, HK, TW, SG]", "phone_regions: []"),
    ],
)
def test_a_malformed_configuration_is_refused(tmp_path: Path, old: str, new: str) -> None:
    path = tmp_path / "own.yaml"
    text = (DATA / "privacy.yaml").read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")

    with pytest.raises(DataError) as caught:
        PresidioRedactor(config=path)

    assert caught.value.code == "data.malformed"


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = (
        "import sys, cbtguard.safety.privacy\n"
        "heavy = {'presidio_analyzer', 'spacy', 'torch', 'onnxruntime', 'opencc', 'phonenumbers'}\n"
        "sys.exit(len(heavy & set(sys.modules)))"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
