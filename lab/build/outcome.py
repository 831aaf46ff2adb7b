"""What became of a question: what the journal keeps, and what the data set is written from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cbtguard.nodes.reading import read
from cbtguard.nodes.writers.prompt import PromptForm, build_prompt
from cbtguard.nodes.writers.task import WritingTask
from cbtguard.safety.structure import Part, Review
from cbtguard.safety.structure.mending import regions
from cbtguard.safety.structure.model import PartFinding

if TYPE_CHECKING:
    from cbtguard.nodes import Services
    from cbtguard.safety.privacy import Redaction
    from cbtguard.safety.risk import Risk


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one question.

    Attributes:
        kind: ``answered``, ``crisis``, ``refused``, ``error``, or ``cleared`` where it was only screened.
        data: JSON primitives, with placeholders where personal data was.
        read: Tokens a model was given for it, estimated.
        written: Tokens a model wrote for it, estimated.
    """

    kind: str
    data: dict[str, Any]
    read: int = 0
    written: int = 0


def risk_of(risk: Risk) -> dict[str, Any]:
    """Return a verdict without the words that led to it: level, kinds, subject, score and rules."""
    return {
        "level": risk.level.value,
        "kinds": sorted(kind.value for kind in risk.kinds),
        "subject": risk.subject.value,
        "score": round(risk.score, 4),
        "rules": sorted({f"{signal.detector}:{signal.rule}" for signal in risk.signals}),
    }


def divided(redaction: Redaction, cut: int) -> tuple[str, str]:
    """Return question and description of a redacted message.

    Args:
        redaction: Of the question, a line break, and the description if there is one.
        cut: Length of the original question. Personal data that lies across it goes to the description.
    """
    place = cut
    for entity, placeholder in zip(redaction.entities, redaction.placeholders, strict=True):
        if entity.end <= cut:
            place += len(placeholder) - (entity.end - entity.start)
        elif entity.start < cut:
            place -= cut - entity.start
    return redaction.text[:place].strip(), redaction.text[place:].strip()


def answered(
    state: dict[str, Any],
    risk: Risk,
    question: str,
    description: str,
    services: Services,
    form: PromptForm,
) -> Outcome:
    """Return the row of a question that was answered, but for its id."""
    answer = state["answer"]
    text = answer["text"]
    asked = f"{question}\n{description}" if description else question
    ids = [note["note_id"] for note in state["notes"]]
    notes = services.library.pick(ids)
    task = WritingTask(question=state["question"], language=state["language"], notes=notes)
    prompt = build_prompt(task, form=form)
    return Outcome(
        kind="answered",
        data={
            "question": question,
            "description": description,
            "answer": text,
            "parts": spans_of(text, answer["parts"]),
            "distortions": [
                {"label": f.label, "evidence": f.evidence, "weight": round(f.weight, 4)}
                for f in read(asked).distortions
            ],
            "notes": [
                {"id": note.id, "technique": note.technique, "cited": note.id in answer["citations"]}
                for note in notes
            ],
            "language": state["language"],
            "writer": services.writer.name,
            "checks": {
                "screen": risk_of(risk),
                "redactions": dict(sorted(state["redactions"].items())),
                "drafts": state["attempts"],
                "repaired": state["repaired"],
                "filled": state["filled"],
                "passed": True,
            },
            "prompt": prompt.messages(),
        },
    )


def spans_of(text: str, parts: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return, for each part, what of the answer it covers and the sentence that shows it best.

    ``start`` and ``end`` are characters of the answer; parts that share a passage share it without overlap.
    """
    found = {}
    for part in Part:
        evidence = str(parts[part.value]["evidence"])
        start = max(0, text.find(evidence))
        found[part] = PartFinding(
            present=bool(parts[part.value]["present"]),
            evidence=evidence,
            start=start,
            end=start + len(evidence),
            score=1.0,
        )
    covers = regions(text, Review(parts=found, defects=()))
    return {
        part.value: {
            "start": covers[part].start,
            "end": covers[part].start + len(text[covers[part].start : covers[part].end].rstrip()),
            "evidence": found[part].evidence,
        }
        for part in Part
        if part in covers
    }
