"""Every command: what it prints, in which order, with which exit code, and what it says when it cannot."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from cbtguard.nodes.retrieval.note import NOTES
from cbtguard.safety.record import from_jsonl, verify_entries
from cbtguard.service.cli import main

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SLEEP = "最近总睡不着，一躺下就想工作的事"
CRISIS = "我撑不下去了，今晚就想结束自己的生命"
PARTS = ["validation", "key_thought", "challenge", "strategy", "encouragement"]
RISK = ["level", "kinds", "subject", "score", "signals"]
SIGNAL = {
    "detector",
    "rule",
    "kind",
    "level",
    "subject",
    "start",
    "end",
    "evidence",
    "score",
    "reason",
    "reason_zh",
}
FEW = ("sleep-stimulus-control", "worry-time", "work-priorities", "exam-anxiety")
COMMANDS = (
    ["ask"],
    ["batch"],
    ["screen"],
    ["redact"],
    ["retrieve"],
    ["check"],
    ["verify"],
    ["log"],
    ["log", "verify"],
    ["log", "show"],
    ["log", "export"],
    ["forget"],
    ["audit"],
    ["audit", "referrals"],
    ["serve"],
    ["mcp"],
    ["keys"],
    ["keys", "new"],
    ["keys", "list"],
    ["keys", "revoke"],
    ["lab"],
    ["lab", "notes"],
    ["lab", "notes", "lint"],
)
TROUBLE = re.compile(r"cbtguard: [^\n]+ \[(?P<code>[a-z_]+\.[a-z_]+)\]\n  → \S[^\n]+\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a command left."""

    code: int
    out: str
    err: str

    @property
    def rows(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def trouble(self) -> str:
        """Code of the one error that was told, with its hint."""
        match = TROUBLE.fullmatch(self.err)
        assert match is not None, self.err
        return match["code"]


class Terminal(io.StringIO):
    """An output that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def call(*arguments: str, given: bytes = b"", screen: io.StringIO | None = None) -> Result:
    """Run a command in this process."""
    out, err = screen or io.StringIO(), io.StringIO()
    stdin, sys.stdin = sys.stdin, io.TextIOWrapper(io.BytesIO(given), encoding="utf-8")
    try:
        with (
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            pytest.raises(SystemExit) as ended,
        ):
            main(list(arguments))
    finally:
        sys.stdin = stdin
    assert isinstance(ended.value.code, int)
    return Result(code=ended.value.code, out=out.getvalue(), err=err.getvalue())


def process(*arguments: str, given: bytes = b"", **environment: str) -> subprocess.CompletedProcess[bytes]:
    """Run a command as a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", "from cbtguard.service.cli import main; main()", *arguments],
        input=given,
        capture_output=True,
        check=False,
        env={**os.environ, **environment},
    )


def lines(*rows: Any) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def one(result: Result) -> Any:
    assert result.code == 0, result.err
    return json.loads(result.out)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The one home of these tests: what the first command stores, the others find."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def few_notes_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("notes")
    for name in FEW:
        shutil.copy(NOTES / f"{name}.yaml", folder)
    return folder


@pytest.fixture(scope="module", autouse=True)
def environment(home: Path, few_notes_folder: Path) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("CBTGUARD_")]:
            patch.delenv(name)
        patch.setenv("CBTGUARD_HOME", str(home))
        patch.setenv("CBTGUARD_NOTES_DIR", str(few_notes_folder))
        yield


# --- ask ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def answered() -> Any:
    return one(call("ask", SLEEP, "--json"))


@pytest.fixture(scope="module")
def referred() -> Any:
    return one(call("ask", "-", "--json", "--region", "US", "--lang", "en", given=CRISIS.encode()))


