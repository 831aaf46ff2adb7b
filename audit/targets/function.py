"""A function of somebody's own: it is given the talk so far and returns what it would say."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import os
import sys
import time
from typing import TYPE_CHECKING, Any

from cbtguard.audit.target import Reply
from cbtguard.audit.targets.asking import OnlyAsked
from cbtguard.audit.targets.reading import no_sense, reply_of_answer
from cbtguard.safety.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


class CallableTarget(OnlyAsked):
    """``module:function``, called with the person's messages so far, oldest first; sync or async.

    It returns the reply as a text, or a dict with ``reply`` and any field of
    :meth:`cbtguard.graph.Answer.as_dict`, such as ``route`` and ``risk``.

    Args:
        name: As the report shows it.
        path: ``module:function``; modules of the working folder are found.

    Raises:
        SettingsError: ``settings.invalid`` when there is no such function.
    """

    kind = "callable"
    can = frozenset({"ask"})

    def __init__(self, name: str, path: str) -> None:
        self.name = name
        self._path = path
        self._function = _imported(path)

    def describe(self) -> Mapping[str, str]:
        """Return the path of the function, and the version of its module where it names one."""
        module = sys.modules.get(str(getattr(self._function, "__module__", "")))
        version = getattr(module, "__version__", None)
        return {"function": self._path, **({"version": version} if isinstance(version, str) else {})}

    async def ask(self, turns: Sequence[str], *, region: str, note: str | None = None) -> list[Reply]:
        """Call the function once for each turn."""
        del region, note
        replies = []
        for count in range(1, len(turns) + 1):
            start = time.perf_counter()
            replies.append(_reply(self.name, await self._called(list(turns[:count])), start))
        return replies

    async def _called(self, turns: list[str]) -> Any:
        try:
            if inspect.iscoroutinefunction(self._function):
                return await self._function(turns)
            found = await asyncio.to_thread(self._function, turns)
            return await found if inspect.isawaitable(found) else found
        except Exception as error:  # noqa: BLE001 - somebody's own function may raise anything
            raise no_sense(self.name, f"raised {type(error).__name__}") from None

    async def close(self) -> None:
        """Nothing is held."""


def _reply(name: str, found: Any, start: float) -> Reply:
    ms = (time.perf_counter() - start) * 1000
    if isinstance(found, str):
        return Reply(text=found, ms=ms)
    if isinstance(found, dict) and isinstance(found.get("reply"), str):
        try:
            return reply_of_answer(found, ms)
        except (AttributeError, TypeError, ValueError):
            raise no_sense(name, "returned a dict whose fields are not those of an answer") from None
    raise no_sense(name, "returned neither a text nor a dict with reply")


def _imported(path: str) -> Callable[..., Any]:
    module, _, name = path.partition(":")
    here = os.getcwd()  # noqa: PTH109 - the text that sys.path holds
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        function = getattr(importlib.import_module(module), name) if module and name else None
    except (ImportError, AttributeError):
        function = None
    if not callable(function):
        raise SettingsError(
            "settings.invalid",
            f"There is no function {path!r}.",
            hint="Give python:module:function; the working folder is searched for modules.",
        )
    made: Callable[..., Any] = function
    return made
