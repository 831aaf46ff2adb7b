"""Where web pages are hung in: :func:`add_pages` is called last, when every other route stands."""

from __future__ import annotations

import asyncio
from importlib.metadata import version
from typing import TYPE_CHECKING

from starlette.requests import Request  # noqa: TC002 - FastAPI resolves annotations
from starlette.responses import HTMLResponse, JSONResponse, Response

from cbtguard.safety.errors import InputError
from cbtguard.service.web import CSP, PAGES, Site
from cbtguard.service.web.texts import language_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from fastapi import FastAPI


def add_pages(app: FastAPI) -> None:
    """Add the pages and what they load. They need no key: what they show comes over the API, which asks for one.

    A program that asks for ``/`` without wanting HTML is told where to find the rest.
    """
    core = app.state.core
    site = Site(core.guard, asks_keys=core.asks_keys)

    def serve(name: str) -> Callable[[Request], Awaitable[Response]]:
        async def page(request: Request) -> Response:
            if name == "talk" and "text/html" not in request.headers.get("accept", ""):
                return JSONResponse(
                    {"service": "cbtguard", "version": version("cbtguard"), "openapi": "/openapi.json"},
                    headers={"Vary": "Accept"},
                )
            language = language_of(
                request.query_params.get("lang"), request.headers.get("accept-language", "")
            )
            # The first one reads the directory and makes the referral texts.
            html = await asyncio.to_thread(site.page, name, language)
            return HTMLResponse(
                html,
                headers={
                    "Content-Security-Policy": CSP,
                    "Cross-Origin-Opener-Policy": "same-origin",
                    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
                    "Content-Language": language,
                    "Vary": "Accept, Accept-Language",
                },
            )

        return page

    for page in PAGES:
        app.add_api_route(page.path, serve(page.name), include_in_schema=False, response_model=None)

    @app.get("/web/{name:path}", include_in_schema=False)
    async def asset(request: Request, name: str) -> Response:
        found = site.assets.get(name)
        if found is None:
            raise InputError("input.path_unknown", "There is nothing at this path.", hint="See /.")
        headers = {"ETag": found.etag, "Cache-Control": "no-cache"}
        if request.headers.get("if-none-match") == found.etag:
            return Response(status_code=304, headers=headers)
        return Response(found.body, media_type=found.media_type, headers=headers)
