"""Findings: from overlapping guesses to spans that do not overlap and hide nothing they must not."""

from __future__ import annotations

import re
from bisect import bisect_left, insort
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cbtguard.safety.privacy.entities import EntityType
from cbtguard.safety.privacy.vetoes import cut

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cbtguard.safety.privacy.vetoes import Vetoes

GUESSED = frozenset({EntityType.PERSON, EntityType.ADDRESS, EntityType.SCHOOL, EntityType.EMPLOYER})
_ORDER = {kind: place for place, kind in enumerate(EntityType)}
_GAP = re.compile("[ ,，、]{0,2}")
_LEAST = 2
_NAMED = frozenset({"introduced_name", "relation", "honorific"})
"""Reasons by which a month or a figure of history is somebody one knows: My sister May."""
_SPACE = " \n,，、;；。"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A span of the shadow text with what decides between it and others.

    Attributes:
        kind: What it is.
        start: Offset of the first character.
        end: Offset after the last one.
        score: 0 to 1.
        recogniser: Name of the recogniser.
        reason: Key of the reason.
        supported: Whether a context word raised the score.
    """

    kind: EntityType
    start: int
    end: int
    score: float
    recogniser: str
    reason: str
    supported: bool = False


def spare(findings: Iterable[Finding], text: str, vetoes: Vetoes) -> list[Finding]:
    """Return the findings with protected terms cut out of the guesses among them.

    What is left of a cut guess stays a finding when it is two characters or longer; a cut Latin name goes
    altogether.
    """
    waiting = list(findings)
    if not any(finding.kind in GUESSED or finding.kind is EntityType.WECHAT for finding in waiting):
        return waiting
    kept = vetoes.spans(text)
    spared: list[Finding] = []
    for finding in waiting:
        if finding.kind not in GUESSED:
            # An account may be any letters: 微信: suicide is none.
            protected = finding.kind is EntityType.WECHAT and not cut(finding.start, finding.end, kept)
            spared += [] if protected else [finding]
            continue
        if finding.reason not in _NAMED and vetoes.is_exact(text[finding.start : finding.end]):
            continue
        pieces = cut(finding.start, finding.end, kept)
        whole = pieces == [(finding.start, finding.end)]
        if not whole and text[finding.start].isascii():
            continue
        for start, end in pieces:
            trimmed = _trimmed(text, start, end)
            if whole or trimmed[1] - trimmed[0] >= _LEAST:
                spared.append(replace(finding, start=trimmed[0], end=trimmed[1]))
    return spared


def settle(findings: Iterable[Finding], text: str) -> list[Finding]:
    """Return findings that do not overlap, sorted by offset.

    Of two that overlap the longer one stays, then the surer one, then the type named first in
    :class:`EntityType`. Findings of one type that overlap become one; so do addresses side by side.
    """
    spans: list[tuple[int, int]] = []
    chosen: dict[tuple[int, int], Finding] = {}
    joined = _united(findings)
    for finding in sorted(joined, key=lambda f: (f.start - f.end, -f.score, _ORDER[f.kind], f.start)):
        span = (finding.start, finding.end)
        place = bisect_left(spans, span)
        free = (place == 0 or spans[place - 1][1] <= span[0]) and (
            place == len(spans) or spans[place][0] >= span[1]
        )
        if free:
            insort(spans, span)
            chosen[span] = finding
    return _neighbours([chosen[span] for span in spans], text)


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and text[start] in _SPACE:
        start += 1
    while end > start and text[end - 1] in _SPACE:
        end -= 1
    return start, end


def _united(findings: Iterable[Finding]) -> list[Finding]:
    """Join findings of one type that overlap only in part; a contained one yields to its container."""
    united: dict[EntityType, list[Finding]] = {}
    for finding in sorted(findings, key=lambda f: (f.start, -f.end, -f.score, f.recogniser, f.reason)):
        earlier = united.setdefault(finding.kind, [])
        if earlier and finding.start < earlier[-1].end:
            last = earlier[-1]
            surer = max(last, finding, key=lambda f: f.score)
            earlier[-1] = replace(surer, start=min(last.start, finding.start), end=max(last.end, finding.end))
        else:
            earlier.append(finding)
    return [finding for kind in united.values() for finding in kind]


def _neighbours(findings: list[Finding], text: str) -> list[Finding]:
    merged: list[Finding] = []
    for finding in findings:
        last = merged[-1] if merged else None
        both = last is not None and last.kind is finding.kind is EntityType.ADDRESS
        if last is not None and both and _GAP.fullmatch(text[last.end : finding.start]):
            merged[-1] = replace(last, end=finding.end, score=max(last.score, finding.score))
        else:
            merged.append(finding)
    return merged
