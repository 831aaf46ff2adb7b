"""A contact behind an address: one POST of JSON, signed where there is a key."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import ipaddress
import json
import os
from typing import TYPE_CHECKING, Any, Self

import httpx
from pydantic import SecretStr

from cbtguard.safety.errors import ContactError, SettingsError

if TYPE_CHECKING:
    from cbtguard.graph.contact import ContactEvent
    from cbtguard.graph.settings import Settings

_AGAIN = frozenset({408, 425, 429})
"""Refusals that may pass; those of the server's side (500 and above) may pass as well."""


class WebhookContact:
    """Tells a contact by HTTP. Any 2xx is an arrival; the body of the answer is not read.

    Args:
        url: Where to post to.
        key: Signs the body: ``X-Cbtguard-Signature: sha256=...`` is its HMAC-SHA256.

    Raises:
        SettingsError: ``settings.invalid`` for an address without HTTPS that is not of this machine.
    """

    name = "webhook@1"

    def __init__(self, url: str, *, key: SecretStr | None = None) -> None:
        self._url = _checked(url)
        self._key = key
        self._client: httpx.AsyncClient | None = None

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return the contact of the settings.

        Raises:
            SettingsError: ``settings.invalid`` for an address or a variable that cannot be used.
        """
        variable = settings.contact_key_env
        key = os.environ.get(variable, "").strip() if variable else ""
        if variable and not key:
            raise SettingsError(
                "settings.invalid",
                f"The variable {variable!r} that contact_key_env names is not set.",
                hint="Set it to the key that the receiver knows, or leave contact_key_env unset.",
            )
        return cls(settings.contact_webhook, key=SecretStr(key) if key else None)

    async def notify(self, event: ContactEvent) -> None:
        """Post an event.

        Raises:
            ContactError: ``contact.unreachable``, ``contact.garbage``, ``contact.unwell`` (an answer that may
                pass, such as 503) or ``contact.refused``.
        """
        client = await self._opened()
        body = json.dumps(event.as_dict(), separators=(",", ":"), sort_keys=True).encode()
        headers = {"Content-Type": "application/json", "Idempotency-Key": event.id}
        if self._key is not None:
            digest = hmac.new(self._key.get_secret_value().encode(), body, hashlib.sha256).hexdigest()
            headers["X-Cbtguard-Signature"] = f"sha256={digest}"
        code = status = None
        try:
            # Streamed and left: an answer without an end costs nothing.
            async with client.stream("POST", self._url, content=body, headers=headers) as answer:
                status = answer.status_code
        except httpx.ProtocolError:
            code = "contact.garbage"
        except httpx.HTTPError:
            code = "contact.unreachable"
        if status is not None and not 200 <= status < 300:
            code = "contact.unwell" if status >= 500 or status in _AGAIN else "contact.refused"
        if code is not None:
            raise ContactError(
                code,
                "The contact was not told.",
                hint="Check contact_webhook and the service behind it.",
            )

    async def aclose(self) -> None:
        """Let go of connections."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def _opened(self) -> httpx.AsyncClient:
        if self._client is None:
            # Reading the certificates takes tens of milliseconds, which no reply shall wait for.
            client: Any = await asyncio.to_thread(
                httpx.AsyncClient, follow_redirects=False, timeout=None, trust_env=not _is_here(self._url)
            )
            self._client = client
        return self._client


def _checked(url: str) -> httpx.URL:
    try:
        address = httpx.URL(url)
    except (httpx.InvalidURL, TypeError):
        address = httpx.URL("")
    if address.host and (address.scheme == "https" or (address.scheme == "http" and _is_here(address))):
        return address
    raise SettingsError(
        "settings.invalid",
        "The setting contact_webhook is no address that can be used.",
        hint="Use https://...; plain http only for this machine itself: what is sent says how somebody is.",
    )


def _is_here(address: httpx.URL) -> bool:
    if address.host == "localhost":
        return True
    try:
        return ipaddress.ip_address(address.host).is_loopback
    except ValueError:
        return False
