"""What is put to the test: the whole guarded flow, a writer with notes and no guards, or a bare chat model."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Protocol

from cbtguard.lab.evaluation.chat import load_chat, server_of, spec_of
from cbtguard.safety.errors import SettingsError, WriterError
from cbtguard.safety.files import read_yaml

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cbtguard.graph import Guard
    from cbtguard.graph.settings import Settings
    from cbtguard.lab.evaluation.chat import Chat
    from cbtguard.nodes.retrieval.hybrid import Retriever
    from cbtguard.nodes.retrieval.note import NoteLibrary
    from cbtguard.nodes.writers.task import Writer

_EARLIER = 3
"""Earlier messages that a writer is given."""
_PROMPT = Path(__file__).parent / "data" / "counsellor.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a counsellor says."""

    text: str
    """Empty where there was none."""
    referred: bool = False
    """Whether it sends the person to people in place of an answer."""
    reason: str = ""
    """Why it does so, in the flow's own words."""
    failure: str = ""
    """Code of what went wrong."""


class Counsellor(Protocol):
    """Answers what clients say."""

    @property
    def name(self) -> str:
        """As it stands in tables."""
        ...

    async def reply(self, session: str, said: Sequence[str]) -> Reply:
        """Return the reply to a session.

        Args:
            session: Its id.
            said: Client and counsellor in turn, the client first and last.
        """
        ...


class GuardedCounsellor:
    """The whole flow.

    Args:
        guard: The flow; each session is a talk of its own.
    """

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self.name = f"guarded flow with {guard.services.writer.name}"

    async def reply(self, session: str, said: Sequence[str]) -> Reply:
        """Return the flow's reply."""
        answer = await self._guard.aask(said[-1], thread=session)
        return Reply(text=answer.reply, referred=answer.route.value != "answered", reason=answer.reason)


class WriterCounsellor:
    """A writer on the notes that fit, with nobody who screens or checks.

    Args:
        writer: The writer.
        retriever: Finds notes.
        library: Holds them.
    """

    def __init__(self, writer: Writer, retriever: Retriever, library: NoteLibrary) -> None:
        self._writer, self._retriever, self._library = writer, retriever, library
        self.name = f"{writer.name} with notes, no guards"

    async def reply(self, session: str, said: Sequence[str]) -> Reply:
        """Return the writer's draft; no text where no note fits or the writer fails."""
        from cbtguard.lab.evaluation.pairs import language_of  # noqa: PLC0415 - keeps help fast
        from cbtguard.nodes.writers.task import WritingTask  # noqa: PLC0415 - the same
        from cbtguard.safety.risk import PastTurn  # noqa: PLC0415 - the same

        del session
        notes = tuple(self._library[hit.note_id] for hit in self._retriever.retrieve(said[-1]))
        if not notes:
            return Reply(text="", failure="no_note")
        earlier = tuple(PastTurn(text=text) for text in said[:-1:2][-_EARLIER:])
        spoken = language_of(said[-1], said[0])
        try:
            draft = await self._writer.write(
                WritingTask(question=said[-1], language=spoken, notes=notes, history=earlier)
            )
        except WriterError as error:
            return Reply(text="", failure=error.code)
        return Reply(text=draft.text)


class ChatCounsellor:
    """A chat model that is told to be a counsellor, and nothing else.

    Args:
        chat: The model.
    """

    def __init__(self, chat: Chat) -> None:
        self._chat = chat
        self._system = str(read_yaml(_PROMPT)["system"])
        self.name = f"{chat.name} alone"

    async def reply(self, session: str, said: Sequence[str]) -> Reply:
        """Return what the model says; no text where it fails."""
        del session
        messages = [{"role": "system", "content": self._system}]
        for number, text in enumerate(said):
            messages.append({"role": "assistant" if number % 2 else "user", "content": text or "..."})
        try:
            return Reply(text=await self._chat.say(messages))
        except WriterError as error:
            return Reply(text="", failure=error.code)


@contextmanager
def counsellor_of(spec: str, settings: Settings, *, key_env: str | None = None) -> Iterator[Counsellor]:
    """Give what a name stands for.

    Args:
        spec: ``guard`` or ``guard:WRITER`` for the whole flow; ``composer``, ``openai:MODEL@URL`` or
            ``transformers:FOLDER`` for a writer with notes; ``chat:MODEL@URL`` for a model alone.
        settings: For the flow and for notes.
        key_env: Variable of the environment that holds a server's key.

    Raises:
        SettingsError: ``settings.invalid`` for a name of another form.
        CbtguardError: Where a part cannot be made.
    """
    kind, _, rest = spec.partition(":")
    if kind == "chat":
        yield ChatCounsellor(load_chat(spec, key_env=key_env))
        return
    if kind == "guard":
        from cbtguard.graph import Guard  # noqa: PLC0415 - keeps help fast

        # A benchmark leaves nothing in the operator's record.
        with TemporaryDirectory() as home:
            own = settings.model_copy(update={"home": Path(home), "record": "memory"})
            parts: dict[str, Any] = {"writer": _writer(rest, own, key_env)} if rest else {}
            with Guard(own, **parts) as guard:
                yield GuardedCounsellor(guard.warm())
        return
    from cbtguard.graph.assemble import default_library, default_retriever  # noqa: PLC0415 - keeps help fast

    library = default_library(settings)
    yield WriterCounsellor(_writer(spec, settings, key_env), default_retriever(settings, library), library)


def _writer(spec: str, settings: Settings, key_env: str | None) -> Writer:
    from cbtguard.graph.writer import make_writer  # noqa: PLC0415 - keeps help fast

    kind, _, rest = spec.partition(":")
    if spec == "composer" or (kind == "transformers" and rest):
        return make_writer(settings.model_copy(update={"writer": spec}))
    if kind == "openai":
        from cbtguard.nodes.writers.openai import OpenAIWriter  # noqa: PLC0415 - keeps help fast

        named = spec_of(spec)
        server = server_of(named, key_env)
        return OpenAIWriter(server.url, named.model, key=server.key, times=server.times)
    raise SettingsError(
        "settings.invalid",
        "There is no such writer.",
        hint="Use guard, guard:WRITER, composer, openai:MODEL@URL, transformers:FOLDER or chat:MODEL@URL.",
    )
