"""``cbtguard keys``: keys of those who call the service. Keys that sign the record: ``cbtguard log key``."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING

import click

from cbtguard.service.cli.common import settings_of

if TYPE_CHECKING:
    from cbtguard.service.http.keys import KeyFile

_SCOPES = ("ask", "review", "audit")


@click.group("keys")
def keys_command() -> None:
    """Keys of callers of the HTTP service.

    Only hashes are kept, in HOME/keys.json or the setting serve.keys_file. A running service sees a change at
    once. These keys have nothing to do with those of cbtguard log key, which sign the record.
    """


@keys_command.command("new")
@click.option("--name", required=True, help="What you call it, such as the product that will use it.")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice(_SCOPES),
    default=("ask",),
    show_default=True,
    help="What it may do; may be given several times.",
)
@click.pass_context
def new(ctx: click.Context, name: str, scopes: tuple[str, ...]) -> int:
    """Make a key and print it: the only time that it is shown."""
    from cbtguard.service.http.keys import Scope  # noqa: PLC0415 - keeps help fast

    key, secret = _file(ctx).new(name, [Scope(scope) for scope in scopes], at=_now())
    click.echo(secret)
    click.echo(f"Key {key.id} ({', '.join(key.scopes)}). Keep it now: it is not shown again.", err=True)
    return 0


@keys_command.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.pass_context
def list_keys(ctx: click.Context, *, as_json: bool) -> int:
    """List the keys, without the keys themselves."""
    for key in _file(ctx).listed():
        state = f"revoked {key.revoked}" if key.revoked else "active"
        if as_json:
            row = {
                "id": key.id,
                "name": key.name,
                "scopes": list(key.scopes),
                "created": key.created,
                "revoked": key.revoked,
            }
            click.echo(json.dumps(row, ensure_ascii=False))
        else:
            click.echo(f"{key.id}  {','.join(key.scopes):<16}  {key.created}  {state}  {key.name}")
    return 0


@keys_command.command("revoke")
@click.argument("key_id", metavar="ID")
@click.pass_context
def revoke(ctx: click.Context, key_id: str) -> int:
    """Revoke a key for good, at once."""
    key = _file(ctx).revoke(key_id, at=_now())
    click.echo(f"Key {key.id} is revoked.", err=True)
    return 0


def _file(ctx: click.Context) -> KeyFile:
    from cbtguard.service.cli.serve import extra  # noqa: PLC0415 - keeps help fast

    settings = settings_of(ctx)
    with extra():
        from cbtguard.service.http.keys import KeyFile  # noqa: PLC0415 - an extra
        from cbtguard.service.http.settings import keys_path, serve_settings  # noqa: PLC0415 - the same
    return KeyFile(keys_path(settings, serve_settings(settings)))


def _now() -> str:
    return dt.datetime.now(tz=dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
