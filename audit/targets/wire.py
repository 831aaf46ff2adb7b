"""Requests to a target over HTTP: bounded, patient where it is busy, and typed where it fails."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import httpx

from cbtguard.audit.targets.reading import no_sense

if TYPE_CHECKING:
    from collections.abc import Mapping

TIMEOUT_S = 120.0
_TRIES = 6
_LONGEST_WAIT_S = 65.0
_BUSY = frozenset({429, 503})


class Wire:
    """A client of one target.

    Args:
        name: Of the target.
        url: Base address.
        key: Sent as a bearer token; None for none.
    """

    def __init__(self, name: str, url: str, key: str | None) -> None:
        self.name = name
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._client = httpx.AsyncClient(
            base_url=url, headers=headers, timeout=httpx.Timeout(TIMEOUT_S, connect=10.0), trust_env=False
        )

    async def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return the JSON object that comes back.

        Raises:
            AuditError: ``audit.target``; it quotes neither what was sent nor what came back.
        """
        wait = 1.0
        for attempt in range(1, _TRIES + 1):
            try:
                answer = await self._client.post(path, json=dict(body))
            except httpx.HTTPError as error:
                raise no_sense(self.name, f"cannot be reached ({type(error).__name__})") from None
            if answer.status_code in _BUSY and attempt < _TRIES:
                await asyncio.sleep(_asked(answer, wait))
                wait = min(wait * 2, _LONGEST_WAIT_S)
                continue
            if answer.status_code != 200:
                raise no_sense(self.name, f"answers with status {answer.status_code}")
            try:
                found = answer.json()
            except ValueError:
                raise no_sense(self.name, "answers what is no JSON") from None
            if not isinstance(found, dict):
                raise no_sense(self.name, "answers JSON that is no object")
            return found
        raise no_sense(self.name, "is busy for too long")

    async def close(self) -> None:
        """Let go of the connections."""
        await self._client.aclose()


def _asked(answer: httpx.Response, wait: float) -> float:
    """Seconds that a busy target asks for, or our own."""
    said = answer.headers.get("Retry-After", "")
    return min(float(said), _LONGEST_WAIT_S) if said.isdigit() else wait
