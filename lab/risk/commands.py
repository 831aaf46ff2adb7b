"""The commands of ``cbtguard lab risk`` beside training."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cbtguard.lab.risk.lines import distinct, read_any
from cbtguard.lab.risk.predictions import assessed
from cbtguard.lab.risk.report import measured, missed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cbtguard.lab.risk.metamorphic import Outcome, Rate

CORPUS = Path(__file__).parent / "corpus"
"""The lines that the learned part is trained on; they come with the source, not with the wheel."""
_SOURCE = click.Path(path_type=Path, exists=True)
_FILE = click.Path(path_type=Path, dir_okay=False)
_KEPT = 0.98
"""Pairs of the metamorphic suite that must keep their verdict."""


def say(text: str) -> None:
    """Tell on standard error what is going on."""
    click.echo(text, err=True)


@click.command("measure")
@click.argument("file", type=_SOURCE)
@click.option(
    "--json", "json_file", type=_FILE, default=None, metavar="FILE", help="Write the figures as JSON."
)
@click.option("--show", is_flag=True, help="Show each miss and each false alarm, with what was seen.")
def measure(file: Path, json_file: Path | None, show: bool) -> int:
    """Measure the crisis screen that ships on FILE, or on all files of a folder.

    FILE is JSON Lines with `text` and `label` (crisis or no_crisis; others are not scored) or `level`, or
    tab-separated: level, kinds, subject, type, text. Recall counts level crisis and above.
    """
    predictions = assessed(distinct(read_any(file)), progress=_bar())
    for line in measured(predictions):
        click.echo(line)
    if show:
        for line in missed(predictions):
            click.echo(line)
    if json_file:
        from cbtguard.lab.risk.figures import figures  # noqa: PLC0415 - only here

        _write(json_file, figures(predictions))
    return 0


@click.command("metamorphic")
@click.option(
    "--corpus",
    type=_SOURCE,
    default=CORPUS,
    metavar="PATH",
    help="Folder or labelled file (default: the corpus).",
)
@click.option("--sample", default=1000, show_default=True, type=click.IntRange(0), help="Lines; 0 for all.")
@click.option("--only", multiple=True, metavar="NAME", help="This perturbation; may be repeated.")
@click.option("--workers", default=2, show_default=True, type=click.IntRange(1))
@click.option(
    "--json", "json_file", type=_FILE, default=None, metavar="FILE", help="Write the rates as JSON."
)
@click.option(
    "--show", default=0, metavar="N", help="Show N pairs of each perturbation that lost the verdict."
)
@click.option("--list", "listing", is_flag=True, help="List the perturbations and end.")
def metamorphic(
    corpus: Path,
    sample: int,
    only: tuple[str, ...],
    workers: int,
    json_file: Path | None,
    show: int,
    listing: bool,
) -> int:
    """Say each line in other ways and count how often the screen keeps its verdict.

    A verdict is kept when both sides of a pair are answered or both are referred. Exits with 1 when fewer
    than 98 % of the pairs that must keep it do.
    """
    from cbtguard.lab.risk import metamorphic as suite  # noqa: PLC0415 - keeps the other commands fast
    from cbtguard.lab.risk.metamorphic.run import sample as drawn  # noqa: PLC0415 - the same

    known = suite.perturbations()
    if listing:
        for one in known.values():
            spoken = ",".join(sorted(one.languages))
            click.echo(f"{one.name:26}{spoken:8}{one.expect.value:12}{one.about}")
        return 0
    unknown = sorted(set(only) - set(known))
    if unknown:
        raise click.UsageError(f"there is no perturbation {unknown[0]!r}; see --list")
    lines = drawn(distinct(read_any(corpus)), sample)
    outcomes = suite.run(lines, names=only, workers=workers, progress=_bar(len(lines)))
    rates = suite.rates(outcomes)
    for rate in rates:
        click.echo(_row(rate))
    for rate in rates[:-1] if show else ():
        _show(rate.name, outcomes, show)
    if json_file:
        _write(json_file, {"lines": len(lines), "wanted": _KEPT, "rates": [rate.as_dict() for rate in rates]})
    whole = rates[-1].kept
    word = "reached" if whole.value >= _KEPT else "NOT reached"
    click.echo(f"verdict kept in {whole} pairs of {len(lines)} lines; {_KEPT:.0%} {word}")
    return 0 if whole.value >= _KEPT else 1


@click.command("card")
@click.option("--corpus", type=_SOURCE, default=CORPUS, metavar="DIR", help="What the model is trained on.")
@click.option(
    "--dev", type=_SOURCE, default=None, metavar="FILE", help="Labelled file that it is trained on too."
)
@click.option(
    "--predictions",
    type=_SOURCE,
    default=None,
    metavar="FILE",
    help="What `train --predictions` wrote for the same lines; without it the models are trained anew.",
)
@click.option(
    "--held",
    type=_SOURCE,
    multiple=True,
    metavar="FILE",
    help="Labelled file that nothing was fitted to; measured with the model that ships. May be repeated.",
)
@click.option(
    "--metamorphic",
    "rates",
    type=_SOURCE,
    default=None,
    metavar="FILE",
    help="JSON of the metamorphic command.",
)
@click.option("--out", type=_FILE, default=Path("docs/model-card.md"), show_default=True)
def card(
    corpus: Path,
    dev: Path | None,
    predictions: Path | None,
    held: tuple[Path, ...],
    rates: Path | None,
    out: Path,
) -> int:
    """Write the model card and its two pictures from measured figures.

    Cross-validates over the corpus and, with --dev, over labelled messages, which takes as long as training;
    with --predictions it reads what the training found. Examples in the card come from the corpus only, which
    was written for this project.
    """
    from cbtguard.lab.risk.card import write_card  # noqa: PLC0415 - keeps the other commands fast
    from cbtguard.lab.risk.predictions import cross_validated, load  # noqa: PLC0415 - the same

    lines = distinct((*read_any(corpus), *(read_any(dev) if dev else ())))
    suite = json.loads(rates.read_text(encoding="utf-8")) if rates else None
    unseen = {path.stem: assessed(distinct(read_any(path)), progress=_bar()) for path in held}
    found = load(predictions, lines) if predictions else cross_validated(lines, say)
    for path in write_card(out, found, unseen=unseen, robustness=suite):
        click.echo(str(path))
    return 0


def _row(rate: Rate) -> str:
    lost, raised = rate.lost, rate.raised
    return (
        f"{rate.name:26}{rate.expect.value:12}kept {rate.kept}  same level {rate.same_level.value:6.1%}  "
        f"alarms lost {lost.hits}/{lost.total}  raised {raised.hits}/{raised.total}"
    )


def _show(name: str, outcomes: Sequence[Outcome], most: int) -> None:
    for outcome in [o for o in outcomes if o.pair.perturbation == name and not o.kept][:most]:
        click.echo(f"\n{name}: {outcome.before.value} -> {outcome.after.value}")
        click.echo(f"  {outcome.pair.line.text}\n  {outcome.pair.text}")


def _write(path: Path, data: Any) -> None:
    path.write_text(json.dumps(data, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def _bar(total: int | None = None) -> Any:
    """Return a function that tells how many lines are done, for people at a terminal."""
    if not sys.stderr.isatty():
        return None
    of = f" of {total}" if total else ""

    def tell(done: int) -> None:
        click.echo(f"\r{done}{of} lines ", nl=False, err=True)

    return tell
