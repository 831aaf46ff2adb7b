"""The thinking habits that a text shows, each with the clause that shows it, by what was learned of them."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cbtguard.nodes.reading.habits import habits
from cbtguard.nodes.reading.plain import spelled_plainly
from cbtguard.safety.e5 import engine
from cbtguard.safety.risk.features import passages, pieces

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from cbtguard.nodes.reading.habits import Habits
    from cbtguard.safety.risk.normalise import Normalised
    from cbtguard.safety.text import Span

_CLAUSE = re.compile(r"[^，,。！？!?；;：:\n]*[^\s，,。！？!?；;：:\n][^，,。！？!?；;：:\n]*")
_PREFIX = "query: "
"""What screen and retriever put before a text; its half-way states are kept under that name."""
_LEAST, _CLEAR = 0.6, 1.5
"""Weight of a habit whose logit just passes, and how far above a logit must lie to weigh 1."""
_PASSAGES = 8
"""Passages of a text that are read; a long letter repeats itself."""
_CLAUSES = 12
"""Clauses among which the one that shows a habit is looked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A thinking habit and where the text shows it."""

    label: str
    start: int
    end: int
    weight: float
    """0.6 to 1."""


def distortions(text: str, matched: Mapping[str, Span]) -> tuple[Shown, ...]:
    """Return the thinking habits of a text, in no order.

    Args:
        text: The text, as it was written.
        matched: For each label whose pattern matched, the first place.
    """
    model = habits()
    plain = spelled_plainly(text)
    if not plain.text.strip():
        return ()
    parts = passages(plain.text)[:_PASSAGES]
    state = _state(plain.text) if len(parts) == 1 else None
    margins = np.max(
        [model.margins(pieces(plain.text[part.start : part.end]), matched, state) for part in parts], axis=0
    )
    shown = np.flatnonzero(margins > 0).tolist()
    places = _places(text, plain, model) if any(model.labels[n] not in matched for n in shown) else []
    found = []
    for number in shown:
        label = model.labels[number]
        own = matched.get(label)
        start, end = (own.start, own.end) if own else max(places, key=lambda p: p[1][number])[0]
        if start < end:
            weight = _LEAST + (1 - _LEAST) * min(1.0, float(margins[number]) / _CLEAR)
            found.append(Shown(label=label, start=start, end=end, weight=round(weight, 4)))
    return tuple(found)


def _state(plain: str) -> NDArray[np.float32] | None:
    """The mean half-way state of a text of one passage; free where the screen has just read it."""
    read = list(engine().halfway([_PREFIX + plain]))
    if len(read) > 1:
        return None
    state: NDArray[np.float32] = read[0][1][0].mean(axis=0)
    return state


def _places(text: str, plain: Normalised, model: Habits) -> list[tuple[tuple[int, int], NDArray[np.float64]]]:
    """Each clause's span in the original text, and what its pieces say for each habit."""
    found = []
    for clause in itertools.islice(_CLAUSE.finditer(plain.text), _CLAUSES):
        start, end = plain.original(clause.start(), clause.end())
        raw = text[start:end]
        start += len(raw) - len(raw.lstrip())
        found.append(((start, start + len(raw.strip())), model.pieces(pieces(clause.group()))))
    return found
