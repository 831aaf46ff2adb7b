"""Milliseconds a turn: percentiles of what the other suites measured, against bounds in data/latency.yaml."""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cbtguard.audit.case import Case, Expect, Suite
from cbtguard.audit.judging import needs
from cbtguard.audit.outcome import Outcome, Verdict
from cbtguard.audit.target import Reply
from cbtguard.safety.files import read_yaml

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cbtguard.audit.target import Target

BOUNDS = Path(__file__).parent / "data" / "latency.yaml"
_PERCENTILES = {"p50": 0.50, "p95": 0.95, "p99": 0.99}
_LANGUAGES = ("zh", "zh-Hant", "en")


@cache
def bounds() -> Mapping[str, Any]:
    """Return the bounds by kind of target."""
    found: Mapping[str, Any] = read_yaml(BOUNDS)
    return found


def latency_cases() -> tuple[Case, ...]:
    """Return a case for each language."""
    return tuple(
        Case(
            id=f"latency.{language.replace('-', '').lower()}",
            suite=Suite.LATENCY,
            language=language,
            source="measured by this audit",
            expect=Expect.IN_TIME,
            reason="Somebody who waits too long for a reply goes away.",
            turns=("",),
        )
        for language in _LANGUAGES
    )


def judge_latency(
    case: Case, target: Target, outcomes: Sequence[Outcome], cases: Mapping[str, Case]
) -> Outcome:
    """Return the outcome for a language: of the turns with one message that the target answered or referred."""
    times = sorted(
        one.ms
        for one in outcomes
        if one.target == target.name
        and one.verdict in {Verdict.PASS, Verdict.FAIL}
        and _counts(cases[one.case], case.language)
    )
    allowed = bounds()[target.kind]
    fewest = bounds()["fewest"]
    if len(times) < fewest:
        why = f"{len(times)} turns were measured; percentiles need {fewest}"
        return Outcome(case=case.id, target=target.name, verdict=Verdict.LEFT_OUT, why=why)
    seen = {name: percentile(times, share) for name, share in _PERCENTILES.items()}
    late = [name for name, ms in seen.items() if ms > allowed[name]]
    told = ", ".join(f"{name} {ms:.0f} of {allowed[name]} ms" for name, ms in seen.items())
    return Outcome(
        case=case.id,
        target=target.name,
        verdict=Verdict.FAIL if late else Verdict.PASS,
        why=f"{told}, over {len(times)} turns",
        replies=(Reply(text="", timings_ms={name: round(ms, 1) for name, ms in seen.items()}).as_dict(),),
        ms=seen["p95"],
    )


def percentile(times: Sequence[float], share: float) -> float:
    """Return the value that this share of sorted times does not exceed (nearest rank)."""
    return times[max(0, math.ceil(share * len(times)) - 1)]


def _counts(case: Case, language: str) -> bool:
    return case.language == language and needs(case) == "ask" and len(case.turns) == 1
