"""The server: uvicorn, ended so that no turn is broken off."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import uvicorn

if TYPE_CHECKING:
    from types import FrameType

    from fastapi import FastAPI

    from cbtguard.service.http.core import Core

_LAST_S = 10
"""For what is still to be sent once the turns in work had their time."""


class DrainingServer(uvicorn.Server):
    """On the first signal takes no new turns and lets those in work end; on the second gives them no more time.

    While it drains it still answers, with 503 and ``Retry-After``, and ``/readyz`` says so. Turns that are in
    work when the time is over wait for no writer any longer: they end in the referral, which is still sent.
    """

    def __init__(self, config: uvicorn.Config, core: Core) -> None:
        super().__init__(config)
        self._core = core
        self._hurried = False

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Take a signal."""
        # Signals are not raised again at the end: who asked for it gets a clean one, with code 0.
        del sig, frame
        if self._core.gate.draining:
            self._core.gate.cut()
        else:
            self._core.gate.drain()

    async def on_tick(self, counter: int) -> bool:
        """See ten times a second whether to end."""
        gate = self._core.gate
        if gate.draining and not gate.in_work:
            self.should_exit = True
        elif gate.overdue and not self._hurried:
            self._hurried = True
            self._core.guard.hurry()
            self.should_exit = True
        return await super().on_tick(counter)


def make_server(app: FastAPI, host: str, port: int, **options: Any) -> DrainingServer:
    """Return a server for an application.

    Args:
        app: What :func:`cbtguard.service.http.create_app` made.
        host: Address to listen on.
        port: Port; 0 for a free one.
        options: Of :class:`uvicorn.Config`.
    """
    # It would log paths as they came, with whatever somebody wrote into them.
    logging.getLogger("uvicorn.access").disabled = True
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=True,
        ws="none",
        lifespan="on",
        timeout_keep_alive=15,
        timeout_graceful_shutdown=_LAST_S,
        **options,
    )
    return DrainingServer(config, app.state.core)
