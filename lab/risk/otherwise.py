"""The lines of a corpus said otherwise: danger hangs neither on a final stop nor on talk around it."""

from __future__ import annotations

import random
import re
from typing import TYPE_CHECKING

from cbtguard.safety.risk.model import Level

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from cbtguard.lab.risk.lines import Line

_POINTS = re.compile(r"[.,;:!…]+(?=\s|$)|(?<=\s)[-\u2013\u2014]+(?=\s)")
_SPACES = re.compile(r"\s+")
_LONGEST = 200
"""Characters of talk that is put around a line."""
_PLAIN, _AMONG = 0.35, 0.55
"""How often the stops go; how often talk is put around a line."""


def otherwise(
    lines: Sequence[Line], texts: Sequence[str | None], part: NDArray[np.int64]
) -> list[str | None]:
    """Return each text in another form that keeps its label: without its stops, or among ordinary talk.

    The talk around a line comes from harmless lines of the same fold, so that no line of another fold is
    learned from by way of it. The same lines give the same forms.

    Args:
        lines: The lines.
        texts: Their normalised texts; None for those that are not read.
        part: The fold of each line, shape ``(len(lines),)``.
    """
    chance = random.Random(0)  # noqa: S311 - a shuffle, not a secret
    talk: dict[int, list[str]] = {}
    for line, text, fold in zip(lines, texts, part.tolist(), strict=True):
        if text and line.level is Level.NONE and len(text) <= _LONGEST:
            talk.setdefault(fold, []).append(text)
    said: list[str | None] = []
    for text, fold in zip(texts, part.tolist(), strict=True):
        if text is None:
            said.append(None)
            continue
        new = unpointed(text) if chance.random() < _PLAIN else text
        if talk.get(fold) and chance.random() < _AMONG:
            before, after = (ended(chance.choice(talk[fold])) if chance.random() < 0.6 else "" for _ in "ab")
            new = f"{before} {ended(new) if after else new} {after}".strip()
        said.append(new)
    return said


def unpointed(text: str) -> str:
    """Return a text without stops and commas."""
    return _SPACES.sub(" ", _POINTS.sub(" ", text)).strip() or text


def ended(text: str, stop: str = ".") -> str:
    """Return a text with a sign at its end."""
    return text if text[-1:] in ".!?…。！？~～" else text + stop
