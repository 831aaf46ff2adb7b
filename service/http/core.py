"""What the routes of one application share."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from cbtguard.safety.errors import AccessError, CbtguardError, InputError
from cbtguard.service.http.keys import Key, Scope

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from cbtguard.graph import Guard
    from cbtguard.service.http.gate import Gate, Ticket
    from cbtguard.service.http.keys import KeyFile
    from cbtguard.service.http.limits import Buckets
    from cbtguard.service.http.settings import ServeSettings
    from cbtguard.service.http.traces import Tracing
    from cbtguard.service.http.watch import Watch

_LONGEST_THREAD = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks."""

    id: str
    """Id of the key; ``local`` where no key is asked for."""
    scopes: tuple[Scope, ...]
    keyed: bool

    def thread(self, name: str | None) -> str | None:
        """Return the name of a talk as the guard gets it: no other key's can be the same.

        Raises:
            InputError: ``input.thread``.
        """
        if name is None:
            return None
        own = _digest(name)
        if own is None or not name.strip() or len(name) > _LONGEST_THREAD:
            raise InputError(
                "input.thread",
                f"The thread id is empty, no text, or longer than {_LONGEST_THREAD} characters.",
                hint="Use a short id.",
            )
        return f"{self.id}:{own}"


def _digest(name: str) -> str | None:
    try:
        return hashlib.sha256(name.encode()).hexdigest()
    except UnicodeEncodeError:
        return None


@dataclass(slots=True, kw_only=True)
class Core:
    """The guard, and what stands between it and its callers."""

    guard: Guard
    serve: ServeSettings
    keys: KeyFile
    asks_keys: bool
    """Whether callers need a key; settled at the start, so that revoking the last one opens nothing."""
    gate: Gate
    buckets: Buckets
    watch: Watch
    tracing: Tracing
    warm: bool = False
    """Whether every part is made and loaded."""

    def caller(self, secret: str | None) -> Caller:
        """Return who asks.

        Raises:
            AccessError: ``access.key_missing`` or ``access.key_unknown``.
        """
        if not self.asks_keys:
            return Caller(id="local", scopes=tuple(Scope), keyed=False)
        if secret is None:
            raise AccessError(
                "access.key_missing",
                "The service asks for a key.",
                hint="Send Authorization: Bearer KEY with a key that cbtguard keys new made.",
            )
        key: Key = self.keys.find(secret)
        return Caller(id=key.id, scopes=key.scopes, keyed=True)

    def admit(self, caller: Caller) -> Ticket:
        """Let a turn in.

        Raises:
            Busy: When there are too many.
        """
        return self.gate.enter(caller.id, bounded=caller.keyed)

    async def run(self, work: Callable[[], Any], seconds: float) -> Any:
        """Return what blocking work brings.

        Raises:
            CbtguardError: ``stop.timeout`` when it takes longer.
        """
        try:
            async with asyncio.timeout(seconds):
                return await asyncio.to_thread(work)
        except TimeoutError:
            raise CbtguardError(
                "stop.timeout", "The guard took too long.", hint="Send a shorter text, or try again."
            ) from None


def core_of(request: Request) -> Core:
    """Return what the application of a request was made with."""
    core: Core = request.app.state.core
    return core


_BEARER = HTTPBearer(auto_error=False, description="A key that `cbtguard keys new` made.")


def caller_with(scope: Scope) -> Callable[..., Coroutine[Any, Any, Caller]]:
    """Return a dependency: the caller, if the key has the scope and its bucket a token."""

    async def dependency(
        request: Request,
        bearer: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)],
    ) -> Caller:
        core = core_of(request)
        caller = core.caller(bearer.credentials if bearer is not None else None)
        request.scope["cbtguard.log"]["key"] = caller.id
        if scope not in caller.scopes:
            raise AccessError(
                "access.scope",
                f"The key does not have the scope {scope.value}.",
                hint=f"Make one with cbtguard keys new --scope {scope.value}.",
            )
        if caller.keyed:
            core.buckets.take(caller.id)
        return caller

    return dependency


Asking = Annotated[Caller, Depends(caller_with(Scope.ASK))]
Auditing = Annotated[Caller, Depends(caller_with(Scope.AUDIT))]
Reviewing = Annotated[Caller, Depends(caller_with(Scope.REVIEW))]
