"""From what a model wrote to a draft: thinking and leaked turns cut off, its script, the notes it cites."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cbtguard.nodes.writers.prompt_texts import prompt_marks
from cbtguard.nodes.writers.task import Draft
from cbtguard.safety.language import Language, detect, to_simplified, to_traditional

if TYPE_CHECKING:
    from cbtguard.nodes.retrieval.note import Note

_THINKING = re.compile(r"\A\s*<think(?:ing)?>.*?(?:</think(?:ing)?>|\Z)", re.DOTALL | re.IGNORECASE)
_THINKING_MARKS = ("<think>", "<thinking>")
_MARK = re.compile(
    r"[\[［【]\s*(?:资料|資料|笔记|筆記|notes?|no\.)?\s*(\d{1,2}(?:\s*[,，、]\s*\d{1,2})*)\s*[\]］】]",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"\d+")


def finished(text: str, *, language: str, notes: tuple[Note, ...]) -> Draft:
    """Return the draft of a model's text.

    Its citations are the notes whose title the text names, in either language, or whose number it gives
    in square brackets, such as ``[1]``. A text that names none cites the note that stood first in the
    prompt: the model had it before its eyes, though nothing proves that the text follows it. A number that
    no note has is cited as it stands, so that the checker sees an invented citation.

    Args:
        text: What the model wrote.
        language: Language of the reply. Simplified text becomes Traditional where that was asked for.
        notes: The notes of the prompt, in the order of their numbers; at least one.
    """
    body = cut_at_stop(_THINKING.sub("", text)).strip()
    if language == Language.ZH_HANT and detect(body) == Language.ZH_HANS:
        body = to_traditional(body)
    return Draft(text=body, citations=_citations(body, notes))


def cut_at_stop(text: str) -> str:
    """Return the text up to the first mark at which the model began to play another part."""
    ends = [place for stop in prompt_marks().stops if (place := text.find(stop)) >= 0]
    return text[: min(ends)] if ends else text


def begun(text: str, *, language: str) -> str:
    """Return how the draft of a text that is still being written begins, whatever comes next.

    Held back are thinking, what may grow into a stop mark, and all of a reply in Traditional script: its
    conversion needs the whole text.
    """
    opening = text.lstrip().lower()
    if language == Language.ZH_HANT or any(mark.startswith(opening) for mark in _THINKING_MARKS):
        return ""
    body = _THINKING.sub("", text)
    cut = cut_at_stop(body)
    if cut != body:
        return cut.strip()
    stops = prompt_marks().stops
    for size in range(min(len(body), max(map(len, stops)) - 1), 0, -1):
        if any(stop.startswith(body[-size:]) for stop in stops):
            body = body[:-size]
            break
    return body.strip()


def ended(text: str) -> bool:
    """Whether a text that is still being written has come to a stop mark; one in its thinking is none."""
    body = _THINKING.sub("", text)
    return cut_at_stop(body) != body


def _citations(text: str, notes: tuple[Note, ...]) -> tuple[str, ...]:
    plain = to_simplified(text).lower()
    found = [note.id for note in notes if _names(plain, note)]
    for match in _MARK.finditer(text):
        for number in _NUMBER.findall(match.group(1)):
            known = 1 <= int(number) <= len(notes)
            found.append(notes[int(number) - 1].id if known else number)
    return tuple(dict.fromkeys(found)) or (notes[0].id,)


def _names(plain: str, note: Note) -> bool:
    if to_simplified(note.title.zh).lower() in plain:
        return True
    return re.search(rf"(?<![a-z]){re.escape(note.title.en.lower())}(?![a-z])", plain) is not None
