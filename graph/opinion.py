"""From settings to the rater of the third opinion."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from cbtguard.safety.errors import SettingsError

if TYPE_CHECKING:
    from cbtguard.graph.settings import Settings

_SHARE = 0.95
"""Part of ``opinion_s`` in which a server must be done, so that its failure is seen as one."""


def make_rater(settings: Settings) -> Any:
    """Return the :class:`Rater` that the settings name, None for no third opinion; no server is asked.

    Raises:
        SettingsError: ``settings.invalid`` for a rater nobody knows, or settings that it cannot use.
        DependencyError: ``dependency.library`` for a library that is not installed.
    """
    if settings.opinion == "off":
        return None
    if settings.opinion != "openai":
        raise SettingsError(
            "settings.invalid",
            "The setting opinion names a rater that does not exist.",
            hint="Use off or openai, or pass a chat model or a rater to Guard as opinion.",
        )
    from pydantic import SecretStr  # noqa: PLC0415 - keeps start-up short

    from cbtguard.nodes.raters.openai import ServerRater  # noqa: PLC0415 - the same
    from cbtguard.nodes.writers.server import Server, Times  # noqa: PLC0415 - the same

    total_s = settings.bounds().opinion_s * _SHARE
    server = Server(
        url=settings.opinion_url,
        key=SecretStr(_key(settings.opinion_key_env)),
        times=Times(connect_s=min(5.0, total_s), read_s=total_s, total_s=total_s),
        retries=1,
    )
    return ServerRater(server, settings.opinion_model)


def as_rater(own: Any) -> Any:
    """Return a caller's own part as a rater: a LangChain chat model is wrapped, anything else stays.

    Raises:
        SettingsError: ``settings.invalid`` for something that cannot rate.
    """
    if own is None or hasattr(own, "rate"):
        return own
    if hasattr(own, "ainvoke"):
        from cbtguard.nodes.raters.langchain import ChatModelRater  # noqa: PLC0415 - keeps start-up short

        return ChatModelRater(own)
    raise SettingsError(
        "settings.invalid",
        f"A {type(own).__name__} cannot give a third opinion.",
        hint="Pass a LangChain chat model, or an object with name, version and rate.",
    )


def _key(variable: str) -> str:
    if not variable:
        return ""
    key = os.environ.get(variable, "").strip()
    if not key:
        # Without it the person's words would go out to be refused.
        raise SettingsError(
            "settings.invalid",
            f"The variable {variable!r} that opinion_key_env names is not set.",
            hint="Set it to the key of the server, or leave opinion_key_env unset.",
        )
    return key
