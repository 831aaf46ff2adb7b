"""The façade: one object that answers, in and out of an event loop."""

from __future__ import annotations

import asyncio
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

from cbtguard.graph.answer import Answer, answer_of
from cbtguard.graph.assemble import Unavailable, assemble, default_directory
from cbtguard.graph.batching import BatchMethods
from cbtguard.graph.build import compile_graph
from cbtguard.graph.contact import ContactHook, Contacts, make_contact
from cbtguard.graph.keeping import Keeping
from cbtguard.graph.loop import LoopThread
from cbtguard.graph.outside import OutsideMethods
from cbtguard.graph.retention import ForgetMethods
from cbtguard.graph.review.methods import ReviewMethods
from cbtguard.graph.review.queue import ReviewQueue
from cbtguard.graph.settings import Settings, load_settings
from cbtguard.graph.streaming import StreamMethods
from cbtguard.graph.threads import ThreadNames
from cbtguard.graph.turn import run_turn
from cbtguard.nodes import Context, Desk, Services, fresh_turn
from cbtguard.nodes.holding import Policy
from cbtguard.nodes.moments import stamp
from cbtguard.safety.errors import CbtguardError, DataError, InputError, RecordError
from cbtguard.safety.language import OTHER, UNDETERMINED, Language, detect, normalise_language
from cbtguard.safety.privacy.vault import Vault
from cbtguard.safety.referral.fitting import audience_of
from cbtguard.safety.text import clean

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from langgraph.checkpoint.base import BaseCheckpointSaver

    from cbtguard.graph.vaults import VaultStore
    from cbtguard.nodes import Turn
    from cbtguard.nodes.writers.task import Writer
    from cbtguard.safety.referral import FileDirectory
    from cbtguard.safety.structure import Part


