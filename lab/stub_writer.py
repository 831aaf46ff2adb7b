"""A server in OpenAI's shape that writes one sound answer, or fails in the ways that servers fail."""

from __future__ import annotations

import json
import socketserver
import threading
import time
from enum import StrEnum
from http.server import BaseHTTPRequestHandler
from typing import Any

DRAFT = "这句话谁也没有检查过"
"""Stands in every text that no checker may let through."""
_LONGEST_S = 60.0


class Mood(StrEnum):
    """How the server behaves."""

    WELL = "well"
    SLOW = "slow"
    """Takes the request and says nothing."""
    GARBAGE = "garbage"
    """Sends what is no event of a stream."""
    CUT = "cut"
    """Breaks off in the middle of a text."""
    UNSOUND = "unsound"
    """Writes what the checker refuses."""


class StubWriter:
    """The server, in a thread of its own on a free port of loopback.

    Args:
        text: The sound answer.
        seconds: How long it takes to stream it.
    """

    def __init__(self, text: str, seconds: float = 0.5) -> None:
        self.text = text
        self.seconds = seconds
        self.mood = Mood.WELL
        self.asked = 0
        self._server: _Server | None = None
        self._port = 0
        self.start()

    @property
    def url(self) -> str:
        """Base address, as the setting ``writer_url`` takes it."""
        return f"http://127.0.0.1:{self._port}/v1"

    def start(self) -> None:
        """Listen, on the same port as before."""
        self._server = _Server(("127.0.0.1", self._port), _Handler)
        self._server.stub = self
        self._port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        """Listen no more; what is under way ends."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def pieces(self) -> list[str]:
        """What is written in this mood, piece by piece."""
        text = {
            Mood.UNSOUND: f"想开点就好。{DRAFT}。",
            Mood.CUT: f"{self.text[: len(self.text) // 2]}{DRAFT}",
        }.get(self.mood, self.text)
        step = max(1, len(text) // 40)
        return [text[place : place + step] for place in range(0, len(text), step)]


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 256
    stub: StubWriter

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Whoever goes away in the middle of a text is no error of this server."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        """Answer a request for a text."""
        stub = self.server.stub
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        stub.asked += 1
        mood = stub.mood
        self.close_connection = True
        if mood is Mood.SLOW:
            end = time.monotonic() + _LONGEST_S
            while stub.mood is Mood.SLOW and time.monotonic() < end:
                time.sleep(0.05)
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        if mood is Mood.GARBAGE:
            self.wfile.write(f"data: {{{DRAFT}\n\n<html>{DRAFT}</html>\n\n".encode())
            return
        pieces = stub.pieces()
        for piece in pieces:
            self._say({"delta": {"content": piece}, "finish_reason": None})
            time.sleep(stub.seconds / len(pieces))
        if mood is not Mood.CUT:
            self._say({"delta": {}, "finish_reason": "stop"})
            self.wfile.write(b"data: [DONE]\n\n")

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def _say(self, choice: dict[str, Any]) -> None:
        chunk = {
            "id": "stub",
            "object": "chat.completion.chunk",
            "created": 0,
            "model": "stub",
            "choices": [{"index": 0, **choice}],
        }
        self.wfile.write(f"data: {json.dumps(chunk, ensure_ascii=False)}\n\n".encode())
        self.wfile.flush()
