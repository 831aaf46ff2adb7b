"""The third opinion: what a rater says about the risk of one message, and how its answer is read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from cbtguard.safety.errors import OpinionError
from cbtguard.safety.risk import Kind, Level, Subject

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cbtguard.safety.risk import PastTurn

_LONGEST = 8_000
"""Characters of an answer that are looked through for a JSON object."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """What a rater makes of one message.

    Raises:
        TypeError: When a field is not of its type; a rater's answer goes through :func:`opinion_of`.
    """

    level: Level
    kinds: tuple[Kind, ...] = ()
    """Gravest first; may be empty."""
    subject: Subject = Subject.SELF
    reason: str = ""
    """In the rater's words. Free text of a model: it stays on the desk and reaches no state, record or log."""

    def __post_init__(self) -> None:
        sound = (
            isinstance(self.level, Level)
            and isinstance(self.kinds, tuple)
            and all(isinstance(kind, Kind) for kind in self.kinds)
            and isinstance(self.subject, Subject)
            and isinstance(self.reason, str)
        )
        if not sound:
            raise TypeError("an opinion holds a level, kinds, a subject and a reason")


@runtime_checkable
class Rater(Protocol):
    """Gives an opinion on one message. It may raise what the screen found, and never lower it.

    ``rate`` may also be a coroutine function; the flow awaits it. Whatever it raises counts as no opinion.
    """

    @property
    def name(self) -> str:
        """Short identifier that ends up in the record."""
        ...

    @property
    def version(self) -> str:
        """Changes whenever an opinion can change for a reason of one's own, such as another prompt."""
        ...

    def rate(self, text: str, *, language: str, history: Sequence[PastTurn] = ()) -> Opinion:
        """Return the opinion on ``text``.

        Args:
            text: The message, personal data replaced by placeholders.
            language: Tag of the reply's language.
            history: The last few messages, oldest first, personal data replaced too.
        """
        ...


def opinion_of(answer: object) -> Opinion:
    """Return the opinion in an answer: a mapping, an object with ``model_dump``, or text that holds JSON.

    Strict in what counts (``level``, ``kinds``, ``subject`` must be words of the flow's own), lenient in what
    does not: further fields, fences and words around the JSON object are passed over.

    Raises:
        OpinionError: ``opinion.malformed``; no word of the answer is in it.
    """
    if isinstance(answer, Opinion):
        return answer
    dump = getattr(answer, "model_dump", None)
    fields: Any = dump() if callable(dump) else answer
    if isinstance(fields, str):
        fields = _object_in(fields)
    opinion: Opinion | None = None
    if isinstance(fields, Mapping):
        try:
            opinion = Opinion(
                level=Level(_word(fields["level"])),
                kinds=tuple(dict.fromkeys(Kind(_word(kind)) for kind in _several(fields.get("kinds")))),
                subject=Subject(_word(fields.get("subject") or "self")),
                reason=str(fields.get("reason") or "")[:_LONGEST],
            )
        except (KeyError, ValueError, TypeError):
            opinion = None
    # Raised out here: the original quotes the answer.
    if opinion is None:
        raise OpinionError(
            "opinion.malformed",
            "The rater's answer is no opinion in the form that was asked for.",
            hint="Use a model that follows a JSON schema, or answer with level, kinds, subject and reason.",
        )
    return opinion


def _object_in(text: str) -> Any:
    """The last JSON object of a text that names a level; a model that thinks aloud ends with its answer."""
    decoder = json.JSONDecoder()
    found: Any = None
    text = text[-_LONGEST:]
    place = text.find("{")
    while place >= 0:
        try:
            value, end = decoder.raw_decode(text, place)
        except (ValueError, RecursionError):
            end = place + 1
        else:
            found = value if isinstance(value, dict) and "level" in value else found
        place = text.find("{", end)
    return found


def _word(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("a word")
    return value.strip().lower()


def _several(value: object) -> list[object]:
    if value is None:
        return []
    if not isinstance(value, list | tuple):
        raise TypeError("a list of kinds")
    return list(value)
