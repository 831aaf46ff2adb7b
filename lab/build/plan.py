"""What is to be done with each question of a source: its key, its group and its split."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from cbtguard.lab.build.alike import find_alike
from cbtguard.lab.build.question import Bad, Question
from cbtguard.safety.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

SPLITS = ("train", "valid", "test")


class Task(StrEnum):
    """What is done with a question."""

    WHOLE = "whole"
    SCREEN = "screen"
    """Only screened: a near-duplicate is not answered, but a crisis among them must be seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One question on its way through the flow; may be sent to another process."""

    key: str
    task: Task
    question: Question


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """One question and its place in the data set."""

    job: Job
    id: str
    """Unique in the data set."""
    repeats: int
    """Place of the question it nearly repeats; -1 for none."""
    group: str
    """Hash that names its group."""
    split: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All that a build does; made from the source alone, so that a build can go on at any row."""

    rows: tuple[Planned, ...]
    bad: tuple[Bad, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sharing:
    """How questions are shared out.

    Attributes:
        shares: Parts of train, valid and test; they need not sum to 1.
        seed: Another one gives other splits.
        repeat: Likeness from which a question is a near-duplicate and left out.
        group: Likeness from which two questions must lie in one split.
    """

    shares: tuple[float, float, float] = (0.9, 0.05, 0.05)
    seed: int = 0
    repeat: float = 0.8
    group: float = 0.5

    def split_of(self, group: str) -> str:
        """Return the split of a group."""
        digest = hashlib.sha256(f"{self.seed}:{group}".encode()).digest()
        place = int.from_bytes(digest[:8]) / 2**64 * sum(self.shares)
        train, valid, _ = self.shares
        return SPLITS[(place >= train) + (place >= train + valid)]


def sharing_of(shares: str, seed: int, repeat: float, group: float) -> Sharing:
    """Return how questions are shared out from options.

    Raises:
        InputError: ``input.split``.
    """
    try:
        train, valid, test = (float(part) for part in shares.split(","))
        usable = min(train, valid, test) >= 0 and 0 < train + valid + test < float("inf")
    except ValueError:
        usable = False
    if not usable or not 0 < group <= repeat <= 1:
        raise InputError(
            "input.split",
            "The shares of the splits or the bounds of likeness cannot be used.",
            hint="Give three shares such as 90,5,5, and bounds above 0 to 1, that of groups not above the other.",
        )
    return Sharing(shares=(train, valid, test), seed=seed, repeat=repeat, group=group)


def plan(read: Iterable[Question | Bad], sharing: Sharing) -> Plan:
    """Return what is to be done with each question of a source."""
    questions: list[Question] = []
    bad: list[Bad] = []
    for one in read:
        if isinstance(one, Bad):
            bad.append(one)
        else:
            questions.append(one)
    alike = find_alike([q.message for q in questions], repeat=sharing.repeat, group=sharing.group)
    contents = [q.content for q in questions]
    names: dict[int, str] = {}
    for place, content in enumerate(contents):
        head = alike.groups[place]
        # The smallest hash, so that the order of the source does not matter.
        names[head] = min(names.get(head, content), content)
    keys = _numbered(contents)
    ids = _numbered([q.id or key for q, key in zip(questions, contents, strict=True)])
    rows = []
    for place, question in enumerate(questions):
        group = names[alike.groups[place]]
        task = Task.WHOLE if alike.repeats[place] < 0 else Task.SCREEN
        rows.append(
            Planned(
                job=Job(key=keys[place], task=task, question=question),
                id=ids[place],
                repeats=alike.repeats[place],
                group=group,
                split=sharing.split_of(group),
            )
        )
    return Plan(rows=tuple(rows), bad=tuple(bad))


def _numbered(names: Sequence[str]) -> list[str]:
    """Return the names, a second one of the same with ``#2`` behind it and so on, until none is there twice."""
    taken = set(names)
    seen: Counter[str] = Counter()
    numbered = []
    for name in names:
        seen[name] += 1
        own = name
        while seen[name] > 1 and own in taken:
            own = f"{name}#{seen[name]}"
            seen[name] += own in taken
        taken.add(own)
        numbered.append(own)
    return numbered
