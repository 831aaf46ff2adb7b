"""Settings of the service: the table ``[serve]`` of the settings file, or ``CBTGUARD_SERVE`` as JSON."""

from __future__ import annotations

import ipaddress
from pathlib import Path  # noqa: TC003 - pydantic resolves annotations
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cbtguard.safety.errors import SettingsError

if TYPE_CHECKING:
    from cbtguard.graph.settings import Settings


class ServeSettings(BaseModel):
    """What an operator may set of the service."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str = "127.0.0.1"
    """Address to listen on. Any but loopback needs a key."""
    port: int = Field(default=8000, ge=0, le=65535)
    """Port; 0 for a free one."""
    keys_file: Path | None = None
    """File of the keys' hashes; unset for ``HOME/keys.json``."""
    per_minute: float = Field(default=60.0, gt=0, allow_inf_nan=False)
    """Requests a minute that a key may make in the long run."""
    burst: int = Field(default=20, ge=1)
    """Requests that a key may make at once after a rest."""
    turns_per_key: int = Field(default=8, ge=1)
    """Turns of one key in work at once."""
    turns: int = Field(default=128, ge=1)
    """Turns in work at once, of all keys together."""
    body_bytes: int = Field(default=262_144, ge=1024)
    """Longest body of a request."""
    body_s: float = Field(default=15.0, gt=0, allow_inf_nan=False)
    """Longest time for a body to arrive."""
    origins: tuple[str, ...] = ()
    """Web origins whose pages may call the service, such as ``https://app.example``; none by default."""
    hosts: tuple[str, ...] = ()
    """Further names that requests may address where no key is asked for; loopback names always are."""
    notice: Literal["content", "field"] = "content"
    """Where OpenAI's shape says that this is a machine: in the reply, or in ``guard.notice`` alone."""
    drain_s: float = Field(default=30.0, ge=0, allow_inf_nan=False)
    """How long turns in work may go on once the service is told to end; then they end in the referral."""
    directory_days: int = Field(default=400, ge=1)
    """Days after which help lines that nobody checked again make the service unready."""
    metrics: Literal["key", "open"] = "key"
    """Whether ``/metrics`` asks for a key with the scope audit, where keys are asked for."""
    log: Literal["json", "text", "off"] = "json"
    """Form of the log on standard error."""
    traces: str = ""
    """Address of an OpenTelemetry collector, such as ``http://127.0.0.1:4318/v1/traces``; empty: no traces."""

    @property
    def on_loopback(self) -> bool:
        """Whether nobody but this machine can reach the address."""
        return is_loopback(self.host)


def is_loopback(host: str) -> bool:
    """Return whether a host name or address is this machine's own."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def serve_settings(settings: Settings, **explicit: Any) -> ServeSettings:
    """Return the settings of the service; explicit values that are not None win.

    Raises:
        SettingsError: ``settings.invalid``, naming the field.
    """
    given = {**settings.serve, **{name: value for name, value in explicit.items() if value is not None}}
    try:
        return ServeSettings(**given)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "?"
        raise SettingsError(
            "settings.invalid",
            f"The setting 'serve.{field}' cannot be used: {first['msg']}.",
            hint="Check CBTGUARD_SERVE in the environment and the table [serve] of the settings file.",
        ) from None


def keys_path(settings: Settings, serve: ServeSettings) -> Path:
    """Return where the hashes of the keys lie."""
    return serve.keys_file.expanduser() if serve.keys_file is not None else settings.path("keys.json")
