"""Any LangChain chat model as a writer: the same prompt, and no draft in any stream or callback."""

from __future__ import annotations

import asyncio

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.language_models.fake_chat_models import FakeListChatModel, GenericFakeChatModel
from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableLambda

from cbtguard.graph import Guard
from cbtguard.graph.conformance import check_writer
from cbtguard.graph.settings import Settings
from cbtguard.nodes import Context, Desk, fresh_turn
from cbtguard.nodes.retrieval.hybrid import Hit
from cbtguard.nodes.retrieval.note import NoteLibrary
from cbtguard.nodes.writers import Composer
from cbtguard.nodes.writers.langchain import ChatModelWriter
from cbtguard.nodes.writers.task import Writer, WritingTask
from cbtguard.safety.errors import DependencyError, WriterError
from cbtguard.safety.privacy import PresidioRedactor
from cbtguard.safety.privacy.vault import Vault

NOTES = NoteLibrary().pick(["worry-time", "thought-record"])
TASK = WritingTask(question="最近总是睡不着，一直担心考试。", language="zh-Hans", notes=NOTES)
QUESTION = "最近工作压力很大，晚上总是睡不着，一直担心项目做不完。"
NONSENSE = "qwxz-nonsense 香蕉香蕉"


def write(model, task: WritingTask = TASK):
    return asyncio.run(ChatModelWriter(model).write(task))


def replies(*contents) -> GenericFakeChatModel:
    return GenericFakeChatModel(messages=iter([AIMessage(content=content) for content in contents]))


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("试试「烦恼时段」。", "试试「烦恼时段」。"),
        (["试试", {"type": "text", "text": "「烦恼时段」。"}], "试试「烦恼时段」。"),
        (
            [{"type": "reasoning", "reasoning": "很难过"}, {"type": "text", "text": "试试「烦恼时段」。"}],
            "试试「烦恼时段」。",
        ),
        ("<think>很难过</think>试试「烦恼时段」。<|im_end|>", "试试「烦恼时段」。"),
    ],
)
def test_the_text_of_a_reply_becomes_a_draft(content, text):
    draft = write(replies(content))
    assert draft.text == text
    assert draft.citations == ("worry-time",)


@pytest.mark.parametrize("content", ["", "  ", [], [{"type": "reasoning", "reasoning": "x"}]])
def test_a_reply_without_text_is_an_error(content):
    with pytest.raises(WriterError) as caught:
        write(replies(content))
    assert caught.value.code == "writer.failed"


def test_it_conforms():
    model = FakeListChatModel(responses=["试试「烦恼时段」。"])
    check_writer(lambda: ChatModelWriter(model)).raise_for_failures()


class Failing(FakeListChatModel):
    error: BaseException

    def _call(self, *_, **__):
        raise self.error


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        (RuntimeError(f"bad prompt: {TASK.question}"), WriterError, "writer.failed"),
        (TimeoutError("slow"), WriterError, "writer.failed"),
        (ImportError("no client"), DependencyError, "dependency.library"),
    ],
)
def test_a_failing_model_is_a_typed_error_without_its_words(error, kind, code):
    with pytest.raises(kind) as caught:
        write(Failing(responses=["x"], error=error))
    assert caught.value.code == code
    assert TASK.question not in str(caught.value)
    if kind is WriterError:
        assert caught.value.__context__ is None


class Spy(BaseCallbackHandler):
    def __init__(self) -> None:
        self.heard: list[str] = []

    def on_chat_model_start(self, *_, **__) -> None:
        self.heard.append("start")

    def on_llm_new_token(self, *_, **__) -> None:
        self.heard.append("token")

    def on_llm_end(self, *_, **__) -> None:
        self.heard.append("end")


def test_callbacks_around_the_writer_hear_nothing():
    spy = Spy()
    writer = ChatModelWriter(FakeListChatModel(responses=["试试「烦恼时段」。"]))
    draft = asyncio.run(RunnableLambda(writer.write).ainvoke(TASK, {"callbacks": [spy]}))
    assert draft.text
    assert spy.heard == []


@pytest.mark.parametrize(
    ("given", "name"),
    [(None, "langchain/FakeListChatModel"), ("my model/1", "my-model/1"), ("x" * 300, "x" * 128)],
)
def test_the_name_is_one_the_record_takes(given, name):
    writer = ChatModelWriter(FakeListChatModel(responses=["x"]), name=given)
    assert isinstance(writer, Writer)
    assert writer.name == name


class WorryTime:
    """Finds the same note always: encoding a library is not what is tested here."""

    name = "fixed"

    def retrieve(self, text: str, *, k: int = 3) -> list[Hit]:
        return [Hit(note_id="worry-time", score=0.5)]


@pytest.fixture(scope="module")
def redactor() -> PresidioRedactor:
    return PresidioRedactor()


@pytest.fixture
def flow(tmp_path, redactor):
    def made(*responses: str) -> Guard:
        writer = ChatModelWriter(FakeListChatModel(responses=list(responses)))
        settings = Settings(home=tmp_path, record="memory")
        return Guard(settings, writer=writer, retriever=WorryTime(), redactor=redactor)

    return made


def test_nonsense_is_referred_in_the_flow(flow):
    with flow(NONSENSE) as guard:
        answer = guard.ask(QUESTION)
    assert (answer.route, answer.reason, answer.attempts) == ("referred", "checked_out", 3)
    assert NONSENSE not in answer.reply
    assert answer.faults == ()


def test_a_sound_answer_passes_the_flow_and_cites_its_note(flow):
    sound = Composer().compose(WritingTask(question=QUESTION, language="zh-Hans", notes=NOTES[:1])).text
    with flow(NONSENSE, sound) as guard:
        answer = guard.ask(QUESTION)
    assert (answer.route, answer.attempts, answer.writer) == ("answered", 2, "langchain/FakeListChatModel")
    assert "worry-time" in {citation.note_id for citation in answer.citations}


@pytest.mark.parametrize("mode", ["values", "updates", "messages", "debug", "tasks", "custom"])
def test_no_stream_mode_shows_a_draft(flow, mode):
    with flow(NONSENSE) as guard:
        context = Context(services=guard.services, desk=Desk(text=QUESTION, vault=Vault()))
        graph = guard._graph(threaded=False)
        turn = fresh_turn(turn_id="t1", at="2026-01-01T00:00:00.000Z", asked_language="zh-Hans", region="CN")

        async def watch() -> list[str]:
            stream = graph.astream(
                {**turn, "thread": "none", "turn": 1}, context=context, stream_mode=mode, subgraphs=True
            )
            return [repr(event) async for event in stream]

        seen = asyncio.run(watch())
    assert not any("qwxz" in event for event in seen)
    assert seen or mode in {"messages", "custom"}
