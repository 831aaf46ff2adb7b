"""The state of the flow: JSON primitives only, and never a raw identifier."""

from __future__ import annotations

from typing import Any, TypedDict

Json = dict[str, Any]


class Turn(TypedDict):
    """Keys of one turn, set anew at its start."""

    turn_id: str
    at: str
    """UTC time the turn began, ISO 8601 with milliseconds."""
    asked_language: str
    """What the caller asked for: a language tag, or ``auto``."""
    region: str
    question: str
    """The message with placeholders where personal data was; empty until the protect stop has passed."""
    language: str
    """Language of the reply."""
    risk: Json | None
    notes: list[Json]
    """``{"note_id", "score"}``, best first."""
    attempts: int
    defects: list[str]
    """Codes of what was wrong with the last draft."""
    mend: Json | None
    """What the draft on the desk needs: ``how`` (``again``, ``part`` or ``fill``) and ``parts``."""
    repaired: list[str]
    """Parts that the writer was asked for once more."""
    filled: list[str]
    """Parts that were filled from the notes."""
    answer: Json | None
    """The checked answer: ``text``, ``parts``, ``citations``, ``safety_note``."""
    referral: Json | None
    """``text``, ``template``, ``variant``, ``lines`` (ids), ``region``, ``language``."""
    route: str
    reason: str
    faults: list[str]
    """``stop:fault:cause``, in order."""
    redactions: dict[str, int]
    """Entity type to number of places."""
    reply: str
    """What leaves, with placeholders; empty until recorded."""
    record_id: str | None
    taken_over: str
    """Item by which a person took the talk over, so that the flow writes nothing of its own; empty where none did."""
    review: str
    """Id of the item that waits for a reviewer; empty where none does."""


class State(Turn):
    """A turn and what stays between turns."""

    thread: str
    """Keyed hash of the caller's thread id."""
    turn: int
    """Number of the turn in its thread, from 1."""
    history: list[Json]
    """The last messages, oldest first: ``{"text", "level"}``."""
    care: Json
    """Care mode: ``active``, ``calm`` (messages in a row without a sign), ``step`` (texts given so far), and
    ``told`` (the dangers, as ``subject/kind``, whose whole text was given since it began)."""
    disclosed_at: str
    """When the talk was last told that this is a machine: the ``at`` of that turn."""
    disclosed_turn: int
    """Number of that turn."""
    counters: dict[str, int]
    """Highest placeholder number per entity type, so that a lost vault never confuses two people."""
    reviews: list[str]
    """Items of this talk that waited or wait for a reviewer, oldest first."""


def fresh_turn(*, turn_id: str, at: str, asked_language: str, region: str, language: str = "") -> Turn:
    """Return the input of a turn: nothing of an earlier turn shows through, whatever fails."""
    return Turn(
        turn_id=turn_id,
        at=at,
        asked_language=asked_language,
        region=region,
        question="",
        language=language or ("zh-Hans" if asked_language == "auto" else asked_language),
        risk=None,
        notes=[],
        attempts=0,
        defects=[],
        mend=None,
        repaired=[],
        filled=[],
        answer=None,
        referral=None,
        route="",
        reason="",
        faults=[],
        redactions={},
        reply="",
        record_id=None,
        taken_over="",
        review="",
    )


def care_of(state: State) -> Json:
    """Return the care state of a thread, calm at its start."""
    return state.get("care") or {"active": False, "calm": 0, "step": 0}
