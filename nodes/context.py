"""What a run of the flow is given: the services, the bounds, and the turn's private desk.

None of it is state: it reaches no checkpoint, no stream and no trace. The raw text and the drafts live here.
"""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import Executor  # noqa: TC003 - LangGraph resolves the annotations of a context
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from cbtguard.nodes.holding import Reviews  # noqa: TC001 - LangGraph resolves the annotations of a context
from cbtguard.nodes.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Callable

    from cbtguard.nodes.opinion import Pending
    from cbtguard.nodes.raters.opinion import Rater
    from cbtguard.nodes.retrieval.hybrid import Retriever
    from cbtguard.nodes.retrieval.note import NoteLibrary
    from cbtguard.nodes.state import Json
    from cbtguard.nodes.writers.task import Draft, Filler, Writer
    from cbtguard.safety.privacy.entities import Redaction, Redactor
    from cbtguard.safety.privacy.vault import Vault
    from cbtguard.safety.record import RecordStore
    from cbtguard.safety.referral import Line, Referral
    from cbtguard.safety.risk import RiskDetector
    from cbtguard.safety.structure import Checker, Part, Review


@runtime_checkable
class ReferralDesk(Protocol):
    """Gives out vetted texts; :class:`cbtguard.safety.referral.Referrals` is the one that ships.

    ``again``, ``mood`` and ``audience`` are passed only where they say something.
    """

    @property
    def version(self) -> str:
        """Changes whenever a text or a line can change."""
        ...

    def crisis(
        self,
        *,
        level: str,
        kinds: tuple[str, ...],
        subject: str,
        region: str,
        language: str,
        variant: int,
        again: bool = False,
        audience: tuple[str, ...] = (),
    ) -> Referral:
        """Return the referral for a crisis or an emergency; ``again`` when this talk met the same before."""
        ...

    def care(
        self,
        *,
        region: str,
        language: str,
        variant: int,
        mood: str | None = None,
        audience: tuple[str, ...] = (),
    ) -> Referral:
        """Return a text for a later turn in care mode; ``mood`` is what it answers first."""
        ...

    def fallback(
        self, *, reason: str, region: str, language: str, variant: int, audience: tuple[str, ...] = ()
    ) -> Referral:
        """Return the text that stands in for an answer."""
        ...

    def safety_note(
        self, *, kinds: tuple[str, ...], region: str, language: str, audience: tuple[str, ...] = ()
    ) -> Referral:
        """Return what follows an ordinary answer at level watch."""
        ...

    def disclosure(self, language: str) -> str:
        """Return the notice that this is a machine.

        A desk may have ``disclosure_again(language)`` beside it, for the reminder later in a talk.
        """
        ...

    def last_resort(self, language: str) -> str:
        """Return the text for when everything else failed; must not raise."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Everything the stops ask; each may be replaced by anything that passes its conformance suite."""

    redactor: Redactor
    detector: RiskDetector
    retriever: Retriever
    library: NoteLibrary
    writer: Writer
    checker: Checker
    referrals: ReferralDesk
    record: RecordStore
    filler: Filler | None = None
    """Fills what the writer could not write; None for a flow that refers instead."""
    opinion: Rater | None = None
    """Reads each message that the screen lets through and may raise its level; None for no third opinion."""
    clock: Callable[[], float] = time.time
    """Seconds since the epoch."""

    def versions(self) -> dict[str, str]:
        """Return name and version of each part, for the record."""
        return {
            "redactor": f"{self.redactor.name}@{self.redactor.version}",
            "detector": f"{self.detector.name}@{self.detector.version}",
            "retriever": self.retriever.name,
            "notes": self.library.version,
            "checker": f"{self.checker.name}@{self.checker.version}",
            "referrals": self.referrals.version,
            **(
                {"opinion": f"{self.opinion.name}@{self.opinion.version}"} if self.opinion is not None else {}
            ),
        }


@dataclass(slots=True, kw_only=True)
class Desk:
    """Where one turn lays what must not be seen: the raw text, the vault, the draft in work."""

    text: str
    vault: Vault
    redaction: Redaction | None = None
    draft: Draft | None = None
    review: Review | None = None
    """What the checker said of a draft that is to be mended."""
    before: tuple[Draft, Review] | None = None
    """The draft that a part was just written for; it comes back if that mended nothing."""
    released: str = ""
    """The beginning of the draft that was already read."""
    audience: tuple[str, ...] = ()
    """Groups that the caller says the person belongs to; here because it is nobody else's business."""
    proposal: Json | None = None
    """A checked answer that waits for a reviewer."""
    remark: str = ""
    """What a reviewer noted for colleagues, as written."""
    lines: tuple[Line, ...] = ()
    opinion: Pending | None = None
    """The third opinion, while it is out."""
    timings: dict[str, float] = field(default_factory=dict)
    """Stop to milliseconds, summed over its visits."""
    on_stop: Callable[[str, float], None] | None = None
    """Told of each stop that ended, with its milliseconds."""
    on_part: Callable[[str, tuple[Part, ...]], None] | None = None
    """Given what may be read before the answer is whole, with placeholders, and the parts it holds."""
    left: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once nobody waits for a writer any more: the turn ends in the referral, and in its entry."""
    handled: list[BaseException] = field(default_factory=list)
    """Exceptions that a handler dealt with, kept alive to the end of the run; see
    :func:`cbtguard.graph.review.wiring.to_review`."""

    def __repr__(self) -> str:
        return "Desk(...)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The runtime context of one run."""

    services: Services
    desk: Desk
    limits: Limits = field(default_factory=Limits)
    pool: Executor | None = None
    """Where blocking services run; None for the event loop's own threads."""
    reviews: Reviews | None = None
    """Where held turns wait for a person; None where none are held."""

    def __repr__(self) -> str:
        return "Context(...)"


__all__ = ["Context", "Desk", "ReferralDesk", "Services"]
