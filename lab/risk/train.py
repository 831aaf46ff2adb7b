"""Train the learned part of the crisis screen: ``python -m cbtguard.lab.risk.train --corpus FOLDER``.

Cross-validates with near-duplicates kept together, calibrates on the held-out scores, sets the thresholds
there, trains on everything and writes the model file. The same lines give the same bytes.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np

from cbtguard.lab.risk.fit import Options, fit
from cbtguard.lab.risk.folds import folds
from cbtguard.lab.risk.lines import Line, distinct, read_folder, read_labelled
from cbtguard.lab.risk.measure import false_alarms, recall, table
from cbtguard.lab.risk.otherwise import otherwise
from cbtguard.lab.risk.predictions import of_held, save
from cbtguard.lab.risk.thresholds import Bounds, Held, levels_of, platt, thresholds
from cbtguard.lab.risk.tune import States, states_of, tune
from cbtguard.safety.risk.detector import RuleDetector
from cbtguard.safety.risk.fusion import unsettled
from cbtguard.safety.risk.learned import MODEL, SENSE, mixed, raw
from cbtguard.safety.risk.model import Level, Subject
from cbtguard.safety.risk.neural import Reader
from cbtguard.safety.risk.normalise import normalise
from cbtguard.safety.risk.weights import READ_FOR_SENSE, script_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cbtguard.safety.risk.neural import Tuned
    from cbtguard.safety.risk.weights import Weights

FOLDS = 3
_CURVE = (0.005, 0.01, 0.02, 0.03, 0.05, 0.1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """A model and how well its like did on lines it had not seen."""

    weights: Weights
    tuned: Tuned | None
    """The reading model, where it was asked for."""
    held: tuple[Held, ...]
    """Cross-validated, in the order of the lines."""


def train(lines: Sequence[Line], options: Options, bounds: Bounds, say: Callable[[str], None]) -> Trained:
    """Return the model for ``lines``; ``say`` is told what is going on."""
    states = _states(lines, say) if options.sense else None
    held = cross_validate(lines, options, say, states=states)
    mix = platt(lines, held)
    held = tuple(one.calibrated(mix) for one in held)
    say(f"training on all {len(lines)} lines")
    weights = replace(fit(lines, options), mix=mix, thresholds=thresholds(lines, held, bounds))
    tuned = tune(lines, states, epochs=options.epochs, say=say) if states else None
    return Trained(weights=weights, tuned=tuned, held=held)


def cross_validate(
    lines: Sequence[Line], options: Options, say: Callable[[str], None], *, states: States | None = None
) -> tuple[Held, ...]:
    """Return what models that have not seen a line or its near-duplicates say about it.

    Args:
        lines: The lines.
        options: How to train.
        say: Told how it goes.
        states: The lines' states; made here when the options ask for the reading model and there are none.
    """
    if options.sense and states is None:
        states = _states(lines, say)
    part = folds([line.text for line in lines], FOLDS)
    rules = RuleDetector()
    held: dict[int, Held] = {}
    for fold in range(FOLDS):
        say(f"fold {fold + 1} of {FOLDS}")
        weights = fit([line for line, p in zip(lines, part, strict=True) if p != fold], options)
        seen = frozenset(np.flatnonzero(part != fold).tolist())
        tuned = tune(lines, states, seen, epochs=options.epochs, say=say) if states else None
        reader = Reader(tuned) if tuned else None
        for number in np.flatnonzero(part == fold).tolist():
            plain = normalise(lines[number].text)
            hits = rules.hits(plain, lines[number].text)
            found = raw(weights, unsettled(plain, hits).text, reader)
            reading = mixed(found, weights.mix)
            held[number] = Held(script=found.script, hits=hits, found=found, reading=reading)
    return tuple(held[number] for number in range(len(lines)))


def _states(lines: Sequence[Line], say: Callable[[str], None]) -> States:
    """The states of the lines in scripts that are read for sense, also said otherwise; of no others."""
    plain = [normalise(line.text).text for line in lines]
    read = [text if script_of(text) in READ_FOR_SENSE else None for text in plain]
    part = folds([line.text for line in lines], FOLDS)
    again = states_of(otherwise(lines, read, part), say)
    return replace(states_of(read, say), again=again.tokens)


def report(lines: Sequence[Line], trained: Trained) -> list[str]:
    """Return the report: the learned model alone as a curve, rules alone, then both together."""
    scores = np.array([one.reading.crisis for one in trained.held])
    quiet = np.array([line.level is Level.NONE for line in lines])
    grave = np.array([line.level.refers for line in lines])
    said = ["learned model alone, cross-validated: false alarms -> recall"]
    for share in _CURVE:
        at = np.quantile(scores[quiet], 1 - share)
        said.append(f"  {share:6.1%} -> {(scores[grave] > at).mean():6.1%}  (probability {at:.3f})")
    ruled = [
        max((s.level for s in one.hits.signals), key=lambda level: level.rank, default=Level.NONE)
        for one in trained.held
    ]
    fused = levels_of(trained.held, trained.weights.thresholds)
    said += ["rules alone", f"  recall {recall(lines, ruled)}  false alarms {false_alarms(lines, ruled)}"]
    said += ["rules and learned model, cross-validated", *table(lines, fused)]
    pairs = [(line, one) for line, one in zip(lines, trained.held, strict=True) if line.kinds]
    right = [one.reading.kinds[0][0] in line.kinds for line, one in pairs]
    said.append(f"kind right on lines with a kind: {np.mean(right):.1%}")
    whose = [(one.reading.other >= 0.5) is (line.subject is Subject.OTHER) for line, one in pairs]
    said.append(f"subject right on lines with a kind: {np.mean(whose):.1%}")
    urgent = [
        line.level is Level.EMERGENCY
        for line, level in zip(lines, fused, strict=True)
        if level is Level.EMERGENCY
    ]
    said.append(f"emergency: {sum(urgent)} of {len(urgent)} that are called one are one")
    said += [f"thresholds {script}: {named}" for script, named in trained.weights.thresholds.items()]
    return said


def reached(lines: Sequence[Line], trained: Trained, bounds: Bounds) -> str:
    """Return whether the recall that was asked for is reached on the labelled sets, false alarms in bounds."""
    levels = levels_of(trained.held, trained.weights.thresholds)
    chosen = [i for i, line in enumerate(lines) if ":" in line.origin]
    if not chosen:
        return "no labelled set: recall was not checked against the wanted one"
    found = recall([lines[i] for i in chosen], [levels[i] for i in chosen])
    alarms = false_alarms([lines[i] for i in chosen], [levels[i] for i in chosen])
    word = "reached" if found.value >= bounds.recall else "NOT reached"
    return f"labelled sets: recall {found}, {bounds.recall:.0%} {word}; false alarms {alarms}"


def card(lines: Sequence[Line], trained: Trained) -> dict[str, object]:
    """Return what the model file says about itself."""
    fused = levels_of(trained.held, trained.weights.thresholds)
    return {
        "lines": dict(sorted(Counter(line.origin for line in lines).items())),
        "levels": dict(sorted(Counter(line.level.value for line in lines).items())),
        "cross_validated": {
            "recall": round(recall(lines, fused).value, 4),
            "false_alarms": round(false_alarms(lines, fused).value, 4),
        },
        "sources": "Lines written for this project; with --dev, the validation split of PsySUICIDE (MIT).",
    }


@click.command()
@click.option("--corpus", type=click.Path(path_type=Path, exists=True, file_okay=False), required=True)
@click.option(
    "--dev", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="JSON Lines with labels."
)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), default=MODEL, show_default=False)
@click.option("--size", type=int, default=Options().size, show_default=True, help="Pieces that are kept.")
@click.option(
    "--sense/--no-sense",
    default=True,
    show_default=True,
    help="Train the reading model too (ten minutes).",
)
@click.option(
    "--predictions",
    type=click.Path(path_type=Path, dir_okay=False),
    default=None,
    metavar="FILE",
    help="Write the cross-validated predictions, for `cbtguard lab risk card`.",
)
@click.option("--recall", type=float, default=Bounds().recall, show_default=True)
@click.option("--false-alarms", type=float, default=Bounds().false_alarms, show_default=True)
@click.option("--look-alikes", type=float, default=Bounds().look_alikes, show_default=True)
def main(
    corpus: Path,
    dev: Path | None,
    out: Path,
    size: int,
    sense: bool,
    predictions: Path | None,
    **bounds: float,
) -> None:
    """Train the learned part of the crisis screen and say how well it does."""
    lines = distinct((*read_folder(corpus), *(read_labelled(dev) if dev else ())))
    wanted = Bounds(**bounds)
    trained = train(lines, Options(size=size, sense=sense), wanted, click.echo)
    trained = replace(trained, weights=replace(trained.weights, card=card(lines, trained)))
    for said in (*report(lines, trained), reached(lines, trained, wanted)):
        click.echo(said)
    if predictions is not None:
        save(predictions, of_held(lines, trained.held, trained.weights.thresholds))
    content = trained.weights.dump()
    out.write_bytes(content)
    if trained.tuned is not None:
        reader = trained.tuned.dump()
        out.with_name(SENSE).write_bytes(reader)
        click.echo(f"{out.with_name(SENSE)}: {len(reader) / 1e6:.2f} MB")
    click.echo(f"{out}: {len(content) / 1e6:.2f} MB, {len(trained.weights.keys)} pieces")


if __name__ == "__main__":
    main()
