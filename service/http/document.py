"""The OpenAPI document: FastAPI's own, with errors under their media type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cbtguard.service.http.problems import MEDIA_TYPE

if TYPE_CHECKING:
    from fastapi import FastAPI


def add_document(app: FastAPI) -> None:
    """Give an application its document, made once."""
    made = app.openapi

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            whole = made()
            for operations in whole["paths"].values():
                for operation in operations.values():
                    for response in operation["responses"].values():
                        content = response.get("content", {})
                        if MEDIA_TYPE in content and "application/json" in content:
                            content[MEDIA_TYPE] = content.pop("application/json")
            app.openapi_schema = whole
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]
