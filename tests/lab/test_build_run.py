"""A data set built by the real flow with the composer: what is let in, what is kept out, and the same bytes again."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cbtguard.graph import Guard, Settings
from cbtguard.lab.build.bench import read_rows
from cbtguard.lab.build.builder import Builder, Wish
from cbtguard.lab.build.figures import asked
from cbtguard.lab.build.files import digest
from cbtguard.lab.build.plan import SPLITS, Job, Sharing, Task
from cbtguard.lab.build.question import Question
from cbtguard.lab.build.run import Order, build, quiet_settings
from cbtguard.nodes.writers.composer import Composer
from cbtguard.safety.errors import InputError, WriterError
from cbtguard.service.cli import main

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cbtguard.nodes.writers.task import Draft, WritingTask

QUESTIONS = Path(__file__).parents[2] / "lab" / "data" / "questions"
CRISIS = {f"{language}-{number:03d}" for language in ("zh", "en") for number in range(31, 36)}
PARTS = ["validation", "key_thought", "challenge", "strategy", "encouragement"]
WORRY = "一想到周一的晨会就睡不着，怕领导当众问我，答不上来大家都会觉得我不行。"


@pytest.fixture(scope="module")
def guard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guard]:
    with Guard(quiet_settings(Settings(home=tmp_path_factory.mktemp("home")))) as made:
        yield made


@pytest.fixture(scope="module")
def built(guard: Guard, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    for name, columns in (("zh.json", {}), ("en.csv", {"question": "title", "description": "body"})):
        order = Order(
            source=str(QUESTIONS / name), folder=folder / name[:2], columns=columns, licence="CC0-1.0"
        )
        build(order, guard)
    return folder


def kept(folder: Path) -> list[dict[str, Any]]:
    return [row for split in SPLITS for row in read_rows(folder / f"{split}.jsonl")]


def rows_file(path: Path, rows: list[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return str(path)


@pytest.mark.parametrize(("language", "total"), [("zh", 68), ("en", 67)])
def test_every_row_is_in_one_file_and_crisis_in_none_of_the_splits(
    built: Path, guard: Guard, language: str, total: int
) -> None:
    folder = built / language
    files = [*(f"{split}.jsonl" for split in SPLITS), "crisis.jsonl", "refused.jsonl", "errors.jsonl"]
    ids = [row["id"] for name in files for row in read_rows(folder / name)]
    assert len(ids) == len(set(ids)) == total
    crisis = {row["id"]: row for row in read_rows(folder / "crisis.jsonl")}
    assert {name for name in CRISIS if name.startswith(language)} <= crisis.keys()
    assert all(row["level"] in {"crisis", "emergency"} and row["rules"] for row in crisis.values())
    assess = guard.services.detector.assess
    for row in kept(folder):
        for text in (asked(row), row["question"], row["description"]):
            assert not text or not assess(text).level.refers  # type: ignore[union-attr]
    refused = read_rows(folder / "refused.jsonl")
    assert {row["reason"] for row in refused} <= {"duplicate", "no_note", "near_crisis", "checked_out"}
    assert any(row["reason"] == "duplicate" and row["of"] in ids for row in refused)


def test_a_row_is_what_the_checker_passed(built: Path, guard: Guard) -> None:
    for row in (*kept(built / "zh"), *kept(built / "en")):
        review = guard.services.checker.check(
            asked(row),
            row["answer"],
            language=row["language"],
            notes=[note["id"] for note in row["notes"]],
            citations=[note["id"] for note in row["notes"] if note["cited"]],
        )
        assert review.passed  # type: ignore[union-attr]
        assert list(row["parts"]) == PARTS
        spans = sorted((span["start"], span["end"]) for span in row["parts"].values())
        assert all(end <= start for (_, end), (start, _) in pairwise(spans))
        for span in row["parts"].values():
            assert span["evidence"] in row["answer"]
            assert row["answer"][span["start"] : span["end"]].strip()
        assert all(habit["evidence"] in asked(row) for habit in row["distortions"])
        assert row["question"] in row["prompt"]


def test_personal_data_stays_out_of_every_file(built: Path) -> None:
    whole = "".join(p.read_text(encoding="utf-8") for p in sorted(built.rglob("*")) if p.is_file())
    for value in ("13812345678", "林晓月", "Emily Carter", "emily.carter@example.com", "鼓楼区"):
        assert value not in whole
    redacted = [row for row in kept(built / "en") if row["checks"]["redactions"]]
    assert redacted
    assert "<" in asked(redacted[0])


def test_messages_are_what_a_writer_is_asked(built: Path) -> None:
    for split in SPLITS:
        rows = read_rows(built / "zh" / f"{split}.jsonl")
        chats = read_rows(built / "zh" / f"{split}.chat.jsonl")
        for row, chat in zip(rows, chats, strict=True):
            system, user, reply = chat["messages"]
            assert [system["role"], user["role"], reply["role"]] == ["system", "user", "assistant"]
            assert f"{system['content']}\n\n{user['content']}" == row["prompt"]
            assert reply["content"] == row["answer"]


def test_card_and_manifest_say_what_is_there(built: Path) -> None:
    folder = built / "zh"
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    for name, file in manifest["files"].items():
        assert file["sha256"] == digest(folder / name)
    assert manifest["origin"]["source"] == "zh.json"
    card = (folder / "card.md").read_text(encoding="utf-8")
    assert "CC0-1.0" in card
    assert manifest["origin"]["digest"] in card
    assert "$" not in card
    assert all((folder / name).read_text().startswith("<?xml") for name in ("lengths.svg", "parts.svg"))


def test_again_and_anew_give_the_same_bytes(built: Path, guard: Guard, tmp_path: Path) -> None:
    source = rows_file(tmp_path / "few.jsonl", [{"text": f"{WORRY}{n}次"} for n in ("第一", "又一", "再一")])
    order = Order(source=source, folder=tmp_path / "few", plots=False)
    build(order, guard)
    before = {path.name: path.read_bytes() for path in (tmp_path / "few").iterdir()}
    assert build(order, guard).done == 0
    assert {path.name: path.read_bytes() for path in (tmp_path / "few").iterdir()} == before
    fresh = Order(source=source, folder=tmp_path / "few", plots=False, fresh=True)
    assert build(fresh, guard).done == 3
    after = {path.name: path.read_bytes() for path in (tmp_path / "few").iterdir()}
    assert {n: c for n, c in after.items() if n != "journal.jsonl"} == {
        n: c for n, c in before.items() if n != "journal.jsonl"
    }


def test_the_like_of_a_crisis_is_left_out(guard: Guard, tmp_path: Path) -> None:
    calm = "最近工作压力很大，晚上躺下总是翻来覆去睡不着，白天开会也提不起精神，周末只想一个人待着，谁的消息都不想回。"
    source = rows_file(
        tmp_path / "two.jsonl", [{"text": calm}, {"text": f"{calm}我想自杀。"}, {"text": WORRY}]
    )
    result = build(Order(source=source, folder=tmp_path / "two", plots=False), guard).result
    assert [row["row"] for row in result.crisis] == [2]
    assert [(row["row"], row["reason"]) for row in result.refused] == [(1, "near_crisis")]
    assert len(result.rows) == 1


def test_a_tag_can_say_what_the_question_does_not(guard: Guard, tmp_path: Path) -> None:
    rows = [{"question": WORRY, "keywords": "工作,自杀"}, {"question": "和室友冷战三周了，是不是我太计较？"}]
    source = rows_file(tmp_path / "tags.jsonl", rows)
    result = build(Order(source=source, folder=tmp_path / "tags", plots=False), guard).result
    assert [row["row"] for row in result.crisis] == [1]


class Broken(Composer):
    """Fails for every question that names a broken mug."""

    async def write(self, task: WritingTask) -> Draft:
        if "杯子" in task.question:
            raise WriterError("writer.unreachable", "The server is away.", hint="Start it.")
        return await super().write(task)


def test_rows_in_error_are_kept_apart_and_tried_again(tmp_path: Path) -> None:
    rows = [{"id": "bad", "text": "她把我的杯子用了没洗，我说了一句，她就再没和我讲话，是不是我太计较。"}]
    source = rows_file(tmp_path / "some.jsonl", [*rows, {"id": "good", "text": WORRY}])
    settings = quiet_settings(Settings(home=tmp_path / "home"))
    order = Order(source=source, folder=tmp_path / "out", plots=False)
    with Guard(settings, writer=Broken()) as broken:
        result = build(order, broken).result
        assert [row["id"] for row in result.errors] == ["bad"]
        assert "杯子" not in json.dumps(result.errors, ensure_ascii=False)
        assert build(order, broken).done == 0
    with Guard(settings) as sound:
        again = Order(source=source, folder=tmp_path / "out", plots=False, retry=True)
        report = build(again, sound)
        assert (report.done, len(report.result.rows), report.result.errors) == (1, 2, [])


def test_a_build_stops_where_every_row_fails(tmp_path: Path) -> None:
    rows = [{"text": f"她把我的杯子用了没洗，这是第{n}次，{'又' * n}吵架。"} for n in range(40)]
    source = rows_file(tmp_path / "all.jsonl", rows)
    order = Order(source=source, folder=tmp_path / "out", plots=False, sharing=Sharing(repeat=1.0, group=1.0))
    with Guard(quiet_settings(Settings(home=tmp_path / "home")), writer=Broken()) as broken:
        builder = Builder(broken, Wish())
        job = Job(
            key="k",
            task=Task.WHOLE,
            question=Question(number=1, id="", question=rows[0]["text"], description=""),
        )
        assert builder.work([job])[0].kind == "error"
        builder.close()
        with pytest.raises(WriterError) as caught:
            build(order, broken)
    assert caught.value.code == "writer.failing"
    assert (tmp_path / "out" / "journal.jsonl").read_bytes().count(b"\n") == 26


def test_another_writer_does_not_go_on_with_a_build(guard: Guard, tmp_path: Path) -> None:
    source = rows_file(tmp_path / "one.jsonl", [{"text": WORRY}])
    build(Order(source=source, folder=tmp_path / "out", plots=False), guard)
    with pytest.raises(InputError) as caught:
        build(Order(source=source, folder=tmp_path / "out", wish=Wish(language="en"), plots=False), guard)
    assert caught.value.code == "input.build_changed"


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CBTGUARD_HOME", str(tmp_path / "home"))
    source = rows_file(tmp_path / "some.jsonl", [{"title": WORRY}, {"title": 3}])
    arguments = ["lab", "build", source, str(tmp_path / "out"), "--map", "question=title", "--no-plots"]
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 1
    assert len(kept(tmp_path / "out")) == 1
    [error] = read_rows(tmp_path / "out" / "errors.jsonl")
    assert (error["row"], error["error"]["code"]) == (2, "input.bad_row")
