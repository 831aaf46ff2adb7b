"""Where an OpenAI-compatible server is, how long it may take, and a client for it."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pydantic import SecretStr

from cbtguard.safety.errors import SettingsError

if TYPE_CHECKING:
    from openai import AsyncOpenAI


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """How long a server may take, in seconds.

    Raises:
        SettingsError: ``settings.invalid`` for a time that is not greater than 0.
    """

    connect_s: float = 5.0
    """Until the connection stands."""
    read_s: float = 30.0
    """Longest silence: before the first piece of an answer, and between two."""
    total_s: float = 55.0
    """For a draft, retries and waits included."""

    def __post_init__(self) -> None:
        for time in fields(self):
            if not getattr(self, time.name) > 0:
                raise SettingsError(
                    "settings.invalid",
                    f"The time {time.name} of a server must be greater than 0.",
                    hint="Leave it unset for the default.",
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A server and how it is asked.

    Raises:
        SettingsError: ``settings.invalid`` for an address that is none or holds a key, or for fewer than 0
            retries.
    """

    url: str
    """Base address, such as ``http://127.0.0.1:8000/v1``."""
    key: SecretStr = field(default_factory=lambda: SecretStr(""))
    """Empty for a server that wants none."""
    times: Times = field(default_factory=Times)
    retries: int = 2
    """Further tries of a request."""
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    """Further headers."""

    def __post_init__(self) -> None:
        _check(self.url)
        if self.retries < 0:
            raise SettingsError(
                "settings.invalid",
                "A request cannot be tried again fewer than 0 times.",
                hint="Leave writer_retries unset for the default.",
            )

    def new_client(self) -> AsyncOpenAI:
        """Return a client for one event loop. It keeps no idle connections, so it need not be closed."""
        import openai  # noqa: PLC0415 - keeps start-up short

        # For what is empty the library falls back to variables of the environment.
        key = self.key.get_secret_value() or "none"
        kind: Any = type(openai.DEFAULT_CONNECTION_LIMITS)
        client = openai.AsyncOpenAI(
            api_key=key,
            base_url=self.url.strip().rstrip("/"),
            max_retries=self.retries,
            default_headers={"Authorization": f"Bearer {key}", **self.headers},
            http_client=openai.DefaultAsyncHttpxClient(
                timeout=openai.Timeout(self.times.read_s, connect=self.times.connect_s),
                limits=kind(max_connections=None, max_keepalive_connections=0),
                # A prompt goes to the address that was set, and to no other.
                follow_redirects=False,
                # A proxy of the environment has no way to this machine.
                trust_env=not _on_this_machine(self.url),
            ),
        )
        # Of the environment too, and meant for another server.
        client.organization = client.project = None
        return client


def _check(url: str) -> None:
    try:
        parts = urlsplit(url.strip())
        sound = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
        bare = parts.username is None and parts.password is None and not parts.query and not parts.fragment
    except ValueError:
        sound = bare = False
    if not sound or not bare:
        # The address is not repeated: it may hold a key.
        raise SettingsError(
            "settings.invalid",
            "The address of the writer's server is no http or https address, or holds a name, key or query.",
            hint="Set writer_url to such as http://127.0.0.1:8000/v1, and give the key by writer_key_env.",
        )


def _on_this_machine(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
