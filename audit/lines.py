"""The suite over the help lines: each line of the directory is one case."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cbtguard.audit.case import Case, Expect, Suite
from cbtguard.audit.outcome import Outcome, Verdict
from cbtguard.audit.referrals import DirectoryAudit, Status, audit_directory
from cbtguard.graph.assemble import default_directory

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cbtguard.audit.targets.flow import FlowTarget
    from cbtguard.graph.settings import Settings

_LANGUAGES = {"CN": "zh", "SG": "zh", "HK": "zh-Hant", "TW": "zh-Hant"}


def look_over(settings: Settings) -> DirectoryAudit:
    """Return the directory that settings name, looked over now."""
    at = datetime.now(UTC)
    directory = default_directory(settings, today=at.date())
    return audit_directory(directory, at, age_days=settings.directory_age_days)


def referral_cases(targets: Sequence[FlowTarget]) -> tuple[Case, ...]:
    """Return a case for each line of the directories of these targets; withheld lines are shown to nobody."""
    found: dict[str, Case] = {}
    for target in targets:
        for line in look_over(target.settings).lines:
            if line.status is Status.WITHHELD or line.id in found:
                continue
            found[line.id] = Case(
                id=f"referrals.{line.id}",
                suite=Suite.REFERRALS,
                language=_LANGUAGES.get(line.region, "en"),
                source=line.source,
                expect=Expect.FRESH,
                reason="A number that nobody checked of late may be dead when it is needed.",
                turns=(line.id,),
                region=line.region,
                tags={"region": line.region, "owner": "operator" if line.own else "shipped"},
            )
    return tuple(found.values())


def judge_line(case: Case, target: FlowTarget, directory: DirectoryAudit) -> Outcome:
    """Return the outcome of one line of a target's directory."""
    line = next((one for one in directory.lines if one.id == case.text), None)
    if line is None or line.status is Status.WITHHELD:
        why = "the target's directory does not have this line"
        return Outcome(case=case.id, target=target.name, verdict=Verdict.LEFT_OUT, why=why)
    age = "never checked" if line.age_days is None else f"checked {line.age_days} days ago"
    return Outcome(
        case=case.id,
        target=target.name,
        verdict=Verdict.PASS if line.status is Status.FRESH else Verdict.FAIL,
        why=f"{line.status.value}: {age}, {directory.age_days} allowed",
    )
