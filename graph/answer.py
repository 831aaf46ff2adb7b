"""What a caller gets: the answer with everything that led to it, and the events on the way."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from cbtguard.graph.disclosure import notice_of
from cbtguard.safety.risk import Level, Risk
from cbtguard.safety.structure import Part

if TYPE_CHECKING:
    from cbtguard.nodes import Desk, Services
    from cbtguard.nodes.retrieval.note import Note
    from cbtguard.safety.privacy import Redaction
    from cbtguard.safety.referral import Line


class Route(StrEnum):
    """Where a turn ended."""

    ANSWERED = "answered"
    REFERRED = "referred"
    HELD = "held"
    """Waiting for a person; the reply is the safe text that stands meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartAnswer:
    """One of the five parts of an answer."""

    present: bool
    evidence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Citation:
    """A technique note that an answer stands on."""

    note_id: str
    title: str
    title_en: str
    technique: str
    evidence: str
    """Level of evidence: strong, moderate, emerging or expert."""
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferralInfo:
    """The way to help that a reply names."""

    template: str
    region: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The outcome of one turn."""

    route: Route
    reply: str
    """All that the person should read, personal data restored."""
    notice: str | None
    """That this is a machine; to be shown before the reply. Set on the first turn of a talk and again after
    every ``disclosure_hours``."""
    parts: dict[str, PartAnswer]
    """``validation``, ``key_thought``, ``challenge``, ``strategy``, ``encouragement``; all absent if referred."""
    risk: Risk
    citations: tuple[Citation, ...]
    referral: ReferralInfo | None
    reason: str
    """``checked``, ``crisis``, ``care``, ``no_note``, ``checked_out``, ``language``, ``held``, ``taken_over`` or
    ``fault``."""
    writer: str | None
    """Name of the writer whose text the reply holds; None for a vetted text."""
    attempts: int
    """Drafts asked for."""
    defects: tuple[str, ...]
    """Codes of what was wrong with the last draft, if it did not pass."""
    repaired: tuple[str, ...] = ()
    """Parts that the writer was asked for once more, in order."""
    filled: tuple[str, ...] = ()
    """Parts of the reply that come from the notes, not from the writer."""
    record_id: str | None
    """None only where the record could not be kept; such a reply is a vetted text."""
    timings_ms: dict[str, float] = field(default_factory=dict)
    faults: tuple[str, ...] = ()
    """``stop:fault:cause`` of every stop that failed."""
    redactions: dict[str, int] = field(default_factory=dict)
    """Entity type to number of places where personal data was taken out."""
    language: str
    region: str
    thread: str | None
    turn: int
    review: str | None = None
    """Id of the item that waits for a reviewer; see :meth:`Guard.follow_up`."""

    def as_dict(self) -> dict[str, Any]:
        """Return the answer as JSON primitives."""
        return {
            "route": self.route.value,
            "reply": self.reply,
            "notice": self.notice,
            "parts": {k: {"present": v.present, "evidence": v.evidence} for k, v in self.parts.items()},
            "risk": self.risk.as_dict(),
            "citations": [
                {
                    "note_id": c.note_id,
                    "title": c.title,
                    "title_en": c.title_en,
                    "technique": c.technique,
                    "evidence": c.evidence,
                    "sources": list(c.sources),
                }
                for c in self.citations
            ],
            "referral": {
                "template": self.referral.template,
                "region": self.referral.region,
                "lines": [line.as_dict() for line in self.referral.lines],
            }
            if self.referral
            else None,
            "reason": self.reason,
            "writer": self.writer,
            "attempts": self.attempts,
            "defects": list(self.defects),
            "repaired": list(self.repaired),
            "filled": list(self.filled),
            "record_id": self.record_id,
            "timings_ms": self.timings_ms,
            "faults": list(self.faults),
            "redactions": self.redactions,
            "language": self.language,
            "region": self.region,
            "thread": self.thread,
            "turn": self.turn,
            "review": self.review,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened on the way; holds vetted or checked text only."""

    kind: str
    """``stop`` (a stop ended), ``text`` (a piece of the reply), ``withdrawn`` (the rest of what was being
    answered did not pass; the referral follows), ``answer`` (the end)."""
    stop: str | None = None
    ms: float | None = None
    text: str | None = None
    parts: tuple[str, ...] = ()
    """Which of the five parts a paragraph holds."""
    early: bool = False
    """Whether a text came before the answer was whole; it follows the text before it without a gap."""
    answer: Answer | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the event as JSON primitives, without what is not set."""
        data: dict[str, Any] = {"kind": self.kind}
        if self.stop is not None:
            data |= {"stop": self.stop, "ms": self.ms}
        if self.text is not None:
            data |= {"text": self.text, "parts": list(self.parts)} | ({"early": True} if self.early else {})
        if self.answer is not None:
            data["answer"] = self.answer.as_dict()
        return data


def answer_of(state: dict[str, Any], desk: Desk, services: Services, *, thread: str | None) -> Answer:
    """Return the answer of a finished turn, with personal data put back for the one who wrote it."""
    restore = desk.vault.restore
    checked, referral = state["answer"], state["referral"]
    parts = checked["parts"] if checked else {}
    note = checked["safety_note"] if checked else None
    template = note["template"] if note else referral["template"] if referral else None
    return Answer(
        route=Route(state["route"]),
        reply=restore(state["reply"]),
        notice=notice_of(state, services.referrals),
        parts={
            part.value: PartAnswer(
                present=bool(parts.get(part.value, {}).get("present", False)),
                evidence=restore(parts.get(part.value, {}).get("evidence", "")),
            )
            for part in Part
        },
        risk=_risk(state["risk"], desk),
        citations=tuple(_citation(services.library[n]) for n in (checked["citations"] if checked else ())),
        referral=ReferralInfo(template=template, region=state["region"], lines=desk.lines)
        if template
        else None,
        reason=state["reason"],
        writer=services.writer.name if checked else None,
        attempts=state["attempts"],
        defects=tuple(state["defects"]),
        repaired=tuple(state["repaired"]),
        filled=tuple(state["filled"]) if checked else (),
        record_id=state["record_id"],
        timings_ms=dict(desk.timings),
        faults=tuple(state["faults"]),
        redactions=state["redactions"],
        language=state["language"],
        region=state["region"],
        thread=thread,
        turn=int(state.get("turn") or 1),
        review=state["review"] or None,
    )


def events_of(answer: Answer, released: str = "") -> tuple[Event, ...]:
    """Return what of the reply is still to be read, paragraph by paragraph, then the answer itself.

    Args:
        answer: The outcome of the turn.
        released: The beginning of the reply that was already read.
    """
    events: list[Event] = []
    rest = answer.reply
    if released and rest.startswith(released):
        rest = rest[len(released) :]
    elif released:
        events.append(Event(kind="withdrawn"))
    for paragraph in rest.split("\n\n"):
        if paragraph.strip():
            parts = tuple(k for k, v in answer.parts.items() if v.present and v.evidence in paragraph)
            events.append(Event(kind="text", text=paragraph, parts=parts))
    return (*events, Event(kind="answer", answer=answer))


def _citation(note: Note) -> Citation:
    return Citation(
        note_id=note.id,
        title=note.title.zh,
        title_en=note.title.en,
        technique=note.technique,
        evidence=note.evidence,
        sources=tuple(f"{source.name} ({source.year})" for source in note.sources),
    )


def _risk(data: dict[str, Any] | None, desk: Desk) -> Risk:
    """The risk with its evidence pointing into the original message."""
    if data is None:
        return Risk(level=Level.NONE, score=0.0)
    risk = Risk.from_dict(data)
    if desk.redaction is None or not desk.redaction.entities:
        return risk
    signals = []
    for signal in risk.signals:
        start, end = _original(desk.redaction, signal.start), _original(desk.redaction, signal.end)
        signals.append(
            replace(
                signal,
                start=start,
                end=max(start, end),
                evidence=desk.text[start:end] if signal.evidence else "",
            )
        )
    return replace(risk, signals=tuple(signals))


def _original(redaction: Redaction, place: int) -> int:
    """Map a place in the protected text to the original one."""
    moved = 0
    for entity, placeholder in zip(redaction.entities, redaction.placeholders, strict=True):
        start = entity.start + moved
        if place <= start:
            break
        if place < start + len(placeholder):
            return entity.start
        moved += len(placeholder) - (entity.end - entity.start)
    return place - moved
