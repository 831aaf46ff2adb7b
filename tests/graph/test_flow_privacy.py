from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from cbtguard.graph import FakeWriter, Guard, Settings
from cbtguard.safety.record import MemoryRecord

if TYPE_CHECKING:
    from pathlib import Path

SECRETS = ("欧阳明镜", "13912345678", "11010519491231002X", "linxiao88@example.com", "Emily Watson")
TALK = (
    "我叫欧阳明镜，电话13912345678，最近总是睡不着，一躺下就想工作",
    "我的身份证号是11010519491231002X，邮箱是linxiao88@example.com，压力很大睡不着",
    "My friend Emily Watson tells me to relax but I keep worrying about work at night",
    "欧阳明镜还是睡不着，13912345678也没人打来，不想活了",
)


def clean(seen: str) -> None:
    assert not [secret for secret in SECRETS if secret in seen]


async def test_identifiers_are_seen_nowhere_in_the_graph(flow: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    services = flow.services()
    state, seen = await flow.watch(services, *TALK)
    assert state["reason"] == "crisis"
    assert len(state["history"]) == len(TALK)
    assert "<人名1>" in seen
    clean(seen)
    clean(caplog.text)
    clean(str([entry.entry.as_dict() for entry in services.record.entries()]))
    clean(str([vars(services.writer)]))


class Quotes:
    """A service that quotes all it was given when it fails."""

    name = "quotes"
    version = "1"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)

        def call(*args: Any, **named: Any) -> Any:
            raise RuntimeError(f"could not handle {args} {named} {SECRETS}")

        return call


class QuotingRecord(Quotes, MemoryRecord):
    name = "quotes"

    def append(self, entry: Any) -> Any:
        raise RuntimeError(f"could not keep {SECRETS}")


@pytest.mark.parametrize("part", ["redactor", "detector", "retriever", "writer", "checker", "record"])
async def test_an_error_that_quotes_identifiers_tells_nobody(
    flow: Any, caplog: pytest.LogCaptureFixture, part: str
) -> None:
    caplog.set_level("DEBUG")
    own: Any = QuotingRecord() if part == "record" else Quotes()
    if part == "writer":
        own = FakeWriter([RuntimeError(f"could not handle {SECRETS}")] * 9)
    state, seen = await flow.watch(flow.services(**{part: own}), TALK[0])
    assert state["route"] == "referred"
    assert state["faults"]
    clean(seen)
    clean(caplog.text)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


async def test_identifiers_and_thread_ids_are_in_no_file_and_no_log(
    flow: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    services = flow.services()
    parts = {name: getattr(services, name) for name in (*flow.parts, "retriever", "writer")}
    thread = "mingjing.ouyang@example.org"
    with Guard(Settings(home=tmp_path, threads="sqlite"), **parts) as guard:
        answers = [await guard.aask(text, thread=thread) for text in TALK]
        files = contents(tmp_path)
    later = contents(tmp_path)
    assert {"record.sqlite", "threads.sqlite", "record.sqlite-wal", "threads.sqlite-wal"} <= set(files)
    for name, content in (*files.items(), *later.items()):
        for secret in (*SECRETS, thread):
            for encoding in ("utf-8", "utf-16-le"):
                assert secret.encode(encoding) not in content, name
            assert secret.encode("unicode_escape") not in content, name
    clean(caplog.text)
    assert thread not in caplog.text
    assert [answer.turn for answer in answers] == [1, 2, 3, 4]
    assert answers[-1].reason == "crisis"
    # The person themselves may read what they wrote.
    assert any("不想活" in signal.evidence for signal in answers[-1].risk.signals)
