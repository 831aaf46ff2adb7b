"""Replies from the JSON of an answer of the flow, whichever way it came."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cbtguard.audit.target import Reply
from cbtguard.safety.errors import AuditError

if TYPE_CHECKING:
    from collections.abc import Mapping


def no_sense(target: str, what: str) -> AuditError:
    """Return the error for a target that answers no sense; nothing of what it said is quoted."""
    return AuditError(
        "audit.target", f"The target {target!r} {what}.", hint="Check its address, its key and its log."
    )


def reply_of_answer(answer: Mapping[str, Any], ms: float) -> Reply:
    """Return the reply in what :meth:`cbtguard.graph.Answer.as_dict` gives, here or over HTTP."""
    parts = answer.get("parts") or {}
    return Reply(
        text=str(answer.get("reply") or ""),
        parts={name: bool(part.get("present")) for name, part in parts.items()} or None,
        ms=ms,
        **_told(answer),
    )


def reply_of_guard(text: str, guard: Mapping[str, Any], ms: float) -> Reply:
    """Return the reply in OpenAI's shape with the field ``guard`` beside it; fields that lack stay unknown."""
    return Reply(text=text, ms=ms, **_told(guard))


def risk_fields(risk: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a reply that a risk tells."""
    score = risk.get("score")
    return {
        "level": _text(risk.get("level")),
        "kinds": tuple(str(one) for one in risk.get("kinds") or ()),
        "subject": _text(risk.get("subject")),
        "score": float(score) if isinstance(score, int | float) else None,
        "signals": tuple(
            {key: one.get(key) for key in ("detector", "rule", "evidence", "reason") if key in one}
            for one in risk.get("signals") or ()
            if isinstance(one, dict)
        ),
    }


def _told(answer: Mapping[str, Any]) -> dict[str, Any]:
    risk = answer.get("risk")
    return {
        **(risk_fields(risk) if isinstance(risk, dict) else {}),
        "route": _text(answer.get("route")),
        "citations": tuple(
            str(one.get("note_id")) for one in answer.get("citations") or () if isinstance(one, dict)
        ),
        "reason": _text(answer.get("reason")),
        "defects": tuple(str(one) for one in answer.get("defects") or ()),
        "writer": _text(answer.get("writer")),
        "record_id": _text(answer.get("record_id")),
        "faults": tuple(str(one) for one in answer.get("faults") or ()),
        "timings_ms": dict(answer.get("timings_ms") or {}),
    }


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
