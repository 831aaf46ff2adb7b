"""Where web pages are hung in: :func:`add_pages` is called last, when every other route stands."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse

if TYPE_CHECKING:
    from fastapi import FastAPI


def add_pages(app: FastAPI) -> None:
    """Add what is shown at ``/``: for now, where to find the rest.

    A page sets its own ``Content-Security-Policy``; the one that is set for it otherwise allows nothing.
    ``app.state.core`` holds the guard and the keys.
    """

    @app.get("/", include_in_schema=False)
    async def index() -> JSONResponse:
        return JSONResponse(
            {"service": "cbtguard", "version": version("cbtguard"), "openapi": "/openapi.json"}
        )
