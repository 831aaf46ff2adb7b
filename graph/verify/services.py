"""Scripted services: every call is logged and ends as the script decides."""

from __future__ import annotations

import asyncio
import dataclasses
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cbtguard.graph.verify.script import FAULTS, Script
from cbtguard.nodes import Services
from cbtguard.nodes.raters.opinion import Opinion
from cbtguard.nodes.release import OPENED
from cbtguard.nodes.retrieval.hybrid import Hit
from cbtguard.nodes.writers.task import Draft, Filling, WritingTask
from cbtguard.safety.errors import OpinionError
from cbtguard.safety.privacy import Entity, EntityType, Redaction, Vault
from cbtguard.safety.record import MemoryRecord, StoredEntry, TurnEntry
from cbtguard.safety.risk import Kind, Level, Risk, Signal, Subject
from cbtguard.safety.structure import Defect, Part, PartFinding, Review

if TYPE_CHECKING:
    from collections.abc import Callable

    from cbtguard.nodes.retrieval.note import NoteLibrary
    from cbtguard.safety.referral import Referral, Referrals

NAME = "欧阳明镜"
PHONE = "13912345678"
SECRETS = (NAME, PHONE)
"""Identifiers of the invented person; none may be seen outside the vault."""
QUESTION = f"我叫{NAME}，电话{PHONE}，最近总是睡不着。"
FOREIGN = "Je ne dors plus et je suis très fatigué, {name} {phone} le sait."
DRAFT = "草稿标记{number}"
"""Marks each draft, so that it can be traced wherever it goes."""

LATER = ("raise", "timeout")
"""What may go wrong after something else did, unless all combinations are asked for."""
PROTECT = ("identified", "foreign", "leaky")
REMARK = "评语标记"
"""What the rater says of the message; a model's free text, to be seen nowhere."""
SCREEN = ("none", "watch", "crisis", "crisis_other", "emergency")
OPINION = ("agree", "hint", "graver", "graver_late", "emergency", "malformed")
RETRIEVE = ("fits", "nothing", "unknown_note")
GENERATE = ("sound", "echo")
CHECK = ("pass", "part", "fail")
FILL = ("ok",)
PREFIX = ("release", "hold")
FILLED = "填补标记"
"""Marks what was filled from the notes."""
SENTENCES = "{mark}：我能理解你睡不着的难受。心里有一个念头。可以试试看。"
REFER = ("ok", "no_line")
RECORD = ("ok",)
HOLD = ("ok",)
ACT_TEXT = ("clean", "identifier")
ACT_CHECK = ("clean", "means", "leak")
WORDS = "人工标记：我是值班的工作人员，你现在安全吗？"
"""What the reviewer writes in place of a draft."""

_LEVELS = {
    "none": (Level.NONE, (), Subject.SELF),
    "watch": (Level.WATCH, (Kind.SUICIDE,), Subject.SELF),
    "crisis": (Level.CRISIS, (Kind.SUICIDE,), Subject.SELF),
    "crisis_other": (Level.CRISIS, (Kind.ABUSE,), Subject.OTHER),
    "emergency": (Level.EMERGENCY, (Kind.MEDICAL_EMERGENCY, Kind.SUICIDE), Subject.SELF),
}


_OPINIONS = {
    "agree": (Level.NONE, ()),
    "hint": (Level.WATCH, (Kind.SUICIDE,)),
    "graver": (Level.CRISIS, (Kind.ABUSE,)),
    "graver_late": (Level.CRISIS, ()),
    "emergency": (Level.EMERGENCY, (Kind.SUICIDE,)),
}


@dataclass(slots=True)
class Log:
    """What happened in one run, in order."""

    calls: list[tuple[int, str, str]] = field(default_factory=list)
    """Sequence number, what (``screen``, ``screen.done``, ``generate``...), and the arguments as text."""
    drafts: dict[str, int | None] = field(default_factory=dict)
    """Draft mark to the sequence number at which it passed the check; None while it has not."""
    prefixes: list[str] = field(default_factory=list)
    """Beginnings of drafts that were judged fit to be read."""
    sequence: int = 0

    def note(self, what: str, payload: object = "") -> int:
        """Keep a call."""
        self.sequence += 1
        self.calls.append((self.sequence, what, str(payload)))
        return self.sequence


