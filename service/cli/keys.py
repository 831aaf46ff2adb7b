"""``cbtguard log key``: keys that sign the record."""

from __future__ import annotations

from pathlib import Path

import click


@click.group("key")
def key() -> None:
    """Keys that sign the record."""


@key.command("new")
@click.argument("file", type=click.Path(path_type=Path))
def new(file: Path) -> int:
    """Make an Ed25519 key pair: FILE, the private half, and FILE.pub, to verify with."""
    from cbtguard.safety.record.signing import public_path, write_new_key  # noqa: PLC0415 - keeps help fast

    made = write_new_key(file)
    click.echo(f"{made.key_id}  {file} (keep it secret)  {public_path(file)} (give it to whoever verifies)")
    return 0
