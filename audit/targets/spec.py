"""From ``--target NAME=SPEC`` to a target: settings, an address, or a function."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from cbtguard.audit.targets.endpoint import EndpointTarget
from cbtguard.audit.targets.function import CallableTarget
from cbtguard.audit.targets.reading import no_sense
from cbtguard.audit.targets.service import ServiceTarget
from cbtguard.safety.errors import SettingsError
from cbtguard.safety.files import read_text

if TYPE_CHECKING:
    from cbtguard.audit.target import Target

_NAMED = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]{0,63})=(.+)", re.DOTALL)
_PROBE_S = 15.0
_UNSURE = frozenset({404, 405, 501})


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the command line says of addresses."""

    key_env: str | None = None
    """Variable of the environment that holds the key of the targets at an address."""
    model: str | None = None
    """Of an endpoint; its first model when None."""
    system: Path | None = None
    """File with a system prompt for endpoints."""


def make_target(spec: str, options: Options | None = None, *, settings: Path | None = None) -> Target:
    """Return the target that a specification names.

    Args:
        spec: ``default``, the path of a settings file, an address, or ``python:module:function``; each may be
            preceded by ``NAME=``.
        options: For addresses.
        settings: File of the settings that ``default`` stands for; the built-in ones when None.

    Raises:
        SettingsError: ``settings.invalid`` for a specification that names nothing.
        AuditError: ``audit.target`` when nobody answers at an address.
    """
    given = options or Options()
    named = None if spec.startswith(("http://", "https://")) else _NAMED.fullmatch(spec)
    name, what = (named[1], named[2]) if named else (_name_of(spec), spec)
    if what.startswith(("http://", "https://")):
        return _at(name, what.rstrip("/"), given)
    if what.startswith("python:"):
        return CallableTarget(name, what.removeprefix("python:"))
    from cbtguard.audit.targets.flow import FlowTarget  # noqa: PLC0415 - loads the flow

    if what == "default":
        return FlowTarget(name, settings)
    path = Path(what).expanduser()
    if not path.is_file():
        raise SettingsError(
            "settings.invalid",
            f"The target {spec!r} is neither a settings file nor an address nor a function.",
            hint="Give default, the path of a TOML file, http(s)://..., or python:module:function.",
        )
    return FlowTarget(name, path)


def _name_of(spec: str) -> str:
    if spec.startswith(("http://", "https://")):
        return httpx.URL(spec).host + (f"-{httpx.URL(spec).port}" if httpx.URL(spec).port else "")
    if spec.startswith("python:"):
        return spec.rpartition(":")[2]
    return "default" if spec == "default" else Path(spec).stem


def _key(options: Options) -> str | None:
    if options.key_env is None:
        return None
    key = os.environ.get(options.key_env)
    if not key:
        raise SettingsError(
            "settings.invalid",
            f"The variable {options.key_env} of the environment holds no key.",
            hint="Set it, or leave --key-env out for a target without a key.",
        )
    return key


def _at(name: str, url: str, options: Options) -> Target:
    """Tell a service from an endpoint: only the first has ``/v1/screen``, and calls its model ``cbtguard``."""
    key = _key(options)
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    root = url.removesuffix("/v1")
    with httpx.Client(headers=headers, timeout=_PROBE_S, trust_env=False) as client:
        try:
            models = client.get(f"{root}/v1/models")
            ours = _models(models) == ["cbtguard"]
            if ours and not options.model:
                probe = client.post(f"{root}/v1/screen", json={"text": "hello"})
                if probe.status_code not in _UNSURE:
                    if probe.status_code in {401, 403}:
                        raise no_sense(name, "wants another key")
                    return ServiceTarget(name, root, key)
        except httpx.HTTPError as error:
            raise no_sense(name, f"cannot be reached ({type(error).__name__})") from None
    if models.status_code in {401, 403}:
        raise no_sense(name, "wants another key")
    model = options.model or next(iter(_models(models)), None)
    if model is None:
        raise SettingsError(
            "settings.invalid", f"The target {name!r} names no model.", hint="Give one with --model."
        )
    system = read_text(options.system) if options.system is not None else None
    base = url if re.search(r"/v\d+[a-z]*$", url) else f"{url}/v1"
    return EndpointTarget(name, base, model, key, system)


def _models(answer: httpx.Response) -> list[str]:
    try:
        data = answer.json()["data"]
        return [str(one["id"]) for one in data]
    except (ValueError, KeyError, TypeError):
        return []