class Scripted:
    """All services of a run, sharing one script and one log.

    Args:
        script: Decides every outcome.
        referrals: The real texts, so that what is checked is what ships.
        library: Any note library with at least one note.
        faults: Which faults to offer at each call.
        rater: Whether there is a third opinion; it may fail in every way there is.
        full: Whether every kind of fault may follow on every other; else one that follows raises or hangs.
        streams: Whether the writer tells its text as it grows, and the checker judges beginnings.
    """

    def __init__(
        self,
        script: Script,
        referrals: Referrals,
        library: NoteLibrary,
        faults: tuple[str, ...] = FAULTS,
        *,
        rater: bool = False,
        streams: bool = False,
        full: bool = True,
    ) -> None:
        self.script = script
        self.log = Log()
        self.kept = MemoryRecord()
        self.now = 1_800_000_000.0
        self._referrals = referrals
        self._library = library
        self._faults = faults
        self._rater = rater
        self._streams = streams
        self._full = full

    def services(self) -> Services:
        """Return the services for a context."""
        # The flow awaits a service that is a coroutine function; the Protocols name the blocking form.
        parts: dict[str, Any] = {
            "redactor": _Redactor(self),
            "detector": _Detector(self),
            "retriever": _Retriever(self),
            "checker": _PrefixChecker(self) if self._streams else _Checker(self),
            "filler": _Filler(self),
            "referrals": _Desk(self, self._referrals),
            "record": _Record(self),
            "opinion": _Rater(self) if self._rater else None,
        }
        return Services(
            library=self._library,
            writer=_StreamingWriter(self) if self._streams else _Writer(self),
            clock=lambda: self.now,
            **parts,
        )

    def reviewing(self) -> Services:
        """Return the services of a reviewer's act; its outcomes are named apart from those of the turn."""
        parts: dict[str, Any] = {
            "redactor": _ActRedactor(self),
            "checker": _ActChecker(self),
            "record": _ActRecord(self),
        }
        return dataclasses.replace(self.services(), **parts)

    async def outcome(
        self, stop: str, alternatives: tuple[str, ...], payload: object, faults: tuple[str, ...] | None = None
    ) -> str:
        """Log a call and return its outcome, or fail as the script says."""
        self.log.note(stop, payload)
        offered = self._faults if faults is None else faults
        if not self._full and any(choice.faulty for choice in self.script.choices):
            offered = tuple(fault for fault in offered if fault in LATER)
        outcome = self.script.pick(stop, (*alternatives, *offered))
        if outcome == "raise":
            raise RuntimeError(f"could not handle {QUESTION}")
        if outcome == "timeout":
            await asyncio.sleep(1e7)
        if outcome == "cancel":
            raise asyncio.CancelledError
        if outcome == "missing":
            raise ImportError("no module named 'model'")
        self.log.note(f"{stop}.done", outcome)
        return outcome

    @property
    def note_id(self) -> str:
        """The note that fits."""
        return next(iter(self._library)).id


class _Part:
    """A scripted service: name and version for the record."""

    name = "scripted"
    version = "1"

    def __init__(self, run: Scripted) -> None:
        self.run = run


class _Redactor(_Part):
    async def redact(self, text: str, vault: Vault) -> Any:
        outcome = await self.run.outcome("protect", PROTECT, "")
        if outcome == "garbage":
            return text
        pairs = [(EntityType.PERSON, NAME), (EntityType.PHONE, PHONE)]
        marks = {value: vault.placeholder(kind, value, "zh") for kind, value in pairs}
        if outcome == "foreign":
            return Redaction(
                text=FOREIGN.format(name=marks[NAME], phone=marks[PHONE]), entities=(), placeholders=()
            )
        if outcome == "leaky":
            return Redaction(text=text, entities=(), placeholders=())
        protected = text
        entities = []
        for kind, value in pairs:
            start = text.index(value)
            entities.append(
                Entity(type=kind, start=start, end=start + len(value), score=1.0, explanation="scripted")
            )
            protected = protected.replace(value, marks[value])
        return Redaction(text=protected, entities=tuple(entities), placeholders=tuple(marks.values()))


