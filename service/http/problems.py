"""Errors as RFC 9457 problem details: the codes of the exception tree, and nothing that anybody wrote."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any, Final

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from cbtguard.safety.errors import AccessError, BusyError, CbtguardError, InputError
from cbtguard.service.http.limits import Busy

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastapi import FastAPI
    from starlette.requests import Request

_log = logging.getLogger("cbtguard.http")

MEDIA_TYPE: Final = "application/problem+json"
UNEXPECTED: Final = "service.unexpected"
_STATUS: Final = {
    "input.not_json": 400,
    "input.unsupported": 400,
    "input.path_unknown": 404,
    "input.model_unknown": 404,
    "input.record_unknown": 404,
    "input.method": 405,
    "input.slow": 408,
    "input.too_long": 413,
    "input.body_too_long": 413,
    "input.media_type": 415,
    "access.key_missing": 401,
    "access.key_unknown": 401,
    "access.scope": 403,
    "access.origin": 403,
    "access.host": 421,
    "review.unknown": 404,
    "review.act": 409,
    "review.busy": 409,
    "review.closed": 409,
    "review.expired": 409,
    "review.no_draft": 409,
    "review.off": 409,
    "review.overtaken": 409,
    "review.text_identifier": 422,
    "review.text_leak": 422,
    "review.text_means": 422,
    "busy.rate": 429,
    "busy.key_turns": 429,
    UNEXPECTED: 500,
}
_TITLES: Final = {
    400: "Bad request",
    401: "No key, or an unknown one",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    408: "The request took too long to arrive",
    409: "Does not fit as things stand",
    413: "Too long",
    415: "Not JSON",
    421: "Not for this service",
    422: "Cannot be used",
    429: "Too many requests",
    500: "Something failed",
    503: "Not available now",
}
_OPENAI_TYPES: Final = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}


def status_of(error: CbtguardError) -> int:
    """Return the HTTP status of an error."""
    if error.code in _STATUS:
        return _STATUS[error.code]
    if isinstance(error, InputError):
        return 422
    return 403 if isinstance(error, AccessError) else 503


def problem(error: CbtguardError, request_id: str = "", places: tuple[dict[str, Any], ...] = ()) -> Response:
    """Return an error as a response.

    Args:
        error: What went wrong; its texts quote nobody.
        request_id: Under which the log speaks of the request.
        places: What is wrong where in the body, as ``{"place", "problem"}``.
    """
    status = status_of(error)
    body: dict[str, Any] = {
        "type": f"urn:cbtguard:problem:{error.code}",
        "title": _TITLES[status],
        "status": status,
        "detail": error.message,
        "code": error.code,
        "hint": error.hint,
    }
    if request_id:
        body["instance"] = f"urn:cbtguard:request:{request_id}"
    if places:
        body["errors"] = list(places)
    # What clients of OpenAI's API look for.
    body["error"] = {
        "message": f"{error.message} {error.hint}",
        "type": _OPENAI_TYPES.get(status, "server_error" if status >= 500 else "invalid_request_error"),
        "code": error.code,
        "param": places[0]["place"] if places else None,
    }
    return Response(
        json.dumps(body, ensure_ascii=False).encode(),
        status,
        headers=_headers(error, status),
        media_type=MEDIA_TYPE,
    )


def _headers(error: CbtguardError, status: int) -> Mapping[str, str]:
    headers = {"X-Cbtguard-Code": error.code}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, Busy):
        headers["Retry-After"] = error.retry_after
    elif status == 503 or isinstance(error, BusyError):
        headers["Retry-After"] = "5"
    return headers


def unexpected() -> CbtguardError:
    """Return what a caller is told of a failure that nobody foresaw."""
    return CbtguardError(
        UNEXPECTED,
        "The service failed at this request.",
        hint="Show the person the way to help yourself, and look at the service's log.",
    )


def add_problems(app: FastAPI, known: frozenset[str]) -> None:
    """Make every error of an application a problem.

    Args:
        app: The application.
        known: Names of fields that may be named in an error; others come from the caller.
    """

    async def typed(request: Request, error: Exception) -> Response:
        assert isinstance(error, CbtguardError)  # noqa: S101 - for the type checker
        return problem(error, request_id_of(request))

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101 - for the type checker
        found = error.errors()
        if any(one["type"] == "json_invalid" for one in found):
            return problem(_not_json(), request_id_of(request))
        places = tuple(
            {"place": _place(one["loc"], known), "problem": str(one["type"])} for one in found[:20]
        )
        return problem(
            InputError(
                "input.malformed",
                f"The request does not have the fields it needs ({places[0]['place']}).",
                hint="See /openapi.json.",
            ),
            request_id_of(request),
            places,
        )

    async def plain(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - for the type checker
        answer = problem(_of_status(error.status_code), request_id_of(request))
        if error.status_code == 405 and error.headers:
            answer.headers["Allow"] = error.headers.get("Allow", "")
        return answer

    app.add_exception_handler(CbtguardError, typed)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, plain)


def request_id_of(request: Request) -> str:
    """Return the id that the request was given."""
    return str(request.scope.get("cbtguard.request_id", ""))


def _place(loc: tuple[Any, ...], known: frozenset[str]) -> str:
    return ".".join(str(part) if isinstance(part, int) or part in known else "?" for part in loc)


def _not_json() -> InputError:
    return InputError("input.not_json", "The body is not JSON.", hint="Send one JSON object in UTF-8.")


def _of_status(status: int) -> CbtguardError:
    if status == 400:
        return _not_json()
    if status == 405:
        return InputError("input.method", "The path does not know this method.", hint="See /openapi.json.")
    if status < 500:
        return InputError("input.path_unknown", "There is nothing at this path.", hint="See /openapi.json.")
    return unexpected()
