"""``cbtguard audit run``: suites and own data on the flow, a service, an endpoint or a function."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cbtguard.audit.case import Suite
from cbtguard.safety.errors import InputError
from cbtguard.service.cli.common import settings_of
from cbtguard.service.lean import without_unused_imports

if TYPE_CHECKING:
    from collections.abc import Callable

    from cbtguard.audit.outcome import Audit
    from cbtguard.audit.own import OwnData

ROWS = "rows.jsonl"


@click.command("run")
@click.option(
    "--suite", "suites", multiple=True, type=click.Choice([one.value for one in Suite]), help="All, if none."
)
@click.option(
    "--target",
    "specs",
    multiple=True,
    metavar="[NAME=]SPEC",
    help="default, a settings file, http(s)://..., or python:module:function. default, if none.",
)
@click.option("--model", default=None, help="Model of an endpoint; its first one when left out.")
@click.option("--key-env", default=None, metavar="NAME", help="Variable that holds the key of addresses.")
@click.option("--system", type=click.Path(), default=None, metavar="FILE", help="System prompt of endpoints.")
@click.option("--data", "sources", multiple=True, metavar="FILE", help=".jsonl, .csv, or datasets:NAME.")
@click.option(
    "--map", "columns", default="", metavar="text=COL,...", help="text, label, id, answer, language."
)
@click.option(
    "--label-map", default="", metavar="LABEL=OUTCOME,...", help="Such as crisis=help,none=no_alarm."
)
@click.option(
    "--out", required=True, type=click.Path(file_okay=False), metavar="DIR", help="For all it writes."
)
@click.option("--limit", default=None, type=click.IntRange(min=1), help="Most cases of each suite.")
@click.option("--concurrency", default=None, type=click.IntRange(1, 256), help="Cases at once.")
@click.option("--proof/--no-proof", default=False, help="Prove the safety contract besides; some minutes.")
@click.option("--mask/--no-mask", default=True, help="Keep what was written out of the report.")
@click.option("--gates", type=click.Path(), default=None, metavar="FILE", help="What must hold; YAML.")
@click.option("--baseline", type=click.Path(), default=None, metavar="FILE", help="An earlier report.json.")
@click.pass_context
def run_command(
    ctx: click.Context,
    suites: tuple[str, ...],
    specs: tuple[str, ...],
    model: str | None,
    key_env: str | None,
    system: str | None,
    sources: tuple[str, ...],
    columns: str,
    label_map: str,
    out: str,
    limit: int | None,
    concurrency: int | None,
    proof: bool,
    mask: bool,
    gates: str | None,
    baseline: str | None,
) -> int:
    """Audit this flow, somebody's changed copy of it, or any model behind an address.

    Puts the built-in cases, and your own data, to each target and judges what comes by stated rules. Outcomes are
    kept in DIR as they come: the same command goes on where it was ended. The exit code is 1 when a row of your
    data cannot be used, or a gate does not hold.
    """
    from cbtguard.audit.targets.spec import Options  # noqa: PLC0415 - keeps help fast

    settings = settings_of(ctx)
    folder = _folder(out)
    own = _own(sources, columns, label_map, settings.region)
    bad = [row for one in own for row in one.bad]
    for row in bad[:20]:
        click.echo(f"cbtguard: {row.file}, row {row.row}: {row.why}", err=True)
    if len(bad) > 20:
        click.echo(f"cbtguard: {len(bad)} rows cannot be used; all are in {folder / ROWS}", err=True)
    if bad:
        lines = [json.dumps({"file": one.file, "row": one.row, "why": one.why}) for one in bad]
        (folder / ROWS).write_text("\n".join(lines) + "\n", encoding="utf-8")
    file = ctx.obj["settings"]
    options = Options(key_env=key_env, model=model, system=Path(system) if system else None)
    with without_unused_imports():
        from cbtguard.audit.run import make_plan, run_audit  # noqa: PLC0415 - loads the flow
        from cbtguard.audit.targets.spec import make_target  # noqa: PLC0415 - the same

        plan = make_plan([Suite(one) for one in suites], own, limit=limit)
        targets = [
            make_target(spec, options, settings=Path(file) if file else None)
            for spec in specs or ("default",)
        ]
    with _Bar() as progress:
        audit = asyncio.run(
            run_audit(
                plan,
                targets,
                folder,
                concurrency=concurrency or settings.concurrency,
                proof=proof,
                tell=lambda line: click.echo(line, err=True),
                progress=progress,
            )
        )
    code = _written(audit, folder, mask=mask, gates=gates, baseline=baseline)
    return code or (1 if bad else 0)


def _folder(out: str) -> Path:
    folder = Path(out).expanduser()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            "input.out",
            f"The folder {folder} cannot be made ({type(error).__name__}).",
            hint="Give another one with --out.",
        ) from None
    return folder


def _own(sources: tuple[str, ...], columns: str, label_map: str, region: str) -> list[OwnData]:
    from cbtguard.audit.own import read_map, read_own  # noqa: PLC0415 - keeps help fast

    named = read_map(columns) if columns else {}
    labels = read_map(label_map, labels=True) if label_map else {}
    return [read_own(source, named, labels, region=region) for source in sources]


def _written(audit: Audit, folder: Path, *, mask: bool, gates: str | None, baseline: str | None) -> int:
    """Write the report; without its module, the audit itself."""
    try:
        from cbtguard.audit import report  # type: ignore[attr-defined, unused-ignore]  # noqa: PLC0415
    except ImportError:
        text = json.dumps(audit.as_dict(), ensure_ascii=False, indent=1)
        (folder / "audit.json").write_text(text + "\n", encoding="utf-8")
        click.echo(str(folder / "audit.json"))
        return 0
    write: Any = report.write
    found = write(
        audit,
        folder,
        mask=mask,
        gates=Path(gates) if gates else None,
        baseline=Path(baseline) if baseline else None,
    )
    return found if isinstance(found, int) and not isinstance(found, bool) else 0


class _Bar:
    """A bar on a terminal, and nothing elsewhere."""

    def __enter__(self) -> Callable[[int, int], None]:
        if not sys.stderr.isatty():
            return lambda _done, _all: None
        from rich.console import Console  # noqa: PLC0415 - keeps help fast
        from rich.progress import Progress  # noqa: PLC0415 - the same

        self._bar = Progress(console=Console(stderr=True), transient=True)
        self._bar.start()
        task = self._bar.add_task("cases", total=None)
        return lambda done, whole: self._bar.update(task, completed=done, total=whole)

    def __exit__(self, *_: object) -> None:
        if hasattr(self, "_bar"):
            self._bar.stop()
