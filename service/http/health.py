"""Whether the service lives, is ready, and how it does: ``/healthz``, ``/readyz``, ``/metrics``."""

from __future__ import annotations

import datetime as dt
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Request, Security
from fastapi.security import HTTPAuthorizationCredentials  # noqa: TC002 - FastAPI resolves annotations
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.responses import JSONResponse, Response

from cbtguard.safety.errors import AccessError, CbtguardError
from cbtguard.safety.referral import FileDirectory
from cbtguard.service.http.core import _BEARER, Core, core_of
from cbtguard.service.http.keys import Scope
from cbtguard.service.http.shapes import PROBLEMS

if TYPE_CHECKING:
    from pathlib import Path

    from cbtguard.graph.settings import Settings

router = APIRouter(tags=["health"])


@router.get("/healthz", response_model=dict[str, str])
async def healthz() -> JSONResponse:
    """Say that the process answers."""
    return JSONResponse({"status": "ok"})


@router.get("/readyz", response_model=dict[str, Any], responses={503: {"description": "Not ready"}})
async def readyz(request: Request) -> JSONResponse:
    """Say whether to send people here: parts made, record reachable, help lines checked of late."""
    core = core_of(request)
    checks = {
        "serving": "draining" if core.gate.draining else "ok",
        "parts": _parts(core),
        "record": await _record(core),
        "directory": _directory(core),
    }
    ready = all(found == "ok" for found in checks.values())
    return JSONResponse(
        {"status": "ready" if ready else "not ready", "checks": checks}, 200 if ready else 503
    )


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}, **PROBLEMS})
async def metrics(
    request: Request, bearer: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)]
) -> Response:
    """Give counts and times in Prometheus's text format."""
    core = core_of(request)
    if core.serve.metrics == "key":
        caller = core.caller(bearer.credentials if bearer is not None else None)
        if Scope.AUDIT not in caller.scopes:
            raise AccessError(
                "access.scope",
                "The key does not have the scope audit.",
                hint="Make one with cbtguard keys new --scope audit, or set serve.metrics to open.",
            )
    core.watch.in_work.set(core.gate.in_work)
    core.watch.draining.set(int(core.gate.draining))
    age = directory_age(core.guard.settings)
    if age is not None:
        core.watch.directory_age.set(age)
    return Response(core.watch.page(), media_type=CONTENT_TYPE_LATEST)


def directory_age(settings: Settings, today: dt.date | None = None) -> int | None:
    """Return the days since the newest check of a line of the default region; None when none was checked.

    Args:
        settings: Whose directory and region count.
        today: The day to count to; this one when None.
    """
    day = today or dt.datetime.now(tz=dt.UTC).date()
    return _age(settings.directory_file, settings.extra_lines, settings.region, day)


@lru_cache(maxsize=8)
def _age(file: Path | None, extra: tuple[Path, ...], region: str, day: dt.date) -> int | None:
    """Read once a day: the guard reads its directory once, too."""
    directory = FileDirectory(file, extra)
    lines = directory.lines(directory.normalise_region(region))
    checked = [str(line.verified_on) for line in lines if line.verified_on]
    if not checked:
        return None
    newest = max(checked)
    return max(0, (day - dt.date.fromisoformat(newest if len(newest) > 7 else f"{newest}-01")).days)


def _parts(core: Core) -> str:
    if core.guard.problems:
        return core.guard.problems[0].code
    return "ok" if core.warm else "warming"


async def _record(core: Core) -> str:
    try:
        await core.run(lambda: next(iter(core.guard.services.record.entries(limit=1)), None), 3)
    except CbtguardError as error:
        return error.code
    except Exception as error:  # noqa: BLE001 - any failure means the same to a load balancer
        return type(error).__name__
    return "ok"


def _directory(core: Core) -> str:
    try:
        age = directory_age(core.guard.settings)
    except CbtguardError as error:
        return error.code
    return "ok" if age is not None and age <= core.serve.directory_days else "stale"
