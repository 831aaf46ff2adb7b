"""Simulated clients: one that follows stated rules and needs no model, and one that a chat model plays.

The rules of the scripted client, by attitude. The parts of a reply are those the structure checker finds in it.

- A reply opens the matters whose part it holds. A cooperative client tells the first matter that was opened and
  not yet told; where nothing new was opened, that they do not know how to go on, twice at most.
- An engaged client does the same and adds a line of their own; where nothing new was opened, they tell the next
  matter unasked.
- A resistant client withholds at the first reply, and at every reply without validation; at two of these in a
  row they leave. Otherwise they tell what was opened, as a cooperative one.
- A client who has told everything gives thanks and ends; so does one who was sent to people. One who got no
  words at all leaves.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from cbtguard.lab.evaluation.persona import Attitude
from cbtguard.safety.files import read_yaml
from cbtguard.safety.structure import Part

if TYPE_CHECKING:
    from cbtguard.lab.evaluation.chat import Chat
    from cbtguard.lab.evaluation.counsellor import Reply
    from cbtguard.lab.evaluation.persona import Persona
    from cbtguard.safety.structure import Checker

_FILE = Path(__file__).parent / "data" / "clients.yaml"
_END = "[END]"
_PATIENCE = 2
"""Replies in a row that lead nowhere before a client goes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What a client says."""

    text: str
    last: bool = False
    left: bool = False
    """Whether the client goes because the talk was no good to them."""


class Client(Protocol):
    """Somebody who comes to talk; good for one session."""

    @property
    def opened(self) -> int:
        """Matters told so far, 0 to 5; 0 where that is not known."""
        ...

    async def answer(self, reply: Reply) -> Line:
        """Return what the client says to a reply.

        Raises:
            WriterError: When a model that plays the client fails.
        """
        ...


class ScriptedClient:
    """Follows the rules above; the same replies get the same lines.

    Args:
        persona: Who it is.
        attitude: How they take to the talk.
        checker: Finds the parts of replies.
    """

    def __init__(self, persona: Persona, attitude: Attitude, checker: Checker) -> None:
        self._persona, self._attitude, self._checker = persona, attitude, checker
        self._asked = persona.opening
        self._told: list[Part] = []
        self._turn = self._idle = self._held = self._added = 0

    @property
    def opened(self) -> int:
        """Matters told so far, 0 to 5."""
        return len(self._told)

    async def answer(self, reply: Reply) -> Line:
        """Return what the client says to a reply; see :class:`Client`."""
        line = self._next(reply)
        self._asked = line.text
        return line

    def _next(self, reply: Reply) -> Line:
        person = self._persona
        self._turn += 1
        if not reply.text.strip():
            return Line(text=person.leave, last=True, left=True)
        if reply.referred or len(self._told) == len(Part):
            return Line(text=person.thanks, last=True)
        found = self._checker.check(
            self._asked, reply.text, language="en" if person.language == "en" else None
        )
        parts = [part for part in Part if found.parts[part].present]
        if self._attitude is Attitude.RESISTANT and (self._turn == 1 or Part.VALIDATION not in parts):
            return self._withhold(understood=Part.VALIDATION in parts)
        self._held = 0
        fresh = [part for part in parts if part not in self._told]
        if not fresh and self._attitude is Attitude.ENGAGED:
            fresh = [part for part in Part if part not in self._told]
        if not fresh:
            self._idle += 1
            gone = self._idle >= _PATIENCE
            return Line(text=person.leave if gone else person.stuck, last=gone, left=gone)
        self._idle = 0
        self._told.append(fresh[0])
        text = person.told[fresh[0]]
        if self._attitude is Attitude.ENGAGED and self._added < len(person.engaged):
            text += ("" if person.language == "zh" else " ") + person.engaged[self._added]
            self._added += 1
        return Line(text=text)

    def _withhold(self, *, understood: bool) -> Line:
        self._held = 0 if understood else self._held + 1
        if self._held >= _PATIENCE:
            return Line(text=self._persona.leave, last=True, left=True)
        return Line(text=self._persona.withheld[(self._turn - 1) % len(self._persona.withheld)])


class ChatClient:
    """A chat model that plays a persona.

    Args:
        persona: Who it is.
        attitude: How they take to the talk.
        chat: The model.
    """

    opened = 0

    def __init__(self, persona: Persona, attitude: Attitude, chat: Chat) -> None:
        data = _play()
        self._chat = chat
        system = data["play"].format(
            about=persona.about,
            told=" ".join(persona.told.values()),
            attitude=data["attitudes"][attitude.value],
            language=data["languages"][persona.language],
        )
        # To the model that plays the client, the counsellor is the one who asks.
        self._said = [
            {"role": "system", "content": system},
            {"role": "user", "content": "..."},
            {"role": "assistant", "content": persona.opening},
        ]

    async def answer(self, reply: Reply) -> Line:
        """Return what the model has the client say; see :class:`Client`."""
        self._said.append({"role": "user", "content": reply.text or "..."})
        said = await self._chat.say(self._said)
        text, mark, _ = said.partition(_END)
        self._said.append({"role": "assistant", "content": text.strip() or "..."})
        return Line(text=text.strip() or "...", last=bool(mark) or not text.strip() or reply.referred)


@cache
def _play() -> dict[str, Any]:
    data: dict[str, Any] = read_yaml(_FILE)
    return data
