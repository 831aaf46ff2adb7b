"""What stands around the application: a body that is bounded, JSON only, names that fit, headers, the log."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from typing import TYPE_CHECKING, Any, Final

from starlette.requests import Request
from starlette.routing import Match

from cbtguard.safety.errors import AccessError, CbtguardError, InputError
from cbtguard.service.http.problems import problem, unexpected
from cbtguard.service.http.settings import is_loopback

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from cbtguard.service.http.settings import ServeSettings
    from cbtguard.service.http.watch import Watch

_log = logging.getLogger("cbtguard.http")
_access = logging.getLogger("cbtguard.access")

HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)
"""Set where the application set none of its own."""
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class FrontDoor:
    """The outermost: names the request, logs it, sets headers, and answers for whatever nobody caught.

    Neither path nor query nor body is logged: only the route's pattern, as people write into paths too.
    """

    def __init__(self, app: ASGIApp, watch: Watch) -> None:
        self._app = app
        self._watch = watch

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = scope["cbtguard.request_id"] = uuid.uuid4().hex
        told: dict[str, Any] = {}
        scope["cbtguard.log"] = told
        start = time.perf_counter()
        status = 0

        async def reply(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                for name, value in message["headers"]:
                    if name.lower() == b"x-cbtguard-code":
                        told["code"] = value.decode()
                        self._watch.refused.labels(told["code"]).inc()
                message["headers"] = _with_headers(message["headers"], request_id)
            await send(message)

        try:
            await self._app(scope, receive, reply)
        except asyncio.CancelledError:
            status = status or 499
            raise
        except Exception as error:  # noqa: BLE001 - the caller gets a problem, the log the type and place
            _log.error("a request failed", extra={"request": request_id}, exc_info=error)
            if not status:
                await problem(unexpected(), request_id)(scope, receive, reply)
        finally:
            spent = time.perf_counter() - start
            pattern = _pattern(scope)
            # Any word can stand in a request's first line.
            method = scope["method"] if scope["method"] in _METHODS else "OTHER"
            # A connection that ended before anything was said.
            self._watch.requests.labels(method, pattern, str(status or 499)).inc()
            _access.info(
                "request",
                extra={
                    "request": request_id,
                    "method": method,
                    "route": pattern,
                    "status": status or 499,
                    "ms": round(spent * 1000, 1),
                    **told,
                },
            )


class Doorkeeper:
    """Reads the body within its bounds and turns away what is not for this service."""

    def __init__(self, app: ASGIApp, serve: ServeSettings, *, asks_keys: bool) -> None:
        self._app = app
        self._serve = serve
        self._asks_keys = asks_keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            self._check_names(request)
            body = await self._body(request)
        except CbtguardError as error:
            await problem(error, scope["cbtguard.request_id"])(scope, receive, send)
            return
        given = False

        async def replay() -> Message:
            nonlocal given
            if given:
                return await receive()
            given = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self._app(scope, replay, send)

    def _check_names(self, request: Request) -> None:
        """Where no key is asked for, only programs of this machine may speak: no page of a foreign site."""
        if self._asks_keys:
            return
        if not self._own(_name(request.headers.get("host", ""))):
            raise AccessError(
                "access.host",
                "The service is addressed by a name that it does not serve without keys.",
                hint="Use a loopback address, make a key, or set serve.hosts.",
            )
        origin = request.headers.get("origin")
        if origin and origin not in self._serve.origins and not self._own(_name(origin.partition("://")[2])):
            raise AccessError(
                "access.origin",
                "Pages of this origin may not call the service.",
                hint="Set serve.origins.",
            )

    def _own(self, host: str) -> bool:
        return is_loopback(host) or host in self._serve.hosts

    async def _body(self, request: Request) -> bytes:
        if request.method not in {"POST", "PUT", "PATCH"}:
            return b""
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            raise InputError(
                "input.media_type",
                "The body must be JSON.",
                hint="Send Content-Type: application/json.",
            )
        most = self._serve.body_bytes
        length = request.headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > most:
            raise _too_long(most)
        chunks: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(self._serve.body_s):
                async for chunk in request.stream():
                    size += len(chunk)
                    if size > most:
                        raise _too_long(most)
                    chunks.append(chunk)
        except TimeoutError:
            raise InputError(
                "input.slow", "The body did not arrive in time.", hint="Send it at once."
            ) from None
        return b"".join(chunks)


def _too_long(most: int) -> InputError:
    return InputError(
        "input.body_too_long",
        f"The body is longer than {most} bytes.",
        hint="Send less, or raise serve.body_bytes.",
    )


def _name(address: str) -> str:
    """The name or address of ``name:port``; empty for what is neither."""
    if address.startswith("["):
        return address[1:].partition("]")[0]
    return address.partition(":")[0]


def _with_headers(headers: Any, request_id: str) -> list[tuple[bytes, bytes]]:
    held = list(headers)
    names = {name.lower() for name, _ in held}
    held += [pair for pair in HEADERS if pair[0] not in names]
    if b"cache-control" not in names:
        held.append((b"cache-control", b"no-store"))
    return [*held, (b"x-request-id", request_id.encode())]


def _pattern(scope: Scope) -> str:
    """The route's pattern; ``?`` for a path that nobody serves."""
    route = scope.get("route")
    path = getattr(route, "path_format", None) or getattr(route, "path", None)
    if path is None and "app" in scope:
        for one in getattr(scope["app"], "routes", ()):
            if one.matches(scope)[0] is Match.PARTIAL:
                return str(getattr(one, "path_format", "?"))
    return str(path or "?")
