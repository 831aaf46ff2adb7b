"""``cbtguard verify``: the proof of the safety contract, as a table, as JSON, as a picture."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cbtguard.service.lean import without_unused_imports

if TYPE_CHECKING:
    from cbtguard.graph.verify import Proof


@click.command("verify")
@click.option(
    "--json", "json_file", type=click.Path(), default=None, metavar="FILE", help="Write the proof as JSON."
)
@click.option(
    "--mermaid",
    "mermaid_file",
    type=click.Path(),
    default=None,
    metavar="FILE",
    help="Write the flow as a Mermaid picture, error routes included.",
)
@click.option(
    "--full", is_flag=True, help="Let every kind of fault follow on every other; takes three times as long."
)
def verify_command(json_file: str | None, mermaid_file: str | None, full: bool) -> int:
    """Prove the safety contract on the compiled flow.

    Drives the compiled graph itself, its real stops and wiring, through every combination of outcomes of
    the services behind the stops and of their faults (raise, timeout, garbage, cancel, missing; a fault that
    follows on another raises or hangs), and through talks of several turns; checks S1 to S8 on each. Takes
    some minutes. Exits with 1 on any violation and shows the path that leads to it.
    """
    with without_unused_imports():
        from cbtguard.graph.build import compile_graph  # noqa: PLC0415 - keeps help fast
        from cbtguard.graph.verify import mermaid, prove  # noqa: PLC0415 - the same

    watching = sys.stderr.isatty()

    def progress(proof: Proof) -> None:
        if watching:
            click.echo(f"\r{proof.paths} paths, {proof.talks} talks ", nl=False, err=True)

    if mermaid_file:
        Path(mermaid_file).write_text(mermaid(compile_graph()), encoding="utf-8")
    proof = prove(progress=progress, full=full)
    if watching:
        click.echo("\r", nl=False, err=True)
    if json_file:
        Path(json_file).write_text(
            json.dumps(proof.as_dict(), ensure_ascii=False, indent=2) + "\n", encoding="utf-8"
        )
    click.echo(table(proof))
    return 0 if proof.holds else 1


def table(proof: Proof) -> str:
    """Return the proof as text: a line a clause, then each counterexample as a trace."""
    data = proof.as_dict()
    explored = f"{proof.paths} single turns and {proof.talks} talks of the compiled graph explored"
    lines = [f"{explored}, with {proof.acts} acts of reviewers", ""]
    lines.append(f"{'clause':<8}{'':<28}{'checked':>9}{'violations':>12}")
    for clause in data["clauses"]:
        mark = "holds" if not clause["violations"] else "BROKEN"
        lines.append(
            f"{clause['id']:<8}{clause['title']:<28}{clause['checked']:>9}{clause['violations']:>12}  {mark}"
        )
    for violation in proof.violations:
        lines += ["", f"{violation.clause}: {violation.what}"]
        lines += [f"  {number:>2}. {step}" for number, step in enumerate(violation.path, 1)]
    lines += ["", "The contract holds." if proof.holds else "The contract is broken."]
    return "\n".join(lines)
