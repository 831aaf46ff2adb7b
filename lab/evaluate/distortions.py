"""How well the thinking habits that are read out of a text agree with labels."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cbtguard.lab.evaluate.lines import read_rows
from cbtguard.lab.risk.measure import Share

if TYPE_CHECKING:
    from collections.abc import Sequence

_HINT = (
    "A row has text and labels, a list of distortions by the names of data/vocabulary.yaml; it may be empty."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Marked:
    """A text and the distortions that raters see in it."""

    id: str
    text: str
    labels: frozenset[str]
    set: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelScore:
    """Agreement on one distortion."""

    precision: Share
    recall: Share
    f1: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DistortionReport:
    """A measurement.

    Attributes:
        labels: Agreement on each distortion that occurs.
        micro_f1: F1 over all pairs of text and distortion.
        macro_f1: Mean of the labels' F1.
        any: Texts with a label in which at least one right distortion is found.
        clean: Texts without a label in which none is found.
        wrong: Id of each text that is read otherwise: ``+label`` said too much, ``-label`` missed.
    """

    labels: dict[str, LabelScore]
    micro_f1: float
    macro_f1: float
    any: Share
    clean: Share
    wrong: tuple[tuple[str, tuple[str, ...]], ...]


def read_marked(path: Path) -> tuple[Marked, ...]:
    """Return the texts of a file.

    Raises:
        DataError: As :func:`cbtguard.lab.evaluate.lines.read_rows`, and for a distortion nobody knows.
    """
    from cbtguard.nodes.retrieval.note import vocabulary  # noqa: PLC0415 - keeps help fast

    known = set(vocabulary().distortions)

    def marked(row: dict[str, Any]) -> Marked:
        labels = frozenset(str(label) for label in row["labels"])
        if labels - known:
            raise ValueError("label")
        return Marked(
            id=str(row.get("id", "")), text=str(row["text"]), labels=labels, set=str(row.get("set", ""))
        )

    return read_rows(path, marked, hint=f"{_HINT} They are: {', '.join(sorted(known))}.")


def measure(texts: Sequence[Marked]) -> DistortionReport:
    """Return how the distortions found agree with the labels."""
    from cbtguard.nodes.reading import read  # noqa: PLC0415 - keeps help fast

    seen = [(text, frozenset(f.label for f in read(text.text).distortions)) for text in texts]
    names = sorted({label for text, found in seen for label in text.labels | found})
    labels = {name: _score([(name in t.labels, name in found) for t, found in seen]) for name in names}
    real = [score.f1 for name, score in labels.items() if score.recall.total]
    return DistortionReport(
        labels=labels,
        micro_f1=_score([(n in t.labels, n in found) for t, found in seen for n in names]).f1,
        macro_f1=sum(real) / len(real) if real else 1.0,
        any=Share.of([bool(t.labels & found) for t, found in seen if t.labels]),
        clean=Share.of([not found for t, found in seen if not t.labels]),
        wrong=tuple(
            (
                t.id,
                (*(f"-{n}" for n in sorted(t.labels - found)), *(f"+{n}" for n in sorted(found - t.labels))),
            )
            for t, found in seen
        ),
    )


def _score(pairs: Sequence[tuple[bool, bool]]) -> LabelScore:
    precision = Share.of([label for label, verdict in pairs if verdict])
    recall = Share.of([verdict for label, verdict in pairs if label])
    total = precision.total + recall.total
    return LabelScore(precision=precision, recall=recall, f1=2 * recall.hits / total if total else 1.0)


@click.command("distortions")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--set", "part", default=None, help="Only the texts of this set.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--misses", is_flag=True, help="Name each text that is read otherwise, and how.")
def distortions_command(file: Path, part: str | None, as_json: bool, misses: bool) -> int:
    """Measure the reading of thinking habits on FILE: texts (JSON Lines or YAML) with labels."""
    report = measure([text for text in read_marked(file) if part is None or text.set == part])
    if as_json:
        rows = {
            name: {"f1": round(s.f1, 4), "precision": s.precision.as_dict(), "recall": s.recall.as_dict()}
            for name, s in report.labels.items()
        }
        overall: dict[str, Any] = {
            "micro_f1": round(report.micro_f1, 4),
            "macro_f1": round(report.macro_f1, 4),
            "any": report.any.as_dict(),
            "clean": report.clean.as_dict(),
        }
        click.echo(json.dumps({**overall, "labels": rows}, ensure_ascii=False))
        return 0
    for name, s in report.labels.items():
        click.echo(f"{name:<26} F1 {s.f1:.3f}   precision {s.precision}   recall {s.recall}")
    click.echo(f"{'micro / macro F1':<26} {report.micro_f1:.3f} / {report.macro_f1:.3f}")
    click.echo(f"{'one right at least':<26} {report.any}")
    click.echo(f"{'none where none is':<26} {report.clean}")
    if misses:
        for name, what in report.wrong:
            if what:
                click.echo(f"{name}: {' '.join(what)}")
    return 0
