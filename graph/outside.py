"""Turns whose draft somebody else writes: looked at before, and then taken through the flow like any other."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from langgraph.runtime import Runtime

from cbtguard.graph.earlier import replayed
from cbtguard.graph.routes import after_retrieve, after_screen
from cbtguard.nodes import Context, Desk, Services, fresh_turn, protect, retrieve, screen
from cbtguard.nodes.generate import task_of
from cbtguard.nodes.moments import stamp
from cbtguard.nodes.writers.finish import finished
from cbtguard.safety.errors import Fault, StopFault, WriterError
from cbtguard.safety.privacy.vault import Vault
from cbtguard.safety.text import clean

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from cbtguard.graph.answer import Answer
    from cbtguard.graph.keeping import Keeping
    from cbtguard.graph.loop import LoopThread
    from cbtguard.graph.settings import Settings
    from cbtguard.nodes import Limits
    from cbtguard.nodes.writers.task import Draft, WritingTask
    from cbtguard.safety.privacy.entities import Redaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a person asks in somebody else's program."""

    text: str
    thread: str | None = None
    earlier: tuple[str, ...] = ()
    """What the person wrote before, oldest first; not read once ``thread`` is known."""
    region: str | None = None
    language: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What the guards say of a question before anything is written."""

    task: WritingTask | None
    """What to write, with placeholders; None where the flow refers, or cannot tell."""
    texts: tuple[str, ...]
    """The texts that a model is to be shown, with placeholders; empty without a task."""
    vault: Vault
    """What the placeholders stand for, for :meth:`OutsideMethods.taken`."""


class Outsider:
    """The writer of a turn whose draft is already there.

    Args:
        text: What was written; None where nothing could be.
        name: Who wrote it, for the record.
    """

    def __init__(self, text: str | None, name: str) -> None:
        self.name = name
        self._text = text

    async def write(self, task: WritingTask) -> Draft:
        """Return the draft.

        Raises:
            WriterError: ``writer.outside`` where there is none.
        """
        if self._text is None:
            raise WriterError(
                "writer.outside",
                "Nothing was written.",
                hint="Look at the errors of the model that was asked.",
            )
        return finished(self._text, language=task.language, notes=task.notes)


class OutsideMethods:
    """Drafts from outside; :class:`cbtguard.graph.Guard` has these methods, and the middleware uses them."""

    settings: Settings
    _loop: LoopThread
    _keeping: Keeping
    _limits: Limits
    _pool: Any

    def outside(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Return what one of the coroutines below brings, for callers without an event loop."""
        return self._loop.run(work)

    async def aoutside(self, work: Coroutine[Any, Any, Any]) -> Any:
        """As :meth:`outside`, without blocking the caller's event loop."""
        return await self._loop.wait(work)

    async def looked(self, question: Question, texts: Sequence[str] = ()) -> Look:
        """Return whether a question may be written to, and with what; nothing is recorded.

        Args:
            question: What the person asks.
            texts: All that a model is to be shown, the question too; personal data is taken out.

        Raises:
            InputError: When the question cannot be used.
        """
        cleaned = clean(question.text, limit=self.settings.max_characters)
        services: Services = await self._made_services()  # type: ignore[attr-defined]
        name = self._thread_name(question.thread)  # type: ignore[attr-defined]
        kept = await self._keeping.vault(name) if name else None
        context = Context(
            services=replace(services, opinion=None),
            desk=Desk(text=cleaned, vault=kept or Vault()),
            limits=self._limits,
            pool=self._pool,
            reviews=self._review_queue(services),  # type: ignore[attr-defined]
        )
        task: WritingTask | None = None
        shown: tuple[str, ...] = ()
        bound = self._limits
        try:
            async with asyncio.timeout(bound.protect_s + bound.screen_s + bound.retrieve_s):
                task = await self._task(question, context, name)
            if task is not None:
                shown = await self._shown(texts, context)
        except Exception:  # noqa: BLE001 - the flow meets it again, refers, and says so in its entry
            task, shown = None, ()
        return Look(task=task, texts=shown, vault=context.desk.vault)

    async def taken(self, question: Question, draft: str | None, vault: Vault, *, name: str) -> Answer:
        """Return the answer of a turn that takes a draft through the flow: screened, checked, mended, recorded.

        It is mended from the notes; whoever wrote it is not asked again.

        Args:
            question: What the person asked.
            draft: What was written, with placeholders; None where nothing could be.
            vault: Of the :class:`Look`.
            name: Who wrote it.

        Raises:
            InputError: When the question cannot be used.
        """
        answer: Answer = await self._ask(  # type: ignore[attr-defined]
            question.text,
            question.thread,
            question.region,
            question.language,
            earlier=question.earlier,
            own=(Outsider(draft, name), vault),
        )
        return answer

    async def _task(self, question: Question, context: Context, name: str | None) -> WritingTask | None:
        language = self._asked_language(question.language)  # type: ignore[attr-defined]
        state: Any = {
            **fresh_turn(
                turn_id="look",
                at=stamp(context.services.clock()),
                asked_language=language,
                region=self.region(question.region),  # type: ignore[attr-defined]
            ),
        }
        if name is not None:
            graph = await self._threaded_graph()  # type: ignore[attr-defined]
            past = (await graph.aget_state({"configurable": {"thread_id": name}})).values
            state |= {key: past[key] for key in ("history", "care", "turn") if key in past}
            # What is lost of the vault keeps its numbers.
            context.desk.vault.advance(past.get("counters") or {})
            if context.reviews is not None and past.get("reviews"):
                state["taken_over"] = await context.reviews.taken_over(past["reviews"])
        if question.earlier and not state.get("turn"):
            state |= await replayed(question.earlier, context)
        runtime = Runtime(context=context)
        steps: tuple[tuple[Callable[..., Any], Callable[[Any], str]], ...] = (
            (protect, lambda _: "on"),
            (screen, lambda now: "on" if after_screen(now) == "retrieve" else "refer"),
            (retrieve, lambda now: "on" if after_retrieve(now) == "compose" else "refer"),
        )
        for step, way in steps:
            state |= await step(state, runtime)
            if way(state) == "refer":
                return None
        return task_of(state, context)

    async def _shown(self, texts: Sequence[str], context: Context) -> tuple[str, ...]:
        vault, redact = context.desk.vault, context.services.redactor.redact
        return await asyncio.get_running_loop().run_in_executor(
            self._pool, lambda: tuple(_without(redact(text, vault), vault) if text else "" for text in texts)
        )


def _without(redaction: Redaction, vault: Vault) -> str:
    if vault.known(redaction.text):
        raise StopFault("protect", Fault.GARBAGE, "identifier_left")
    return redaction.text
