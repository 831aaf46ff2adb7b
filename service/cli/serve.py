"""``cbtguard serve``: the HTTP service."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING

import click

from cbtguard.safety.errors import DependencyError, SettingsError
from cbtguard.service.cli.common import settings_of
from cbtguard.service.lean import without_unused_imports

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cbtguard.service.http.server import DrainingServer
    from cbtguard.service.http.settings import ServeSettings


@click.command("serve")
@click.option("--host", default=None, metavar="ADDRESS", help="Address to listen on. Default: 127.0.0.1.")
@click.option(
    "--port", default=None, type=click.IntRange(0, 65535), help="Port; 0 for a free one. Default: 8000."
)
@click.pass_context
def serve_command(ctx: click.Context, host: str | None, port: int | None) -> int:
    """Serve the flow over HTTP, in OpenAI's shape and in its own.

    On loopback it serves without keys, as long as there are none. On any other address it refuses to start
    without one: make it with cbtguard keys new. Settings are the table [serve] of the settings file, or
    CBTGUARD_SERVE as JSON. On SIGTERM it takes no new turns and lets those in work end.
    """
    settings = settings_of(ctx)
    with extra():
        from cbtguard.service.http.app import create_app  # noqa: PLC0415 - an extra
        from cbtguard.service.http.logs import configure  # noqa: PLC0415 - the same
        from cbtguard.service.http.server import make_server  # noqa: PLC0415 - the same
        from cbtguard.service.http.settings import keys_path, serve_settings  # noqa: PLC0415 - the same
        from cbtguard.service.http.traces import collector  # noqa: PLC0415 - the same
    serve = serve_settings(settings, host=host, port=port)
    _check_keys(serve, keys_path(settings, serve))
    configure(serve.log)
    tracing, provider = collector(serve.traces)
    with contextlib.ExitStack() as stack:
        listening = stack.enter_context(_listen(serve))
        with without_unused_imports():
            from cbtguard.graph.guard import Guard  # noqa: PLC0415 - keeps help fast

            guard = stack.enter_context(Guard(settings))
            _ = guard.services
        if provider is not None:
            stack.callback(provider.shutdown)
        app = create_app(guard, serve, tracing=tracing)
        server = make_server(app, serve.host, serve.port)
        _greet(serve, listening, asks_keys=app.state.core.asks_keys)
        return _run(server, listening)


def _run(server: DrainingServer, listening: socket.socket) -> int:
    asyncio.run(server.serve(sockets=[listening]))
    return 0


def _check_keys(serve: ServeSettings, path: Path) -> None:
    from cbtguard.service.http.keys import KeyFile  # noqa: PLC0415 - keeps help fast

    if not serve.on_loopback and not KeyFile(path).any_active:
        raise SettingsError(
            "settings.no_keys",
            f"The address {serve.host} can be reached from other machines, and there is no key.",
            hint="Make one with cbtguard keys new --name NAME, or serve on 127.0.0.1.",
        )


def _listen(serve: ServeSettings) -> socket.socket:
    family = socket.AF_INET6 if ":" in serve.host else socket.AF_INET
    try:
        return socket.create_server((serve.host.strip("[]"), serve.port), family=family, backlog=2048)
    except OSError as error:
        raise SettingsError(
            "settings.address",
            f"The address {serve.host}:{serve.port} cannot be used ({error.strerror or type(error).__name__}).",
            hint="Take another --host or --port.",
        ) from error


def _greet(serve: ServeSettings, listening: socket.socket, *, asks_keys: bool) -> None:
    host, port = listening.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    click.echo(f"cbtguard serves on http://{shown}:{port}", err=True)
    if asks_keys:
        click.echo("Callers need a key (cbtguard keys list).", err=True)
    else:
        click.echo("Without keys: whoever uses this machine may ask, and read the record.", err=True)
    if serve.metrics == "open":
        click.echo("/metrics is open to whoever reaches it.", err=True)


@contextlib.contextmanager
def extra() -> Iterator[None]:
    """Name the extra that is missing.

    Raises:
        DependencyError: ``dependency.serve``.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise DependencyError(
            "dependency.serve",
            f"The service needs the package {error.name}, which is not installed.",
            hint='Install "cbtguard[serve]".',
        ) from None
