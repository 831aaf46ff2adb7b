"""Server-sent events: frames as they come, a sign of life in between, and an end when the reader goes away."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, Final

from starlette.responses import Response

from cbtguard.service.http.turns import until_gone

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from starlette.types import Receive, Scope, Send

    from cbtguard.service.http.gate import Ticket

_LIFE_S: Final = 10.0
"""Proxies close a connection on which nothing comes for long."""
_SILENCE: Final = b": waiting\n\n"


def frame(data: Any, event: str | None = None) -> bytes:
    """Return one event; its data is one line of JSON."""
    head = f"event: {event}\n" if event else ""
    return f"{head}data: {json.dumps(data, ensure_ascii=False)}\n\n".encode()


class EventStream(Response):
    """Sends frames; closes their source and gives the ticket back however it ends.

    Args:
        frames: What to send; its first frame is awaited before the response begins, so that an error
            before it is an ordinary one. See :meth:`begun`.
        ticket: Leave for the turn.
    """

    media_type = "text/event-stream"

    def __init__(self, frames: AsyncGenerator[bytes, None], first: bytes | None, ticket: Ticket) -> None:
        super().__init__(headers={"X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._frames = frames
        self._first = first
        self._ticket = ticket

    @classmethod
    async def begun(cls, frames: AsyncGenerator[bytes, None], ticket: Ticket) -> EventStream:
        """Return the response once there is something to send.

        Raises:
            CbtguardError: What the source raises before its first frame.
        """
        try:
            return cls(frames, await anext(frames, None), ticket)
        except BaseException:
            await frames.aclose()
            ticket.close()
            raise

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        del scope
        pump, gone = asyncio.ensure_future(self._pump(send)), asyncio.ensure_future(until_gone(receive))
        try:
            await asyncio.wait((pump, gone), return_when=asyncio.FIRST_COMPLETED)
            if pump.done():
                pump.result()
        finally:
            pump.cancel()
            gone.cancel()
            await asyncio.gather(pump, gone, return_exceptions=True)
            await self._frames.aclose()
            self._ticket.close()

    async def _pump(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        coming = asyncio.ensure_future(_given(self._first))
        try:
            while True:
                done, _ = await asyncio.wait((coming,), timeout=_LIFE_S)
                body = coming.result() if done else _SILENCE
                if body is None:
                    break
                await send({"type": "http.response.body", "body": body, "more_body": True})
                if done:
                    coming = asyncio.ensure_future(anext(self._frames, None))
        finally:
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _given(body: bytes | None) -> bytes | None:
    return body
