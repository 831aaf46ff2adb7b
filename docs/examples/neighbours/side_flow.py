"""This flow, with a stub for its writer: everything it does in a turn, and its screen."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import measuring

if TYPE_CHECKING:
    from collections.abc import Callable

    from cbtguard.graph import Answer, Draft, WritingTask


class Stub:
    """Says at once what was prepared."""

    name = "stub"

    def __init__(self) -> None:
        self._answers = measuring.turns()

    async def write(self, task: WritingTask) -> Draft:
        """Return the answer."""
        from cbtguard.graph import Draft  # noqa: PLC0415 - counted in the cold start

        return Draft(text=self._answers[task.question], citations=tuple(note.id for note in task.notes[:1]))


def make() -> tuple[Callable[[str], Answer], Callable[[str], bool]]:
    """Return a turn and the screen."""
    from cbtguard.graph import Guard, load_settings  # noqa: PLC0415 - counted in the cold start

    home = Path(tempfile.mkdtemp(prefix="side-by-side-"))
    guard = Guard(load_settings(home=home, record="memory"), writer=Stub())

    def stopped(text: str) -> bool:
        return guard.services.detector.assess(text).level.value in {"crisis", "emergency"}

    return guard.ask, stopped


if __name__ == "__main__":
    measuring.main(make)
