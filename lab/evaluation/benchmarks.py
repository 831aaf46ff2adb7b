"""The benchmarks around CBT-LLM, by name: each on its data, with the metric of its row."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cbtguard.lab.evaluation.judge import judge
from cbtguard.lab.evaluation.judged import judged, without_judge
from cbtguard.lab.evaluation.pairs import Pair, language_of
from cbtguard.lab.evaluation.persona import Attitude
from cbtguard.lab.evaluation.rubric import rubric
from cbtguard.lab.evaluation.score import LeftOut, Score, mean
from cbtguard.lab.evaluation.session import Session, hold

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from cbtguard.lab.evaluation.chat import Chat
    from cbtguard.lab.evaluation.client import Client
    from cbtguard.lab.evaluation.counsellor import Counsellor
    from cbtguard.lab.evaluation.persona import Persona
    from cbtguard.lab.evaluation.references import Case
    from cbtguard.lab.evaluation.states import TokenEncoder

    Found = list[Score | LeftOut]

CASES = ("cbt_conversation", "psychological_counselling")
"""Benchmarks of single questions."""
SESSIONS = (
    "clinical_counselling",
    "counsellor_competence",
    "psychiatric_dialogue",
    "counselling_interaction",
)
"""Benchmarks of whole talks."""
NAMES = (*CASES, *SESSIONS)
_RUBRICS = {
    "cbt_conversation": ("coherence",),
    "psychological_counselling": ("relevance",),
    "clinical_counselling": ("session_rating", "helpful"),
    "counsellor_competence": ("understanding",),
    "psychiatric_dialogue": ("proficiency",),
    "counselling_interaction": (),
}
_ATTITUDES = {
    "clinical_counselling": tuple(Attitude),
    "counsellor_competence": tuple(Attitude),
    "psychiatric_dialogue": (Attitude.COOPERATIVE,),
    "counselling_interaction": (Attitude.COOPERATIVE,),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What one benchmark gave."""

    name: str
    data: str
    """What was asked, and where it came from."""
    found: tuple[Score | LeftOut, ...]


@dataclass(slots=True, kw_only=True)
class Bench:
    """What benchmarks are run with; a session that several of them need is held once."""

    counsellor: Counsellor
    client_of: Callable[[Persona, Attitude], Client]
    judges: Sequence[Chat]
    encoder: Callable[[], TokenEncoder]
    samples: int = 1
    most_turns: int = 10
    raw: Path | None = None
    tell: Callable[[str], None] = lambda _: None
    held: dict[tuple[str, Attitude], Session] = field(default_factory=dict)

    async def cases(self, name: str, cases: Sequence[Case], data: str) -> Result:
        """Run a benchmark of single questions."""
        pairs: list[Pair] = []
        failures: Counter[str] = Counter()
        referred = 0
        for number, case in enumerate(cases, 1):
            reply = await self.counsellor.reply(f"{name}-{case.id}", (case.question,))
            failures.update([reply.failure] if reply.failure else [])
            referred += reply.referred
            pairs.append(
                Pair(
                    id=case.id,
                    question=case.question,
                    answer=reply.text,
                    reference=case.reference,
                    language="en" if language_of(case.question) == "en" else "zh",
                    citations=(),
                )
            )
            self.tell(f"{name}: {number} of {len(cases)}")
        found: Found = []
        if name == "cbt_conversation":
            from cbtguard.lab.evaluation.bertscore import bertscore  # noqa: PLC0415 - imports torch

            found += bertscore(pairs, self.encoder())
        # What was not said is not judged; that it was not said is counted.
        texts = {p.id: {"question": p.question, "answer": p.answer} for p in pairs if p.answer.strip()}
        found += await self._judged(name, texts)
        found.append(
            mean("answered", [float(bool(p.answer.strip())) for p in pairs], how="replies with words")
        )
        found.append(
            Score(name="referred", group="", value=referred / len(pairs), n=len(pairs), how="sent to people")
        )
        found += _failed(failures)
        return Result(name=name, data=data, found=tuple(found))

    async def sessions(self, name: str, personas: Sequence[Persona], data: str) -> Result:
        """Run a benchmark of whole talks."""
        held: list[Session] = []
        for attitude in _ATTITUDES[name]:
            for persona in personas:
                key = (persona.id, attitude)
                if key not in self.held:
                    client = self.client_of(persona, attitude)
                    self.held[key] = await hold(
                        self.counsellor, client, persona, attitude, most=self.most_turns
                    )
                    self.tell(f"{name}: {persona.id}, {attitude.value}: {self.held[key].end}")
                held.append(self.held[key])
        found: Found = []
        if name == "clinical_counselling":
            for attitude in Attitude:
                own = [session for session in held if session.attitude is attitude]
                found += await self._judged(name, {s.id: {"session": s.text()} for s in own}, attitude.value)
                found += _course(own, attitude.value)
        else:
            found += await self._judged(name, {s.id: {"session": s.text()} for s in held})
            found += _course(held, "")
        found += _failed(Counter(code for session in held for code in session.failures))
        return Result(name=name, data=data, found=tuple(found))

    async def _judged(self, name: str, texts: dict[str, dict[str, str]], group: str = "") -> Found:
        found: Found = []
        for asked in map(rubric, _RUBRICS[name]):
            if not self.judges:
                found += without_judge(asked)
                continue
            judgement = await judge(texts, asked, self.judges, samples=self.samples, raw=self.raw)
            found += judged(judgement, asked)
        return [_named(entry, group) for entry in found]


def _course(sessions: Sequence[Session], group: str) -> Found:
    """Return what is counted without a judge."""
    how = "replies with words until the client ended it"
    found: Found = [
        mean("average turns", [session.turns for session in sessions], group=group, how=how),
        mean(
            "matters told",
            [session.opened for session in sessions],
            group=group,
            how="of five; scripted clients only",
        ),
    ]
    for end, count in Counter(session.end for session in sessions).most_common():
        found.append(
            Score(
                name=f"sessions: {end}",
                group=group,
                value=count / len(sessions),
                n=len(sessions),
                how="share of sessions",
            )
        )
    return found


def _failed(failures: Counter[str]) -> list[LeftOut]:
    return [LeftOut(name=f"{count} replies", why=code) for code, count in failures.most_common()]


def _named(entry: Score | LeftOut, group: str) -> Score | LeftOut:
    if not group:
        return entry
    if isinstance(entry, LeftOut):
        return LeftOut(name=f"{entry.name} ({group})", why=entry.why)
    return Score(
        name=entry.name,
        group=f"{group}, {entry.group}",
        value=entry.value,
        n=entry.n,
        how=entry.how,
        low=entry.low,
        high=entry.high,
    )