def test_ask_tells_everything_about_an_answer(answered: Any) -> None:
    assert list(answered) == [
        "route",
        "reply",
        "notice",
        "parts",
        "risk",
        "citations",
        "referral",
        "reason",
        "writer",
        "attempts",
        "defects",
        "repaired",
        "filled",
        "record_id",
        "timings_ms",
        "faults",
        "redactions",
        "language",
        "region",
        "thread",
        "turn",
        "review",
    ]
    assert (answered["route"], answered["reason"], answered["language"]) == ("answered", "checked", "zh-Hans")
    assert answered["risk"]["level"] == "none"
    assert list(answered["parts"]) == PARTS
    for part in answered["parts"].values():
        assert list(part) == ["present", "evidence"]
        assert part["present"]
        assert part["evidence"] in answered["reply"]
    assert answered["citations"]
    assert {citation["note_id"] for citation in answered["citations"]} <= set(FEW)
    assert all(citation["sources"] for citation in answered["citations"])
    assert answered["notice"]
    assert answered["writer"]
    assert answered["record_id"]
    assert answered["referral"] is None
    assert (answered["faults"], answered["defects"]) == ([], [])
    assert (answered["thread"], answered["turn"], answered["region"]) == (None, 1, "CN")
    assert all(answered["timings_ms"][stop] >= 0 for stop in ("protect", "screen", "retrieve", "record"))


def test_ask_leads_a_crisis_to_people_of_the_region(referred: Any) -> None:
    assert (referred["route"], referred["reason"]) == ("referred", "crisis")
    assert referred["risk"]["level"] in {"crisis", "emergency"}
    assert "suicide" in referred["risk"]["kinds"]
    assert (referred["region"], referred["language"]) == ("US", "en")
    assert not any(part["present"] for part in referred["parts"].values())
    assert (referred["writer"], referred["attempts"], referred["citations"]) == (None, 0, [])
    assert referred["referral"]["region"] == "US"
    assert "988" in referred["reply"]
    assert any("988" in json.dumps(line) for line in referred["referral"]["lines"])
    assert set(referred["risk"]["signals"][0]) == SIGNAL


def test_ask_prints_the_reply_alone_into_a_pipe() -> None:
    result = call("ask", SLEEP)
    assert (result.code, result.err) == (0, "")
    assert len(result.out.split("\n\n")) == 5
    assert not result.out.lstrip().startswith("{")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (SLEEP, ["理解与共情", "关键想法", "换个角度", "可以怎么做", "鼓励与展望", "依据", "已回答", "记录"]),
        (
            "I lie awake every night thinking about work",
            ["Validation", "What you can do", "answered", "Record"],
        ),
        (CRISIS, ["已转介", "crisis", "12356"]),
    ],
)
def test_ask_on_a_terminal_names_the_parts_the_sources_and_the_way(text: str, words: list[str]) -> None:
    result = call("ask", text, screen=Terminal())
    assert (result.code, result.err) == (0, "")
    assert [word for word in words if word not in result.out] == []
    assert max(len(line) for line in re.sub(r"\x1b\[[0-9;]*m", "", result.out).splitlines()) <= 96


def test_ask_goes_on_with_a_talk(home: Path) -> None:
    first = one(call("ask", "我叫王建国，" + SLEEP, "--thread", "wang@example.org", "--json"))
    second = one(call("ask", "还是睡不着", "--thread", "wang@example.org", "--json"))
    assert [first["turn"], second["turn"]] == [1, 2]
    assert [bool(turn["notice"]) for turn in (first, second)] == [True, False]
    assert second["thread"] == "wang@example.org"
    kept = b"".join(path.read_bytes() for path in home.glob("*.sqlite*"))
    assert kept
    assert b"wang@example.org" not in kept
    assert "王建国".encode() not in kept


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["ask", ""], "input.empty"),
        (["ask", SLEEP, "--region", "Atlantis"], "input.region_unknown"),
        (["ask", SLEEP, "--lang", "tlh"], "input.language_unknown"),
        (["ask", SLEEP, "--thread", " "], "input.thread"),
    ],
)
def test_ask_says_what_cannot_be_used(arguments: list[str], code: str) -> None:
    result = call(*arguments)
    assert (result.code, result.out) == (2, "")
    assert result.trouble == code
    assert SLEEP not in result.err


