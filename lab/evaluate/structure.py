"""How the checker judges labelled answers: each part, each defect, and sound answers let through."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cbtguard.lab.evaluate.lines import read_rows
from cbtguard.lab.risk.measure import Share
from cbtguard.safety.structure import Part

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cbtguard.safety.structure import Checker

_HINT = (
    "A row has id, question, answer, parts (five booleans), defects (codes), and may have notes, citations."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """An answer and what raters say of it."""

    id: str
    language: str
    question: str
    answer: str
    parts: dict[Part, bool]
    defects: frozenset[str]
    notes: tuple[str, ...] | None
    citations: tuple[str, ...]

    @property
    def sound(self) -> bool:
        """Whether it may be shown."""
        return all(self.parts.values()) and not self.defects


@dataclass(frozen=True, slots=True, kw_only=True)
class PartScore:
    """Agreement on one part."""

    precision: Share
    recall: Share
    f1: float
    kappa: float
    """Cohen's, 1 for full agreement, 0 for that of chance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StructureReport:
    """A measurement.

    Attributes:
        parts: Agreement on each part.
        defects: Answers with a defect in which that defect was named.
        stopped: Answers with a defect that did not pass, for whatever reason.
        rejected: Sound answers that did not pass.
        wrong: Id of each answer, and what was judged otherwise: ``+code`` said too much, ``-code`` missed.
        times_ms: Milliseconds an answer.
    """

    parts: dict[Part, PartScore]
    defects: dict[str, Share]
    stopped: Share
    rejected: Share
    wrong: tuple[tuple[str, tuple[str, ...]], ...]
    times_ms: tuple[float, ...]


def read_answers(path: Path) -> tuple[Labelled, ...]:
    """Return the answers of a file.

    Raises:
        DataError: As :func:`cbtguard.lab.evaluate.lines.read_rows`.
    """
    return read_rows(path, _labelled, hint=_HINT)


def _labelled(row: dict[str, Any]) -> Labelled:
    notes = row.get("notes")
    return Labelled(
        id=str(row["id"]),
        language=str(row.get("language", "")),
        question=str(row["question"]),
        answer=str(row["answer"]),
        parts={part: bool(row["parts"][part.value]) for part in Part},
        defects=frozenset(row.get("defects", [])),
        notes=None if notes is None else tuple(notes),
        citations=tuple(row.get("citations", [])),
    )


def half_of(name: str) -> str:
    """Return ``tune`` or ``held`` for an answer's id: work is done on the one half, measured on the other."""
    return "held" if hashlib.sha256(name.encode()).digest()[0] & 1 else "tune"


def measure(checker: Checker, answers: Sequence[Labelled]) -> StructureReport:
    """Return how a checker's verdicts agree with the labels; every answer is judged twice, timed once."""
    times, seen = [], []
    for answer in answers:
        named: Any = {
            "language": answer.language or None,
            "notes": answer.notes,
            "citations": answer.citations,
        }
        checker.check(answer.question, answer.answer, **named)
        start = time.perf_counter()
        review = checker.check(answer.question, answer.answer, **named)
        times.append((time.perf_counter() - start) * 1000)
        named_codes = {d.code for d in review.defects if not d.code.startswith("missing_")}
        seen.append((answer, {p: review.parts[p].present for p in Part}, named_codes, review.passed))
    codes = sorted({code for answer in answers for code in answer.defects})
    return StructureReport(
        parts={part: _score([(a.parts[part], found[part]) for a, found, _, _ in seen]) for part in Part},
        defects={
            code: Share.of([code in got for a, _, got, _ in seen if code in a.defects]) for code in codes
        },
        stopped=Share.of([not passed for a, _, _, passed in seen if a.defects]),
        rejected=Share.of([not passed for a, _, _, passed in seen if a.sound]),
        wrong=tuple((a.id, tuple(_differences(a, found, got))) for a, found, got, _ in seen),
        times_ms=tuple(times),
    )


def _differences(answer: Labelled, found: dict[Part, bool], codes: set[str]) -> list[str]:
    out = [f"{'+' if found[part] else '-'}{part.value}" for part in Part if found[part] != answer.parts[part]]
    out += [f"-{code}" for code in sorted(answer.defects - codes)]
    return out + [f"+{code}" for code in sorted(codes - answer.defects)]


def _score(pairs: Sequence[tuple[bool, bool]]) -> PartScore:
    """Agreement of (label, verdict) pairs."""
    precision = Share.of([label for label, verdict in pairs if verdict])
    recall = Share.of([verdict for label, verdict in pairs if label])
    both = precision.hits
    total = recall.total + precision.total
    return PartScore(
        precision=precision, recall=recall, f1=2 * both / total if total else 1.0, kappa=kappa(pairs)
    )


def kappa(pairs: Sequence[tuple[bool, bool]]) -> float:
    """Return Cohen's kappa of (label, verdict) pairs; 1 when both are constant and agree (Cohen 1960)."""
    count = len(pairs)
    agreed = sum(label == verdict for label, verdict in pairs) / count
    labels = sum(label for label, _ in pairs) / count
    verdicts = sum(verdict for _, verdict in pairs) / count
    chance = labels * verdicts + (1 - labels) * (1 - verdicts)
    return 1.0 if chance == 1 else (agreed - chance) / (1 - chance)


@click.command("structure")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--half",
    type=click.Choice(["all", "tune", "held"]),
    default="all",
    show_default=True,
    help="Measure on half of the answers, told apart by their ids.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--misses", is_flag=True, help="Name each answer that is judged otherwise, and how.")
def structure_command(file: Path, half: str, as_json: bool, misses: bool) -> int:
    """Measure the checker on FILE: answers (JSON Lines) with parts and defects labelled."""
    import numpy as np  # noqa: PLC0415 - keeps help fast

    from cbtguard.safety.structure import StructureChecker  # noqa: PLC0415 - the same

    answers = [answer for answer in read_answers(file) if half in {"all", half_of(answer.id)}]
    report = measure(StructureChecker(), answers)
    p50, p95 = (float(np.quantile(report.times_ms, share)) for share in (0.5, 0.95))
    if as_json:
        body: dict[str, Any] = {
            "parts": {
                part.value: {"f1": round(s.f1, 4), "kappa": round(s.kappa, 4), "recall": s.recall.as_dict()}
                for part, s in report.parts.items()
            },
            "defects": {code: share.as_dict() for code, share in report.defects.items()},
            "stopped": report.stopped.as_dict(),
            "rejected": report.rejected.as_dict(),
            "p50_ms": round(p50, 2),
            "p95_ms": round(p95, 2),
        }
        click.echo(json.dumps(body, ensure_ascii=False))
        return 0
    for part, s in report.parts.items():
        click.echo(f"{part.value:<18} F1 {s.f1:.3f}   kappa {s.kappa:.3f}   recall {s.recall}")
    for code, share in report.defects.items():
        click.echo(f"{code:<18} named {share}")
    click.echo(f"{'any defect':<18} stopped {report.stopped}")
    click.echo(f"{'sound answers':<18} rejected {report.rejected}")
    click.echo(f"{'time':<18} p50 {p50:.1f} ms   p95 {p95:.1f} ms")
    if misses:
        for name, what in report.wrong:
            if what:
                click.echo(f"{name}: {' '.join(what)}")
    return 0
