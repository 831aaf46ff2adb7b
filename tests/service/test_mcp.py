"""The tools, asked by the protocol's own client: in one process, and over a real pipe."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters

from cbtguard.graph import Guard, Settings
from cbtguard.safety.record import MemoryRecord
from cbtguard.service.mcp import make_server

CRISIS = "我不想活了，今晚就跳下去"
SECRET = "秘密的话"  # noqa: S105 - words that nothing may quote

EMBEDDING = (Path(__file__).resolve().parents[2] / "docs" / "embedding.md").read_text(encoding="utf-8")


class Broken:
    name = "broken"
    version = "1"

    def assess(self, text: str, **_: Any) -> Any:
        raise RuntimeError(text)


@pytest.fixture(scope="module")
def guard(
    real_redactor: Any, real_detector: Any, real_checker: Any, real_referrals: Any, real_library: Any
) -> Any:
    parts = {
        "redactor": real_redactor,
        "detector": real_detector,
        "checker": real_checker,
        "referrals": real_referrals,
        "library": real_library,
    }
    with Guard(Settings(record="memory"), record=MemoryRecord(), **parts) as made:
        yield made


async def test_the_tools(guard: Guard) -> None:
    async with Client(make_server(guard)) as client:
        listed = await client.list_tools()
        assert [tool.name for tool in listed.tools] == ["ask", "screen", "check", "redact"]
        assert all(tool.description for tool in listed.tools)
        answer = (await client.call_tool("ask", {"text": CRISIS, "thread": "t"})).structured_content
        assert answer is not None
        assert (answer["route"], answer["reason"]) == ("referred", "crisis")
        later = (await client.call_tool("ask", {"text": "谢谢", "thread": "t"})).structured_content
        assert later is not None
        assert later["reason"] == "care"
        risk = (await client.call_tool("screen", {"text": CRISIS})).structured_content
        assert risk is not None
        assert risk["level"] == "emergency"
        checked = (
            await client.call_tool("check", {"question": "睡不着", "answer": "想开点"})
        ).structured_content
        assert checked is not None
        assert not checked["passed"]
        found = (await client.call_tool("redact", {"text": "我叫李晓雯"})).structured_content
        assert found is not None
        assert "李晓雯" not in found["text"]


async def test_errors_quote_nobody(guard: Guard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard.services.detector, "assess", Broken().assess)
    async with Client(make_server(guard)) as client:
        for tool, given, said in (
            ("ask", {"text": ""}, "input.empty"),
            ("screen", {"text": SECRET * 9000}, "input.too_long"),
            ("ask", {"text": "睡不着", "region": SECRET}, "input.region_unknown"),
            ("screen", {"text": SECRET}, "RuntimeError"),
        ):
            result = await client.call_tool(tool, given)
            assert result.is_error
            assert said in str(result.content)
            assert SECRET not in str(result.content)


@pytest.mark.slow
async def test_the_example_of_the_documentation(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (block,) = [
        one
        for one in re.findall(r"```python\n(.*?)```", EMBEDDING, re.DOTALL)
        if "StdioServerParameters" in one
    ]
    here = StdioServerParameters(
        command=sys.executable,
        args=["-m", "cbtguard.service.cli", "mcp"],
        env={**os.environ, "CBTGUARD_HOME": str(tmp_path)},
    )
    names: dict[str, Any] = {}
    exec(compile(block.replace("asyncio.run(main())", ""), "embedding.md", "exec"), names)  # noqa: S102 - our own
    names["server"] = here
    await names["main"]()
    assert "crisis" in capsys.readouterr().out
