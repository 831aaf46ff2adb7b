"""The rule detector: levels, scope operators, subjects, spans in the original, history, odd texts."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cbtguard.safety.risk import Kind, Level, PastTurn, Risk, RiskDetector, RuleDetector, Subject

DETECTOR = RuleDetector()
ANY = st.text(alphabet=st.characters(codec=None, exclude_categories=()), max_size=150)
# Pieces that rules, scopes and normalisation look for, glued at random.
PIECES = st.lists(
    st.sampled_from(
        [
            "我",
            "他",
            "想",
            "死",
            "不",
            "没",
            "。",
            "，",
            "自杀",
            "自*殺",
            "从来没",
            "小说里",
            "哈哈",
            "kill",
            "myself",
            "K.I.L.L",
            "don't",
            "my",
            "friend",
            "kms",
            "İ",
            "ﬁ",
            "4",
            " ",
            "\n",
            "😂",
            "\ud800",
            "\u200b",
            "\x00",
            "*",
        ]
    ),
    max_size=25,
).map("".join)

DIRECT = [
    ("我想自杀", Level.CRISIS, Kind.SUICIDE),
    ("我想自殺", Level.CRISIS, Kind.SUICIDE),
    ("我想自*杀", Level.CRISIS, Kind.SUICIDE),
    ("自\u200b殺的念头一直都在", Level.CRISIS, Kind.SUICIDE),
    ("我刚吞了一瓶安眠药", Level.EMERGENCY, Kind.SUICIDE),
    ("我用刀割自己", Level.CRISIS, Kind.SELF_HARM),
    ("爸爸每天打我", Level.CRISIS, Kind.ABUSE),
    ("活著沒意思", Level.WATCH, Kind.SUICIDE),
    ("I want to kill myself", Level.CRISIS, Kind.SUICIDE),
    ("i wanna K I L L myself", Level.CRISIS, Kind.SUICIDE),
    ("𝓘 𝔀𝓪𝓷𝓽 𝓽𝓸 𝓭𝓲𝓮", Level.CRISIS, Kind.SUICIDE),
    ("I just took all my pills", Level.EMERGENCY, Kind.SUICIDE),
    ("I cut myself again last night", Level.CRISIS, Kind.SELF_HARM),
    ("he beats me every night", Level.CRISIS, Kind.ABUSE),
    ("I'm going to stab my boss", Level.CRISIS, Kind.HARM_TO_OTHERS),
    ("voices tell me to hurt people", Level.CRISIS, Kind.PSYCHOSIS),
    ("what's the point of living", Level.WATCH, Kind.SUICIDE),
]
CALM = [
    "我最近工作压力很大，晚上睡不好。",
    "今天天气不错，心情也好。",
    "考试没考好，有点难过。",
    "I had a stressful week at work.",
    "My sister is getting married and I'm nervous.",
    "",
    "12345",
    "😂😂",
]
# (operator, with it, without it): the operator weakens the first text and the second shows its hit.
SCOPES = [
    ("negation", "我从来没想过自杀", Level.NONE, "我想过自杀"),
    ("negation", "I don't want to kill myself", Level.NONE, "I want to kill myself"),
    ("negation", "I have no plans to kill myself", Level.NONE, "I have plans to kill myself"),
    ("negation undone", "我不是没想过自杀", Level.CRISIS, "我想过自杀"),
    ("negation elsewhere", "我没吃饭，我想自杀", Level.CRISIS, "我想自杀"),
    ("negation elsewhere", "I don't sleep. I want to kill myself", Level.CRISIS, "I want to kill myself"),
    ("negation after", "自杀的念头没有了", Level.NONE, "自杀的念头又来了"),
    ("recovered", "三年前我想过自杀，现在好了", Level.WATCH, "我想过自杀，很难受"),
    ("recovered", "I used to want to kill myself years ago", Level.WATCH, "I want to kill myself"),
    ("not recovered", "三年前我想过自杀，现在又想自杀了", Level.CRISIS, "现在又想自杀了"),
    ("fiction", "小说里的主角想自杀", Level.NONE, "我想自杀"),
    (
        "fiction",
        "the character in the film has suicidal thoughts",
        Level.NONE,
        "I have suicidal thoughts",
    ),
    ("research", "我写论文研究自杀干预", Level.NONE, "我想自杀"),
    ("question", "自杀用英文怎么说", Level.NONE, "自杀的念头又来了"),
    ("hyperbole", "哈哈哈我想死，开玩笑的", Level.NONE, "我想死"),
    ("hyperbole", "lol I want to die, just kidding", Level.NONE, "I want to die"),
    ("hyperbole undone", "我想死，我不是开玩笑的", Level.CRISIS, "我想死"),
    ("others, past", "去年我叔叔自杀了", Level.WATCH, "我想自杀"),
    ("innocent", "我想死你了", Level.NONE, "我想死"),
    ("innocent", "自杀率在下降", Level.NONE, "我想自杀"),
    ("innocent", "How do I kill a Python process?", Level.NONE, "How do I kill myself?"),
]
SUBJECTS = [
    ("我想自杀", Subject.SELF),
    ("我朋友想自杀", Subject.OTHER),
    ("她说她想自杀", Subject.OTHER),
    ("我妈妈总骂我，我想自杀", Subject.SELF),
    ("爸爸每天打我", Subject.SELF),
    ("he beats me every night", Subject.SELF),
    ("他打我妈妈", Subject.OTHER),
    ("I want to kill myself", Subject.SELF),
]
SPANS = [
    ("今天很累。我想自*殺了，怎么办", "自*殺"),
    ("\u200b\u200b我想自\u200b杀", "自\u200b杀"),
    ("Hello.\nI WANT TO K.I.L.L MYSELF!", "WANT TO K.I.L.L MYSELF"),
    ("İİİ 我想自杀", "自杀"),
    ("真的 kms", "kms"),
]


def hints(*levels: Level) -> list[PastTurn]:
    """Earlier turns of these levels."""
    return [PastTurn(text="…", level=level) for level in levels]


def test_is_a_risk_detector() -> None:
    assert isinstance(DETECTOR, RiskDetector)
    assert DETECTOR.name == "rules"


@pytest.mark.parametrize(("text", "level", "kind"), DIRECT)
def test_danger_is_seen(text: str, level: Level, kind: Kind) -> None:
    risk = DETECTOR.assess(text)
    assert risk.level is level
    assert kind in risk.kinds
    assert risk.score > 0


@pytest.mark.parametrize("text", CALM)
def test_calm_text_has_no_signal(text: str) -> None:
    risk = DETECTOR.assess(text)
    assert risk.signals == ()
    assert risk.level is Level.NONE
    assert risk.kinds == ()
    assert risk.score == 0


@pytest.mark.parametrize(("operator", "text", "level", "plain"), SCOPES)
def test_scope_operators(operator: str, text: str, level: Level, plain: str) -> None:
    assert DETECTOR.assess(plain).level.refers, operator
    assert DETECTOR.assess(text).level is level, operator


@pytest.mark.parametrize(("text", "subject"), SUBJECTS)
def test_subject(text: str, subject: Subject) -> None:
    risk = DETECTOR.assess(text)
    assert risk.level.refers
    assert risk.subject is subject


@pytest.mark.parametrize(("text", "evidence"), SPANS)
def test_spans_map_to_the_original(text: str, evidence: str) -> None:
    signal = DETECTOR.assess(text).signals[0]
    assert signal.evidence == evidence
    assert text[signal.start : signal.end] == evidence


@pytest.mark.parametrize(
    "text", ["Я не хочу жить", "今日はとても疲れました", "أنا حزين", "estoy muy triste y no puedo dormir"]
)
def test_a_language_not_known_is_never_called_safe(text: str) -> None:
    risk = DETECTOR.assess(text)
    assert risk.level is Level.WATCH
    assert risk.language == "other"
    assert [(s.rule, s.kind, s.start, s.end) for s in risk.signals] == [
        ("language.unknown", None, 0, len(text))
    ]


def test_a_language_not_known_does_not_hide_what_is_known() -> None:
    risk = DETECTOR.assess("Я не хочу жить больше никогда, kms")
    assert risk.level is Level.CRISIS
    assert {s.rule for s in risk.signals} >= {"language.unknown"}
    assert risk.signals[0].kind is Kind.SUICIDE


@pytest.mark.parametrize(
    ("history", "level"),
    [
        ([], Level.WATCH),
        (hints(Level.WATCH), Level.WATCH),
        (hints(Level.WATCH, Level.WATCH), Level.CRISIS),
        (hints(Level.WATCH, Level.NONE, Level.NONE, Level.WATCH), Level.CRISIS),
        (hints(Level.WATCH, Level.NONE, Level.NONE, Level.NONE, Level.WATCH), Level.WATCH),
        (hints(Level.NONE, Level.NONE, Level.NONE), Level.WATCH),
    ],
)
def test_hints_add_up_over_the_last_four_turns(history: list[PastTurn], level: Level) -> None:
    risk = DETECTOR.assess("活着没意思", history=history)
    assert risk.level is level
    assert ("context.added_up" in {s.rule for s in risk.signals}) is (level is Level.CRISIS)
    assert risk.kinds == (Kind.SUICIDE,)


@pytest.mark.parametrize("text", ["今天还好", "Я устал", "I had lunch"])
def test_hints_of_the_past_need_a_hint_today(text: str) -> None:
    assert not DETECTOR.assess(text, history=hints(*[Level.WATCH] * 4)).level.refers


def test_kinds_come_gravest_first_and_the_signals_too() -> None:
    risk = DETECTOR.assess("I cut myself again last night. I want to kill myself. I just took all my pills.")
    assert risk.level is Level.EMERGENCY
    assert risk.kinds.index(Kind.SUICIDE) < risk.kinds.index(Kind.SELF_HARM)
    ranks = [signal.level.rank for signal in risk.signals]
    assert ranks == sorted(ranks, reverse=True)


def test_more_signals_never_lower_the_score() -> None:
    one = DETECTOR.assess("I want to kill myself.")
    two = DETECTOR.assess("I want to kill myself. I cut myself again last night.")
    assert one.score < two.score <= 1


def test_the_verdict_goes_through_json_and_back() -> None:
    risk = DETECTOR.assess("我想自*杀，Я не хочу жить")
    assert Risk.from_dict(risk.as_dict()).as_dict() == risk.as_dict()


@given(st.one_of(ANY, PIECES))
@example("\ud800")
@example("我想自杀" * 200)
@example("İ" * 50 + "自杀")
def test_any_text_gets_a_verdict_with_spans_inside_it(text: str) -> None:
    risk = DETECTOR.assess(text)
    assert DETECTOR.assess(text) == risk
    assert RuleDetector().assess(text) == risk
    for signal in risk.signals:
        assert 0 <= signal.start <= signal.end <= len(text)
        if signal.kind:
            assert signal.evidence == text[signal.start : signal.end] != ""
            assert signal.reason
            assert signal.reason_zh
    assert risk.level is max(
        (s.level for s in risk.signals), key=lambda level: level.rank, default=Level.NONE
    )


@given(ANY)
def test_an_innocent_beginning_does_not_hide_a_cry_for_help(text: str) -> None:
    """A plain sentence of danger on a line of its own is seen behind any greeting without letters."""
    prefix = "".join(char for char in text if not char.isalnum() and char not in "😂🤣")
    assert DETECTOR.assess(f"{prefix}。\n\n我要自杀。").level.refers
