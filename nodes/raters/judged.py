"""A checker with a second reader: a chat model that can make a verdict stricter, never milder."""

from __future__ import annotations

import inspect
import json
import logging
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cbtguard.nodes.writers.naming import recordable, short
from cbtguard.nodes.writers.neutral import neutral
from cbtguard.safety.errors import DataError
from cbtguard.safety.files import read_yaml, version_of
from cbtguard.safety.structure import Defect, Part, PartFinding, Review
from cbtguard.safety.structure.defects import missing
from cbtguard.safety.structure.harm import rules

if TYPE_CHECKING:
    from collections.abc import Collection

    from langchain_core.language_models import BaseChatModel

    from cbtguard.safety.structure import Checker

_FILE = Path(__file__).parent / "data" / "judge.yaml"
_ABSENT = PartFinding(present=False, evidence="", start=0, end=0, score=0.0)
_LOG = logging.getLogger(__name__)


class JudgedChecker:
    """Asks a chat model about every answer that a checker lets pass.

    What the model says is missing or wrong is added to the verdict. A model that fails, or answers in another
    form, has no opinion: the checker's verdict stands, and ``unheard`` counts it. The beginning of an answer
    cannot be judged, so with this checker nothing is released before the answer is finished.

    Args:
        checker: Judges first; what it stops never reaches the model.
        model: Any LangChain chat model with structured output. Temperature 0 is best.
        name: What the record calls it; by default the names of both.
    """

    def __init__(self, checker: Checker, model: BaseChatModel, *, name: str | None = None) -> None:
        fields = [getattr(model, field, None) for field in ("model_name", "model")]
        own = next((value for value in fields if isinstance(value, str) and value), type(model).__name__)
        self.name = recordable(name or f"{checker.name}+{short(own)}")
        self.version = f"{checker.version}+{version_of([_FILE])}"
        self.unheard = 0
        """Answers on which the model had no opinion."""
        self._checker = checker
        self._model: Any = model.with_structured_output(_schema())

    async def check(
        self,
        question: str,
        answer: str,
        *,
        language: str | None = None,
        notes: Collection[str] | None = None,
        citations: Collection[str] = (),
    ) -> Review:
        """Return the verdict on an answer; see :class:`cbtguard.safety.structure.model.Checker`."""
        found: Any = self._checker.check(
            question, answer, language=language, notes=notes, citations=citations
        )
        review: Review = await found if inspect.isawaitable(found) else found
        if not review.passed:
            return review
        opinion, cause = await self._opinion(question, answer)
        if opinion is None:
            self.unheard += 1
            _LOG.warning("the judge %s had no opinion (%s)", self.name, cause)
            return review
        return _stricter(review, opinion, answer)

    async def _opinion(self, question: str, answer: str) -> tuple[dict[str, list[Any]] | None, str]:
        from langsmith import tracing_context  # noqa: PLC0415 - keeps start-up short

        data = _texts()
        codes = ", ".join(rule.code for rule in rules())
        asked = [
            {"role": "system", "content": data["system"].replace("{codes}", codes)},
            {
                "role": "user",
                "content": data["message"].format(question=neutral(question), answer=neutral(answer)),
            },
        ]
        try:
            # A trace that the environment turned on would hold the question.
            with tracing_context(enabled=False):
                said = await self._model.ainvoke(asked, {"callbacks": [], "tags": ["nostream"]})
        except Exception as error:  # noqa: BLE001 - a client of a service fails in any way
            return None, type(error).__name__
        opinion = _read(said)
        return opinion, "" if opinion is not None else "malformed"


def _read(said: Any) -> dict[str, list[Any]] | None:
    """Return the lists of an opinion, None when it has another form."""
    if isinstance(said, str):
        try:
            said = json.loads(said)
        except ValueError:
            return None
    if not isinstance(said, dict):
        return None
    absent, faults = said.get("missing"), said.get("faults")
    if not isinstance(absent, list) or not isinstance(faults, list):
        return None
    if not all(isinstance(part, str) for part in absent) or not all(isinstance(one, dict) for one in faults):
        return None
    return {"missing": absent, "faults": faults}


def _stricter(review: Review, opinion: dict[str, list[Any]], answer: str) -> Review:
    """Return the verdict with what the model adds to it; words it does not know add nothing."""
    absent = {part for part in Part if part.value in opinion["missing"]}
    known = {rule.code: rule for rule in rules()}
    defects: list[Defect] = [missing(part.value) for part in Part if part in absent]
    for fault in opinion["faults"]:
        rule = known.get(str(fault.get("code")))
        words = fault.get("words")
        if rule is not None and all(defect.code != rule.code for defect in defects):
            defects.append(rule.defect(words if isinstance(words, str) and words in answer else ""))
    parts = {part: _ABSENT if part in absent else finding for part, finding in review.parts.items()}
    return replace(review, parts=parts, defects=tuple(defects))


def _schema() -> dict[str, Any]:
    data = _texts()
    fault = {
        "type": "object",
        "properties": {
            "code": {"type": "string", "enum": [rule.code for rule in rules()]},
            "words": {"type": "string"},
        },
        "required": ["code", "words"],
        "additionalProperties": False,
    }
    parts = {"type": "string", "enum": [part.value for part in Part]}
    return {
        "title": data["name"],
        "description": data["about"]["faults"],
        "type": "object",
        "properties": {
            "missing": {"type": "array", "items": parts, "description": data["about"]["missing"]},
            "faults": {"type": "array", "items": fault, "description": data["about"]["faults"]},
        },
        "required": ["missing", "faults"],
        "additionalProperties": False,
    }


@cache
def _texts() -> dict[str, Any]:
    data: dict[str, Any] = read_yaml(_FILE)
    texts = (data.get("system"), data.get("message"), data.get("name"), *data.get("about", {}).values())
    if len(texts) < 5 or not all(isinstance(text, str) and text for text in texts):
        raise DataError(
            "data.malformed",
            f"{_FILE.name} cannot be used: a text is missing.",
            hint="Compare with the file that ships with the package.",
        )
    return data
