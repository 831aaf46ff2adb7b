from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from cbtguard.graph import FakeWriter, Hit, Limits, Services, compile_graph
from cbtguard.graph.build import RECURSION_LIMIT
from cbtguard.graph.conformance.material import material
from cbtguard.graph.threads import serializer
from cbtguard.graph.turn import run_turn
from cbtguard.nodes import Context, Desk, fresh_turn
from cbtguard.safety.privacy import Vault
from cbtguard.safety.record import MemoryRecord

if TYPE_CHECKING:
    from cbtguard.graph import NoteLibrary
    from cbtguard.safety.privacy import PresidioRedactor
    from cbtguard.safety.referral import Referrals
    from cbtguard.safety.risk import RuleDetector
    from cbtguard.safety.structure import StructureChecker

MODES = ["values", "updates", "messages", "custom", "debug", "tasks", "checkpoints"]


class FixedRetriever:
    name = "fixed"

    def retrieve(self, text: str, *, k: int = 3) -> tuple[Hit, ...]:
        return (Hit(note_id="sleep-stimulus-control", score=0.9), Hit(note_id="worry-time", score=0.7))


@dataclass
class Flow:
    """Real guards around a prepared writer and retriever, on the real compiled graph."""

    parts: dict[str, Any]
    good: str = material().exchanges[0].answer
    question: str = material().exchanges[0].question
    seen: list[str] = field(default_factory=list)

    def services(self, **own: Any) -> Services:
        fresh = {
            "writer": FakeWriter([self.good] * 9),
            "retriever": FixedRetriever(),
            "record": MemoryRecord(),
        }
        return Services(**{**self.parts, **fresh, **own})

    def turn(self) -> Any:
        return fresh_turn(turn_id="turn-1", at="2026-01-31T08:00:00.000Z", asked_language="auto", region="CN")

    def context(self, services: Services, text: str, vault: Vault | None = None, **limits: Any) -> Context:
        desk = Desk(text=text, vault=vault or Vault())
        return Context(services=services, desk=desk, limits=Limits(**limits))

    async def run(self, services: Services, text: str | None = None, **limits: Any) -> dict[str, Any]:
        """One turn without a talk, as the façade runs it."""
        context = self.context(services, text or self.question, **limits)
        return await run_turn(compile_graph(context.limits), self.turn(), context)

    async def watch(self, services: Services, *texts: str, **limits: Any) -> tuple[dict[str, Any], str]:
        """Run a talk in every way LangGraph can be watched; return its last state and all that was seen."""
        from langgraph.checkpoint.memory import InMemorySaver  # noqa: PLC0415 - only here

        graph = compile_graph(Limits(**limits), checkpointer=InMemorySaver(serde=serializer()))
        seen: list[str] = []
        vault = Vault()
        for way in ("stream", "events"):
            config: Any = {"configurable": {"thread_id": way}, "recursion_limit": RECURSION_LIMIT}
            for number, text in enumerate(texts, 1):
                context = self.context(services, text, vault, **limits)
                entry = {**self.turn(), "thread": way, "turn": number}
                if way == "stream":
                    chunks = graph.astream(entry, config, context=context, stream_mode=MODES, subgraphs=True)
                else:
                    chunks = graph.astream_events(entry, config, context=context, version="v2")
                seen += [str(chunk) async for chunk in chunks]
            seen += [str(await graph.aget_state(config, subgraphs=True))]
            seen += [str(state) async for state in graph.aget_state_history(config)]
        return (await graph.aget_state(config)).values, "\n".join(seen)


@pytest.fixture
def flow(
    real_redactor: PresidioRedactor,
    real_detector: RuleDetector,
    real_library: NoteLibrary,
    real_checker: StructureChecker,
    real_referrals: Referrals,
) -> Flow:
    return Flow(
        {
            "redactor": real_redactor,
            "detector": real_detector,
            "library": real_library,
            "checker": real_checker,
            "referrals": real_referrals,
        }
    )
