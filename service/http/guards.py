"""Each guard alone: ``/v1/screen``, ``/v1/redact``, ``/v1/check``. No writer, no record."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse

from cbtguard.safety.language import normalise_language
from cbtguard.safety.privacy.vault import Vault
from cbtguard.safety.text import clean
from cbtguard.service.http.core import Asking, core_of
from cbtguard.service.http.shapes import PROBLEMS, CheckOut, Pair, RedactOut, ScreenOut, Text

_LONGEST_S = 30.0

router = APIRouter(tags=["guards"], responses=PROBLEMS)


@router.post("/v1/screen", response_model=ScreenOut)
async def screen(request: Request, body: Text, caller: Asking) -> JSONResponse:
    """Screen a message for crisis risk."""
    del caller
    core = core_of(request)
    text = clean(body.text, limit=core.guard.settings.max_characters)
    risk = await core.run(lambda: core.guard.services.detector.assess(text), _LONGEST_S)
    return JSONResponse({"risk": {k: v for k, v in risk.as_dict().items() if k != "language"}})


@router.post("/v1/redact", response_model=RedactOut)
async def redact(request: Request, body: Text, caller: Asking) -> JSONResponse:
    """Take personal data out of a message; each request is a talk of its own."""
    del caller
    core = core_of(request)
    text = clean(body.text, limit=core.guard.settings.max_characters)
    found = await core.run(lambda: core.guard.services.redactor.redact(text, Vault()), _LONGEST_S)
    entities = [
        {"type": one.type.value, "start": one.start, "end": one.end, "score": one.score}
        for one in found.entities
    ]
    return JSONResponse({"text": found.text, "entities": entities})


@router.post("/v1/check", response_model=CheckOut)
async def check(request: Request, body: Pair, caller: Asking) -> JSONResponse:
    """Check an answer, whoever wrote it."""
    del caller
    core = core_of(request)
    most = core.guard.settings.max_characters
    question, answer = clean(body.question, limit=most), clean(body.answer, limit=most)
    named: dict[str, Any] = {}
    if body.language is not None and body.language.strip().lower() != "auto":
        named["language"] = normalise_language(body.language).value
    review = await core.run(lambda: core.guard.services.checker.check(question, answer, **named), _LONGEST_S)
    return JSONResponse(review.as_dict())
