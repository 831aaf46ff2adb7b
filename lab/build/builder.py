"""One question through the flow: screened first, then redacted, answered, checked, and read."""

from __future__ import annotations

import asyncio
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from cbtguard.graph.build import compile_graph
from cbtguard.graph.loop import LoopThread
from cbtguard.graph.turn import run_turn
from cbtguard.lab.build.meter import Meter
from cbtguard.lab.build.outcome import Outcome, answered, divided, risk_of
from cbtguard.lab.build.plan import Job, Task
from cbtguard.nodes import Context, Desk, fresh_turn
from cbtguard.nodes.moments import stamp
from cbtguard.nodes.stop import ask
from cbtguard.nodes.writers.prompt import PromptForm
from cbtguard.nodes.writers.prompt_texts import DATA as PROMPTS
from cbtguard.safety.errors import CbtguardError
from cbtguard.safety.files import version_of
from cbtguard.safety.privacy import Redaction, Vault
from cbtguard.safety.risk import Risk
from cbtguard.safety.text import clean

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Future

    from cbtguard.graph.guard import Guard


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """How every question of a data set is to be answered.

    Attributes:
        language: ``auto``, ``zh-Hans``, ``zh-Hant`` or ``en``; a row's own language counts before it.
        form: In which form the prompt of a row is kept.
        concurrency: Questions in work at once in one process.
    """

    language: str = "auto"
    form: PromptForm = PromptForm.CHAT
    concurrency: int = 4


class Builder:
    """Takes questions through the compiled flow with the services of a guard.

    It runs the same graph as :meth:`cbtguard.graph.guard.Guard.ask` and reads its final state, in which
    question and answer still have their placeholders.

    Args:
        guard: Whose services and limits are used; its record should be in memory, these are no talks.
        wish: How the questions are answered.
    """

    def __init__(self, guard: Guard, wish: Wish) -> None:
        self._services = guard.services
        self._limits = guard.settings.bounds()
        self._region = guard.region(None)
        self._most = guard.settings.max_characters
        self._wish = wish
        self._graph: Any = compile_graph(self._limits)
        self._pool = ThreadPoolExecutor(
            max(guard.settings.workers, wish.concurrency), thread_name_prefix="cbtguard-build"
        )
        self._loop = LoopThread()
        self._gate: asyncio.Semaphore | None = None

    @property
    def made_with(self) -> dict[str, str]:
        """All that an outcome depends on, by name: the versions of the guards, the writer, and the wish."""
        return {
            **self._services.versions(),
            "writer": self._services.writer.name,
            "prompts": version_of([PROMPTS]),
            "prompt": self._wish.form.value,
            "language": self._wish.language,
            "region": self._region,
            "drafts": str(self._limits.generations),
        }

    def submit(self, job: Job) -> Future[Outcome]:
        """Start a question; return the future of its outcome, which never raises what a row can cause."""
        return self._loop.submit(self._bounded(job))

    def work(self, jobs: Sequence[Job]) -> list[Outcome]:
        """Return the outcomes of some questions, in order."""
        return [future.result() for future in [self.submit(job) for job in jobs]]

    def close(self) -> None:
        """Let go of threads and loop."""
        self._loop.close()
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _bounded(self, job: Job) -> Outcome:
        if self._gate is None:
            self._gate = asyncio.Semaphore(self._wish.concurrency)
        async with self._gate:
            try:
                return await self._one(job)
            except CbtguardError as error:
                # Its message holds no word of the row.
                return Outcome(kind="error", data={"error": error.as_dict()})

    async def _one(self, job: Job) -> Outcome:
        asked = job.question
        message = clean(asked.message, limit=self._most)
        desk = Desk(text=message, vault=Vault())
        context = Context(services=self._services, desk=desk, limits=self._limits, pool=self._pool)
        # Each piece stands alone for whoever reads the data later; a tag may say what the question does not.
        pieces = {message, asked.question, asked.description, ", ".join(asked.keywords)}
        risk = await self._worst(context, pieces)
        if risk.level.refers:
            return await self._crisis(context, risk, len(asked.question))
        if job.task is Task.SCREEN:
            return Outcome(kind="cleared", data=risk_of(risk))
        meter = Meter(self._services.writer)
        used = replace(context, services=replace(self._services, writer=meter))
        language = asked.language if asked.language != "auto" else self._wish.language
        turn = fresh_turn(
            turn_id=uuid.uuid4().hex,
            at=stamp(self._services.clock()),
            asked_language=language,
            region=self._region,
        )
        state = await run_turn(self._graph, turn, used)
        outcome = await self._judged(state, used, len(asked.question))
        return replace(outcome, read=meter.read, written=meter.written)

    async def _judged(self, state: dict[str, Any], context: Context, cut: int) -> Outcome:
        """What a finished turn comes to."""
        flow = Risk.from_dict(state["risk"]) if state["risk"] else None
        if flow is not None and flow.level.refers:
            return await self._crisis(context, flow, cut)
        if state["faults"] or flow is None:
            return Outcome(kind="error", data={"error": {"code": "flow.fault"}, "faults": state["faults"]})
        if state["answer"] is None:
            data = {"reason": state["reason"], "language": state["language"], "attempts": state["attempts"]}
            return Outcome(kind="refused", data={**data, "defects": state["defects"]})
        redaction = context.desk.redaction
        assert redaction is not None  # noqa: S101 - the protect stop has passed
        question, description = divided(redaction, cut)
        if redaction.entities:
            # What the data set holds is other words than what was screened first.
            written = await self._worst(context, {question, description})
            if written.level.refers:
                return await self._crisis(context, written, cut)
        return answered(state, flow, question, description, self._services, self._wish.form)

    async def _crisis(self, context: Context, risk: Risk, cut: int) -> Outcome:
        redaction = context.desk.redaction
        if redaction is None:
            redact = self._services.redactor.redact
            redaction = await ask(
                context, "protect", redact, Redaction, context.desk.text, context.desk.vault
            )
        question, description = divided(redaction, cut)
        return Outcome(
            kind="crisis", data={"question": question, "description": description, **risk_of(risk)}
        )

    async def _worst(self, context: Context, texts: set[str]) -> Risk:
        """The gravest verdict on some texts."""
        assess = self._services.detector.assess
        risks = [
            await ask(context, "screen", assess, Risk, clean(text, limit=self._most))
            for text in sorted(texts)
            if text.strip()
        ]
        return max(risks, key=lambda risk: (risk.level.rank, risk.score))
