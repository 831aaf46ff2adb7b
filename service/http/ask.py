"""The service's own shape: ``/v1/ask``, whole and as events."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from cbtguard.service.http.chat import headers_of
from cbtguard.service.http.core import Asking, core_of
from cbtguard.service.http.shapes import PROBLEMS, AnswerOut, Question
from cbtguard.service.http.sse import EventStream, frame
from cbtguard.service.http.turns import Asked, Gone, answered, events

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from cbtguard.graph import Event

router = APIRouter(tags=["ask"], responses=PROBLEMS)


@router.post("/v1/ask", response_model=AnswerOut)
async def ask(request: Request, body: Question, caller: Asking) -> Response:
    """Answer one message; the reply comes with everything that led to it."""
    try:
        answer = await answered(request, core_of(request), caller, _asked(body))
    except Gone:
        return Response(status_code=499)
    return JSONResponse(answer.as_dict(), headers=headers_of(answer))


@router.post(
    "/v1/ask/stream",
    response_class=Response,
    responses={
        200: {"description": "Events: stop, text, withdrawn, answer", "content": {"text/event-stream": {}}}
    },
)
async def stream(request: Request, body: Question, caller: Asking) -> Response:
    """Answer one message as it goes.

    `stop` tells of a stop that ended, with its milliseconds. The texts of `text`, one behind the other, are the
    reply; each was checked or vetted. `withdrawn` says that the rest of what was being answered did not pass, and
    that the referral follows. `answer` is the end, as `/v1/ask` gives it.
    """
    core = core_of(request)
    asked = _asked(body)
    caller.thread(asked.thread)
    ticket = core.admit(caller)
    return await EventStream.begun(_frames(events(request, core, caller, asked, early=True)), ticket)


async def _frames(turn: AsyncGenerator[Event, None]) -> AsyncGenerator[bytes, None]:
    try:
        async for event in turn:
            data = event.as_dict()
            yield frame(data.pop("answer", data), data.pop("kind"))
    finally:
        await turn.aclose()


def _asked(body: Question) -> Asked:
    return Asked(
        text=body.text,
        thread=body.thread,
        region=body.region,
        language=body.language,
        earlier=tuple(text for text in body.earlier if text.strip())[-12:],
    )
