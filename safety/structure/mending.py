"""What is to be mended in a draft that did not pass, and where it goes: pure functions on text and review."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cbtguard.safety.structure.model import Part
from cbtguard.safety.text import Span, sentences

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cbtguard.safety.structure.model import Review

_WHOLE = frozenset(
    {
        "too_short",
        "too_long",
        "wrong_language",
        "off_topic",
        "loop",
        "order",
        "ungrounded",
        "invented_citation",
        "identifier",
        "unhandled_risk",
    }
)
"""Defects of the draft as a whole; no part of it can be mended alone."""
_MISSING = "missing_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a draft needs."""

    parts: tuple[Part, ...]
    """Parts to write anew, in the order of an answer; all five when the draft is of no use."""

    @property
    def whole(self) -> bool:
        """Whether the draft must be written anew."""
        return len(self.parts) == len(Part)


def plan(text: str, review: Review) -> Plan:
    """Return the parts that are missing or that hold what is wrong.

    A defect that cannot be placed, or concerns all of the draft, makes the whole of it useless.
    """
    where = regions(text, review)
    faulty = {part for part in Part if not review.parts[part].present}
    for defect in review.defects:
        if defect.code.startswith(_MISSING):
            continue
        holders = _holders(text, defect.evidence, where)
        if defect.code == "cut" and where:
            holders = {max(where, key=lambda part: where[part].end)}
        if defect.code in _WHOLE or not holders:
            return Plan(parts=tuple(Part))
        faulty |= holders
    return Plan(parts=tuple(part for part in Part if part in faulty) if where else tuple(Part))


def regions(text: str, review: Review) -> dict[Part, Span]:
    """Return what each part covers, in the order of the text: every character belongs to one part.

    A part reaches from its paragraph, or its sentence where two parts share a paragraph, to the next part.
    Parts shown by the same sentence share it; the first of them owns it.
    """
    present = [part for part in Part if review.parts[part].present]
    present.sort(key=lambda part: review.parts[part].start)
    starts: dict[Part, int] = {}
    last = 0
    for number, part in enumerate(present):
        own = review.parts[part].start
        if number == 0:
            starts[part] = 0
            last = review.parts[part].end
            continue
        paragraph = text.rfind("\n", 0, own) + 1
        start = paragraph if paragraph >= last else own
        starts[part] = max(start, *starts.values())
        last = max(last, review.parts[part].end)
    ends = [*list(starts.values())[1:], len(text)]
    # Without any part there is one end and no start.
    return {
        part: Span(start=start, end=end) for (part, start), end in zip(starts.items(), ends, strict=False)
    }


def spliced(text: str, review: Review, written: Mapping[Part, str]) -> str:
    """Return the draft with parts replaced or put in; all other characters stay as they are.

    Args:
        text: The draft.
        review: What the checker said of it.
        written: The new words of each part that is mended.
    """
    where = regions(text, review)
    changes: list[tuple[int, int, int, str]] = []
    for part, words in written.items():
        if part in where:
            span = where[part]
            end = span.start + len(text[span.start : span.end].rstrip())
        else:
            start = _insertion(part, where, len(text))
            span, end = Span(start=start, end=start), start
        changes.append((span.start, end, list(Part).index(part), words.strip()))
    # From the end, so that the places before stay good.
    for start, end, _, words in sorted(changes, reverse=True):
        before, after = text[:start], text[end:]
        new = start == end
        lead = "\n\n" if new and before.strip() and not before.endswith("\n\n") else ""
        tail = "\n\n" if new and after.strip() and not after.startswith("\n") else ""
        text = f"{before}{lead}{words}{tail}{after}"
    return text


def paragraphs(text: str, most: int = 2) -> str:
    """Return the first paragraphs of what was written for one part; a writer asked for one often goes on."""
    found = [paragraph.strip() for paragraph in text.split("\n\n") if paragraph.strip()]
    return "\n\n".join(found[:most])


def frozen(text: str, released: int, parts: Iterable[Part], review: Review) -> bool:
    """Whether one of ``parts`` lies in, or would be put into, the first ``released`` characters of a draft."""
    if not released:
        return False
    where = regions(text, review)
    for part in parts:
        start = where[part].start if part in where else _insertion(part, where, len(text))
        if start < released:
            return True
    return False


def _insertion(part: Part, where: Mapping[Part, Span], length: int) -> int:
    """Where a missing part is put in."""
    known = list(where)
    place = _place(part, known)
    return where[known[place]].start if place < len(known) else length


def _place(part: Part, known: list[Part]) -> int:
    """Where a missing part goes: behind the last of those that come before it in an answer."""
    order = list(Part)
    before = [place for place, other in enumerate(known) if order.index(other) < order.index(part)]
    return max(before) + 1 if before else 0


def _holders(text: str, evidence: str, where: Mapping[Part, Span]) -> set[Part]:
    """The parts whose words hold the evidence; all places count, for a fault may stand twice."""
    holders: set[Part] = set()
    start = text.find(evidence) if evidence else -1
    while start >= 0:
        end = start + len(evidence)
        holders |= {part for part, span in where.items() if span.start < end and start < span.end}
        start = text.find(evidence, end)
    return holders


def complete(text: str) -> int:
    """Return where the last sentence that is surely over ends: behind it stands another one's beginning."""
    spans = sentences(text)
    return spans[-2].end if len(spans) > 1 else 0
