"""Human review over HTTP: the queue and the acts for the scope review, what was let through for the one who asked."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import APIRouter, Header, Request
from starlette.responses import JSONResponse

from cbtguard.safety.errors import InputError, ReviewError
from cbtguard.service.http.core import Asking, Caller, Reviewing, core_of
from cbtguard.service.http.shapes import PROBLEMS, ActIn, ActOut, DeliveriesOut, ReviewsOut

if TYPE_CHECKING:
    from cbtguard.graph.review import FollowUp

_ID: Final = re.compile(r"[0-9a-f]{32}")

router = APIRouter(tags=["review"], responses=PROBLEMS)


@router.get("/v1/reviews", response_model=ReviewsOut)
async def reviews(request: Request, caller: Reviewing) -> JSONResponse:
    """List what waits for a person, the oldest first. Personal data is replaced by placeholders."""
    del caller
    items = await core_of(request).guard.areviews()
    return JSONResponse({"items": [item.as_dict() for item in items]})


@router.get("/v1/reviews/{review_id}", response_model=ActOut)
async def review(request: Request, review_id: str, caller: Reviewing) -> JSONResponse:
    """Say what became of an item. The words that were let through are for the one who asked, not told here."""
    del caller
    return JSONResponse(_told(await core_of(request).guard.afollow_up(_known(review_id))))


@router.post("/v1/reviews/{review_id}", response_model=ActOut)
async def act(request: Request, review_id: str, body: ActIn, caller: Reviewing) -> JSONResponse:
    """Do one act on an item; when this answers, the act has its entry in the record."""
    given = {
        "act": body.act,
        "reviewer": _reviewer(caller, body.reviewer),
        "text": body.text,
        "note": body.note,
    }
    return JSONResponse(_told(await core_of(request).guard.areview(_known(review_id), given)))


@router.get("/v1/deliveries", response_model=DeliveriesOut)
async def deliveries(
    request: Request,
    caller: Asking,
    x_thread: Annotated[
        str | None, Header(description="The name of the talk, as it was asked under.")
    ] = None,
) -> JSONResponse:
    """Give all that reviewers let through in a talk, names put back. Hand each on once, by `review`."""
    thread = caller.thread(x_thread)
    if thread is None:
        raise InputError(
            "input.thread", "The request names no talk.", hint="Send its name in the header X-Thread."
        )
    found = await core_of(request).guard.adeliveries(thread)
    return JSONResponse({"deliveries": [one.as_dict() for one in found]})


def _known(review_id: str) -> str:
    if not _ID.fullmatch(review_id):
        raise ReviewError("review.unknown", "There is no such item.", hint="List the items.")
    return review_id


def _reviewer(caller: Caller, name: str) -> str:
    """Who acts: nobody can act under the name of another key's reviewer."""
    return f"{caller.id} {name.strip()}".strip()


def _told(done: FollowUp) -> dict[str, Any]:
    return {"review": done.review, "status": done.status.value, "delivered": done.delivery is not None}