class Guard(StreamMethods, BatchMethods, ForgetMethods, ReviewMethods, OutsideMethods):
    """Answers questions through the guarded flow.

    Every part may be replaced: ``Guard(writer=MyWriter())``. Parts are made on first use; :meth:`warm`
    makes them before.

    Args:
        settings: Settings, or the path of a TOML file; read from the environment when None.
        checkpointer: Where talks are kept, in place of the setting ``threads``.
        vaults: Where the personal data of talks is kept while they last, in place of the setting ``vaults``.
        contact: Who is told of a crisis, in place of the setting ``contact_webhook``.
        parts: Services by name: redactor, detector, retriever, library, writer, checker, referrals,
            record, clock.

    Raises:
        SettingsError: When the settings cannot be used. Errors of a part come at first use.
    """

    def __init__(
        self,
        settings: Settings | str | None = None,
        *,
        checkpointer: BaseCheckpointSaver[Any] | None = None,
        vaults: VaultStore | None = None,
        contact: ContactHook | None = None,
        **parts: Any,
    ) -> None:
        self.settings = settings if isinstance(settings, Settings) else load_settings(settings)
        self._limits = self.settings.bounds()
        self._parts = parts
        clock = parts.get("clock", time.time)
        self._checkpointer = checkpointer
        self._keeping = Keeping(self.settings, checkpointer, vaults, clock=clock, tell=self._tell)
        self._locks = self._keeping.locks
        self._contact = contact if contact is not None else make_contact(self.settings)
        self._lock = threading.Lock()
        self._services: Services | None = None
        self.problems: tuple[CbtguardError, ...] = ()
        """Errors of parts that could not be made; the flow refers where it needs one of them."""
        self._names: ThreadNames | None = None
        self._graphs: dict[bool, Any] = {}
        self._region_of: Callable[[str], str] | None = None
        self._queue: ReviewQueue | None = None
        self._contacts: Contacts | None = None
        self._loop = LoopThread()
        self._pool = ThreadPoolExecutor(self.settings.workers, thread_name_prefix="cbtguard")
        self._desks: dict[asyncio.Task[Answer], Desk] = {}

    # --- the parts ---------------------------------------------------------------------------------------

    @property
    def services(self) -> Services:
        """The parts in use, made on first use.

        Raises:
            SettingsError: When a setting names something that does not exist.
        """
        with self._lock:
            if self._services is None:
                self._services, self.problems = assemble(self.settings, **self._parts)
            return self._services

    def warm(self) -> Self:
        """Make every part now, and load the writer's weights, so that the first question need not wait.

        Raises:
            CbtguardError: Of the first part that cannot be made. A guard that is not warmed answers every
                question with the referral in such a case; see :attr:`problems`.
        """
        services = self.services
        if self.problems:
            raise self.problems[0]
        load = getattr(services.writer, "load", None)
        if callable(load):
            load()
        self._graph(threaded=False)
        self._loop.run(self._keeping.talks())
        return self

    def close(self) -> None:
        """Let go of record, threads and workers; turns in work end as by :meth:`hurry` before.

        A closed guard answers no more.
        """
        self._loop.run(self._aclose())
        self._loop.close()
        self._pool.shutdown(wait=False, cancel_futures=True)
        if self._services is not None:
            self._services.record.close()

    def hurry(self) -> None:
        """Wait for no writer any longer: each turn in work ends in the referral, and in its entry."""
        self._loop.run(self._hurry())

    async def _hurry(self) -> None:
        for desk in self._desks.values():
            desk.left.set()

    async def _aclose(self) -> None:
        await self._hurry()
        if self._desks:
            # Their entries are still to be written.
            await asyncio.wait(tuple(self._desks), timeout=self._limits.record_s)
        if self._contacts is not None:
            await self._contacts.close()
        await self._keeping.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- one question ------------------------------------------------------------------------------------

    def ask(
        self,
        text: str,
        *,
        thread: str | None = None,
        region: str | None = None,
        language: str | None = None,
        audience: Collection[str] = (),
    ) -> Answer:
        """Return the answer to one message; works inside a running event loop too, and blocks it.

        Args:
            text: What the person wrote, at most ``max_characters``.
            thread: Id of the talk, of the caller's choosing; None for a question that stands alone.
            region: Region whose help lines to show; the setting when None.
            language: Language of the reply; the setting when None.
            audience: Groups the person belongs to, as the caller knows it: values of
                :class:`~cbtguard.safety.referral.Audience`. Lines for them come first. It is never guessed
                from what the person writes, and is kept nowhere.

        Raises:
            InputError: When text, region, language or audience cannot be used. Whatever else goes wrong ends in an
                answer whose route is ``referred``.
        """
        return self._loop.run(self._ask(text, thread, region, language, audience))

    async def aask(
        self,
        text: str,
        *,
        thread: str | None = None,
        region: str | None = None,
        language: str | None = None,
        audience: Collection[str] = (),
    ) -> Answer:
        """As :meth:`ask`, without blocking the caller's event loop."""
        return await self._loop.wait(self._ask(text, thread, region, language, audience))

    # --- inside ------------------------------------------------------------------------------------------

    async def _ask(
        self,
        text: str,
        thread: str | None,
        region: str | None,
        language: str | None,
        audience: Collection[str] = (),
        on_stop: Callable[[str, float], None] | None = None,
        on_part: Callable[[str, tuple[Part, ...]], None] | None = None,
        earlier: Sequence[str] = (),
        own: tuple[Writer, Vault] | None = None,
    ) -> Answer:
        cleaned = clean(text, limit=self.settings.max_characters)
        before = [clean(one, limit=self.settings.max_characters) for one in earlier]
        asked = self._asked_language(language)
        named = audience_of(audience)
        services = await self._made_services()
        where = self.region(region)
        name = self._thread_name(thread)
        used, limits = services, self._limits
        if own is not None:
            used, limits = replace(services, writer=own[0]), replace(limits, generations=1)
        desk = Desk(text=cleaned, vault=own[1] if own else Vault(), on_stop=on_stop, audience=named)
        if on_part is not None:
            desk.on_part = lambda piece, parts: on_part(desk.vault.restore(piece), parts)
        turn = fresh_turn(
            turn_id=uuid.uuid4().hex,
            at=stamp(services.clock()),
            asked_language=asked,
            region=where,
            language=_first_language(asked, cleaned),
        )
        context = Context(
            services=used,
            desk=desk,
            limits=limits,
            pool=self._pool,
            reviews=self._review_queue(services),
        )
        task = asyncio.ensure_future(self._held(turn, context, name, thread, before, owned=own is not None))
        self._desks[task] = desk
        task.add_done_callback(self._done)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            # Nobody waits any more; what the screen saw is kept all the same, and the entry is written.
            desk.left.set()
            raise

    def _done(self, task: asyncio.Task[Answer]) -> None:
        self._desks.pop(task, None)
        if not task.cancelled():
            task.exception()

    async def _held(
        self,
        turn: Turn,
        context: Context,
        name: str | None,
        thread: str | None,
        before: Sequence[str],
        *,
        owned: bool = False,
    ) -> Answer:
        """One turn, while nobody else has one in this talk; ``owned`` where the desk's vault is the talk's already."""
        desk = context.desk
        async with self._locks.hold(name):
            graph = await self._threaded_graph() if name else self._graph(threaded=False)
            vault = await self._keeping.vault(name) if name else None
            vault = desk.vault if owned else vault
            desk.vault = vault or desk.vault
            state = await run_turn(
                graph,
                turn,
                context,
                thread=name,
                renew=vault is None,
                earlier=before,
                shared=name is not None and self._keeping.outlives,
            )
            # An empty vault says nothing, and one that could not be renewed must not start the numbers anew.
            # What a reviewer lets through is completed from the vault, in a talk or not.
            kept = name or state["review"]
            if kept and desk.vault.counters:
                await self._keeping.keep(kept, desk.vault)
        if name:
            self._keeping.retain()
        self._tell_contacts(state, context.services)
        return answer_of(state, desk, context.services, thread=thread)

    def region(self, region: str | None) -> str:
        """Return the region code to use.

        Raises:
            InputError: ``input.region_unknown``.
        """
        wanted = region if region is not None else self.settings.region
        if self._region_of is None:
            own = getattr(self.services.referrals, "normalise_region", None)
            self._region_of = own or self._directory().normalise_region
        return str(self._region_of(wanted))

    def _directory(self) -> FileDirectory:
        """The directory of the settings, read once; the shipped one when it is malformed, as for the texts."""
        from cbtguard.safety.referral import FileDirectory  # noqa: PLC0415 - only where a desk names no regions

        try:
            return default_directory(self.settings)
        except DataError:
            return FileDirectory()

    def _asked_language(self, language: str | None) -> str:
        wanted = language if language is not None else self.settings.language
        return "auto" if wanted.strip().lower() == "auto" else normalise_language(wanted).value

    async def _made_services(self) -> Services:
        return await asyncio.get_running_loop().run_in_executor(self._pool, lambda: self.services)

    def _thread_name(self, thread: str | None) -> str | None:
        if thread is None:
            return None
        if not thread.strip() or len(thread) > 512:
            raise InputError(
                "input.thread",
                "The thread id is empty or longer than 512 characters.",
                hint="Use a short id.",
            )
        return self._keyed_names().of(thread)

    def _keyed_names(self) -> ThreadNames:
        with self._lock:
            if self._names is None:
                key = self.settings.path("thread.key") if self._keeping.outlives else None
                try:
                    self._names = ThreadNames(key)
                except RecordError as error:
                    # Without the key no earlier talk is found, but whoever writes gets a reply.
                    self._tell(error)
                    self._names = ThreadNames()
            return self._names

    def _tell(self, error: CbtguardError) -> None:
        self.problems = (*(p for p in self.problems if p.code != error.code), error)

    def _graph(self, *, threaded: bool) -> Any:
        with self._lock:
            if threaded not in self._graphs:
                self._graphs[threaded] = compile_graph(
                    self._limits, checkpointer=self._checkpointer if threaded else None
                )
            return self._graphs[threaded]

    async def _threaded_graph(self) -> Any:
        try:
            await self._saver()
        except CbtguardError as error:
            return Unavailable("threads", error)
        return self._graph(threaded=True)

    async def _saver(self) -> BaseCheckpointSaver[Any]:
        if self._checkpointer is None:
            try:
                self._checkpointer = (await self._keeping.talks()).saver
            except CbtguardError as error:
                self._tell(error)
                raise
        return self._checkpointer

    def _review_queue(self, services: Services) -> ReviewQueue | None:
        policy = Policy(self.settings.review)
        if self._queue is None and policy is not Policy.OFF:
            self._queue = ReviewQueue(
                policy=policy,
                deadline_s=self.settings.review_deadline_s,
                services=services,
                saver=self._saver,
                limits=self._limits,
                pool=self._pool,
            )
        return self._queue

    def _tell_contacts(self, state: dict[str, Any], services: Services) -> None:
        """Tell the contacts of a turn at a level they want to know of, beside everything else."""
        if self._contacts is None:
            self._contacts = Contacts(self._contact, self.settings, services, self._pool)
        self._contacts.tell(state)


def _first_language(asked: str, text: str) -> str:
    """The language to refer in when even the first stop fails."""
    if asked != "auto":
        return asked
    spoken = detect(text)
    return "en" if spoken == OTHER else Language.ZH_HANS.value if spoken == UNDETERMINED else spoken