class _Detector(_Part):
    async def assess(self, text: str, *, history: Any = ()) -> Any:
        outcome = await self.run.outcome("screen", SCREEN, (text, history))
        if outcome == "garbage":
            return {"level": "none"}
        level, kinds, subject = _LEVELS[outcome]
        signals = tuple(
            Signal(
                detector="scripted",
                rule="scripted.rule",
                kind=kind,
                level=level,
                subject=subject,
                start=0,
                end=2,
                evidence=text[:2],
                score=0.9,
                reason="scripted",
                reason_zh="脚本",
            )
            for kind in kinds
        )
        return Risk(level=level, kinds=kinds, subject=subject, score=0.9 if kinds else 0.0, signals=signals)


class _Rater(_Part):
    async def rate(self, text: str, *, language: str, history: Any = ()) -> Any:
        outcome = await self.run.outcome("opinion", OPINION, (text, language, history), FAULTS)
        if outcome == "garbage":
            return REMARK
        if outcome == "malformed":
            raise OpinionError("opinion.malformed", REMARK, hint="-")
        if outcome == "graver_late":
            await asyncio.sleep(3.0)
        level, kinds = _OPINIONS[outcome]
        return Opinion(level=level, kinds=kinds, subject=Subject.SELF, reason=REMARK)


class _Retriever(_Part):
    async def retrieve(self, text: str, *, k: int = 3) -> Any:
        outcome = await self.run.outcome("retrieve", RETRIEVE, (text, k))
        if outcome == "garbage":
            return "worry-time"
        if outcome == "unknown_note":
            return (Hit(note_id="no-such-note", score=0.9),)
        return (Hit(note_id=self.run.note_id, score=0.9),) if outcome == "fits" else ()


class _Writer(_Part):
    name = "scripted/writer"

    async def write(self, task: WritingTask) -> Any:
        outcome = await self.run.outcome("generate", GENERATE, task)
        if outcome == "garbage":
            return None
        mark = DRAFT.format(number=len(self.run.log.drafts) + 1)
        self.run.log.drafts[mark] = None
        told = f"{NAME}，你好。" if outcome == "echo" else ""
        return Draft(text=told + SENTENCES.format(mark=mark), citations=(self.run.note_id,))


class _StreamingWriter(_Writer):
    async def stream(self, task: WritingTask, on_text: Callable[[str], None]) -> Any:
        draft = await self.write(task)
        if isinstance(draft, Draft):
            for place in (place + 1 for place, char in enumerate(draft.text) if char == "。"):
                on_text(draft.text[:place])
                await asyncio.sleep(0.1)
        return draft


class _Filler(_Part):
    async def fill(self, task: WritingTask, parts: Any) -> Any:
        outcome = await self.run.outcome("fill", FILL, (task, parts))
        if outcome == "garbage":
            return None
        return Filling(parts=dict.fromkeys(parts, FILLED), citations=(self.run.note_id,))


class _Checker(_Part):
    async def check(self, question: str, answer: str, **named: Any) -> Any:
        outcome = await self.run.outcome("check", CHECK, (question, sorted(named)))
        if outcome == "garbage":
            return True
        finding = PartFinding(present=outcome != "fail", evidence="", start=0, end=0, score=0.5)
        parts = dict.fromkeys(Part, finding)
        codes = {"pass": (), "fail": ("off_topic",), "part": ("missing_encouragement",)}[outcome]
        if outcome == "part":
            parts[Part.ENCOURAGEMENT] = PartFinding(present=False, evidence="", start=0, end=0, score=0.0)
        if outcome == "pass":
            for mark in self.run.log.drafts:
                if mark in answer:
                    self.run.log.drafts[mark] = self.run.log.sequence
        defects = tuple(Defect(code=code, evidence="", reason="-", reason_zh="-") for code in codes)
        return Review(parts=parts, defects=defects)


