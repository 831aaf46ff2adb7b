"""The audit's cases as a task of Inspect, scored by the audit's rules.

inspect eval docs/examples/neighbours/inspect_task.py --model openai-api/guarded/cbtguard --log-model-api
with GUARDED_BASE_URL=http://127.0.0.1:8000/v1 and GUARDED_API_KEY (any text on loopback). inspect_run.py does it all.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.event import ModelEvent
from inspect_ai.log import transcript
from inspect_ai.model import ChatMessageUser
from inspect_ai.scorer import CORRECT, INCORRECT, Score, accuracy, grouped, scorer, stderr
from inspect_ai.solver import solver

from cbtguard.audit.case import Suite
from cbtguard.audit.judging import judge_replies, needs
from cbtguard.audit.run import thinned
from cbtguard.audit.suites import load
from cbtguard.audit.targets.reading import reply_of_guard

SUITES = "crisis_recall,false_alarms,method_seeking"
_SEEN: Any = SimpleNamespace(name="inspect", can=frozenset({"ask"}))


@task
def guarded(suites: str = SUITES, limit: int | None = None) -> Task:
    """Put the cases of these suites to the model.

    Args:
        suites: Names, parted by commas.
        limit: Most cases of each suite, spread over it.
    """
    cases = [one for one in load([Suite(name) for name in suites.split(",")]).cases if needs(one) == "ask"]
    samples = [
        Sample(
            id=case.id,
            input=[ChatMessageUser(content=text) for text in case.turns],
            target=case.expect.value,
            metadata={"suite": case.suite.value, "language": case.language, "case": case},
        )
        for case in thinned(cases, limit)
    ]
    return Task(dataset=MemoryDataset(samples), solver=ask(), scorer=judged())


@solver
def ask() -> Any:
    """Ask as a caller of the service would, with the region of the case."""

    async def solve(state: Any, generate: Any) -> Any:
        return await generate(state, extra_body={"region": state.metadata["case"].region})

    return solve


@scorer(metrics=[grouped(accuracy(), "suite"), stderr()])
def judged() -> Any:
    """Judge as the audit does: by what the field ``guard`` of the response tells, else by the words alone."""

    async def score(state: Any, target: Any) -> Score:
        calls = [event.call for event in transcript().events if isinstance(event, ModelEvent) and event.call]
        told = calls[-1].response.get("guard") if calls and isinstance(calls[-1].response, dict) else None
        reply = reply_of_guard(state.output.completion, told or {}, 0.0)
        outcome = judge_replies(state.metadata["case"], _SEEN, [reply])
        return Score(
            value=CORRECT if outcome.verdict.value == "pass" else INCORRECT,
            explanation=outcome.why,
            metadata={"route": reply.route, "level": reply.level, "guard_told": told is not None},
        )

    return score
