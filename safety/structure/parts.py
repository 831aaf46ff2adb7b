"""Finding the five parts in prose, sentence by sentence, in headed text as well as without headings."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cbtguard.safety.errors import DataError
from cbtguard.safety.files import read_yaml
from cbtguard.safety.language import to_simplified
from cbtguard.safety.structure.model import Part, PartFinding
from cbtguard.safety.text import lowered, sentences

_DATA = Path(__file__).parent / "data"
_ENOUGH = 1.0
_NEARNESS = 1.0
_PLACE = {
    Part.VALIDATION: 0.0,
    Part.KEY_THOUGHT: 0.22,
    Part.CHALLENGE: 0.4,
    Part.STRATEGY: 0.65,
    Part.ENCOURAGEMENT: 1.0,
}
"""Where in a sound answer each part lies, as a share of its length."""
# Possessive and bounded: a model that loops on stars or spaces must not make the search explode.
_HEADING = (
    r"(?im)^(?:[#*>\- \t]|【|\[|（|\(|第?[一二三四五\d]{1,2}[、.．)）:：步])*+(?:%s)"
    r"[^\n。！？]{0,24}?[ \t]{0,4}(?:\*\*|】|\])?[ \t]{0,4}[:：]?[ \t]{0,4}(?:\*\*)?[ \t]{0,4}"
    r"(?:\n|$|(?<=[:：*】]))"
)
_BLANK = " "


@dataclass(frozen=True, slots=True)
class _Cues:
    heading: re.Pattern[str]
    patterns: tuple[tuple[float, re.Pattern[str]], ...]
    unless: re.Pattern[str] | None
    """A sentence that holds this never shows the part."""


def find_parts(answer: str, language: str) -> dict[Part, PartFinding]:
    """Return, for each part, whether some sentence shows it; headings alone show nothing.

    Args:
        answer: The text, with or without headings.
        language: ``en``, or anything else for Chinese.
    """
    plain = lowered(to_simplified(answer))
    cues = _cues("en" if language.startswith("en") else "zh")
    headed, body = _without_headings(plain, cues)
    best: dict[Part, tuple[float, int, int]] = dict.fromkeys(Part, (0.0, 0, 0))
    spans = sentences(body)
    for span in spans:
        sentence = body[span.start : span.end].strip()
        if len(sentence) < 4:
            continue
        for part in Part:
            never = cues[part].unless
            if never is not None and never.search(sentence):
                continue
            # A heading lifts a weak sentence below it, never silence.
            score = 0.5 if headed.get(_section(headed, span.start)) is part else 0.0
            score += sum(weight for weight, pattern in cues[part].patterns if pattern.search(sentence))
            if score < _ENOUGH or not _placed(part, span.start, len(body)):
                continue
            # Among sentences that show a part, the one where the part belongs shows it best.
            score += _NEARNESS * (1 - abs(span.start / len(body) - _PLACE[part]))
            if score > best[part][0]:
                best[part] = (score, span.start, span.end)
    return {part: _finding(answer, *best[part]) for part in Part}


def _placed(part: Part, start: int, length: int) -> bool:
    """Encouragement looks ahead from the second half; empathy opens, it is no afterthought."""
    if part is Part.ENCOURAGEMENT:
        return start >= 0.4 * length
    if part is Part.VALIDATION:
        return start <= 0.7 * length
    return True


def _finding(answer: str, score: float, start: int, end: int) -> PartFinding:
    present = score >= _ENOUGH
    if not present:
        return PartFinding(present=False, evidence="", start=0, end=0, score=0.0)
    raw = answer[start:end]
    left = len(raw) - len(raw.lstrip())
    return PartFinding(
        present=True,
        evidence=raw.strip(),
        start=start + left,
        end=start + left + len(raw.strip()),
        score=min(score / 3, 1.0),
    )


def _without_headings(plain: str, cues: dict[Part, _Cues]) -> tuple[dict[int, Part], str]:
    """Blank out headings; return where each headed section begins."""
    headed: dict[int, Part] = {}
    body = plain
    for part in Part:
        for match in cues[part].heading.finditer(plain):
            headed[match.end()] = part
            filler = "".join("\n" if char == "\n" else _BLANK for char in match.group())
            body = body[: match.start()] + filler + body[match.end() :]
    return headed, body


def _section(headed: dict[int, Part], place: int) -> int:
    return max((start for start in headed if start <= place + 1), default=-1)


@cache
def _cues(language: str) -> dict[Part, _Cues]:
    path = _DATA / f"parts.{language}.yaml"
    data = read_yaml(path)
    try:
        return {
            part: _Cues(
                heading=re.compile(_HEADING % data[part.value]["headings"]),
                patterns=tuple(
                    (float(weight), re.compile(pattern)) for weight, pattern in data[part.value]["patterns"]
                ),
                unless=re.compile(data[part.value]["unless"]) if "unless" in data[part.value] else None,
            )
            for part in Part
        }
    except (KeyError, TypeError, ValueError, re.error) as error:
        raise DataError(
            "data.malformed",
            f"{path.name} cannot be used ({error}).",
            hint="Each part has `headings` and `patterns`, a list of [weight, pattern].",
        ) from error
