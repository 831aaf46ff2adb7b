"""What a writer costs: the tokens it was given and wrote, estimated from the characters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cbtguard.nodes.writers.composer import Composer
from cbtguard.nodes.writers.prompt import build_prompt

if TYPE_CHECKING:
    from cbtguard.nodes.writers.task import Draft, Writer, WritingTask

_LETTERS = 4
"""Letters of a token, in scripts that write words with letters."""


class Meter:
    """A writer that counts; the composer, which asks no model, counts as nothing.

    A draft that failed is counted by its prompt. Further tries of one request are not seen.

    Args:
        writer: Who writes.
    """

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._free = isinstance(writer, Composer)
        self.read = 0
        self.written = 0

    @property
    def name(self) -> str:
        """That of the writer."""
        return self._writer.name

    async def write(self, task: WritingTask) -> Draft:
        """Return the writer's draft.

        Raises:
            WriterError: As the writer does.
        """
        if self._free:
            return await self._writer.write(task)
        self.read += sum(tokens_in(message["content"]) for message in build_prompt(task).messages())
        draft = await self._writer.write(task)
        self.written += tokens_in(draft.text)
        return draft


def tokens_in(text: str) -> int:
    """Return about how many tokens a text has: one a character in Chinese, one for four letters elsewhere."""
    wide = sum(char >= "\u2e80" for char in text)
    return wide + -(-(len(text) - wide) // _LETTERS)
