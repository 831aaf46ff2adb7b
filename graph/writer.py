"""From settings to the writer."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from cbtguard.safety.errors import SettingsError

if TYPE_CHECKING:
    from pydantic import SecretStr

    from cbtguard.graph.settings import Settings
    from cbtguard.nodes.writers.openai import OpenAIWriter
    from cbtguard.nodes.writers.task import Writer

_SHARE = 0.95
"""Part of ``generate_s`` in which a server must be done, so that its failure is seen as one and counted."""


def make_writer(settings: Settings) -> Writer:
    """Return the writer that the settings name; weights are not loaded yet, no server is asked.

    Raises:
        SettingsError: ``settings.invalid`` for a writer nobody knows, or settings that it cannot use.
        DependencyError: ``dependency.library`` for a library that is not installed.
    """
    kind, _, name = settings.writer.partition(":")
    if settings.writer == "composer":
        from cbtguard.nodes.writers.composer import Composer  # noqa: PLC0415 - reads its phrases

        return Composer()
    if settings.writer == "openai":
        return _server(settings)
    if kind == "transformers" and name:
        from cbtguard.nodes.writers.local import TransformersWriter  # noqa: PLC0415 - imports torch

        return TransformersWriter(
            name,
            device=settings.writer_device,
            dtype=settings.writer_dtype,
            max_new_tokens=settings.writer_max_tokens,
            trust_remote_code=settings.writer_trust_remote_code,
            adapter=settings.writer_adapter,
            gguf_file=settings.writer_gguf_file,
            download=settings.writer_download,
        )
    raise SettingsError(
        "settings.invalid",
        f"There is no writer {kind!r}.",
        hint="Use composer, transformers:NAME or openai, or pass a writer object to Guard.",
    )


def _server(settings: Settings) -> OpenAIWriter:
    from cbtguard.nodes.writers.openai import OpenAIWriter  # noqa: PLC0415 - keeps start-up short
    from cbtguard.nodes.writers.server import Times  # noqa: PLC0415 - the same

    total_s = settings.writer_total_s or settings.bounds().generate_s * _SHARE
    return OpenAIWriter(
        settings.writer_url,
        settings.writer_model,
        key=_key(settings),
        times=Times(connect_s=settings.writer_connect_s, read_s=settings.writer_read_s, total_s=total_s),
        retries=settings.writer_retries,
        max_tokens=settings.writer_max_tokens,
    )


def _key(settings: Settings) -> SecretStr | str | None:
    if not settings.writer_key_env:
        return settings.writer_key
    key = os.environ.get(settings.writer_key_env, "")
    if not key.strip():
        # Without it the person's words would go out to be refused.
        raise SettingsError(
            "settings.invalid",
            f"The variable {settings.writer_key_env!r} that writer_key_env names is not set.",
            hint="Set it to the key of the server, or leave writer_key_env unset.",
        )
    return key.strip()
