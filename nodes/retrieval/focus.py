"""The part of a question worth encoding: greetings and self-introductions say nothing of the trouble."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cbtguard.nodes.reading import Reading

_GREETING = re.compile(
    # 老师总是骂我 and "history" greet nobody.
    r"^(?:\s*(?:你好|您好|嗨|哈喽|(?:医生|老师|咨询师)(?=[,，。!！:： 你您我]|$)|请问|大家好"
    r"|(?:hi|hello|hey|dear \w+|good (?:morning|evening))(?![a-z'’]))[,，。!！:： ]*)+"
    r"(?:我是一?[名个位][^，。]{1,12}[，。])?",
    re.IGNORECASE,
)
_CLAUSE_END = re.compile(r"[，,。！？!?；;\n]")


def focus(text: str, limit: int = 24) -> str:
    """Return the question without its greeting, cut after the clause that passes ``limit`` characters.

    The first clauses of a question name the trouble; encoding time grows with every token.

    Args:
        text: A question of any length.
        limit: Characters after which no further clause begins. Latin letters count a third.
    """
    core = _GREETING.sub("", text).strip() or text.strip()
    budget = float(limit)
    start = 0
    for mark in _CLAUSE_END.finditer(core):
        piece = core[start : mark.end()]
        budget -= sum(1 / 3 if char < "\u0250" else 1.0 for char in piece)
        start = mark.end()
        if budget <= 0:
            return core[:start]
    if budget - sum(1 / 3 if char < "\u0250" else 1.0 for char in core[start:]) < -limit:
        return core[: start + limit * (3 if core[start:].isascii() else 1)]
    return core


def gist(text: str, reading: Reading, limit: int = 16) -> str:
    """Return the clauses of a question that show most of its trouble, in order.

    Args:
        text: A question of any length.
        reading: What it shows.
        limit: Characters after which no further clause is taken. Latin letters count a third.
    """
    core = focus(text, limit=10_000)
    offset = text.find(core)
    cuts = [0, *(mark.end() for mark in _CLAUSE_END.finditer(core)), len(core)]
    clauses = [(a, b) for a, b in itertools.pairwise(cuts) if core[a:b].strip()]
    findings = (*reading.problems, *reading.emotions, *reading.distortions)

    def telling(clause: tuple[int, int]) -> float:
        start, end = clause[0] + offset, clause[1] + offset
        return sum(f.weight for f in findings if start <= f.start < end)

    chosen: list[tuple[int, int]] = []
    budget = float(limit)
    for clause in sorted(clauses, key=telling, reverse=True):
        chosen.append(clause)
        budget -= sum(1 / 3 if char < "\u0250" else 1.0 for char in core[slice(*clause)])
        if budget <= 0:
            break
    return focus("".join(core[a:b] for a, b in sorted(chosen)), limit=2 * limit)
