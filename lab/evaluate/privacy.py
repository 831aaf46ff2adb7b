"""How much personal data the redactor finds, and how much else it touches."""

from __future__ import annotations

import json
import statistics
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cbtguard.lab.evaluate.privacy_cases import Case, Span, read_cases
from cbtguard.safety.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cbtguard.lab.risk.measure import Share
    from cbtguard.safety.privacy import Entity, EntityType, PresidioRedactor

_SETS = ("tune", "held")


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeReport:
    """What was found of one type.

    Attributes:
        recall: Spans of which every letter, digit and Chinese character is hidden, by whatever type.
        typed: Those among them that an entity of the right type helps to hide.
        precision: Entities of this type that touch a marked span of any type.
    """

    recall: Share
    typed: Share
    precision: Share


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivacyReport:
    """A measurement.

    Attributes:
        types: Per type, in the order of :class:`EntityType`.
        whole: All types together.
        hard: Recall on the hard sentences.
        touched: Clean sentences in which anything was found.
        missed: Id, type, start and end of every span that was not found.
        wrong: Ids of the sentences with an entity that touches no marked span.
        times_ms: Milliseconds a sentence, in the order of the cases.
    """

    types: dict[EntityType, TypeReport]
    whole: TypeReport
    hard: Share
    touched: Share
    missed: tuple[tuple[str, EntityType, int, int], ...]
    wrong: tuple[str, ...]
    times_ms: tuple[float, ...]


def is_found(text: str, span: Span, entities: Iterable[Entity]) -> bool:
    """Return whether every character of a span that identifies lies in some entity.

    Letters, digits and Chinese characters identify; spaces and marks between them do not.
    """
    hidden: set[int] = set()
    for entity in entities:
        hidden.update(range(entity.start, entity.end))
    return all(place in hidden for place in range(span.start, span.end) if text[place].isalnum())


def _meet(span: Span, entity: Entity) -> bool:
    return span.start < entity.end and entity.start < span.end


def measure(redactor: PresidioRedactor, cases: Sequence[Case]) -> PrivacyReport:
    """Return what the redactor finds in the cases; each is read twice, timed the second time."""
    from cbtguard.lab.risk.measure import Share  # noqa: PLC0415 - keeps help fast
    from cbtguard.safety.privacy import EntityType  # noqa: PLC0415 - the same

    for case in cases:
        redactor.find(case.text)
    times, seen = [], []
    for case in cases:
        start = time.perf_counter()
        entities = redactor.find(case.text)
        times.append((time.perf_counter() - start) * 1000)
        seen.append((case, entities))
    spans = [
        (case, span, is_found(case.text, span, entities), [e for e in entities if _meet(span, e)])
        for case, entities in seen
        for span in case.spans
    ]
    given = [
        (case, entity, any(_meet(span, entity) for span in case.spans))
        for case, entities in seen
        for entity in entities
    ]

    def report(kinds: frozenset[EntityType]) -> TypeReport:
        own = [row for row in spans if row[1].type in kinds]
        out = [row for row in given if row[1].type in kinds]
        return TypeReport(
            recall=Share(hits=sum(row[2] for row in own), total=len(own)),
            typed=Share(
                hits=sum(row[2] and any(e.type is row[1].type for e in row[3]) for row in own), total=len(own)
            ),
            precision=Share(hits=sum(row[2] for row in out), total=len(out)),
        )

    hard = [row for row in spans if row[0].hard]
    clean = [entities for case, entities in seen if not case.spans]
    return PrivacyReport(
        types={kind: report(frozenset({kind})) for kind in EntityType},
        whole=report(frozenset(EntityType)),
        hard=Share(hits=sum(row[2] for row in hard), total=len(hard)),
        touched=Share(hits=sum(bool(entities) for entities in clean), total=len(clean)),
        missed=tuple((case.id, s.type, s.start, s.end) for case, s, found, _ in spans if not found),
        wrong=tuple(dict.fromkeys(case.id for case, _, right in given if not right)),
        times_ms=tuple(times),
    )


def _share(share: Share) -> dict[str, Any]:
    low, high = share.interval
    return {
        "hits": share.hits,
        "total": share.total,
        "value": round(share.value, 4),
        "low": round(low, 4),
        "high": round(high, 4),
    }


def _p(times: Sequence[float], share: float) -> float:
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def as_dict(report: PrivacyReport) -> dict[str, Any]:
    """Return the report as JSON primitives; it quotes no text."""

    def row(part: TypeReport) -> dict[str, Any]:
        return {
            "recall": _share(part.recall),
            "typed": _share(part.typed),
            "precision": _share(part.precision),
        }

    return {
        "sentences": len(report.times_ms),
        "all": row(report.whole),
        "types": {kind.value: row(part) for kind, part in report.types.items()},
        "hard": _share(report.hard),
        "clean_touched": _share(report.touched),
        "missed": [list(row) for row in report.missed],
        "wrong": list(report.wrong),
        "p50_ms": round(statistics.median(report.times_ms), 3),
        "p99_ms": round(_p(report.times_ms, 0.99), 3),
    }


@click.command("privacy")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--set", "part", type=click.Choice(_SETS), default=None, help="Only the cases of this set.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--misses", is_flag=True, help="Name the spans missed and the sentences wrongly touched.")
def privacy_command(file: Path, part: str | None, as_json: bool, misses: bool) -> int:
    """Measure the redactor on FILE: JSON Lines with marked spans."""
    from cbtguard.safety.privacy import PresidioRedactor  # noqa: PLC0415 - keeps help fast

    cases = [case for case in read_cases(file) if part is None or case.set == part]
    if not cases:
        raise DataError("data.empty", f"There are no cases in {file.name}.", hint="Give another file or set.")
    report = measure(PresidioRedactor(), cases)
    if as_json:
        click.echo(json.dumps(as_dict(report), ensure_ascii=False))
        return 0
    click.echo(
        f"{len(cases)} sentences; a span is found when every letter, digit and Chinese character is hidden"
    )
    click.echo(f"{'':<16} {'recall':<36} {'with the right type':<36} precision")
    rows = [*((kind.value, part) for kind, part in report.types.items()), ("all", report.whole)]
    for name, each in rows:
        click.echo(f"{name:<16} {each.recall!s:<36} {each.typed!s:<36} {each.precision}")
    click.echo(f"{'hard sentences':<16} {report.hard}")
    click.echo(f"{'clean touched':<16} {report.touched}")
    click.echo(f"p50 {statistics.median(report.times_ms):.2f} ms   p99 {_p(report.times_ms, 0.99):.2f} ms")
    if misses:
        for name, kind, start, end in report.missed:
            click.echo(f"missed {name} {kind} {start}-{end}")
        for name in report.wrong:
            click.echo(f"wrong {name}")
    return 0
