"""Running the suite: pairs of a text and the same said otherwise, and how many keep the verdict."""

from __future__ import annotations

import random
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from cbtguard.lab.risk.measure import Share
from cbtguard.lab.risk.metamorphic.perturbation import Expect, Perturbation, perturbations

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from cbtguard.lab.risk.lines import Line
    from cbtguard.safety.risk import Level, RiskDetector

_CHUNK = 24
"""Lines that a process is given at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A line and the same said otherwise."""

    perturbation: str
    line: Line
    text: str
    """The line said otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a detector made of both sides of a pair."""

    pair: Pair
    before: Level
    after: Level

    @property
    def kept(self) -> bool:
        """Whether both lie on the same side of the line between an answer and a referral."""
        return self.before.refers is self.after.refers

    @property
    def lost(self) -> bool:
        """Whether an alarm is gone."""
        return self.before.refers and not self.after.refers


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """How one perturbation, or all of them together, did."""

    name: str
    expect: Expect
    kept: Share
    """Pairs on the same side of the line between an answer and a referral."""
    same_level: Share
    """Pairs with exactly the same level."""
    lost: Share
    """Of the pairs that began as an alarm, those that are none any more."""
    raised: Share
    """Of the pairs that began without one, those that are an alarm now."""

    def as_dict(self) -> dict[str, Any]:
        """Return the rate as JSON primitives; intervals are 95 % Wilson intervals."""
        shares = {"kept": self.kept, "same_level": self.same_level, "lost": self.lost, "raised": self.raised}
        return {
            "name": self.name,
            "expect": self.expect.value,
            **{
                name: {
                    "hits": share.hits,
                    "total": share.total,
                    "rate": round(share.value, 5),
                    "interval": [round(bound, 5) for bound in share.interval],
                }
                for name, share in shares.items()
            },
        }


def pairs(lines: Iterable[Line], chosen: Iterable[Perturbation]) -> Iterator[Pair]:
    """Yield the pairs of each line with each perturbation that has something to change in it."""
    several = tuple(chosen)
    for line in lines:
        language = line.language
        for one in several:
            text = one(line.text) if one.applies_to(language) else None
            if text is not None:
                yield Pair(perturbation=one.name, line=line, text=text)


def sample(lines: Sequence[Line], count: int) -> tuple[Line, ...]:
    """Return ``count`` of the lines, the same ones each time, in their order; all for 0."""
    if not count or count >= len(lines):
        return tuple(lines)
    # Repeatable on purpose.
    chosen = random.Random(len(lines)).sample(range(len(lines)), count)  # noqa: S311
    return tuple(lines[i] for i in sorted(chosen))


def run(
    lines: Sequence[Line],
    *,
    detector: RiskDetector | None = None,
    names: Sequence[str] = (),
    workers: int = 1,
    progress: Callable[[int], None] | None = None,
) -> tuple[Outcome, ...]:
    """Return the outcomes of all pairs, by line.

    Args:
        lines: What is said otherwise.
        detector: Who judges; None for the one that a flow uses by default. Only that one can be asked from
            several processes.
        names: Perturbations; none for all of them.
        workers: Processes.
        progress: Told how many lines are done.

    Raises:
        KeyError: For a perturbation that does not exist.
    """
    wanted = tuple(names) or tuple(perturbations())
    for name in wanted:
        _ = perturbations()[name]
    chunks = [lines[i : i + _CHUNK] for i in range(0, len(lines), _CHUNK)]
    found: list[Outcome] = []
    done = 0

    def add(some: Sequence[Outcome], size: int) -> None:
        nonlocal done
        found.extend(some)
        done += size
        if progress is not None:
            progress(done)

    if detector is not None or workers <= 1:
        for chunk in chunks:
            add(_judged(chunk, wanted, detector or _default()), len(chunk))
    else:
        with ProcessPoolExecutor(workers) as pool:
            for chunk, some in zip(chunks, pool.map(_work, [(c, wanted) for c in chunks]), strict=True):
                add(some, len(chunk))
    return tuple(found)


def rates(outcomes: Sequence[Outcome]) -> tuple[Rate, ...]:
    """Return the rate of each perturbation, then that of all which must keep the verdict, named ``all``."""
    by_name: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        by_name[outcome.pair.perturbation].append(outcome)
    known = perturbations()
    found = [_rate(name, known[name].expect, by_name[name]) for name in known if name in by_name]
    whole = [o for o in outcomes if known[o.pair.perturbation].expect is Expect.KEEPS]
    return (*found, _rate("all", Expect.KEEPS, whole))


def _rate(name: str, expect: Expect, some: Sequence[Outcome]) -> Rate:
    alarms = [o for o in some if o.before.refers]
    return Rate(
        name=name,
        expect=expect,
        kept=Share(hits=sum(o.kept for o in some), total=len(some)),
        same_level=Share(hits=sum(o.before is o.after for o in some), total=len(some)),
        lost=Share(hits=sum(o.lost for o in alarms), total=len(alarms)),
        raised=Share(
            hits=sum(not o.kept for o in some if not o.before.refers), total=len(some) - len(alarms)
        ),
    )


def _judged(lines: Sequence[Line], names: Sequence[str], detector: RiskDetector) -> list[Outcome]:
    known = perturbations()
    before: dict[str, Level] = {}
    found = []
    for pair in pairs(lines, (known[name] for name in names)):
        text = pair.line.text
        if text not in before:
            before[text] = detector.assess(text).level
        found.append(Outcome(pair=pair, before=before[text], after=detector.assess(pair.text).level))
    return found


def _work(task: tuple[Sequence[Line], tuple[str, ...]]) -> list[Outcome]:
    lines, names = task
    return _judged(lines, names, _default())


@cache
def _default() -> RiskDetector:
    from cbtguard.graph.assemble import default_detector  # noqa: PLC0415 - each process makes its own

    return default_detector()
