"""Sessions: a client and a counsellor in turn, until the client ends it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cbtguard.safety.errors import WriterError

if TYPE_CHECKING:
    from cbtguard.lab.evaluation.client import Client
    from cbtguard.lab.evaluation.counsellor import Counsellor
    from cbtguard.lab.evaluation.persona import Attitude, Persona


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One talk."""

    id: str
    persona: str
    attitude: Attitude
    said: tuple[str, ...]
    """Client and counsellor in turn, the client first."""
    turns: int
    """Replies of the counsellor that hold words."""
    opened: int
    """Matters of the five that the client told."""
    end: str
    """``ended``, ``left``, ``referred REASON``, ``silent``, ``most`` or ``client failed``."""
    failures: tuple[str, ...]

    def text(self) -> str:
        """Return the talk as a judge reads it."""
        return "\n".join(
            f"{'counsellor' if number % 2 else 'client'}: {said}" for number, said in enumerate(self.said)
        )


async def hold(
    counsellor: Counsellor, client: Client, persona: Persona, attitude: Attitude, *, most: int
) -> Session:
    """Return the session of a client with a counsellor, of at most ``most`` replies."""
    name = f"{persona.id}-{attitude.value}"
    said = [persona.opening]
    failures: list[str] = []
    turns, end = 0, "most"
    for _ in range(most):
        reply = await counsellor.reply(name, tuple(said))
        turns += bool(reply.text.strip())
        said.append(reply.text)
        if reply.failure:
            failures.append(reply.failure)
        try:
            line = await client.answer(reply)
        except WriterError as error:
            failures.append(error.code)
            end = "client failed"
            break
        said.append(line.text)
        if line.last:
            end = "ended"
            if reply.referred:
                end = f"referred {reply.reason}".strip()
            elif not reply.text.strip():
                end = "silent"
            elif line.left:
                end = "left"
            break
    return Session(
        id=name,
        persona=persona.id,
        attitude=attitude,
        said=tuple(said),
        turns=turns,
        opened=client.opened,
        end=end,
        failures=tuple(failures),
    )