class _PrefixChecker(_Checker):
    async def prefix(self, question: str, beginning: str, **named: Any) -> Any:
        outcome = await self.run.outcome("prefix", PREFIX, (question, sorted(named)))
        if outcome == "garbage":
            return True
        absent = PartFinding(present=False, evidence="", start=0, end=0, score=0.0)
        parts = dict.fromkeys(Part, absent)
        if outcome == "release":
            first = beginning.index("。") + 1
            parts[Part.VALIDATION] = PartFinding(present=True, evidence="", start=0, end=first, score=0.5)
            second = PartFinding(present=True, evidence="", start=first, end=len(beginning), score=0.5)
            parts[Part.KEY_THOUGHT] = second if len(beginning) > first else absent
            self.run.log.prefixes.append(beginning[:first])
        return Review(parts=parts, defects=())


class _Desk:
    """The real referral texts behind the script."""

    def __init__(self, run: Scripted, referrals: Referrals) -> None:
        self._run = run
        self._referrals = referrals
        self.version = referrals.version
        self.disclosure = referrals.disclosure
        self.disclosure_again = referrals.disclosure_again
        self.last_resort = referrals.last_resort

    async def crisis(self, **named: Any) -> Any:
        return await self._text("refer", self._referrals.crisis, named)

    async def care(self, **named: Any) -> Any:
        return await self._text("refer", self._referrals.care, named)

    async def fallback(self, **named: Any) -> Any:
        return await self._text("refer", self._referrals.fallback, named)

    async def safety_note(self, **named: Any) -> Any:
        return await self._text("note", self._referrals.safety_note, named)

    async def _text(self, stop: str, text: Callable[..., Referral], named: dict[str, Any]) -> Any:
        outcome = await self._run.outcome(stop, REFER if stop == "refer" else ("ok",), named)
        if outcome == "garbage":
            return "拨打热线"
        referral = text(**named)
        return dataclasses.replace(referral, lines=()) if outcome == "no_line" else referral


class _Record(_Part):
    async def append(self, entry: TurnEntry) -> StoredEntry | None:
        stop = "opened" if entry.route == OPENED else "record"
        outcome = await self.run.outcome(stop, RECORD, entry)
        return None if outcome == "garbage" else self.run.kept.append(entry)

    def entries(self, *, start: int = 1, limit: int | None = None) -> Any:
        return self.run.kept.entries(start=start, limit=limit)

    def verify(self, *, expected_head: str | None = None) -> Any:
        return self.run.kept.verify(expected_head=expected_head)

    def close(self) -> None:
        self.run.kept.close()


class _ActRedactor(_Part):
    async def redact(self, text: str, vault: Vault) -> Any:
        outcome = await self.run.outcome("act_text", ACT_TEXT, "", FAULTS)
        if outcome == "garbage":
            return text
        if outcome == "clean":
            return Redaction(text=text, entities=(), placeholders=())
        found = Entity(type=EntityType.PERSON, start=0, end=2, score=1.0, explanation="scripted")
        mark = vault.placeholder(EntityType.PERSON, text[:2], "zh")
        return Redaction(text=mark + text[2:], entities=(found,), placeholders=(mark,))


class _ActChecker(_Part):
    async def check(self, question: str, answer: str, **named: Any) -> Any:
        outcome = await self.run.outcome("act_check", ACT_CHECK, (question, sorted(named)), FAULTS)
        if outcome == "garbage":
            return True
        del answer
        absent = PartFinding(present=False, evidence="", start=0, end=0, score=0.0)
        codes = () if outcome == "clean" else (outcome,)
        defects = tuple(Defect(code=code, evidence="", reason="-", reason_zh="-") for code in codes)
        return Review(parts=dict.fromkeys(Part, absent), defects=defects)


class _ActRecord(_Record):
    async def append(self, entry: TurnEntry) -> StoredEntry | None:
        outcome = await self.run.outcome("act_record", RECORD, entry, FAULTS)
        return None if outcome == "garbage" else self.run.kept.append(entry)


class ScriptedQueue:
    """The real queue behind the script: the opening of an item may fail in every way there is."""

    def __init__(self, run: Scripted, queue: Any) -> None:
        self.policy = queue.policy
        self.taken_over = queue.taken_over
        self._run = run
        self._queue = queue

    async def open(self, item: dict[str, Any]) -> Any:
        """Open an item, or fail as the script says."""
        outcome = await self._run.outcome("hold", HOLD, "", FAULTS)
        return None if outcome == "garbage" else await self._queue.open(item)
