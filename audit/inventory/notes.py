"""The technique notes, and when none of them fits."""

from __future__ import annotations

import hashlib
from functools import cached_property
from typing import Any

from cbtguard.audit.inventory.facts import Facts
from cbtguard.audit.inventory.probes import probes
from cbtguard.nodes.retrieval import hybrid
from cbtguard.nodes.retrieval.note import NoteLibrary


class Notes(Facts):
    """How many notes there are; of each, its steps, its cautions word by word, and its sources."""

    name = "notes"

    def take(self) -> dict[str, Any]:
        """Return the notes by id."""
        notes = list(NoteLibrary())
        made: dict[str, Any] = {"count": len(notes)}
        for note in notes:
            made[note.id] = {
                "technique": note.technique,
                "evidence": note.evidence,
                "cautious": note.cautious,
                "problems": list(note.problems),
                "not_for": {"zh": _marked(note.not_for.zh), "en": _marked(note.not_for.en)},
                "steps": [_marked(one) for one in (*note.steps.zh, *note.steps.en)],
                "sources": len(note.sources),
                "reviewed": note.reviewed.isoformat(),
            }
        return made


def _marked(text: str) -> str:
    return f"{text[:8]}~{len(text)}~{hashlib.sha256(text.encode()).hexdigest()[:6]}"


class Fits(Facts):
    """From which score on a note is said to fit, and how many a writer is given; tried on a real question."""

    name = "retrieval"

    @cached_property
    def _retriever(self) -> Any:
        from cbtguard.graph.assemble import default_retriever  # noqa: PLC0415 - loads a model
        from cbtguard.graph.settings import load_settings  # noqa: PLC0415 - the same

        return default_retriever(load_settings(), NoteLibrary())

    def take(self) -> dict[str, Any]:
        """Return the threshold, and what comes of questions that fit and that do not."""
        made: dict[str, Any] = {"lowest score that fits": float(hybrid.FITS)}
        for name, text in probes("retrieval").items():
            hits = self._retriever.retrieve(text)
            made[name] = {"notes": [one.note_id for one in hits], "lowest": [one.score for one in hits][-1:]}
        return made
