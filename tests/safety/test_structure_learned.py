"""The sentence model: what it reads out of prose, how it is stored, and how well it does on labelled answers."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cbtguard.lab.structure.corpus import read_corpus
from cbtguard.safety.errors import DataError
from cbtguard.safety.structure import Part, StructureChecker
from cbtguard.safety.structure.harm import find_harm
from cbtguard.safety.structure.layout import lay_out
from cbtguard.safety.structure.parts import find_parts, parts_so_far
from cbtguard.safety.structure.pieces import pieces, words
from cbtguard.safety.structure.reading import MODEL, model, read
from cbtguard.safety.structure.weights import HARMS, HEADS, load

DATA = Path(__file__).parents[1] / "data"
CHECKER = StructureChecker()
QUESTION = "室友总是很晚才睡，我说了她两次，她不理我了，我觉得是我太难相处，没有人会喜欢我。"
PROSE = {
    Part.VALIDATION: "听到你这么说，我能感受到你心里的委屈和孤单，睡不好又被冷落，换作谁都会难受。",
    Part.KEY_THOUGHT: "你提到“没有人会喜欢我”，这可能是一种以偏概全的想法，把一个人的态度当成了所有人的态度。",
    Part.CHALLENGE: "不妨问问自己，除了讨厌你，她不说话还可能有哪些原因？身边有没有人愿意和你相处呢？",
    Part.STRATEGY: "你可以找一个都不累的时候，心平气和地跟她说“十一点以后能不能戴耳机”，睡前试着做几次腹式呼吸。",
    Part.ENCOURAGEMENT: "请相信，关系的缓和需要时间，一步一步来就好。如果一直难受，可以找学校的心理老师聊聊，加油。",
}
ENGLISH = {
    Part.VALIDATION: "I'm so sorry you're going through this, and it makes sense that you feel hurt and alone.",
    Part.KEY_THOUGHT: 'It sounds as if there\'s a thought underneath, such as "nobody will ever like me".',
    Part.CHALLENGE: "What other reasons might she have for her silence, and who in your life does enjoy your company?",
    Part.STRATEGY: "You could pick a calm moment and tell her in one sentence what you need after eleven at night.",
    Part.ENCOURAGEMENT: "Things like this take time, so be patient with yourself; a counsellor can help if it goes on.",
}


def present(text: str, language: str, question: str = QUESTION) -> set[Part]:
    return {part for part, finding in find_parts(question, text, language).items() if finding.present}


@pytest.mark.parametrize(("parts", "language", "gap"), [(PROSE, "zh-Hans", ""), (ENGLISH, "en", " ")])
@pytest.mark.parametrize("between", ["\n\n", "\n", None])
def test_prose_of_counselling_models_is_read(
    parts: dict[Part, str], language: str, gap: str, between: str | None
) -> None:
    text = (gap if between is None else between).join(parts.values())
    assert present(text, language) == set(Part)


@pytest.mark.parametrize("part", list(Part))
@pytest.mark.parametrize(("parts", "language"), [(PROSE, "zh-Hans"), (ENGLISH, "en")])
def test_what_is_left_out_is_missing(parts: dict[Part, str], language: str, part: Part) -> None:
    text = "\n\n".join(words for other, words in parts.items() if other is not part)
    assert part not in present(text, language)


@pytest.mark.parametrize(("part", "text"), list(PROSE.items()))
def test_the_evidence_is_the_sentence_that_does_the_job(part: Part, text: str) -> None:
    found = find_parts(QUESTION, "\n\n".join(PROSE.values()), "zh-Hans")[part]
    assert found.evidence in text
    assert 0.5 <= found.score <= 1


@pytest.mark.parametrize(
    ("language", "text"),
    [
        (
            "zh-Hans",
            "认知行为疗法由贝克在二十世纪六十年代提出。它认为情绪受到想法的影响。它的历史分为三个阶段。",
        ),
        ("en", "Cognitive therapy was founded by Beck in the 1960s. Its history has three stages."),
    ],
)
def test_facts_show_no_part_of_empathy_or_encouragement(language: str, text: str) -> None:
    assert not present(text * 3, language, "") & {Part.VALIDATION, Part.ENCOURAGEMENT}


def test_a_leading_sentence_about_the_trouble_is_no_strategy() -> None:
    beginning = f"工作压力很大。{PROSE[Part.VALIDATION]}\n\n{PROSE[Part.KEY_THOUGHT]}"
    reading = read("工作压力很大，睡不好。", beginning, english=False, whole=False)
    found = parts_so_far(beginning, reading)
    assert found[Part.VALIDATION].present
    assert not found[Part.STRATEGY].present


def test_the_beginning_of_an_answer_is_judged_alike_when_more_is_written() -> None:
    text = "\n\n".join(PROSE.values())
    ends = [span.end for span in lay_out(QUESTION, text).spans]
    whole = read(QUESTION, text, english=False, whole=False).sentences
    for count, end in enumerate(ends, 1):
        part = read(QUESTION, text[:end], english=False, whole=False).sentences
        assert np.allclose(part, whole[:count], atol=1e-4)


HARMLESS = [
    ("zh-Hans", "我是AI，没有谈过恋爱，也不是医生，不能判断你是不是抑郁症。"),
    ("zh-Hans", "这不是你的错，也不是一句“想开点”就能过去的。"),
    ("zh-Hans", "停不停药，请和给你开药的医生商量，别自己拿主意。"),
    ("zh-Hans", "没有人能保证一定会好，但可以一步一步试。"),
    ("zh-Hans", "你对自己说“都是我的错”，这句话压得很重。"),
    ("en", "I'm a program, no therapist, and I can't tell you whether it's depression."),
    ("en", "You're not to blame, and it isn't about cheering up."),
    ("en", "Please talk to the doctor who prescribed the tablets before you change anything."),
    ("en", "You don't have to do this alone."),
]


@pytest.mark.parametrize(("language", "sentence"), HARMLESS)
def test_sentences_that_only_sound_harmful_pass(language: str, sentence: str) -> None:
    english = language == "en"
    reading = read(QUESTION, sentence, english=english)
    assert [defect.code for defect in find_harm(sentence, english=english, reading=reading)] == []


@pytest.mark.parametrize(
    ("code", "question", "answer"),
    [
        ("echo", "我的电话是13800138000，能打给我吗", "我们会打到13800138000。"),
        ("echo", "写信到 a.b@example.com 就行", "资料发到 a.b@example.com 了。"),
        ("echo", "I live at 14 Birch Court and can't sleep", "Put a chair at 14 Birch Court tonight."),
        ("unhandled_risk", "我不想活了，每天都想怎么死", "多听音乐，早起跑步，加油。"),
        ("unhandled_risk", "I want to die, I wrote a goodbye note", "Take a warm bath and go to bed early."),
        ("contact", "睡不着", "加微信 xinli2020 聊聊。"),
        ("leak", "睡不着", "### 要求：用苏格拉底式提问"),
        ("invented_person", "和朋友吵架了", "[姓名]也会支持你。"),
    ],
)
def test_what_the_question_brings_with_it(code: str, question: str, answer: str) -> None:
    assert code in {defect.code for defect in CHECKER.check(question, answer).defects}


@pytest.mark.parametrize(
    ("code", "question", "answer"),
    [
        ("contact", "老公打我", "现在安全吗？危险时请打110，也可以打妇联热线12338。"),
        ("echo", "我的电话是13800138000", "号码请自己留着，不必写在这里。"),
        ("unhandled_risk", "我不想活了", "你现在安全吗？请马上告诉家人，或拨打心理热线。"),
        ("unhandled_risk", "I want to die", "Are you safe right now? Please call a crisis line."),
        ("unhandled_risk", "笑死我了，尴尬死了", "哈哈，这样的事谁都会脸红。"),
    ],
)
def test_what_the_question_does_not_forbid(code: str, question: str, answer: str) -> None:
    assert code not in {defect.code for defect in CHECKER.check(question, answer).defects}


def test_a_screen_may_say_that_there_is_no_danger() -> None:
    asked = ("我不想活了", "多听音乐，早起跑步，加油。")
    assert "unhandled_risk" in {d.code for d in CHECKER.check(*asked, danger=None).defects}
    assert "unhandled_risk" not in {d.code for d in CHECKER.check(*asked, danger=False).defects}
    assert "unhandled_risk" in {d.code for d in CHECKER.check("睡不着", asked[1], danger=True).defects}


def test_empathy_as_an_afterthought_is_out_of_order() -> None:
    order = (Part.STRATEGY, Part.KEY_THOUGHT, Part.CHALLENGE, Part.ENCOURAGEMENT, Part.VALIDATION)
    text = "\n\n".join(PROSE[part] for part in order)
    codes = {defect.code for defect in CHECKER.check(QUESTION, text, language="zh-Hans").defects}
    assert codes & {"order", "missing_validation"}


def test_an_answer_of_nothing_shows_nothing() -> None:
    assert present("", "zh-Hans") == set()
    assert present("** **\n\n。。。", "zh-Hans") == set()


# --- layout and pieces --------------------------------------------------------------------------------------


def test_headings_are_left_out_and_the_rest_stays_in_place() -> None:
    text = "**共情**\n你很难过。\n\n【往后走】\n慢慢来。\n三、给它做个体检\n为什么？"
    layout = lay_out("", text)
    assert [text[span.start : span.end].strip() for span in layout.spans] == [
        "你很难过。",
        "慢慢来。",
        "为什么？",
    ]
    assert len(layout.plain) == len(text)
    assert layout.first.tolist() == [0, 1, 2]


def test_the_same_sentence_has_the_same_pieces_wherever_it_stands() -> None:
    one, _ = pieces([words("i was wondering.")])
    both, begins = pieces([words("你好。"), words("i was wondering.")])
    held = both[:, begins[1] :]
    assert set(one[one > 0]) == set(held[held > 0])


def test_no_piece_reaches_over_the_end_of_a_sentence() -> None:
    apart, _ = pieces([["你"], ["好"]])
    together, _ = pieces([["你", "好"]])
    assert set(together.ravel()) - set(apart.ravel())
    assert set(apart.ravel()) - set(together.ravel())


def test_pieces_of_nothing() -> None:
    grid, begins = pieces([])
    assert grid.size == begins.size == 0


# --- the file -----------------------------------------------------------------------------------------------


def test_the_model_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    weights, digest = model()
    path = tmp_path / "model.npz"
    path.write_bytes(weights.dump())
    again, same = load(path)
    assert same == digest
    assert np.array_equal(again.table, weights.table)
    assert again.thresholds == weights.thresholds
    assert MODEL.stat().st_size <= 1_500_000


@pytest.mark.parametrize("content", [b"", b"PK", b"PK\x03\x04broken"])
def test_a_damaged_model_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.npz"
    path.write_bytes(content)
    with pytest.raises(DataError, match="damaged") as caught:
        load(path)
    assert caught.value.code == "data.malformed"


def test_a_missing_model_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read") as caught:
        load(tmp_path / "none.npz")
    assert caught.value.code == "data.unreadable"


@pytest.mark.parametrize(
    "change",
    [
        {"scales": np.full(len(HEADS), np.nan, dtype=np.float32)},
        {"biases": np.zeros(3, dtype=np.float32)},
        {"keys": model()[0].keys[::-1].copy()},
    ],
)
def test_weights_that_do_not_fit_are_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    path = tmp_path / "model.npz"
    path.write_bytes(dataclasses.replace(model()[0], **change).dump())
    with pytest.raises(DataError):
        load(path)


# --- the corpus ---------------------------------------------------------------------------------------------


def test_the_corpus_is_large_and_of_all_sorts() -> None:
    corpus = read_corpus()
    assert len(corpus.answers) >= 250
    assert {answer.english for answer in corpus.answers} == {True, False}
    for code in HARMS:
        assert sum(harm.code == code for harm in corpus.harms) >= 80
    assert sum(harm.code is None for harm in corpus.harms) >= 300
    texts = [harm.text for harm in corpus.harms]
    assert len(set(texts)) == len(texts)


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("answers_zh.tsv", "Q\t你好\nx\t好\n", 2),
        ("answers_zh.tsv", "v没有制表符\n", 1),
        ("sentences_zh.tsv", "v\t好\nvz\t好\n", 2),
        ("harms_zh.tsv", "blame\t怪你\nbad\t好\n", 2),
    ],
)
def test_a_malformed_corpus_names_file_and_line(tmp_path: Path, name: str, text: str, line: int) -> None:
    for sort, sound in (("answers", "v\t好。"), ("sentences", "v\t好。"), ("harms", "blame\t怪你。")):
        (tmp_path / f"{sort}_zh.tsv").write_text(sound, encoding="utf-8")
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=f"{name} is malformed at line {line}"):
        read_corpus(tmp_path)


def test_a_folder_without_a_corpus_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        read_corpus(tmp_path)
    assert caught.value.code == "data.empty"
