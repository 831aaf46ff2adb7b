from __future__ import annotations

from typing import Any

import pytest

from cbtguard.graph import FakeWriter
from cbtguard.safety.errors import WriterError

SENTINEL = "未检查草稿标记四七一一"
BAD = f"{SENTINEL}。多喝热水。"


@pytest.mark.parametrize(
    ("outputs", "route"),
    [
        ([BAD, None], "answered"),
        ([BAD, BAD, None], "answered"),
        ([BAD, BAD, BAD], "referred"),
        ([BAD, RuntimeError(SENTINEL)], "referred"),
        ([WriterError("writer.odd", SENTINEL, hint=SENTINEL)], "referred"),
        ([{"text": SENTINEL}], "referred"),
    ],
)
async def test_a_rejected_draft_is_seen_nowhere(
    flow: Any, caplog: pytest.LogCaptureFixture, outputs: list[Any], route: str
) -> None:
    caplog.set_level("DEBUG")
    prepared = [flow.good if output is None else output for output in outputs]
    services = flow.services(writer=FakeWriter(prepared * 2))
    state, seen = await flow.watch(services, flow.question)
    assert state["route"] == route
    assert "sleep-stimulus-control" in seen
    assert SENTINEL not in seen
    assert SENTINEL not in caplog.text
    assert SENTINEL not in str([entry.entry.as_dict() for entry in services.record.entries()])


async def test_a_draft_that_echoes_an_identifier_is_rejected_and_seen_nowhere(flow: Any) -> None:
    echo = f"陈晓雨，{flow.good}"
    services = flow.services(writer=FakeWriter([echo, flow.good] * 2))
    state, seen = await flow.watch(services, f"我叫陈晓雨，{flow.question}")
    assert (state["route"], state["attempts"]) == ("answered", 2)
    assert "陈晓雨" not in seen


async def test_a_word_that_only_holds_a_name_is_no_identifier(flow: Any) -> None:
    services = flow.services()
    state, _ = await flow.watch(
        services,
        "My name is Ann and I keep worrying about work at night",
        "Our Anniversary is near and I keep worrying at night and cannot sleep",
    )
    assert not [fault for fault in state["faults"] if "identifier" in fault]
