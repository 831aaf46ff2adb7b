"""The metamorphic suite: each perturbation does what it says, and keeps the verdicts of lines the rules know."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cbtguard.lab.risk.lines import Line
from cbtguard.lab.risk.metamorphic import Expect, Outcome, Pair, perturbations, rates, run
from cbtguard.lab.risk.metamorphic import tables as word_tables
from cbtguard.lab.risk.metamorphic.perturbation import perturbation
from cbtguard.lab.risk.metamorphic.run import pairs, sample
from cbtguard.safety.errors import DataError
from cbtguard.safety.risk import Level, RuleDetector, Subject
from cbtguard.service.cli import main

if TYPE_CHECKING:
    from pathlib import Path

ALL = perturbations()
KEEPING = [name for name, one in ALL.items() if one.expect is Expect.KEEPS]

GRAVE = {
    "zh": [
        "我不想活了，我想死",
        "我想自杀，遗书都写好了",
        "真的活不下去了，想割腕",
        "我想死了，有刀片和安眠药，今晚就吞药",
        "我想跳楼，没有人在乎我",
        "今晚我就想从楼顶跳下去，不知道怎么办，好累",
        "被强奸之后我就想死掉",
        "我真的不想活了，想自殺",
    ],
    "en": [
        "I want to kill myself tonight",
        "I'm going to end my life, I can't do this anymore",
        "I have been thinking about suicide and I took all the pills",
        "I want to die. I really don't want to be here",
        "I want to kill myself with a knife and I can't stop crying",
    ],
}
CALM = {
    "zh": [
        "今天下班很晚，有点累，想早点睡",
        "笑死我了，这个综艺太好看了",
        "这周末打算和朋友去爬山，不知道天气怎么样",
        "我没有想自杀，就是压力有点大",
        "他讲的《自杀论》我没听懂",
        "妈妈今天做了红烧肉，好香啊",
    ],
    "en": [
        "I'm worried about my exam next week",
        "This traffic is killing me, I will be late again",
        "My boss liked the report and I am really happy about it",
        "I don't want to kill myself, I'm just tired",
        "The film is about suicide in the army",
    ],
}


def known() -> list[Line]:
    return [
        Line(
            text=text,
            level=Level.CRISIS if grave else Level.NONE,
            kinds=(),
            subject=Subject.SELF,
            type="-",
            origin="test",
        )
        for grave, texts in ((True, GRAVE), (False, CALM))
        for several in texts.values()
        for text in several
    ]


@pytest.fixture(scope="module")
def outcomes() -> tuple[Outcome, ...]:
    return run(known(), detector=RuleDetector())


def test_the_lines_are_ones_that_the_rules_know() -> None:
    rules = RuleDetector()
    for line in known():
        assert rules.assess(line.text).level.refers is line.level.refers, line.text


@pytest.mark.parametrize("name", KEEPING)
def test_a_verdict_is_kept(name: str, outcomes: tuple[Outcome, ...]) -> None:
    some = [outcome for outcome in outcomes if outcome.pair.perturbation == name]
    assert some, "no line has anything to change"
    assert [(o.pair.text, o.before.value, o.after.value) for o in some if not o.kept] == []


@pytest.mark.parametrize("name", [name for name in ALL if name not in KEEPING])
def test_those_that_may_change_a_verdict_are_tried_too(name: str, outcomes: tuple[Outcome, ...]) -> None:
    assert any(outcome.pair.perturbation == name for outcome in outcomes)
    rate = next(rate for rate in rates(outcomes) if rate.name == name)
    assert rate.expect is Expect.MAY_CHANGE


# --- each does what it says ---------------------------------------------------------------------------------

EXACT = {
    "full_width": ("kill me", "ｋｉｌｌ　ｍｅ"),
    "upper_case": ("kill me", "KILL ME"),
    "traditional": ("自杀", "自殺"),
    "simplified": ("自殺", "自杀"),
    "spaces": ("我想自杀", "我想自 杀"),
    "spaces_everywhere": ("我想死", "我 想 死"),
    "one_a_line": ("我想死", "我\n想\n死"),
    "punctuation_dropped": ("好累，不想活了。", "好累不想活了"),
    "punctuation_to_spaces": ("好累，不想活了。", "好累 不想活了"),
    "punctuation_ascii": ("好累，不想活了。", "好累,不想活了."),
    "punctuation_dropped_en": ("I can't, not again.", "I can't not again"),
    "apostrophes_dropped": ("I can't", "I cant"),
    "contractions_undone": ("I can't", "I cannot"),
    "line_breaks": ("好累，不想活了。", "好累\n不想活了"),
    "full_stop_added": ("好累", "好累。"),
    "full_stop_added_en": ("So tired.", "So tired"),
    "exclamation": ("好累。", "好累!!!"),
    "emoji_for_words": ("刀片", "🔪片"),
    "dialect_north": ("我不知道怎么办", "俺不知道咋办"),
    "internet_en": ("You are right", "u r right"),
}
FORMS = {
    "zero_width": ("我不想活了，真的不想活了", r"[^a-z]*[\u200b\u200c\u200d\u2060\ufeff\u00ad][^a-z]*"),
    "signs": ("我想自杀", r"我想自[*.·_~/|+-]杀"),
    "letters_apart": ("i want to kill", r"i want to k([.\-_* ])i\1l\1l"),
    "homophones": ("我想自杀", r"我想(?!自杀)..+"),
    "initials": ("我想自杀", r"我(想zs|想自s)"),
    "pinyin": ("我想自杀", r"我想zi ?sha"),
    "half_pinyin": ("我想自杀", r"我想(zi杀|自sha)"),
    "leet": ("kill", r"k[1!i][l]{2}"),
    "masked": ("kill", r"k[*#]ll"),
    "typos": ("I should sleep", r"I s\w+ s\w+"),
    "same_sound": ("我在家", r"我(再家|在加)"),
    "in_quotes": ("我想死", r"[“「\"‘]我想死[”」\"’]"),
    "own_words_quoted": ("我想死", r"我.*“我想死”"),
    "small_talk_before": ("我想死", r".+。.+。我想死"),
    "small_talk_around": ("我想死", r"(.+\n)我想死。(\n.+)"),
}


@pytest.mark.parametrize(("name", "pair"), EXACT.items(), ids=EXACT)
def test_what_it_makes_of_a_text(name: str, pair: tuple[str, str]) -> None:
    assert ALL[name](pair[0]) == pair[1]


@pytest.mark.parametrize(("name", "pair"), FORMS.items(), ids=FORMS)
def test_what_form_it_makes_of_a_text(name: str, pair: tuple[str, str]) -> None:
    changed = ALL[name](pair[0])
    assert changed is not None
    assert re.fullmatch(pair[1], changed, re.DOTALL), changed


@settings(max_examples=40, deadline=None)
@given(
    text=st.text(max_size=40)
    | st.sampled_from([t for some in (*GRAVE.values(), *CALM.values()) for t in some])
)
def test_it_is_a_pure_function_that_bears_any_text(text: str) -> None:
    for one in ALL.values():
        changed = one(text)
        assert changed == one(text)
        assert changed is None or (changed != text and changed.strip())


def test_names_and_sentences_are_there_for_all() -> None:
    assert len(ALL) > 50
    for name, one in ALL.items():
        assert one.name == name
        assert re.fullmatch(r"[a-z_]+", name)
        assert one.about.endswith(".")
        assert one.languages <= {"zh", "en"}


def test_the_name_of_a_perturbation_is_its_own() -> None:
    with pytest.raises(ValueError, match="two perturbations"):
        perturbation("zh", name="full_width")(lambda text, draw: text)


def test_small_talk_holds_no_danger_for_the_rules() -> None:
    rules = RuleDetector()
    for language in ("zh", "en"):
        for part in ("small_talk", "hello", "thanks"):
            for text in word_tables.lines("frame.yaml", language, part):
                assert rules.assess(text).level is Level.NONE, text


@pytest.mark.parametrize("path", [("zh", "nothing"), ("zh",), ("nobody", "small_talk")])
def test_a_missing_entry_is_named(path: tuple[str, ...]) -> None:
    with pytest.raises(DataError, match=r"frame\.yaml") as caught:
        word_tables.lines("frame.yaml", *path)
    assert caught.value.code == "data.malformed"
    with pytest.raises(DataError):
        word_tables.table("frame.yaml", *path, "x")


# --- counting -----------------------------------------------------------------------------------------------


class Switch:
    """Sees danger wherever there is an exclamation mark or the word danger."""

    name = "switch"
    version = "1"

    def assess(self, text: str, *, history: Any = ()) -> Any:
        grave = "!" in text or "danger" in text
        return type("Verdict", (), {"level": Level.CRISIS if grave else Level.NONE})


def lines_of(*texts: str) -> list[Line]:
    return [
        Line(text=text, level=Level.NONE, kinds=(), subject=Subject.SELF, type="-", origin="test")
        for text in texts
    ]


def test_rates_count_what_was_kept_lost_and_raised() -> None:
    found = run(
        lines_of("it is late", "danger is near!"),
        detector=Switch(),  # type: ignore[arg-type]
        names=("exclamation", "upper_case"),
    )
    rate = {one.name: one for one in rates(found)}
    assert (rate["exclamation"].kept.hits, rate["exclamation"].kept.total) == (1, 2)
    assert (rate["exclamation"].raised.hits, rate["exclamation"].raised.total) == (1, 1)
    assert (rate["upper_case"].kept.hits, rate["upper_case"].lost.hits) == (2, 0)
    assert rate["all"].kept.total == 4
    assert json.loads(json.dumps(rate["all"].as_dict()))["kept"]["rate"] == 0.75


def test_what_may_change_does_not_count_in_the_whole() -> None:
    found = run(lines_of("it is late"), detector=Switch(), names=("laughter_en", "upper_case"))  # type: ignore[arg-type]
    assert {one.name: one.kept.total for one in rates(found)} == {"upper_case": 1, "laughter_en": 1, "all": 1}


def test_a_perturbation_is_for_its_language() -> None:
    names = {pair.perturbation for pair in pairs(lines_of("我不想活了"), ALL.values())}
    assert "small_talk_before" in names
    assert "small_talk_before_en" not in names
    assert all(isinstance(pair, Pair) for pair in pairs(lines_of("we are late"), ALL.values()))


def test_an_unknown_perturbation_is_an_error() -> None:
    with pytest.raises(KeyError):
        run(lines_of("x"), detector=Switch(), names=("shouted",))  # type: ignore[arg-type]


def test_a_sample_is_the_same_each_time_and_in_order() -> None:
    some = lines_of(*(f"line {i}" for i in range(50)))
    assert sample(some, 10) == sample(some, 10)
    assert [some.index(line) for line in sample(some, 10)] == sorted(
        some.index(line) for line in sample(some, 10)
    )
    assert sample(some, 0) == sample(some, 99) == tuple(some)


def test_processes_find_what_one_finds() -> None:
    some = known()[:3]
    assert run(some, names=("full_width", "spaces"), workers=2) == run(some, names=("full_width", "spaces"))


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    path = tmp_path / "lines.tsv"
    path.write_text(
        "".join(f"{line.level.value}\t-\tself\t-\t{line.text}\n" for line in known()), encoding="utf-8"
    )
    return path


def test_the_command_tells_writes_and_exits(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "rates.json"
    arguments = ["--corpus", str(corpus), "--only", "full_width", "--only", "spaces", "--workers", "1"]
    with pytest.raises(SystemExit) as ended:
        main(["lab", "risk", "metamorphic", *arguments, "--json", str(out)])
    said = capsys.readouterr().out
    assert ended.value.code == 0
    assert "98% reached" in said
    written = json.loads(out.read_text(encoding="utf-8"))
    assert [rate["name"] for rate in written["rates"]] == ["full_width", "spaces", "all"]
    assert written["lines"] == len(known())


def test_the_command_lists_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["lab", "risk", "metamorphic", "--list"])
    assert ended.value.code == 0
    assert len(capsys.readouterr().out.splitlines()) == len(ALL)


def test_the_command_refuses_an_unknown_name(corpus: Path) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["lab", "risk", "metamorphic", "--corpus", str(corpus), "--only", "shouted"])
    assert ended.value.code == 2
