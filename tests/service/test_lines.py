"""Lines in, lines out: order, bad lines, standard streams."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cbtguard.safety.errors import CbtguardError, InputError
from cbtguard.service.lines import Outcome, Row, read_lines, run_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Work = Callable[[Iterator[Row]], Iterator[Row | CbtguardError]]

BOM = b"\xef\xbb\xbf"
GOOD = b'{"id": 1, "text": "a"}'
NOT_JSON = "Line 1 is not valid JSON."
NOT_OBJECT = "Line 1 is not a JSON object."
NOT_UTF8 = "Line 1 is not UTF-8."
NO_TEXT = "Line 1 has no text in the field 'text'."


def shout(rows: Iterator[Row]) -> Iterator[Row | CbtguardError]:
    for row in rows:
        yield {"text": row["text"].upper()}


def lagging(window: int) -> Work:
    """Work that takes several rows before it gives the first outcome, as a batch does."""

    def run(rows: Iterator[Row]) -> Iterator[Row | CbtguardError]:
        held: list[Row] = []
        for row in rows:
            held.append({"text": row["text"].upper()})
            if len(held) > window:
                yield held.pop(0)
        yield from held

    return run


def picky(rows: Iterator[Row]) -> Iterator[Row | CbtguardError]:
    for row in rows:
        if row["text"] == "bad":
            yield InputError("input.empty", "There is no text.", hint="Send a word.")
        else:
            yield {"text": row["text"]}


def run(tmp_path: Path, content: bytes, work: Work = shout) -> tuple[Outcome, list[Any]]:
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_bytes(content)
    outcome = run_lines(str(source), str(target), ("text",), work, title="test")
    written = target.read_bytes().decode("utf-8")
    assert not written or written.endswith("\n")
    assert "\r" not in written
    return outcome, [json.loads(line) for line in written.splitlines()]


# --- reading ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b'{"id": 1, "text": "a"', NOT_JSON),
        (b"{'id': 1}", NOT_JSON),
        (b"text", NOT_JSON),
        (b'{"text": "a"} {"text": "b"}', NOT_JSON),
        (b'{"text": "a\x01"}', NOT_JSON),
        (b"[" * 100_000, NOT_JSON),
        (b'{"id": ' + b"9" * 5000 + b', "text": "a"}', NOT_JSON),
        (b'["text"]', NOT_OBJECT),
        (b'"text"', NOT_OBJECT),
        (b"null", NOT_OBJECT),
        (b"3", NOT_OBJECT),
        (b"true", NOT_OBJECT),
        (b"{}", NO_TEXT),
        (b'{"id": 1}', NO_TEXT),
        (b'{"text": null}', NO_TEXT),
        (b'{"text": 3}', NO_TEXT),
        (b'{"text": ["a"]}', NO_TEXT),
        (b'{"Text": "a"}', NO_TEXT),
        ('{"text": "睡不着"}'.encode("gb18030"), NOT_UTF8),
        ('{"text": "a"}'.encode("utf-16"), NOT_UTF8),
        (b'{"text": "\xff"}', NOT_UTF8),
        (b'{"text": "\xed\xa0\x80"}', NOT_UTF8),
    ],
)
def test_a_bad_line_is_told_by_number_and_not_quoted(raw: bytes, message: str) -> None:
    [line] = read_lines([raw], ("text",))
    assert isinstance(line.error, InputError)
    assert line.error.code == "input.bad_line"
    assert line.error.message == message
    assert "--help" in line.error.hint
    assert line.number == 1


@pytest.mark.parametrize(
    "raw",
    [
        GOOD,
        GOOD + b"\n",
        GOOD + b"\r\n",
        b"  " + GOOD + b"\t\n",
        BOM + GOOD,
        BOM + GOOD + b"\r\n",
    ],
)
def test_line_ends_blanks_and_a_byte_order_mark_do_no_harm(raw: bytes) -> None:
    [line] = read_lines([raw], ("text",))
    assert line.error is None
    assert line.row == {"id": 1, "text": "a"}


@pytest.mark.parametrize("blank", [b"", b"\n", b"\r\n", b"  \t \n"])
def test_blank_lines_are_skipped_and_counted(blank: bytes) -> None:
    lines = list(read_lines([blank, GOOD, blank, b"{", blank], ("text",)))
    assert [line.number for line in lines] == [2, 4]


def test_the_first_missing_field_is_named() -> None:
    [line] = read_lines([b'{"id": 7, "question": "q"}'], ("question", "answer"))
    assert line.error is not None
    assert line.error.message == "Line 1 has no text in the field 'answer'."
    assert line.row == {"id": 7, "question": "q"}


def test_reading_takes_no_more_lines_than_are_asked_for() -> None:
    taken: list[int] = []

    def stream() -> Iterator[bytes]:
        for number in range(100):
            taken.append(number)
            yield GOOD

    next(iter(read_lines(stream(), ("text",))))
    assert taken == [0]


# --- running ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("identity", [1, 0, "a", "", None, 1.5, True, "编号", [1], {"n": 1}])
def test_the_id_comes_back_as_it_came(tmp_path: Path, identity: Any) -> None:
    content = json.dumps({"id": identity, "text": "a"}).encode()
    outcome, rows = run(tmp_path, content)
    assert rows == [{"id": identity, "text": "A"}]
    assert list(rows[0]) == ["id", "text"]
    assert (outcome.done, outcome.failed) == (1, 0)


def test_bad_lines_cost_themselves_only(tmp_path: Path) -> None:
    content = b"\n".join(
        [BOM + b'{"id": 1, "text": "a"}', b"", b"{", b'{"id": 4}', b'{"id": 5, "text": "b"}', b"\xff", b"[]"]
    )
    outcome, rows = run(tmp_path, content)
    assert [row["id"] for row in rows] == [1, None, 4, 5, None, None]
    assert [row.get("error", {}).get("line") for row in rows] == [None, 3, 4, None, 6, 7]
    assert [row.get("text") for row in rows] == ["A", None, None, "B", None, None]
    for row in rows:
        if "error" in row:
            assert list(row) == ["id", "error"]
            assert list(row["error"]) == ["code", "message", "hint", "line"]
    assert (outcome.done, outcome.failed) == (2, 4)


def test_an_error_of_the_work_is_a_line_too(tmp_path: Path) -> None:
    content = b'{"id": 1, "text": "ok"}\n\n{"id": 2, "text": "bad"}\n{"id": 3, "text": "ok"}\n'
    outcome, rows = run(tmp_path, content, picky)
    assert rows[1] == {
        "id": 2,
        "error": {"code": "input.empty", "message": "There is no text.", "hint": "Send a word.", "line": 3},
    }
    assert [row["id"] for row in rows] == [1, 2, 3]
    assert (outcome.done, outcome.failed) == (2, 1)


@pytest.mark.parametrize("content", [b"", b"\n\n", b" \r\n"])
def test_an_empty_file_gives_an_empty_file(tmp_path: Path, content: bytes) -> None:
    outcome, rows = run(tmp_path, content)
    assert rows == []
    assert (outcome.done, outcome.failed) == (0, 0)


def test_text_that_is_no_unicode_does_not_stop_the_rest(tmp_path: Path) -> None:
    outcome, rows = run(tmp_path, b'{"id": 1, "text": "\\ud800x"}\n' + GOOD)
    assert rows[0]["text"].endswith("X")
    assert outcome.done == 2


LINE = st.sampled_from(["good", "good", "broken", "blank", "bare", "list"])


@given(kinds=st.lists(LINE, max_size=30), window=st.integers(0, 8))
def test_order_and_numbers_hold_whatever_the_mixture(
    kinds: list[str], window: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    forms = {
        "good": '{{"id": {0}, "text": "t{0}"}}',
        "broken": "{{",
        "blank": " ",
        "bare": '{{"id": {0}}}',
        "list": "[]",
    }
    content = "\n".join(forms[kind].format(number) for number, kind in enumerate(kinds, 1)).encode()
    outcome, rows = run(tmp_path_factory.mktemp("lines"), content, lagging(window))
    seen = [number for number, kind in enumerate(kinds, 1) if kind != "blank"]
    told = [row["error"]["line"] if "error" in row else row["id"] for row in rows]
    assert told == seen
    assert [row["text"] for row in rows if "text" in row] == [f"T{n}" for n in seen if kinds[n - 1] == "good"]
    assert outcome.done == kinds.count("good")
    assert outcome.done + outcome.failed == len(seen)


# --- streams and files --------------------------------------------------------------------------------------


def test_standard_input_and_output(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO('{"id": 1, "text": "é睡"}\n[]'.encode())))
    monkeypatch.setattr("sys.stdout", out)
    outcome = run_lines("-", "-", ("text",), shout, title="test")
    first, second = out.getvalue().splitlines()
    assert first == '{"id": 1, "text": "É睡"}'
    assert json.loads(second)["error"]["line"] == 2
    assert (outcome.done, outcome.failed) == (1, 1)
    assert not out.closed


@pytest.mark.parametrize(
    ("source", "target", "what"),
    [
        ("missing.jsonl", "out.jsonl", "read"),
        (".", "out.jsonl", "read"),
        ("in.jsonl", "no/out.jsonl", "written"),
    ],
)
def test_files_that_cannot_be_opened(
    source: str, target: str, what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in.jsonl").write_bytes(GOOD)
    with pytest.raises(InputError) as caught:
        run_lines(source, target, ("text",), shout, title="test")
    assert caught.value.code == "input.file"
    assert f"cannot be {what}" in caught.value.message
    assert caught.value.hint
    assert not (tmp_path / "out.jsonl").exists()
