"""A whole audit: all cases on all targets, kept as it goes, and the document that a report is made of."""

from __future__ import annotations

import asyncio
import hashlib
import importlib.metadata
import platform
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cbtguard.audit.bounds import bounds_cases
from cbtguard.audit.case import Suite
from cbtguard.audit.inventory.suite import inventory_cases
from cbtguard.audit.journal import Journal
from cbtguard.audit.latency import judge_latency, latency_cases
from cbtguard.audit.lines import look_over, referral_cases
from cbtguard.audit.outcome import Audit, Outcome, TargetInfo, Verdict
from cbtguard.audit.proof import Proving
from cbtguard.audit.suites import Loaded, load
from cbtguard.audit.trying import Trial
from cbtguard.safety.errors import SettingsError
from cbtguard.safety.files import version_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from cbtguard.audit.case import Case
    from cbtguard.audit.own import OwnData
    from cbtguard.audit.target import Target

OUTCOMES = "outcomes.jsonl"
_DATA = Path(__file__).parent / "data"
_LIBRARIES = ("langgraph", "onnxruntime", "numpy", "presidio-analyzer", "httpx")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is audited."""

    cases: tuple[Case, ...]
    """Of the suites and of own data, in order; without those that a target or the clock gives."""
    loaded: Loaded
    suites: tuple[Suite, ...]
    """The suites that were asked for; all when empty."""
    limit: int | None = None
    """Most cases of each suite."""

    def wants(self, suite: Suite) -> bool:
        """Return whether a suite was asked for."""
        return not self.suites or suite in self.suites


def make_plan(
    suites: Collection[Suite] = (), own: Sequence[OwnData] = (), *, limit: int | None = None
) -> Plan:
    """Return the plan: the suites, all when none is named and there is no own data, and own data behind them.

    Raises:
        DataError: For a malformed file of cases.
    """
    picked = tuple(one for one in Suite if one in suites)
    shipped = load(picked) if picked or not own else Loaded(cases=(), data={})
    if own and not picked:
        picked = (Suite.LATENCY,)
    data = dict(shipped.data)
    for one in own:
        data |= one.data
    cases = (*shipped.cases, *(case for one in own for case in one.cases))
    loaded = Loaded(cases=cases, data=data, scripts=shipped.scripts)
    return Plan(cases=thinned(cases, limit), loaded=loaded, suites=picked, limit=limit)


def thinned(cases: Sequence[Case], limit: int | None) -> tuple[Case, ...]:
    """Return at most this many cases of each suite, spread evenly over them, in order."""
    if limit is None:
        return tuple(cases)
    by_suite: dict[Suite, list[Case]] = {}
    for case in cases:
        by_suite.setdefault(case.suite, []).append(case)
    kept = {
        case.id
        for many in by_suite.values()
        for place, case in enumerate(many)
        if len(many) <= limit or place * limit // len(many) != (place - 1) * limit // len(many)
    }
    return tuple(case for case in cases if case.id in kept)


async def run_audit(
    plan: Plan,
    targets: Sequence[Target],
    out: Path,
    *,
    concurrency: int = 4,
    proof: bool = False,
    tell: Callable[[str], None] = lambda _: None,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> Audit:
    """Run all cases on all targets, the ones that are kept in ``out`` left as they are.

    Args:
        plan: What is audited.
        targets: With different names; they are closed at the end.
        out: Folder for ``outcomes.jsonl``.
        concurrency: Cases of one target in work at once.
        proof: Whether the safety contract is proved meanwhile, in a second process.
        tell: Given a line where the audit goes on or begins anew.
        progress: Given the number of cases that are done, and of all.

    Raises:
        SettingsError: ``settings.invalid`` for two targets with one name.
        DataError: When the folder cannot be used.
    """
    names = [target.name for target in targets]
    if len(set(names)) < len(names):
        raise SettingsError(
            "settings.invalid", "Two targets have the same name.", hint="Name them with NAME=SPEC."
        )
    flows: list[Any] = [one for one in targets if "directory" in one.can]
    cases = _all_cases(plan, flows)
    infos = tuple(
        TargetInfo(name=one.name, kind=one.kind, can=tuple(sorted(one.can)), parts=dict(one.describe()))
        for one in targets
    )
    journal = _journal(plan, infos, cases, out, tell)
    proving = Proving() if proof else None
    try:
        if proving is not None:
            await proving.start()
        trial = Trial(plan.loaded.scripts, {flow.name: look_over(flow.settings) for flow in flows})
        await _try_all(cases, targets, trial, journal, concurrency, progress)
        outcomes = _ordered(plan, cases, targets, journal.done)
        proved = await proving.result() if proving is not None else None
    finally:
        journal.close()
        if proving is not None:
            await proving.close()
        for target in targets:
            await target.close()
    timed = latency_cases() if plan.wants(Suite.LATENCY) else ()
    return Audit(
        date=datetime.now(UTC).date().isoformat(),
        version=importlib.metadata.version("cbtguard"),
        targets=infos,
        cases=(*cases, *timed),
        outcomes=outcomes,
        data={**plan.loaded.data, "rules": rules_version()},
        proof=proved,
        environment=environment(),
    )


def rules_version() -> str:
    """Return the hash of the rules of judging that are data: words, care, faults, latency."""
    return version_of(sorted(_DATA.glob("*.yaml")))


def environment() -> dict[str, str]:
    """Return Python, platform and the libraries that matter."""
    found = {"python": platform.python_version(), "platform": platform.platform()}
    for name in _LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def _all_cases(plan: Plan, flows: Sequence[Any]) -> tuple[Case, ...]:
    made: tuple[Case, ...] = ()
    if plan.wants(Suite.REFERRALS):
        made += referral_cases(flows)
    if plan.wants(Suite.BOUNDS):
        made += bounds_cases()
    if plan.wants(Suite.INVENTORY):
        made += inventory_cases()
    return (*plan.cases, *thinned(made, plan.limit))


def _journal(
    plan: Plan,
    infos: Sequence[TargetInfo],
    cases: Sequence[Case],
    out: Path,
    tell: Callable[[str], None],
) -> Journal:
    whole = hashlib.sha256()
    for case in cases:
        whole.update(repr(case.as_dict()).encode())
    inputs = {
        "version": importlib.metadata.version("cbtguard"),
        "data": dict(plan.loaded.data),
        "rules": rules_version(),
        "cases": whole.hexdigest(),
        "targets": [one.as_dict() for one in infos],
    }
    journal = Journal(out / OUTCOMES, inputs)
    # What could not be reached may be there now.
    for key in [key for key, one in journal.done.items() if one.verdict is Verdict.ERROR]:
        del journal.done[key]
    if journal.anew:
        tell("The inputs are others than those of the outcomes in this folder: the audit begins anew.")
    elif journal.done:
        tell(f"The audit goes on: {len(journal.done)} outcomes are kept.")
    return journal


async def _try_all(
    cases: Sequence[Case],
    targets: Sequence[Target],
    trial: Trial,
    journal: Journal,
    concurrency: int,
    progress: Callable[[int, int], None],
) -> None:
    """Try what is not done yet, one target after the other so that each has the machine to itself."""
    total = len(cases) * len(targets)
    progress(len(journal.done), total)
    for target in targets:
        left = iter([case for case in cases if (target.name, case.id) not in journal.done])

        async def worker(target: Target = target, left: Any = left) -> None:
            for case in left:
                journal.add(await trial.outcome(case, target))
                progress(len(journal.done), total)

        async with asyncio.TaskGroup() as group:
            for _ in range(concurrency):
                group.create_task(worker())


def _ordered(
    plan: Plan, cases: Sequence[Case], targets: Sequence[Target], done: Mapping[tuple[str, str], Outcome]
) -> tuple[Outcome, ...]:
    found = [done[(target.name, case.id)] for target in targets for case in cases]
    if not plan.wants(Suite.LATENCY):
        return tuple(found)
    by_id = {case.id: case for case in cases}
    whole: list[Outcome] = []
    for target in targets:
        whole += [one for one in found if one.target == target.name]
        whole += [judge_latency(case, target, found, by_id) for case in latency_cases()]
    return tuple(whole)


__all__ = ["OUTCOMES", "Plan", "environment", "make_plan", "rules_version", "run_audit", "thinned"]
