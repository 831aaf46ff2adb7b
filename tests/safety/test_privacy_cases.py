"""The redactor on a marked set of sentences, and the search for raw values everywhere they could be kept."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver

from cbtguard.graph import FakeWriter, Guard, Settings
from cbtguard.graph.conformance.material import material
from cbtguard.graph.threads import serializer
from cbtguard.lab.evaluate.privacy import Span, is_found, measure
from cbtguard.lab.evaluate.privacy_cases import read_cases
from cbtguard.safety.errors import DataError
from cbtguard.safety.privacy import Entity, EntityType, Vault
from cbtguard.safety.record import MemoryRecord

if TYPE_CHECKING:
    from cbtguard.lab.evaluate.privacy import PrivacyReport
    from cbtguard.lab.evaluate.privacy_cases import Case
    from cbtguard.nodes.retrieval.hybrid import HybridRetriever
    from cbtguard.nodes.retrieval.note import NoteLibrary
    from cbtguard.safety.privacy import PresidioRedactor
    from cbtguard.safety.referral import Referrals
    from cbtguard.safety.risk import RuleDetector
    from cbtguard.safety.structure import StructureChecker

DATA = Path(__file__).parent.parent / "data"
GUESSED = {EntityType.PERSON, EntityType.ADDRESS, EntityType.SCHOOL, EntityType.EMPLOYER}
"""Types without a format; the others are numbers, accounts and addresses of a fixed form."""


@pytest.fixture(scope="module")
def cases() -> tuple[Case, ...]:
    return read_cases(DATA / "privacy_cases.jsonl")


@pytest.fixture(scope="module")
def report(real_redactor: PresidioRedactor, cases: tuple[Case, ...]) -> PrivacyReport:
    return measure(real_redactor, cases)


@pytest.fixture(scope="module")
def unseen(real_redactor: PresidioRedactor) -> PrivacyReport:
    return measure(real_redactor, read_cases(DATA / "privacy_unseen.jsonl"))


# --- the set -----------------------------------------------------------------------------------------------


def test_the_set_is_what_it_says(cases: tuple[Case, ...]) -> None:
    assert len(cases) >= 640
    assert len({case.id for case in cases}) == len({case.text for case in cases}) == len(cases)
    spans = Counter(span.type for case in cases for span in case.spans)
    assert min(spans[kind] for kind in EntityType) >= 25
    clean = [case for case in cases if not case.spans]
    assert len(clean) >= 200
    assert sum(case.hard for case in cases) * 2 >= len(cases)
    languages = Counter(case.language for case in cases)
    assert languages["zh-Hans"] > 0.55 * len(cases)
    assert languages["zh-Hant"] > 0.09 * len(cases)
    assert languages["en"] > 0.25 * len(cases)


def test_half_is_held_by_a_hash_of_the_id(cases: tuple[Case, ...]) -> None:
    for case in cases:
        even = hashlib.sha256(case.id.encode()).digest()[0] % 2 == 0
        assert case.set == ("tune" if even else "held")


# --- what is found -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", EntityType)
def test_recall_by_type(report: PrivacyReport, kind: EntityType) -> None:
    found = report.types[kind]
    assert found.recall.value >= (0.96 if kind in GUESSED else 0.98), found.recall
    assert found.typed.value >= 0.95, found.typed
    assert found.precision.value >= 0.98, found.precision


def test_recall_on_hard_sentences(report: PrivacyReport) -> None:
    assert report.hard.value >= 0.98, report.hard


def test_clean_sentences_stay(report: PrivacyReport) -> None:
    assert report.touched.value <= 0.01, report.touched
    assert report.wrong == ()


def test_sentences_written_after_the_recognisers(unseen: PrivacyReport) -> None:
    numbers = [found for kind, found in unseen.types.items() if kind not in GUESSED]
    hits, total = (sum(getattr(found.recall, part) for found in numbers) for part in ("hits", "total"))
    assert hits >= 0.98 * total
    assert unseen.whole.recall.value >= 0.96, unseen.whole.recall
    assert unseen.whole.precision.value >= 0.98, unseen.whole.precision
    assert unseen.touched.value <= 0.02, unseen.touched


def test_a_span_is_found_when_all_that_identifies_is_hidden() -> None:
    text = "138 0013，你好"
    span = Span(type=EntityType.PHONE, start=0, end=8)

    def entity(start: int, end: int) -> Entity:
        return Entity(type=EntityType.PHONE, start=start, end=end, score=1.0, explanation="")

    assert is_found(text, span, [entity(0, 8)])
    assert is_found(text, span, [entity(0, 3), entity(4, 8)])
    assert not is_found(text, span, [entity(0, 7)])
    assert not is_found(text, span, [])


@pytest.mark.parametrize(
    "row",
    [
        "[]",
        "{",
        '{"id": "1", "language": "en", "text": "hi", "spans": [{"type": "PHONE", "start": 0, "end": 3}]}',
        '{"id": "1", "language": "en", "text": "hi", "spans": [{"type": "SHOE", "start": 0, "end": 1}]}',
        '{"id": "1", "language": "en", "text": "hi"}',
    ],
)
def test_a_malformed_row_is_named(tmp_path: Path, row: str) -> None:
    path = tmp_path / "cases.jsonl"
    path.write_text(row + "\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"cases\.jsonl.* 1"):
        read_cases(path)


@pytest.mark.parametrize(
    ("text", "stays"),
    [
        ("微信: suicide", "suicide"),
        ("我姓什么不重要，我想死", "想死"),
        ("我在割腕科技公司上班", "割腕"),
        ("一二三四五六七，我想跳楼", "跳楼"),
        ("My friend Suicide Hope said so", "Suicide"),
        ("hopeless told me to end it all", "end it all"),
    ],
)
def test_a_risk_word_stays_where_a_new_rule_could_hide_it(
    real_redactor: PresidioRedactor, text: str, stays: str
) -> None:
    assert stays in real_redactor.redact(text, Vault()).text


@pytest.mark.parametrize(
    ("text", "figure"),
    [("鲁迅说过这句话", "鲁迅"), ("我像林黛玉一样爱哭", "林黛玉"), ("I read Harry Potter", "Harry Potter")],
)
def test_figures_of_books_and_history_stay(real_redactor: PresidioRedactor, text: str, figure: str) -> None:
    assert figure in real_redactor.redact(text, Vault()).text


def test_a_namesake_of_a_figure_goes(real_redactor: PresidioRedactor) -> None:
    assert "诸葛亮" not in real_redactor.redact("我叫诸葛亮，今年十七岁", Vault()).text


# --- nothing raw anywhere ----------------------------------------------------------------------------------


def secrets(cases: tuple[Case, ...], redactor: PresidioRedactor) -> list[tuple[str, tuple[str, ...]]]:
    """Return messages, two a type, with the values in them that are long enough to be searched for."""
    left = Counter(dict.fromkeys(EntityType, 2))
    chosen = []
    for case in cases:
        wanted = {span.type for span in case.spans if left[span.type] > 0}
        entities = redactor.find(case.text)
        if wanted and all(is_found(case.text, span, entities) for span in case.spans):
            left.subtract(wanted)
            values = tuple(case.text[span.start : span.end] for span in case.spans)
            chosen.append((case.text, tuple(value for value in values if len(value) > 2)))
    return chosen


def holds(content: bytes, value: str) -> bool:
    forms = (value.encode(), value.encode("utf-16-le"), value.encode("unicode_escape"))
    return any(form in content for form in forms)


class Failing(FakeWriter):
    """A writer whose errors quote all it was given."""

    async def write(self, *args: Any, **named: Any) -> Any:
        raise RuntimeError(f"cannot write for {args} {named}")


@pytest.fixture
def parts(
    real_redactor: PresidioRedactor,
    real_detector: RuleDetector,
    real_library: NoteLibrary,
    real_retriever: HybridRetriever,
    real_checker: StructureChecker,
    real_referrals: Referrals,
) -> dict[str, Any]:
    return {
        "redactor": real_redactor,
        "detector": real_detector,
        "library": real_library,
        "retriever": real_retriever,
        "checker": real_checker,
        "referrals": real_referrals,
    }


@pytest.mark.parametrize("failing", [False, True])
def test_no_file_log_or_answer_field_holds_a_value(
    parts: dict[str, Any],
    cases: tuple[Case, ...],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    failing: bool,
) -> None:
    caplog.set_level("DEBUG")
    talk = secrets(cases, parts["redactor"])
    values = {value for _, row in talk for value in row}
    assert len(values) >= 25
    writer = Failing([]) if failing else FakeWriter([material().exchanges[0].answer] * 9 * len(talk))
    told: list[str] = []
    with Guard(Settings(home=tmp_path, threads="sqlite"), writer=writer, **parts) as guard:
        for text, _ in talk:
            events = list(guard.stream(text, thread="talk"))
            told += [str((event.kind, event.stop, event.ms, event.parts)) for event in events]
            answer = guard.ask(text)
            told.append(str((answer.reason, answer.timings_ms, answer.faults, answer.redactions)))
            told.append(str((answer.record_id, answer.defects, answer.writer, answer.attempts)))
        open_files = {path.name: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
        kept = [str(entry.entry.as_dict()) for entry in guard.services.record.entries()]
        told.append(str(vars(writer)))
    files = {path.name: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert {"record.sqlite", "threads.sqlite"} <= set(files)
    seen = "\n".join((*told, *kept, caplog.text)).encode()
    for value in values:
        assert not holds(seen, value)
        for name, content in (*open_files.items(), *files.items()):
            assert not holds(content, value), name


def test_no_state_or_checkpoint_holds_a_value(parts: dict[str, Any], cases: tuple[Case, ...]) -> None:
    talk = secrets(cases, parts["redactor"])
    saver = InMemorySaver(serde=serializer())
    writer = FakeWriter([material().exchanges[0].answer] * 9 * len(talk))
    with Guard(Settings(), checkpointer=saver, writer=writer, record=MemoryRecord(), **parts) as guard:
        for text, _ in talk:
            guard.ask(text, thread="talk")
        seen = [str(dict(saver.blobs)), str(dict(saver.writes)), str(dict(saver.storage))]
        seen += [str(kept) for kept in saver.list(None)]
    assert "人名1" in "".join(seen)
    whole = "\n".join(seen)
    raw = whole.encode()
    for _, row in talk:
        for value in row:
            assert value not in whole
            # Bytes are shown escaped.
            assert str(value.encode())[2:-1] not in whole
            assert not holds(raw, value)


def test_values_come_back_only_to_the_same_person(parts: dict[str, Any]) -> None:
    good = material().exchanges[0].answer
    written = good.replace("。", "，<人名1>。", 1)
    asked = "我叫欧阳明镜，最近总是睡不着，一躺下就想明天的会议，越想越清醒"
    plain = "最近总是睡不着，一躺下就想明天的会议，越想越清醒"
    writer = FakeWriter([written] * 9)
    with Guard(Settings(), writer=writer, record=MemoryRecord(), **parts) as guard:
        mine = guard.ask(asked, thread="one")
        other = guard.ask(plain, thread="two")
    assert "欧阳明镜" in mine.reply
    assert "欧阳明镜" not in other.reply
    assert "<人名1>" not in other.reply


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("我叫欧阳明镜，最近总是睡不着，一躺下就想明天的会议，越想越清醒", "欧阳明镜"),
        ("欧阳明镜还是睡不着", "欧阳明镜"),
        ("我好想赵咏诗", "赵咏诗"),
        ("名字是长孙无忌。", "长孙无忌"),
        ("骗子叫毕成功，我报警了", "毕成功"),
        ("my name is daniel okafor and i cant sleep", "daniel okafor"),
        ("Ivy Blackthorn used to be my friend", "Ivy Blackthorn"),
    ],
)
def test_no_part_of_a_name_is_left(real_redactor: PresidioRedactor, text: str, name: str) -> None:
    (entity,) = real_redactor.find(text)
    assert text[entity.start : entity.end] == name
