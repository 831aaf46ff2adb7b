"""``cbtguard audit mutants``: defects are planted, and what finds them is told."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from cbtguard.service.lean import without_unused_imports

if TYPE_CHECKING:
    from cbtguard.audit.mutants.run import Tried


@click.command("mutants")
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    help="Folder for the results; a run goes on there.",
)
@click.option(
    "--only",
    multiple=True,
    metavar="KIND",
    help="Only defects of this kind, or one by its id; may come several times.",
)
@click.option("--limit", default=None, type=click.IntRange(min=1), help="Most defects of each kind.")
@click.option("--workers", default=2, show_default=True, type=click.IntRange(min=1, max=16))
def mutants_command(out: Path, only: tuple[str, ...], limit: int | None, workers: int) -> int:
    """Plant 200 defects, one at a time, each in a copy of the package, and look what finds it.

    Found is a defect when a case that passed fails, an entry of the inventory differs, a clause of the proof is
    violated, or the copy refuses to load. Exits with 1 when fewer than 95 in a hundred are found.
    """
    with without_unused_imports():
        from cbtguard.audit.mutants.run import run_mutants, table  # noqa: PLC0415 - keeps help fast

    def tell(one: Tried) -> None:
        how = one.found_by or "SURVIVED"
        click.echo(f"{one.id:<20} {one.seconds:>6.1f} s  {how:<24} {one.what}", err=True)

    found = run_mutants(out, only=only, limit=limit, workers=workers, tell=tell)
    text = table(found)
    (out / "table.txt").write_text(text + "\n", encoding="utf-8")
    click.echo(text)
    return 0 if sum(bool(one.found_by) for one in found) >= _ENOUGH * len(found) else 1


_ENOUGH = 0.95
