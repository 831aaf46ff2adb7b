"""Four guards that write one record are killed in the middle of 200 turns: no reply was sent without its entry."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from cbtguard.graph.records import open_record
from cbtguard.graph.settings import load_settings
from cbtguard.safety.record import from_jsonl, to_jsonl, verify_entries

if TYPE_CHECKING:
    from pathlib import Path

WRITERS = 4
TURNS = 50
PATIENCE_S = 600.0
WRITER = """
import sys
from cbtguard.graph import Guard

TEXTS = ("最近总睡不着，一躺下就想工作的事", "I can't stop worrying about my exams", "我不想活了",
         "和男朋友吵架以后，我总觉得是自己不好")
with Guard() as guard:
    guard.warm()
    print("ready", flush=True)
    sys.stdin.readline()
    for turn in range(int(sys.argv[2])):
        answer = guard.ask(TEXTS[turn % len(TEXTS)], thread=sys.argv[1])
        # One write: a line is there whole or not at all.
        sys.stdout.write(f"{answer.record_id} {answer.route} {turn + 1} {bool(answer.reply)}\\n")
        sys.stdout.flush()
"""


def writer(number: int, home: Path, record: str, out: Path) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "CBTGUARD_HOME": str(home), "CBTGUARD_RECORD": record}
    with out.open("wb") as stream:
        return subprocess.Popen(
            [sys.executable, "-c", WRITER, f"talk-{number}", str(TURNS)],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=stream,
        )


def until(ready: Any, writers: list[subprocess.Popen[bytes]]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not ready():
        assert [process.poll() for process in writers] == [None] * WRITERS
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="needs a signal that cannot be caught")
@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_no_reply_is_sent_without_its_entry(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    record = "sqlite" if kind == "sqlite" else request.getfixturevalue("postgres")
    outs = [tmp_path / f"{number}.out" for number in range(WRITERS)]
    writers = [writer(number, tmp_path, record, out) for number, out in enumerate(outs)]

    def replies() -> list[list[str]]:
        return [line.split() for out in outs for line in out.read_text().splitlines()[1:]]

    try:
        until(lambda: all(out.read_bytes().startswith(b"ready\n") for out in outs), writers)
        for process in writers:
            assert process.stdin is not None
            process.stdin.write(b"\n")
            process.stdin.flush()
        until(lambda: len(replies()) >= WRITERS * TURNS // 2, writers)
    finally:
        for process in writers:
            process.kill()
        for process in writers:
            process.wait(PATIENCE_S)
            assert process.stdin is not None
            process.stdin.close()
    assert [process.returncode for process in writers] == [-9] * WRITERS

    sent = replies()
    assert WRITERS * TURNS // 2 <= len(sent) < WRITERS * TURNS
    assert {reply[3] for reply in sent} == {"True"}
    assert {reply[1] for reply in sent} == {"answered", "referred"}
    store = open_record(load_settings(home=tmp_path, record=record))
    report = store.verify()
    kept = {stored.record_id: stored.entry for stored in store.entries()}
    assert (report.ok, report.entries) == (True, len(kept))
    # Each reply has its own entry, of its own talk, turn and route; an entry may be without its reply.
    assert [reply for reply in sent if reply[0] not in kept] == []
    assert len({reply[0] for reply in sent}) == len(sent)
    for record_id, route, turn, _ in sent:
        assert (kept[record_id].route, kept[record_id].turn) == (route, int(turn))
    assert (
        len(sent) <= len([entry for entry in kept.values() if entry.route != "opened"]) <= len(sent) + WRITERS
    )
    # None is torn: each is read whole, is what was sealed, and can be exported and verified elsewhere.
    copy = tmp_path / "copy.jsonl"
    with copy.open("w", encoding="utf-8") as stream:
        assert to_jsonl(store.entries(), stream) == len(kept)
    with copy.open(encoding="utf-8") as stream:
        assert verify_entries(from_jsonl(stream), expected_head=report.head).ok
    assert all(json.loads(line)["entry"]["turn_id"] for line in copy.read_text(encoding="utf-8").splitlines())
    # And the record goes on.
    after = store.append(next(iter(kept.values())))
    assert after.prev_hash == report.head
    assert store.verify(expected_head=report.head).ok
    store.close()
