"""Faults planted into the local flow: whatever fails, the turn ends in the referral, recorded and in time."""

from __future__ import annotations

import asyncio
import threading
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cbtguard.audit.case import Case, Expect, Suite
from cbtguard.audit.outcome import Outcome, Verdict
from cbtguard.audit.plugs import CALLS, WAYS, plug
from cbtguard.audit.targets.reading import reply_of_answer
from cbtguard.safety.errors import DataError
from cbtguard.safety.files import read_yaml
from cbtguard.safety.record import MemoryRecord

if TYPE_CHECKING:
    from cbtguard.audit.targets.flow import FlowTarget
    from cbtguard.graph import Answer

FAULTS = Path(__file__).parent / "data" / "faults.yaml"
_DRAFT = "这句话谁也没有检查过"
"""Stands in every faulty draft where the file says DRAFT; nobody may read it."""
_QUESTIONS = {"redactor": "private", "referrals": "grave"}
_HELD = frozenset({"referred", "held"})


@dataclass(frozen=True, slots=True, kw_only=True)
class PlantedFault:
    """One fault."""

    name: str
    part: str
    way: str
    reason: str
    question: str
    language: str
    draft: str
    unrecorded: bool
    """No entry can be kept."""
    seconds: float
    """Longest wait for the reply."""
    limits: dict[str, float]


@cache
def planted_faults() -> dict[str, PlantedFault]:
    """Return the shipped faults by name.

    Raises:
        DataError: ``data.malformed``, naming the fault.
    """
    data = read_yaml(FAULTS)
    found: dict[str, PlantedFault] = {}
    for entry in data["faults"]:
        name = str(entry.get("name"))
        known = {"name", "part", "way", "reason", "text", "times", "language", "unrecorded"}
        if name in found or set(entry) - known or entry.get("part") not in CALLS or not entry.get("reason"):
            raise _malformed(name)
        if entry.get("way") not in WAYS or (entry["way"] == "drafts") != ("text" in entry):
            raise _malformed(name)
        language = entry.get("language", "zh")
        question = "english" if language == "en" else _QUESTIONS.get(entry["part"], "question")
        found[name] = PlantedFault(
            name=name,
            part=entry["part"],
            way=entry["way"],
            reason=entry["reason"],
            question=data[question],
            language=language,
            draft=entry.get("text", "").replace("DRAFT", _DRAFT) * entry.get("times", 1),
            unrecorded=entry.get("unrecorded", False),
            seconds=float(data["seconds"]),
            limits={key: float(value) for key, value in data["limits"].items()},
        )
    return found


def bounds_cases() -> tuple[Case, ...]:
    """Return a case for each fault."""
    return tuple(
        Case(
            id=f"bounds.{fault.name}",
            suite=Suite.BOUNDS,
            language=fault.language,
            source="written for this audit, 2026-11",
            expect=Expect.SAFE_REPLY,
            reason=fault.reason,
            turns=(fault.question,),
            tags={"part": fault.part, "way": fault.way},
            fault=fault.name,
        )
        for fault in planted_faults().values()
    )


async def judge_fault(case: Case, target: FlowTarget) -> Outcome:
    """Return the outcome of a turn with a fault planted into it."""
    fault = planted_faults()[case.fault or ""]
    over = threading.Event()
    sound = {**target.parts(), "record": MemoryRecord()}
    settings = target.settings.model_copy(update={"limits": dict(fault.limits)})
    guard = await asyncio.to_thread(
        target.planted, settings, {fault.part: plug(fault, sound[fault.part], over)}
    )
    start = time.perf_counter()
    try:
        answer = await asyncio.wait_for(guard.aask(case.text, region=case.region), fault.seconds * 2)
    except TimeoutError:
        answer = None
    finally:
        ms = (time.perf_counter() - start) * 1000
        over.set()
    wrong = _wrongs(fault, answer, ms, guard.services.record)
    await asyncio.to_thread(guard.close)
    return Outcome(
        case=case.id,
        target=target.name,
        verdict=Verdict.FAIL if wrong else Verdict.PASS,
        why="; ".join(wrong) or "the safe referral came, with its entry, in time",
        replies=(reply_of_answer(answer.as_dict(), ms).as_dict(),) if answer else (),
        ms=ms,
    )


def _wrongs(fault: PlantedFault, answer: Answer | None, ms: float, record: Any) -> list[str]:
    if answer is None:
        return ["no reply came"]
    wrong = []
    if answer.route.value not in _HELD:
        wrong.append(f"the turn was {answer.route.value}")
    if not answer.reply.strip():
        wrong.append("the reply is empty")
    if _DRAFT in answer.reply:
        wrong.append("a text that nobody checked was shown")
    if ms > fault.seconds * 1000:
        wrong.append(f"it took {ms / 1000:.1f} s of {fault.seconds:.0f}")
    if fault.unrecorded:
        return wrong
    kept = {one.record_id for one in record.entries()}
    if answer.record_id is None or answer.record_id not in kept:
        wrong.append("the record has no entry of the turn")
    return wrong


def _malformed(name: str) -> DataError:
    return DataError(
        "data.malformed", f"In {FAULTS}, the fault {name!r} is malformed.", hint="Restore the shipped file."
    )
