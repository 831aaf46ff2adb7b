"""OpenAI's shape: ``/v1/chat/completions`` and ``/v1/models``.

The last message is the question. Whatever else a request says the assistant or the system said is not read:
anybody can write it. Where the request names a talk, the service knows better than the request what was
said before; where it names none, the person's earlier messages are screened again.
"""

from __future__ import annotations

import json
import time
import uuid
from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import APIRouter, Header, Request
from starlette.responses import JSONResponse, Response

from cbtguard.safety.errors import InputError
from cbtguard.safety.language import detect, normalise_language
from cbtguard.service.http.core import Asking, Core, core_of
from cbtguard.service.http.shapes import PROBLEMS, ChatMessage, ChatOut, ChatRequest, ModelsOut
from cbtguard.service.http.sse import EventStream
from cbtguard.service.http.turns import Asked, Gone, answered, events

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from cbtguard.graph import Answer, Event

MODEL: Final = "cbtguard"
_BORN: Final = 1_767_225_600
"""A fixed time for the model's entry; OpenAI's shape wants one."""

router = APIRouter(tags=["openai"], responses=PROBLEMS)


@router.get("/v1/models", response_model=ModelsOut)
async def models(caller: Asking) -> JSONResponse:
    """List the one model there is: the flow, whichever writer it has."""
    del caller
    return JSONResponse({"object": "list", "data": [_model()]})


@router.get("/v1/models/{model}", response_model=dict[str, Any])
async def one_model(model: str, caller: Asking) -> JSONResponse:
    """Describe the model."""
    del caller
    _check_model(model)
    return JSONResponse(_model())


@router.post(
    "/v1/chat/completions",
    response_model=ChatOut,
    responses={200: {"description": "The reply, or its chunks", "content": {"text/event-stream": {}}}},
)
async def chat(
    request: Request,
    body: ChatRequest,
    caller: Asking,
    x_thread: Annotated[str | None, Header()] = None,
) -> Response:
    """Answer the last message, whole or as server-sent events.

    The reply was checked or is a vetted text, whole or streamed. `guard` says which way it went.
    """
    core = core_of(request)
    asked = _asked(body, x_thread)
    caller.thread(asked.thread)
    if body.stream:
        ticket = core.admit(caller)
        usage = body.stream_options is not None and bool(body.stream_options.include_usage)
        turn = events(request, core, caller, asked, early=True)
        return await EventStream.begun(_chunks(core, asked, turn, usage=usage), ticket)
    try:
        answer = await answered(request, core, caller, asked)
    except Gone:
        return Response(status_code=499)
    return whole(core, asked, answer)


def whole(core: Core, asked: Asked, answer: Answer) -> Response:
    """Return a whole reply."""
    text = answer.reply
    if core.serve.notice == "content" and answer.notice and not asked.earlier:
        text = f"{answer.notice}\n\n{text}"
    body = {
        **_head("chat.completion"),
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text, "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": _usage(asked, text),
        "guard": guard_of(answer, withdrawn=False),
    }
    return JSONResponse(body, headers=headers_of(answer))


def headers_of(answer: Answer) -> dict[str, str]:
    """Return what a proxy can read without the body."""
    return {
        "X-Cbtguard-Route": answer.route.value,
        "X-Cbtguard-Level": answer.risk.level.value,
        "X-Cbtguard-Record": answer.record_id or "",
    }


def guard_of(answer: Answer, *, withdrawn: bool) -> dict[str, Any]:
    """Return what led to a reply, without what the person wrote."""
    whole = answer.as_dict()
    taken = ("route", "reason", "citations", "referral", "record_id", "notice", "language", "region", "turn")
    return {
        **{name: whole[name] for name in taken},
        "risk": {
            "level": answer.risk.level.value,
            "kinds": [kind.value for kind in answer.risk.kinds],
            "subject": answer.risk.subject.value,
            "score": answer.risk.score,
        },
        "thread": answer.thread,
        "withdrawn": withdrawn,
    }


