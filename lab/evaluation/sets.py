"""What benchmarks ask: the sets written here, or a user's own files in a folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from cbtguard.lab.evaluate.lines import read_rows
from cbtguard.lab.evaluation.persona import read_personas
from cbtguard.lab.evaluation.references import Case, written_cases
from cbtguard.lab.writer_bench import read_questions
from cbtguard.safety.errors import DataError
from cbtguard.safety.files import read_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cbtguard.lab.evaluation.persona import Persona

T = TypeVar("T")

QUESTIONS = Path(__file__).parent / "data" / "questions.yaml"
_EXAMPLES = Path(__file__).parents[1] / "reading" / "examples"
_FROM_EXAMPLES = 50
_ASKED = ("question", "prompt", "instruction", "input", "text")
_REFERENCE = ("reference", "answer", "response", "output")
_HINT = f"A row has one of {', '.join(_ASKED)}, and may have id and one of {', '.join(_REFERENCE)}."


def cases_of(name: str, folder: Path | None, most: int | None) -> tuple[Sequence[Case], str]:
    """Return the questions of a benchmark, and what they are.

    ``NAME.jsonl`` in the folder goes before what was written here.

    Raises:
        DataError: For a file of another form, or without a reference where the benchmark needs one.
    """
    own = None if folder is None else folder / f"{name}.jsonl"
    if own is not None and own.is_file():
        found = _numbered(read_rows(own, _case, hint=_HINT))
        if name == "cbt_conversation" and not all(case.reference for case in found):
            raise DataError("data.malformed", f"A row of {own.name} has no reference.", hint=_HINT)
        return _some(found, most), f"the user's {own.name}"
    if name == "cbt_conversation":
        return _some(
            written_cases(), most
        ), "questions and reference answers written here, not the original set"
    return _some(relevance_cases(), most), (
        "180 questions written here, not the original cases: 60 for this benchmark, 70 of the writers' benchmark, "
        "50 examples of the reading of thinking habits"
    )


def relevance_cases() -> tuple[Case, ...]:
    """Return 180 questions: 60 written for this, 70 of the writers' benchmark, 50 examples evenly spaced."""
    texts = [text for some in read_questions(QUESTIONS).values() for text in some]
    texts += [text for some in read_questions().values() for text in some]
    examples = [
        row.partition("\t")[2]
        for name in ("zh", "en")
        for row in read_text(_EXAMPLES / f"{name}.tsv").splitlines()
        if "\t" in row and not row.startswith(("#", "-"))
    ]
    texts += [examples[number * len(examples) // _FROM_EXAMPLES] for number in range(_FROM_EXAMPLES)]
    return tuple(Case(id=f"relevance-{n}", question=text, reference="") for n, text in enumerate(texts, 1))


def personas_of(name: str, folder: Path | None, most: int | None) -> tuple[Sequence[Persona], str]:
    """Return the personas of a benchmark, and what they are; ``NAME.yaml`` in the folder goes first.

    Raises:
        DataError: For a file of another form.
    """
    own = None if folder is None else folder / f"{name}.yaml"
    if own is not None and own.is_file():
        return _some(read_personas(own), most), f"the user's {own.name}"
    return _some(read_personas(), most), "personas written here, not the original clients"


def _case(row: dict[str, Any]) -> Case:
    asked = row[next((key for key in _ASKED if key in row), _ASKED[0])]
    wanted = next((row[key] for key in _REFERENCE if row.get(key)), "")
    if not isinstance(asked, str) or not asked.strip() or not isinstance(wanted, str):
        raise TypeError("text")
    return Case(id=str(row.get("id", "")), question=asked, reference=wanted)


def _numbered(found: Sequence[Case]) -> tuple[Case, ...]:
    return tuple(
        Case(id=case.id or str(number), question=case.question, reference=case.reference)
        for number, case in enumerate(found, 1)
    )


def _some(items: Sequence[T], most: int | None) -> Sequence[T]:
    """Return so many, evenly spaced, so that both languages are among them."""
    if most is None or most >= len(items):
        return items
    return [items[number * len(items) // most] for number in range(most)]