def test_a_record_that_cannot_be_read_costs_the_answer_and_not_the_reply(
    answered: Any, home: Path, tmp_path: Path
) -> None:
    shutil.copytree(home / "cache", tmp_path / "cache")
    (tmp_path / "record.sqlite").write_bytes(b"not a record\n" * 100)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CBTGUARD_HOME", str(tmp_path))
        result = call("ask", SLEEP, "--json")
        log = call("log", "verify")
    answer = one(result)
    assert result.trouble == "record.corrupt"
    assert (answer["route"], answer["reason"], answer["record_id"]) == ("referred", "fault", None)
    assert answer["faults"] == ["record:raised:record.corrupt"]
    assert answer["reply"].strip()
    assert answer["referral"] is not None
    assert (log.code, log.out, log.trouble) == (2, "", "record.corrupt")


# --- settings -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "code", "names"),
    [
        (None, "settings.file_unreadable", "FileNotFoundError"),
        (b"region = ", "settings.file_unreadable", "TOMLDecodeError"),
        (b"\xff\xfe", "settings.file_unreadable", "UnicodeDecodeError"),
        (b"colour = 'red'", "settings.invalid", "'colour'"),
        (b"workers = 0", "settings.invalid", "'workers'"),
        (b"cbtguard = 3", "settings.invalid", "cbtguard"),
        (b"writer = 'oracle'", "settings.invalid", "'oracle'"),
        (b"[limits]\nsleep_s = 1.0", "settings.invalid", "'sleep_s'"),
        (b"[limits]\nturn_s = 0", "settings.invalid", "turn_s"),
        (b"[limits]\ngenerations = 1.5", "settings.invalid", "'generations'"),
    ],
)
def test_settings_that_cannot_be_used(content: bytes | None, code: str, names: str, tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    if content is not None:
        file.write_bytes(content)
    result = call("--settings", str(file), "ask", SLEEP)
    assert (result.code, result.out) == (2, "")
    assert result.trouble == code
    assert names in result.err


def test_an_option_beats_the_environment_which_beats_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "settings.toml"
    file.write_text('[cbtguard]\nregion = "GB"\nlanguage = "en"\n', encoding="utf-8")
    asked = ["--settings", str(file), "ask", CRISIS, "--json"]
    monkeypatch.setenv("CBTGUARD_REGION", "SG")
    of_environment = one(call(*asked))
    of_option = one(call(*asked, "--region", "TW"))
    assert [answer["region"] for answer in (of_environment, of_option)] == ["SG", "TW"]
    assert {answer["language"] for answer in (of_environment, of_option)} == {"en"}


# --- batch and the guards alone -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def batch(tmp_path_factory: pytest.TempPathFactory) -> tuple[Result, list[Any]]:
    folder = tmp_path_factory.mktemp("batch")
    content = b"\n".join(
        [
            b"\xef\xbb\xbf" + lines({"id": "a", "text": SLEEP}).strip(),
            b"{broken",
            b"",
            b"[1, 2]",
            lines({"id": 3, "text": CRISIS}).strip(),
            lines({"id": 4, "question": "?"}).strip(),
            "睡不着".encode("gb18030"),
            lines({"id": None, "text": "   "}).strip(),
            lines({"text": "考试前我总是很紧张", "more": True}).strip(),
        ]
    )
    (folder / "in.jsonl").write_bytes(content)
    result = call("batch", str(folder / "in.jsonl"), str(folder / "out.jsonl"))
    return result, [json.loads(line) for line in (folder / "out.jsonl").read_text("utf-8").splitlines()]


def test_batch_answers_in_order_and_tells_of_bad_lines(batch: tuple[Result, list[Any]]) -> None:
    result, rows = batch
    assert (result.code, result.out, result.err) == (1, "", "3 done, 5 failed\n")
    assert [row["id"] for row in rows] == ["a", None, None, 3, 4, None, None, None]
    assert [row.get("route") for row in rows] == [
        "answered",
        None,
        None,
        "referred",
        None,
        None,
        None,
        "answered",
    ]
    errors = [(row["error"]["line"], row["error"]["code"]) for row in rows if "error" in row]
    assert errors == [
        (2, "input.bad_line"),
        (4, "input.bad_line"),
        (6, "input.bad_line"),
        (7, "input.bad_line"),
        (8, "input.empty"),
    ]


def test_batch_gives_the_fields_of_the_contract(batch: tuple[Result, list[Any]]) -> None:
    fields = ["id", "route", "risk", "reply", "parts", "citations", "writer", "record_id"]
    good = [row for row in batch[1] if "error" not in row]
    for row in good:
        assert list(row) == fields
        assert list(row["risk"]) == RISK
        assert list(row["parts"]) == PARTS
        assert row["record_id"]
    assert len({row["record_id"] for row in good}) == len(good)


def test_batch_through_standard_streams() -> None:
    given = lines({"id": 1, "text": CRISIS}, {"id": 2, "text": CRISIS})
    result = call("batch", "-", "-", "--region", "HK", "--lang", "zh-Hant", given=given)
    assert (result.code, result.err) == (0, "2 done, 0 failed\n")
    assert [row["id"] for row in result.rows] == [1, 2]
    assert all("18111" in row["reply"] for row in result.rows)


def test_batch_refuses_a_region_that_nobody_knows() -> None:
    result = call("batch", "-", "-", "--region", "nowhere", given=lines({"id": 1, "text": SLEEP}))
    assert (result.code, result.out, result.trouble) == (2, "", "input.region_unknown")


def test_screen_gives_the_risk_with_its_evidence() -> None:
    long = "今天开会，" * 900 + CRISIS
    rows = [
        {"id": 1, "text": SLEEP},
        {"id": "2", "text": CRISIS},
        {"id": 3, "text": "笑死我了"},
        {"id": 4, "text": long},
    ]
    result = call("screen", "-", "-", given=lines(*rows))
    assert (result.code, result.err) == (0, "4 done, 0 failed\n")
    assert [row["id"] for row in result.rows] == [1, "2", 3, 4]
    assert [row["risk"]["level"] in {"crisis", "emergency"} for row in result.rows] == [
        False,
        True,
        False,
        True,
    ]
    for asked, row in zip(rows, result.rows, strict=True):
        assert list(row) == ["id", "risk"]
        assert list(row["risk"]) == RISK
        for signal in row["risk"]["signals"]:
            assert set(signal) == SIGNAL
            assert 0 <= signal["start"] <= signal["end"] <= len(str(asked["text"]))
            assert str(asked["text"])[signal["start"] : signal["end"]] == signal["evidence"]


def test_redact_gives_text_and_entities() -> None:
    text = "我叫王建国，电话13912345678，昨晚没睡好"
    given = lines({"id": 1, "text": text}, {"id": 2, "text": "我叫王建国"}, {"id": 3, "text": "昨晚没睡好"})
    result = call("redact", "-", "-", given=given)
    assert (result.code, result.err) == (0, "3 done, 0 failed\n")
    first, second, third = result.rows
    assert list(first) == ["id", "text", "entities"]
    assert first["text"] == "我叫<人名1>，电话<电话1>，昨晚没睡好"
    for entity in first["entities"]:
        assert list(entity) == ["type", "start", "end", "score"]
    assert {text[e["start"] : e["end"]] for e in first["entities"]} == {"王建国", "13912345678"}
    assert second["text"] == "我叫<人名1>"
    assert third == {"id": 3, "text": "昨晚没睡好", "entities": []}


def test_retrieve_gives_the_notes_that_fit_best_first() -> None:
    given = lines({"id": 1, "text": SLEEP}, {"id": 2, "text": "考试前紧张得睡不着"})
    result = call("retrieve", "-", "-", "-k", "2", given=given)
    assert (result.code, result.err) == (0, "2 done, 0 failed\n")
    for row in result.rows:
        assert list(row) == ["id", "notes"]
        assert 1 <= len(row["notes"]) <= 2
        for note in row["notes"]:
            assert list(note) == ["note_id", "title", "title_en", "technique", "score"]
            assert note["note_id"] in FEW
        scores = [note["score"] for note in row["notes"]]
        assert scores == sorted(scores, reverse=True)
    assert result.rows[0]["notes"][0]["note_id"] in {
        "sleep-stimulus-control",
        "worry-time",
        "work-priorities",
    }


def test_check_finds_the_parts_and_says_what_is_wrong(answered: Any) -> None:
    given = lines(
        {"id": 1, "question": SLEEP, "answer": answered["reply"]},
        {"id": 2, "question": SLEEP, "answer": "别想太多，早点睡。<|im_end|>"},
        {"id": 3, "question": SLEEP},
        {"id": 4, "question": SLEEP, "answer": ""},
    )
    result = call("check", "-", "-", given=given)
    assert (result.code, result.err) == (1, "2 done, 2 failed\n")
    whole, poor, no_answer, empty = result.rows
    assert list(whole) == ["id", "parts", "defects", "passed"]
    assert list(whole["parts"]) == PARTS
    assert all(list(part) == ["present", "evidence"] and part["present"] for part in whole["parts"].values())
    assert (whole["passed"], whole["defects"]) == (True, [])
    assert poor["passed"] is False
    assert poor["defects"]
    for defect in poor["defects"]:
        assert list(defect) == ["code", "evidence", "reason", "reason_zh"]
    assert no_answer["error"]["message"] == "Line 3 has no text in the field 'answer'."
    assert empty["error"]["code"] == "input.empty"


@pytest.mark.parametrize("command", ["screen", "redact", "retrieve", "check"])
def test_bad_lines_cost_themselves_in_every_command(command: str) -> None:
    given = b'\n{broken\n"text"\n{"id": 9}\n\xff\xfe\n'
    result = call(command, "-", "-", given=given)
    assert (result.code, result.err) == (1, "0 done, 4 failed\n")
    assert [row["error"]["line"] for row in result.rows] == [2, 3, 4, 5]
    assert [row["id"] for row in result.rows] == [None, None, 9, None]


@pytest.mark.parametrize("command", ["screen", "check"])
@pytest.mark.parametrize(
    ("source", "target"), [("missing.jsonl", "out.jsonl"), ("in.jsonl", "no/such/out.jsonl")]
)
def test_files_that_cannot_be_opened(
    command: str, source: str, target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in.jsonl").write_bytes(lines({"id": 1, "text": SLEEP, "question": SLEEP, "answer": SLEEP}))
    result = call(command, source, target)
    assert (result.code, result.trouble) == (2, "input.file")


# --- help and usage -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [[], *COMMANDS], ids=" ".join)
@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help_can_be_read(command: list[str], option: str) -> None:
    result = call(*command, option)
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith("Usage:")
    assert max(len(line) for line in result.out.splitlines()) <= 110
    assert not {"\b", "\\b"} & set(re.split(r"\s", result.out))
    assert re.search(r"-h, --help +Show this message and exit\.", result.out)
    about = result.out.split("\n\n")[1].strip()
    assert about.endswith((".", ":", "OUT"))


def test_help_names_every_command() -> None:
    shown = re.findall(r"^  ([a-z]+) {2,}\S", call("--help").out.split("Commands:")[1], re.MULTILINE)
    assert shown == [
        "ask",
        "batch",
        "screen",
        "redact",
        "retrieve",
        "check",
        "verify",
        "log",
        "forget",
        "audit",
        "serve",
        "keys",
        "mcp",
        "lab",
    ]


@pytest.mark.parametrize("command", ["batch", "screen", "redact", "retrieve", "check"])
def test_help_shows_the_fields_of_a_line(command: str) -> None:
    out = call(command, "--help").out
    assert re.search(r'^ +IN +\{"id", ', out, re.MULTILINE)
    assert re.search(r'^ +OUT +\{"id", ', out, re.MULTILINE)


def test_version() -> None:
    assert re.fullmatch(r"cbtguard, version \d+\.\d+\.\d+\S*\n", call("--version").out)


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["ask"],
        ["ask", SLEEP, "--colour"],
        ["ask", SLEEP, "too", "many"],
        ["screen", "-"],
        ["retrieve", "-", "-", "-k", "0"],
        ["retrieve", "-", "-", "-k", "many"],
        ["log", "nonsense"],
        ["log", "show", "--last", "0"],
        ["log", "export", "-", "--format", "xml"],
        ["--nonsense"],
    ],
)
def test_wrong_usage_is_told(arguments: list[str]) -> None:
    result = call(*arguments)
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("Usage:")
    assert "Error:" in result.err


