"""Where questions come from, and what happens to rows that are none."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from cbtguard.lab.build.question import Bad, Question, columns_of, question_of
from cbtguard.lab.build.sources import read_source
from cbtguard.safety.errors import DependencyError, InputError

if TYPE_CHECKING:
    from pathlib import Path


def read(path: Path, **columns: str) -> list[Question | Bad]:
    return list(read_source(str(path), columns))


def test_psyqa_as_it_is_published(tmp_path: Path) -> None:
    path = tmp_path / "psyqa.json"
    entry = {
        "questionID": 7,
        "question": "总是睡不着",
        "description": "一躺下就想工作的事。",
        "keywords": "失眠,工作",
        "answers": [{"answer_text": "……"}],
    }
    path.write_text(json.dumps([entry, {**entry, "description": None}, "nothing", {"keywords": "失眠"}]))
    first, second, *bad = read(path)
    assert isinstance(first, Question)
    assert (first.id, first.keywords) == ("7", ("失眠", "工作"))
    assert first.message == "总是睡不着\n一躺下就想工作的事。"
    assert isinstance(second, Question)
    assert second.message == "总是睡不着"
    assert [(b.number, b.error.code) for b in bad if isinstance(b, Bad)] == [
        (3, "input.bad_row"),
        (4, "input.empty"),
    ]


def test_lines_with_bad_ones_between(tmp_path: Path) -> None:
    path = tmp_path / "some.jsonl"
    path.write_bytes(
        b'{"id": "a", "text": "I cannot sleep."}\n'
        b"{broken\n"
        b'["a list"]\n'
        b'{"id": "b", "text": 5}\n'
        b'{"id": "c", "text": "   "}\n'
        b"\xff\xfe\n"
        b'{"id": "d", "text": "\\ud83d"}\n'
        b'{"id": "e", "text": "' + b"x" * 30_000 + b'"}\n'
        b'{"id": "f", "text": "Work again.", "lang": "xx"}\n'
        b'{"id": "g", "text": "Work again.", "lang": "en-GB"}\n'
    )
    found = read(path)
    assert [one.error.code if isinstance(one, Bad) else one.id for one in found] == [
        "a",
        "input.bad_line",
        "input.bad_line",
        "input.bad_row",
        "input.empty",
        "input.bad_line",
        "input.empty",
        "input.too_long",
        "input.language_unknown",
        "g",
    ]
    assert isinstance(found[-1], Question)
    assert found[-1].language == "en"


def test_a_table_with_columns_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "posts.csv"
    path.write_bytes(
        "\ufefftitle,body,no\r\n第一次带团队,“怕大家不服”,1\r\n太多,格,2,3\r\n,,4\r\n".encode()
        + b"\xff,x,5\r\n"
    )
    found = read(path, question="title", description="body", id="no")
    first = found[0]
    assert isinstance(first, Question)
    assert (first.id, first.question, first.description) == ("1", "第一次带团队", "“怕大家不服”")
    assert [one.error.code for one in found[1:] if isinstance(one, Bad)] == [
        "input.bad_row",
        "input.empty",
        "input.bad_text",
    ]


def test_no_error_holds_words_of_the_row(tmp_path: Path) -> None:
    bad = question_of({"question": "秘密" * 20_000, "id": "x"}, 1, {})
    assert isinstance(bad, Bad)
    assert "秘密" not in str(bad.error)
    good = question_of({"question": "秘密"}, 1, {})
    assert "秘密" not in repr(good)


@pytest.mark.parametrize("options", [("title",), ("heading=title",), ("question=",)])
def test_a_mapping_that_says_nothing(options: tuple[str, ...]) -> None:
    with pytest.raises(InputError) as caught:
        columns_of(options)
    assert caught.value.code == "input.columns"


def test_mappings_may_stand_together() -> None:
    assert columns_of(("question=title,description=body", "id=no")) == {
        "question": "title",
        "description": "body",
        "id": "no",
    }


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("no.parquet", b"", "input.source"),
        ("whole.json", b"{}", "input.source"),
        ("whole.json", b"[", "input.source"),
        ("whole.json", b"\xff", "input.source"),
        ("missing.csv", None, "input.file"),
    ],
)
def test_a_source_that_cannot_be_read(tmp_path: Path, name: str, content: bytes | None, code: str) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read(path)
    assert caught.value.code == code


def test_a_data_set_by_name_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "datasets", None)
    with pytest.raises(DependencyError) as caught:
        list(read_source("datasets:some/name:train", {}))
    assert caught.value.code == "dependency.library"
    assert "datasets" in caught.value.hint


def test_what_a_row_may_be_called() -> None:
    rows: list[tuple[Any, str]] = [(12, "12"), (True, ""), (None, ""), (["x"], ""), ("  a ", "a")]
    for given, kept in rows:
        found = question_of({"id": given, "question": "总是睡不着"}, 1, {})
        assert found.id == kept
