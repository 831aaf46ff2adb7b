"""``cbtguard audit inventory``: is everything there that should be?"""

from __future__ import annotations

import click

from cbtguard.service.lean import without_unused_imports


@click.command("inventory")
@click.option("--write", is_flag=True, help="Write the inventory anew from the present release.")
@click.option(
    "--part", "parts", multiple=True, metavar="PART", help="Only this part; may be given several times."
)
def inventory_command(write: bool, parts: tuple[str, ...]) -> int:
    """Compare the release with its inventory.

    The inventory is an independent copy of what a release must hold: help lines, rules of the screen, clauses of
    the checker, thresholds, texts, notes, bounds and routes. Exits with 1 when something is missing or different.
    """
    with without_unused_imports():
        from cbtguard.audit.inventory.book import FILE, PARTS, look, part_of, render  # noqa: PLC0415 - keeps help fast

        for name in parts:
            part_of(name)
        wanted = parts or PARTS
        if write:
            FILE.write_text(render(wanted), encoding="utf-8")
            click.echo(f"written: {FILE}")
            return 0
        found = list(look(wanted))
    wrong = [one for one in found if one.what]
    for one in wrong:
        click.echo(f"{one.id}: {'; '.join(one.what)}")
    click.echo(f"{len(found) - len(wrong)} of {len(found)} entries are as they should be")
    return 1 if wrong else 0
