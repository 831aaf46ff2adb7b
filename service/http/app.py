"""The application: the routes, and what stands around them."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from cbtguard.safety.privacy.vault import Vault
from cbtguard.service.http import ask, chat, guards, health, records, reviews
from cbtguard.service.http.core import Core
from cbtguard.service.http.document import add_document
from cbtguard.service.http.doors import Doorkeeper, FrontDoor
from cbtguard.service.http.gate import Gate
from cbtguard.service.http.keys import KeyFile
from cbtguard.service.http.limits import Buckets
from cbtguard.service.http.pages import add_pages
from cbtguard.service.http.problems import add_problems
from cbtguard.service.http.settings import ServeSettings, keys_path, serve_settings
from cbtguard.service.http.shapes import field_names
from cbtguard.service.http.traces import Tracing
from cbtguard.service.http.watch import Watch

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from cbtguard.graph import Guard

_log = logging.getLogger("cbtguard.http")

_WORD = "hello"

ABOUT = """A CBT counselling model behind guards. Every reply was checked or is a vetted text.

It is no therapist and no medical device. Errors are problem details (RFC 9457); their `code` is stable.
"""


def create_app(
    guard: Guard, serve: ServeSettings | None = None, *, tracing: Tracing | None = None
) -> FastAPI:
    """Return the application; any ASGI server can run it.

    Callers need a key as soon as there is one in the file of keys when this is called.

    Args:
        guard: Answers the questions; who made it closes it.
        serve: Settings of the service; those of the guard's settings when None.
        tracing: Spans of turns; none when None.

    Raises:
        SettingsError: When the settings or the file of keys cannot be used.
    """
    serve = serve or serve_settings(guard.settings)
    keys = KeyFile(keys_path(guard.settings, serve))
    core = Core(
        guard=guard,
        serve=serve,
        keys=keys,
        asks_keys=any(keys.listed()),
        gate=Gate(serve),
        buckets=Buckets(serve.per_minute, serve.burst),
        watch=Watch(),
        tracing=tracing or Tracing(),
    )

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        warming = asyncio.create_task(asyncio.to_thread(_warm, core))
        try:
            yield
        finally:
            await asyncio.gather(warming, return_exceptions=True)

    app = FastAPI(
        title="cbtguard",
        version=version("cbtguard"),
        description=ABOUT,
        lifespan=life,
        docs_url=None,
        redoc_url=None,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
    )
    app.state.core = core
    add_problems(app, field_names())
    for room in (chat, ask, guards, records, reviews, health):
        app.include_router(room.router)
    add_pages(app)
    add_document(app)
    # The last added is the outermost.
    app.add_middleware(Doorkeeper, serve=serve, asks_keys=core.asks_keys)
    if serve.origins:
        app.add_middleware(CORSMiddleware, **_cors(serve))
    app.add_middleware(FrontDoor, watch=core.watch)
    return app


def _cors(serve: ServeSettings) -> dict[str, Any]:
    return {
        "allow_origins": list(serve.origins),
        "allow_methods": ["GET", "POST"],
        "allow_headers": ["Authorization", "Content-Type", "X-Thread"],
        "expose_headers": [
            "X-Cbtguard-Route",
            "X-Cbtguard-Level",
            "X-Cbtguard-Record",
            "X-Request-Id",
            "Retry-After",
        ],
    }


def _warm(core: Core) -> None:
    """Make every part. One that cannot be made leaves the service unready, and its turns end in the referral."""
    try:
        services = core.guard.warm().services
        # What is loaded at a first use is loaded now, so that nobody waits for it.
        services.redactor.redact(_WORD, Vault())
        services.detector.assess(_WORD)
        services.retriever.retrieve(_WORD)
        core.warm = True
    except Exception as error:  # noqa: BLE001 - the service refers people until somebody mends it
        _log.error("the guard cannot be warmed", exc_info=error)
