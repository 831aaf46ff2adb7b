"""What a screen says of labelled lines: the one that ships, or its like on lines it has not seen."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cbtguard.safety.errors import DataError
from cbtguard.safety.files import read_text
from cbtguard.safety.risk.model import Kind, Level, Subject

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from cbtguard.lab.risk.fit import Options
    from cbtguard.lab.risk.lines import Line
    from cbtguard.safety.risk import RiskDetector

BY_RULE = 2.0
"""Reach of a line that the rules alone refer: no threshold of the model lies there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """What is said of one line."""

    line: Line
    level: Level
    kinds: tuple[Kind, ...]
    subject: Subject
    probability: float
    """Of a crisis, 0 to 1; where no learned model spoke, the score of the verdict."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossValidated:
    """Predictions on lines that the models had not seen, nor their near-duplicates."""

    folds: int
    predictions: tuple[Prediction, ...]
    ruled: tuple[Level, ...]
    """What the rules alone say of each line."""
    reach: tuple[float, ...]
    """The highest threshold of a crisis at which a line is still referred; 0 for none, ``BY_RULE`` for all."""


def assessed(
    lines: Sequence[Line],
    detector: RiskDetector | None = None,
    *,
    progress: Callable[[int], None] | None = None,
) -> tuple[Prediction, ...]:
    """Return what a detector says; None for the one that a flow uses by default."""
    judge: Any = detector or _default()
    found = []
    for number, line in enumerate(lines, 1):
        risk = judge.assess(line.text)
        found.append(
            Prediction(
                line=line, level=risk.level, kinds=risk.kinds, subject=risk.subject, probability=risk.score
            )
        )
        if progress is not None and number % 50 == 0:
            progress(number)
    return tuple(found)


def cross_validated(
    lines: Sequence[Line], say: Callable[[str], None], options: Options | None = None
) -> CrossValidated:
    """Return what models trained as the one that ships say of lines they have not seen."""
    from cbtguard.lab.risk.fit import Options as Default  # noqa: PLC0415 - measuring a detector needs no training
    from cbtguard.lab.risk.thresholds import Bounds, platt, thresholds  # noqa: PLC0415 - the same
    from cbtguard.lab.risk.train import cross_validate  # noqa: PLC0415 - the same

    held = cross_validate(lines, options or Default(), say)
    mix = platt(lines, held)
    held = tuple(one.calibrated(mix) for one in held)
    return of_held(lines, held, thresholds(lines, held, Bounds()))


def of_held(
    lines: Sequence[Line], held: Sequence[Any], chosen: Mapping[str, Mapping[str, float]]
) -> CrossValidated:
    """Return the predictions in calibrated held-out readings.

    Args:
        lines: The lines.
        held: What rules and models make of each.
        chosen: Thresholds, by script.
    """
    from cbtguard.lab.risk.thresholds import levels_of, sweep  # noqa: PLC0415 - needs the trainer's libraries
    from cbtguard.lab.risk.train import FOLDS  # noqa: PLC0415 - the same

    ruled = tuple(
        max((s.level for s in one.hits.signals), key=lambda level: level.rank, default=Level.NONE)
        for one in held
    )
    reach = [BY_RULE if level.refers else 0.0 for level in ruled]
    for at, levels in sweep(held):
        reach = [max(far, at) if level.refers else far for far, level in zip(reach, levels, strict=True)]
    predictions = tuple(
        Prediction(
            line=line,
            level=level,
            kinds=_kinds(one, level),
            subject=_subject(one, level),
            probability=one.reading.crisis,
        )
        for line, one, level in zip(lines, held, levels_of(held, chosen), strict=True)
    )
    return CrossValidated(folds=FOLDS, predictions=predictions, ruled=ruled, reach=tuple(reach))


def save(path: Path, found: CrossValidated) -> None:
    """Write predictions as JSON; of the lines themselves only hashes."""
    rows = [
        [_mark(p.line), p.level, p.kinds, p.subject, round(p.probability, 6), ruled, reach]
        for p, ruled, reach in zip(found.predictions, found.ruled, found.reach, strict=True)
    ]
    path.write_text(json.dumps({"folds": found.folds, "rows": rows}) + "\n", encoding="utf-8")


def load(path: Path, lines: Sequence[Line]) -> CrossValidated:
    """Return the predictions that :func:`save` wrote for exactly these lines.

    Raises:
        DataError: ``data.malformed`` for another file, or one about other lines; ``data.unreadable``.
    """
    try:
        data = json.loads(read_text(path))
        rows = data["rows"]
        if [row[0] for row in rows] != [_mark(line) for line in lines]:
            raise DataError(
                "data.malformed",
                f"{path.name} is about other lines than the corpus and labelled file that were named.",
                hint="Name those that the training was given, or train again.",
            )
        predictions = tuple(
            Prediction(
                line=line,
                level=Level(row[1]),
                kinds=tuple(Kind(kind) for kind in row[2]),
                subject=Subject(row[3]),
                probability=float(row[4]),
            )
            for line, row in zip(lines, rows, strict=True)
        )
        return CrossValidated(
            folds=int(data["folds"]),
            predictions=predictions,
            ruled=tuple(Level(row[5]) for row in rows),
            reach=tuple(float(row[6]) for row in rows),
        )
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise DataError(
            "data.malformed",
            f"{path.name} holds no predictions ({type(error).__name__}).",
            hint="Write it with `cbtguard lab risk train --predictions FILE`.",
        ) from error


def _mark(line: Line) -> str:
    return hashlib.sha256(f"{line.level}\n{line.text}".encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _kinds(one: Any, level: Level) -> tuple[Kind, ...]:
    """The kind of the gravest rule, as the fused screen takes it; the model's where no rule spoke."""
    if level is Level.NONE:
        return ()
    gravest = max(one.hits.signals, key=lambda s: (s.level.rank, s.score), default=None)
    return (gravest.kind,) if gravest and gravest.level is level else (one.reading.kinds[0][0],)


def _subject(one: Any, level: Level) -> Subject:
    gravest = max(one.hits.signals, key=lambda s: (s.level.rank, s.score), default=None)
    if gravest and gravest.level is level:
        return Subject(gravest.subject)
    return Subject.OTHER if one.reading.other >= 0.5 else Subject.SELF


def _default() -> RiskDetector:
    from cbtguard.graph.assemble import default_detector  # noqa: PLC0415 - compiles the rules

    return default_detector()
