"""What several commands share: the guard made from the command line's settings."""

from __future__ import annotations

import gc
import logging
from typing import TYPE_CHECKING, Any

import click

from cbtguard.service.lean import without_unused_imports

if TYPE_CHECKING:
    from cbtguard.graph.guard import Guard
    from cbtguard.graph.settings import Settings


def settings_of(ctx: click.Context, **explicit: Any) -> Settings:
    """Return the settings for a command: its options beat the environment, which beats the file."""
    from cbtguard.graph.settings import load_settings  # noqa: PLC0415 - keeps help fast

    given = {key: value for key, value in explicit.items() if value is not None}
    return load_settings(ctx.obj["settings"], **given)


def guard_of(settings: Settings, *, quiet: bool = False) -> Guard:
    """Return a guard whose parts are made; problems are told on standard error unless ``quiet``."""
    logging.getLogger("cbtguard").addHandler(logging.NullHandler())
    # What is made here stays: looking through it for garbage takes a tenth of the start, and time of every turn.
    gc.disable()
    try:
        with without_unused_imports():
            from cbtguard.graph.guard import Guard  # noqa: PLC0415 - keeps help fast

            guard = Guard(settings)
            _ = guard.services
    finally:
        gc.freeze()
        gc.enable()
    if quiet:
        return guard
    for problem in guard.problems:
        click.echo(f"cbtguard: {problem.message} [{problem.code}]\n  → {problem.hint}", err=True)
    return guard