async def _chunks(
    core: Core, asked: Asked, turn: AsyncGenerator[Event, None], *, usage: bool
) -> AsyncGenerator[bytes, None]:
    """The events of a turn as chunks. A new talk that nobody keeps here begins with the notice."""
    head = _head("chat.completion.chunk")
    told = core.serve.notice == "content"
    begun = withdrawn = False
    sent = ""
    try:
        async for event in turn:
            if not begun:
                begun = True
                notice = _notice(core, asked) if told and asked.thread is None and not asked.earlier else ""
                yield _chunk(head, {"role": "assistant", "content": notice})
                sent += notice
            if event.kind == "text" and event.text:
                sent += event.text
                yield _chunk(head, {"content": event.text})
            withdrawn = withdrawn or event.kind == "withdrawn"
            if event.answer is None:
                continue
            answer = event.answer
            if told and asked.thread is not None and answer.notice:
                # Whether a talk is new is known only now.
                sent += f"\n\n{answer.notice}"
                yield _chunk(head, {"content": f"\n\n{answer.notice}"})
            extra: dict[str, Any] = {"guard": guard_of(answer, withdrawn=withdrawn)}
            yield _chunk(head, {}, finish="stop", **extra)
            if usage:
                yield _frame({**head, "choices": [], "usage": _usage(asked, sent)})
            yield b"data: [DONE]\n\n"
    finally:
        await turn.aclose()


def _notice(core: Core, asked: Asked) -> str:
    wanted = asked.language or core.guard.settings.language
    language = detect(asked.text) if wanted.strip().lower() == "auto" else normalise_language(wanted).value
    known = (
        language if language in {"zh-Hans", "zh-Hant", "en"} else "en" if language == "other" else "zh-Hans"
    )
    return f"{core.guard.services.referrals.disclosure(known)}\n\n"


def _asked(body: ChatRequest, x_thread: str | None) -> Asked:
    _check_model(body.model)
    wanted = {
        "n": body.n not in {None, 1},
        "tools": bool(body.tools),
        "functions": bool(body.functions),
        "response_format": (body.response_format or {}).get("type", "text") != "text",
    }
    for name, is_wanted in wanted.items():
        if is_wanted:
            raise _unsupported(f"The field {name} asks for what the service does not do.")
    *before, last = body.messages
    if last.role != "user":
        raise _unsupported("The last message is not the user's.")
    texts = (_text(message) for message in before if message.role == "user")
    thread = next((name for name in (x_thread, body.thread, body.user) if name), None)
    return Asked(
        text=_text(last),
        thread=thread,
        region=body.region,
        language=body.language,
        earlier=tuple(text for text in texts if text.strip())[-12:],
    )


def _text(message: ChatMessage) -> str:
    if message.content is None or isinstance(message.content, str):
        return message.content or ""
    if any(part.type != "text" or part.text is None for part in message.content):
        raise _unsupported("A message holds something else than text.")
    return "\n".join(part.text or "" for part in message.content)


def _unsupported(what: str) -> InputError:
    return InputError("input.unsupported", what, hint="Send text; the last message must be the user's.")


def _check_model(model: str) -> None:
    if model != MODEL:
        raise InputError("input.model_unknown", "There is no such model.", hint=f"The model is {MODEL}.")


def _model() -> dict[str, Any]:
    return {"id": MODEL, "object": "model", "created": _BORN, "owned_by": MODEL}


def _head(kind: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{uuid.uuid4().hex}",
        "object": kind,
        "created": int(time.time()),
        "model": MODEL,
    }


def _usage(asked: Asked, text: str) -> dict[str, int]:
    """Characters: the guards read these, and nobody is billed by tokens."""
    return {
        "prompt_tokens": len(asked.text),
        "completion_tokens": len(text),
        "total_tokens": len(asked.text) + len(text),
    }


def _chunk(head: dict[str, Any], delta: dict[str, Any], *, finish: str | None = None, **extra: Any) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    return _frame({**head, "choices": [choice], **extra})


def _frame(data: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(data, ensure_ascii=False)}\n\n".encode()