@pytest.mark.parametrize("arguments", [[], ["log"], ["audit"], ["lab"], ["lab", "notes"]])
def test_a_group_alone_shows_its_help(arguments: list[str]) -> None:
    result = call(*arguments)
    assert result.code == 2
    assert "Commands:" in result.out + result.err


# --- the record ---------------------------------------------------------------------------------------------


@pytest.fixture
def record(home: Path, answered: Any, referred: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the record of the turns above, in a home of its own."""
    with (
        sqlite3.connect(home / "record.sqlite") as source,
        sqlite3.connect(tmp_path / "record.sqlite") as target,
    ):
        source.backup(target)
    source.close()
    target.close()
    monkeypatch.setenv("CBTGUARD_HOME", str(tmp_path))
    return tmp_path / "record.sqlite"


def test_log_verify_walks_the_chain(record: Path) -> None:
    result = call("log", "verify")
    assert (result.code, result.err) == (0, "")
    match = re.fullmatch(r"(\d+) entries, the chain holds\. Head ([0-9a-f]{64})\n", result.out)
    assert match is not None
    assert int(match[1]) >= 2
    assert call("log", "verify", "--head", match[2]).code == 0


def test_log_verify_holds_against_a_head(record: Path) -> None:
    other = call("log", "verify", "--head", "f" * 64)
    assert other.code == 1
    assert "anchor" in other.out
    malformed = call("log", "verify", "--head", "latest")
    assert (malformed.code, malformed.trouble) == (2, "record.value")


@pytest.mark.parametrize(
    ("change", "entry", "reason"),
    [
        ("UPDATE entries SET entry = replace(entry, 'none', 'watch') WHERE seq = 1", 1, "hash"),
        (
            'UPDATE entries SET entry = replace(entry, \'"reason":"\', \'"reason":"x\') WHERE seq = 2',
            2,
            "hash",
        ),
        ("DELETE FROM entries WHERE seq = 1", 1, "missing"),
        ("UPDATE entries SET record_id = 'r-other' WHERE seq = 2", 2, "record_id"),
    ],
)
def test_log_verify_names_the_entry_that_was_tampered_with(
    change: str, entry: int, reason: str, record: Path
) -> None:
    with contextlib.closing(sqlite3.connect(record)) as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        assert connection.execute(change).rowcount == 1
        connection.commit()
    result = call("log", "verify")
    assert result.code == 1
    assert result.out.startswith(f"The chain breaks at entry {entry}: {reason}.")


def test_log_show_gives_the_newest_entries(record: Path, answered: Any, referred: Any) -> None:
    whole = call("log", "show", "--last", "1000").out.splitlines()
    assert [line for line in whole if line.startswith(answered["record_id"])]
    crisis = next(line for line in whole if line.startswith(referred["record_id"]))
    assert re.search(r" referred +crisis +(crisis|emergency) +\S", crisis)
    assert call("log", "show", "--last", "1").out.splitlines() == whole[-1:]
    assert all(re.match(r"\S+  \d{4}-\d\d-\d\dT[\d:.]+Z  (answered|referred) ", line) for line in whole)


def test_log_export_as_json_lines_can_be_verified_elsewhere(record: Path, tmp_path: Path) -> None:
    assert call("log", "export", str(tmp_path / "record.jsonl")).code == 0
    text = (tmp_path / "record.jsonl").read_text(encoding="utf-8")
    assert call("log", "export", "-").out == text
    report = verify_entries(from_jsonl(io.StringIO(text)))
    assert report.ok
    assert report.head in call("log", "verify").out
    assert not re.search("[\u4e00-\u9fff]", text)


def test_log_export_as_csv(record: Path, tmp_path: Path) -> None:
    assert call("log", "export", str(tmp_path / "record.csv"), "--format", "csv").code == 0
    with (tmp_path / "record.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["seq"] for row in rows] == [str(number) for number in range(1, len(rows) + 1)]
    assert {"record_id", "hash", "route", "level", "reason", "at"} <= set(rows[0])
    assert len(call("log", "export", "-").out.splitlines()) == len(rows)


@pytest.mark.parametrize("command", [["verify"], ["show"], ["export", "-"]])
@pytest.mark.parametrize("kept", ["sqlite", "memory", "nowhere.sqlite"])
def test_log_without_a_record(
    command: list[str], kept: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CBTGUARD_HOME", str(tmp_path))
    monkeypatch.setenv("CBTGUARD_RECORD", kept)
    result = call("log", *command)
    assert (result.code, result.out, result.trouble) == (2, "", "record.missing")
    assert list(tmp_path.iterdir()) == []


# --- the notes ----------------------------------------------------------------------------------------------


def test_the_shipped_notes_are_sound() -> None:
    result = call("lab", "notes", "lint")
    assert (result.code, result.err) == (0, "")
    assert result.out == f"{len(list(NOTES.glob('*.yaml')))} notes, 0 with problems\n"


def test_lint_reports_every_broken_note(tmp_path: Path, few_notes_folder: Path) -> None:
    shutil.copytree(few_notes_folder, tmp_path, dirs_exist_ok=True)
    (tmp_path / "worry-time.yaml").write_text("id: worry-time\n", encoding="utf-8")
    (tmp_path / "misnamed.yaml").write_bytes((tmp_path / "exam-anxiety.yaml").read_bytes())
    result = call("lab", "notes", "lint", str(tmp_path))
    assert result.code == 1
    told = result.out.splitlines()
    assert "misnamed.yaml" in told[0]
    assert "worry-time.yaml" in told[1]
    assert told[2:] == [f"{len(FEW) + 1} notes, 2 with problems"]


def test_lint_of_a_folder_without_notes(tmp_path: Path) -> None:
    result = call("lab", "notes", "lint", str(tmp_path))
    assert (result.code, result.trouble) == (2, "data.empty")


# --- as processes -------------------------------------------------------------------------------------------


def test_ask_as_a_process(home: Path) -> None:
    done = process("ask", SLEEP, "--json")
    assert (done.returncode, done.stderr) == (0, b"")
    answer = json.loads(done.stdout)
    assert answer["route"] == "answered"
    assert answer["record_id"] in call("log", "show", "--last", "1").out


def test_streams_as_a_process() -> None:
    done = process("screen", "-", "-", given=lines({"id": 1, "text": CRISIS}) + b"{\n")
    assert (done.returncode, done.stderr) == (1, b"1 done, 1 failed\n")
    good, bad = [json.loads(line) for line in done.stdout.decode("utf-8").splitlines()]
    assert good["risk"]["level"] in {"crisis", "emergency"}
    assert bad["error"]["line"] == 2


def test_an_error_as_a_process() -> None:
    done = process("screen", "没有.jsonl", "-", PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"[input.file]" in done.stderr
    assert b"Traceback" not in done.stderr


def test_a_reader_that_stops_early_gets_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_bytes(lines(*({"id": n, "text": CRISIS} for n in range(500))))
    program = "from cbtguard.service.cli import main; main()"
    with subprocess.Popen(
        [sys.executable, "-c", program, "screen", str(tmp_path / "in.jsonl"), "-"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        assert json.loads(running.stdout.readline())["id"] == 0
        running.stdout.close()
        told = running.stderr.read()
    assert b"Traceback" not in told


def test_help_loads_no_model() -> None:
    program = """
import sys
from cbtguard.service.cli import main
try:
    main(["--help"])
except SystemExit as ended:
    heavy = {"torch", "transformers", "spacy", "presidio_analyzer", "onnxruntime", "langgraph", "numpy"}
    print(ended.code, sorted(heavy & set(sys.modules)), file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr == "0 []\n"
