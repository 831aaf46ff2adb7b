"""The graph on a real development server of LangGraph, asked through its SDK."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from langgraph_sdk import get_client

from cbtguard.graph.records import open_record
from cbtguard.graph.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
QUESTION = "我叫李晓雯，最近总睡不着，一躺下就想工作的事"
CRISIS = "我不想活了，今晚就跳下去"


def command() -> str | None:
    """The program `langgraph`, in this environment or in the one beside it."""
    own = ROOT / ".langgraph" / "bin" / "langgraph"
    here = shutil.which("langgraph") if importlib.util.find_spec("langgraph_api") else None
    return os.environ.get("CBTGUARD_LANGGRAPH") or here or (str(own) if own.exists() else None)


pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(command() is None, reason="docs/langgraph.md tells how to install the server"),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    home = tmp_path_factory.mktemp("home")
    # It keeps its own files where it is started.
    here = tmp_path_factory.mktemp("project")
    shutil.copy(ROOT / "langgraph.json", here)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(
            [str(command()), "dev", "--no-browser", "--no-reload", "--port", str(port)],
            cwd=here,
            env={**os.environ, "CBTGUARD_HOME": str(home), "LANGGRAPH_CLI_NO_ANALYTICS": "1"},
            stdout=log,
            stderr=log,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        end = time.monotonic() + 180
        while True:
            assert process.poll() is None, (home / "log").read_text(encoding="utf-8")[-2000:]
            assert time.monotonic() < end
            try:
                if httpx.get(f"{url}/ok", trust_env=False, timeout=2).status_code == 200:
                    break
            except httpx.HTTPError:
                time.sleep(0.2)
        yield url, home
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(20)


async def test_threads_streams_and_a_crisis_through_the_sdk(server: tuple[str, Path]) -> None:
    url, home = server
    async with get_client(url=url, api_key=None) as client:
        thread = (await client.threads.create())["thread_id"]
        modes: Any = ["values", "updates", "custom", "messages-tuple", "debug"]
        chunks = [
            chunk
            async for chunk in client.runs.stream(
                thread,
                "cbtguard",
                input={"messages": [{"role": "user", "content": QUESTION}]},
                stream_mode=modes,
                stream_subgraphs=True,
            )
        ]
        seen = "\n".join(str(chunk.data) for chunk in chunks)
        assert "asked_language" not in seen  # the flow's own state
        custom = [chunk.data["cbtguard"] for chunk in chunks if chunk.event == "custom"]
        assert [event["stop"] for event in custom if event["kind"] == "stop"][-1] == "record"
        final = [chunk.data for chunk in chunks if chunk.event == "values"][-1]
        assert final["guard"]["route"] == "answered"
        assert final["messages"][-1]["content"] == final["reply"]
        for event in custom:
            assert event["kind"] == "stop" or event["text"] in final["reply"]

        crisis: Any = await client.runs.wait(thread, "cbtguard", input={"text": CRISIS, "region": "HK"})
        assert (crisis["guard"]["reason"], crisis["guard"]["turn"]) == ("crisis", 2)
        assert "18111" in crisis["reply"]
        care: Any = await client.runs.wait(
            thread, "cbtguard", input={"messages": [{"role": "user", "content": "谢谢"}]}
        )
        assert care["guard"]["reason"] == "care"
        other: Any = await client.runs.wait(
            None, "cbtguard", input={"text": "I can't stop worrying about exams"}
        )
        assert other["guard"]["reason"] == "checked"

    record = open_record(load_settings(home=home))
    assert record.verify().ok
    assert [stored.entry.reason for stored in record.entries()] == ["checked", "crisis", "care", "checked"]
    record.close()


def test_the_example_of_the_documentation_runs(
    server: tuple[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    text = (ROOT / "docs" / "langgraph.md").read_text(encoding="utf-8")
    (block,) = [one for one in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "get_client" in one]
    code = block.replace("http://127.0.0.1:2024", server[0])
    exec(compile(code, "langgraph.md", "exec"), {})  # noqa: S102 - our own documentation
    assert capsys.readouterr().out.startswith("crisis ")
