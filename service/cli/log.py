"""``cbtguard log``: the record, verified, anchored, shown, counted, exported."""

from __future__ import annotations

import sys
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from cbtguard.safety.errors import InputError
from cbtguard.service.cli.common import settings_of
from cbtguard.service.cli.counts import counts
from cbtguard.service.cli.keys import key

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cbtguard.safety.record import Anchor, ChainReport, PublicKeys, RecordStore

_PUBLIC_KEY = click.option(
    "--public-key",
    "public_keys",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Hold the signatures against this key; may be given several times.",
)


@click.group("log")
def log_command() -> None:
    """The record: one entry a turn, hash-chained, without a word that anybody wrote."""


log_command.add_command(counts)
log_command.add_command(key)


def open_to_read(ctx: click.Context) -> closing[RecordStore]:
    """Return the record of the settings, to be closed at the end of a block; it must be there."""
    from cbtguard.graph.records import open_record  # noqa: PLC0415 - keeps help fast

    return closing(open_record(settings_of(ctx), only_read=True))


@log_command.command("verify")
@click.option(
    "--head",
    default=None,
    metavar="HASH",
    help="A head noted earlier; finds a record that was cut or written anew.",
)
@click.option(
    "--anchor",
    "anchor_files",
    multiple=True,
    metavar="FILE",
    help='Anchors noted earlier, one a line ("-": standard input); may be given several times.',
)
@_PUBLIC_KEY
@click.option(
    "--export",
    "exported",
    default=None,
    metavar="FILE",
    help='Verify the JSON Lines that log export wrote ("-": standard input) instead of the record.',
)
@click.pass_context
def verify(
    ctx: click.Context,
    head: str | None,
    anchor_files: tuple[str, ...],
    public_keys: tuple[Path, ...],
    exported: str | None,
) -> int:
    """Walk the chain; name the first bad entry and exit with 1 if there is one."""
    from cbtguard.safety.record import from_jsonl, verify_entries  # noqa: PLC0415 - keeps help fast

    given: dict[str, Any] = {
        "expected_head": head,
        "anchors": tuple(_anchors(anchor_files)),
        "keys": _keys(public_keys),
    }
    if exported is not None:
        with ExitStack() as stack:
            return _tell(verify_entries(from_jsonl(_text(exported, stack)), **given))
    with open_to_read(ctx) as store:
        return _tell(store.verify(**given))


@log_command.command("anchor")
@_PUBLIC_KEY
@click.pass_context
def anchor(ctx: click.Context, public_keys: tuple[Path, ...]) -> int:
    """Verify, then print the head as an anchor, to be kept where the record's writer cannot reach."""
    from cbtguard.safety.record import Anchor  # noqa: PLC0415 - keeps help fast

    with open_to_read(ctx) as store:
        report = store.verify(keys=_keys(public_keys))
        if not report.ok:
            return _tell(report, err=True)
        last = next(store.entries(start=max(1, report.entries), limit=1), None)
    click.echo(Anchor.of(last).to_line())
    return 0


@log_command.command("show")
@click.option(
    "--last", default=20, show_default=True, type=click.IntRange(1), help="How many of the newest entries."
)
@click.pass_context
def show(ctx: click.Context, last: int) -> int:
    """Show the newest entries, one a line."""
    with open_to_read(ctx) as store:
        total = store.verify().entries
        for stored in store.entries(start=max(1, total - last + 1)):
            entry = stored.entry
            rules = ",".join(entry.rules) or "-"
            act = f"  {entry.review.act}" if entry.review is not None else ""
            click.echo(
                f"{stored.record_id}  {entry.at}  {entry.route:<9} {entry.reason:<12} {entry.level:<10} "
                f"{rules}{act}"
            )
    return 0


@log_command.command("export")
@click.argument("target", metavar="OUT")
@click.option("--format", "form", type=click.Choice(["jsonl", "csv"]), default="jsonl", show_default=True)
@click.pass_context
def export(ctx: click.Context, target: str, form: str) -> int:
    """Write all entries to OUT ("-" for standard output)."""
    from cbtguard.safety.record import to_csv, to_jsonl  # noqa: PLC0415 - keeps help fast

    write = to_csv if form == "csv" else to_jsonl
    with open_to_read(ctx) as store:
        if target == "-":
            write(store.entries(), sys.stdout)
            return 0
        with Path(target).open("w", encoding="utf-8", newline="") as stream:
            write(store.entries(), stream)
    return 0


def _tell(report: ChainReport, *, err: bool = False) -> int:
    if report.ok:
        signed = f" {report.signed} signatures fit." if report.signed else ""
        click.echo(f"{report.entries} entries, the chain holds.{signed} Head {report.head}", err=err)
        return 0
    place = "its head" if report.first_bad is None else f"entry {report.first_bad}"
    click.echo(f"The chain breaks at {place}: {report.reason}. Head of the good part {report.head}", err=err)
    return 1


def _anchors(files: tuple[str, ...]) -> Iterator[Anchor]:
    from cbtguard.safety.record import read_anchors  # noqa: PLC0415 - keeps help fast

    for file in files:
        with ExitStack() as stack:
            yield from read_anchors(_text(file, stack))


def _keys(files: tuple[Path, ...]) -> PublicKeys | None:
    from cbtguard.safety.record import PublicKeys  # noqa: PLC0415 - keeps help fast

    return PublicKeys(files) if files else None


def _text(file: str, stack: ExitStack) -> TextIO:
    if file == "-":
        return sys.stdin
    try:
        return stack.enter_context(Path(file).open(encoding="utf-8", errors="surrogateescape", newline=""))
    except OSError as error:
        raise InputError(
            "input.file", f"The file {file} cannot be read ({type(error).__name__}).", hint="Check the path."
        ) from error
