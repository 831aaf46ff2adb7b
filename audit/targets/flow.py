"""The flow in this process: a guard from settings, kept apart from whatever the settings keep."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
import uuid
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from cbtguard.audit.target import ABILITIES, Reply
from cbtguard.audit.targets.poisoned import poisoned
from cbtguard.audit.targets.reading import reply_of_answer, risk_fields
from cbtguard.graph.guard import Guard
from cbtguard.graph.settings import load_settings
from cbtguard.nodes.context import Services
from cbtguard.safety.privacy.vault import Vault
from cbtguard.safety.record import MemoryRecord
from cbtguard.safety.text import clean

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from cbtguard.graph.settings import Settings

_APART: dict[str, Any] = {
    "record": "memory",
    "record_key": None,
    "threads": "memory",
    "threads_key": None,
    "vaults": "memory",
    "retention_days": None,
    # An audit is no crisis: nobody is called, and nobody's queue is filled.
    "contact_webhook": "",
    "review": "off",
}
_KEPT_GUARDS = 4


class FlowTarget:
    """A guard of its own. It writes no record, calls no contact and asks no reviewer, whatever the settings say.

    Args:
        name: As the report shows it.
        settings: Settings, or the path of a TOML file; the default settings when None.
        parts: Services of the guard by name, for a copy of the flow that settings cannot describe.

    Raises:
        SettingsError: When the settings cannot be used.
    """

    kind = "flow"
    can = frozenset(ABILITIES)

    def __init__(self, name: str, settings: Settings | Path | None = None, **parts: Any) -> None:
        from cbtguard.graph.settings import Settings as Made  # noqa: PLC0415 - a name apart for the check

        self.name = name
        given = settings if isinstance(settings, Made) else load_settings(settings)
        plain = {one: getattr(given, one) for one in Made.model_fields}
        self.settings = Made.model_construct(given.model_fields_set, **{**plain, **_APART})
        logging.getLogger("cbtguard").addHandler(logging.NullHandler())
        self.guard = Guard(self.settings, **{**parts, "record": MemoryRecord()}).warm()
        self._with_note: dict[str, Guard] = {}
        self._others: list[Guard] = []

    def describe(self) -> Mapping[str, str]:
        """Return the versions that the record keeps, and the hash of the settings."""
        services = self.guard.services
        kept = {key: str(value) for key, value in sorted(self.settings.model_dump().items()) if key != "home"}
        return {
            **services.versions(),
            "writer": services.writer.name,
            "settings": hashlib.sha256(repr(kept).encode()).hexdigest()[:12],
        }

    async def ask(self, turns: Sequence[str], *, region: str, note: str | None = None) -> list[Reply]:
        """Go through a talk of its own; with a note, on a library that somebody poisoned with it."""
        guard = self.guard if note is None else await asyncio.to_thread(self._poisoned, note)
        thread = uuid.uuid4().hex
        replies = []
        for text in turns:
            start = time.perf_counter()
            answer = await guard.aask(text, thread=thread, region=region)
            replies.append(reply_of_answer(answer.as_dict(), (time.perf_counter() - start) * 1000))
        await guard.aforget(thread)
        return replies

    async def screen(self, text: str) -> Reply:
        """Return the verdict of the screen alone."""
        cleaned = clean(text, limit=self.settings.max_characters)
        start = time.perf_counter()
        risk = await _run(self.guard.services.detector.assess, cleaned)
        return Reply(text="", ms=(time.perf_counter() - start) * 1000, **risk_fields(risk.as_dict()))

    async def check(self, question: str, answer: str) -> Reply:
        """Return what the checker finds in a written answer."""
        start = time.perf_counter()
        review = await _run(self.guard.services.checker.check, question, answer)
        return Reply(
            text=answer,
            parts={part.value: found.present for part, found in review.parts.items()},
            defects=tuple(dict.fromkeys(one.code for one in review.defects)),
            ms=(time.perf_counter() - start) * 1000,
        )

    async def redact(self, text: str) -> str:
        """Return the text without personal data."""
        cleaned = clean(text, limit=self.settings.max_characters)
        found = await _run(self.guard.services.redactor.redact, cleaned, Vault())
        return str(found.text)

    def planted(self, settings: Settings, parts: Mapping[str, Any]) -> Guard:
        """Return a guard that shares all parts with this target but the record and these; the caller closes it."""
        return Guard(settings, **{"record": MemoryRecord(), **self._shared(), **parts})

    def parts(self) -> dict[str, Any]:
        """Return the parts in use by their names."""
        made = self.guard.services
        return {
            one.name: getattr(made, one.name)
            for one in fields(Services)
            if getattr(made, one.name) is not None
        }

    def _shared(self) -> dict[str, Any]:
        return {name: part for name, part in self.parts().items() if name != "record"}

    async def close(self) -> None:
        """End the guards."""
        for guard in (*self._with_note.values(), *self._others, self.guard):
            await asyncio.to_thread(guard.close)
        self._with_note, self._others = {}, []

    def _poisoned(self, note: str) -> Guard:
        if note not in self._with_note:
            if len(self._with_note) >= _KEPT_GUARDS:
                oldest = next(iter(self._with_note))
                self._others.append(self._with_note.pop(oldest))
            made = self.guard.services
            library, retriever = poisoned(made.library, made.retriever, note)
            self._with_note[note] = Guard(
                self.settings,
                **{
                    **self._shared(),
                    "record": MemoryRecord(),
                    "library": library,
                    "retriever": retriever,
                },
            )
        return self._with_note[note]


async def _run(function: Callable[..., Any], *args: Any) -> Any:
    if asyncio.iscoroutinefunction(function):
        return await function(*args)
    found = await asyncio.to_thread(function, *args)
    return await found if asyncio.iscoroutine(found) else found
