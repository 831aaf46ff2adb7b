"""``cbtguard mcp``: the guards as tools for agents, over standard input and output."""

from __future__ import annotations

import click

from cbtguard.safety.errors import DependencyError
from cbtguard.service.cli.common import settings_of


@click.command("mcp")
@click.pass_context
def mcp_command(ctx: click.Context) -> int:
    """Offer ask, screen, check and redact as tools of the Model Context Protocol.

    Speaks over standard input and output; an agent starts it by itself.
    """
    settings = settings_of(ctx)
    from cbtguard.graph.guard import Guard  # noqa: PLC0415 - keeps help fast
    from cbtguard.service.mcp import make_server  # noqa: PLC0415 - the same

    try:
        import mcp  # noqa: F401, PLC0415 - an extra
    except ImportError:
        raise DependencyError(
            "dependency.mcp", "The package mcp is not installed.", hint='Install "cbtguard[mcp]".'
        ) from None
    with Guard(settings) as guard:
        _ = guard.services
        make_server(guard).run("stdio")
    return 0
