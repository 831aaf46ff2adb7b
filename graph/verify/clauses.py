"""The clauses of the safety contract, each a pure check of what was seen of a turn."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cbtguard.graph.verify.observe import REGION, Observation
from cbtguard.graph.verify.services import REMARK, SECRETS
from cbtguard.nodes.release import OPENED

if TYPE_CHECKING:
    from cbtguard.safety.record import StoredEntry
    from cbtguard.safety.referral import Referrals

Check = Callable[["Observation", "Referrals"], Iterator[str]]

_REPLIED = re.compile(r"'reply': (?:'[^']|\"[^\"])")
_MODELS = ("opinion", "retrieve", "generate", "check")
_BESIDE = ("opinion", "prefix", "opened")
"""Without these a turn goes on; a fault of theirs only has to leave a trace."""
_TO_PEOPLE = ("referred", "held")
"""Routes whose reply is a vetted text; on the second a reviewer looks at the turn as well."""
_GRAVE = ("crisis", "crisis_other", "emergency")
_RAISED = ("graver", "graver_late", "emergency")
"""Opinions that make a crisis of a message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clause:
    """One promise of the contract."""

    id: str
    title: str
    check: Check


def screen_first(seen: Observation, _: Referrals) -> Iterator[str]:
    """S1: no model and no retriever sees a question before it was screened."""
    screened = False
    for _number, what, _payload in seen.calls:
        screened = screened or what == "screen.done"
        if what in _MODELS and not screened:
            yield f"{what} was asked before the question was screened"


def crisis_ends_in_people(seen: Observation, referrals: Referrals) -> Iterator[str]:
    """S2: a crisis ends in a referral with a line valid for the region, in vetted words only."""
    screened = seen.chose("screen") in _GRAVE
    if not screened and seen.chose("opinion") not in _RAISED:
        return
    if seen.state.get("route") not in _TO_PEOPLE:
        yield f"a crisis ended as {seen.state.get('route')!r}"
    if screened and any(what in {"generate", "opinion"} for _, what, _ in seen.calls):
        yield "a writer was asked although the question is a crisis"
    if any(what == "check" for _, what, _ in seen.calls):
        yield "a draft was checked although the question is a crisis"
    if seen.released:
        yield "words of a draft were read although the question is a crisis"
    if _heard(seen) and seen.state.get("reason") != "crisis":
        yield "an opinion that raised the level did not weigh"
    reply = str(seen.state.get("reply", ""))
    if not _vetted(reply, referrals, seen):
        yield "the reply to a crisis is not a vetted text"
    elif reply != referrals.last_resort(str(seen.state.get("language"))) and not any(
        line.region == REGION for line in seen.lines
    ):
        yield "the reply to a crisis names no line of the user's region"


def only_checked_text(seen: Observation, referrals: Referrals) -> Iterator[str]:
    """S3: what leaves is vetted or passed the check; drafts show in no stream and no state."""
    for number, chunk in seen.chunks:
        for mark, passed in seen.drafts.items():
            if mark in chunk and (passed is None or number < passed):
                yield f"an unchecked draft is visible in a stream: {chunk[:60]}"
    for mark, passed in seen.drafts.items():
        if passed is None and (mark in repr(seen.state) or mark in seen.snapshot):
            yield "a draft that did not pass is in the state"
    reply = str(seen.state.get("reply", ""))
    if seen.state.get("route") == "answered":
        if not any(mark in reply and passed is not None for mark, passed in seen.drafts.items()):
            yield "an answer left that never passed the check"
        if seen.chose("check") != "pass":
            yield "an answer left although the last check did not pass"
    elif not _vetted(reply, referrals, seen):
        yield "a reply that is no answer is not a vetted text"
    yield from _waiting(seen)
    yield from _read_early(seen)
    yield from _remarks(seen)


def _waiting(seen: Observation) -> Iterator[str]:
    """A draft that waits for a reviewer has passed the check and is visible all the same nowhere."""
    if seen.state.get("route") != "held":
        return
    shown = (repr(seen.state), seen.snapshot, *(chunk for _, chunk in seen.chunks))
    if any(mark in text for mark in seen.drafts for text in shown):
        yield "a draft that waits for a reviewer is visible"


def _remarks(seen: Observation) -> Iterator[str]:
    """A rater's own words are a model's free text that nothing checked."""
    shown = (*seen.logged, *(chunk for _, chunk in seen.chunks), repr(seen.state), repr(seen.entries))
    if any(REMARK in text for text in shown):
        yield "the free words of a rater are visible"


def _read_early(seen: Observation) -> Iterator[str]:
    """What was read before the end must have been judged fit, and stay how the answer begins."""
    read = "".join(piece for _, piece in seen.released)
    if read and read not in seen.prefixes:
        yield "words were read early that were not judged fit for it"
    if read and seen.state.get("route") == "answered" and not str(seen.state.get("reply")).startswith(read):
        yield "an answer does not begin with what was read of it"


def identifiers_stay_home(seen: Observation, _: Referrals) -> Iterator[str]:
    """S4: identifiers reach no model, log, stream, checkpoint or record."""
    for secret in SECRETS:
        for _number, what, payload in seen.calls:
            if secret in payload:
                yield f"{what} was given an identifier"
        if any(secret in piece for _, piece in seen.released):
            yield "an identifier was read early"
        for _number, chunk in seen.chunks:
            if secret in chunk:
                yield f"an identifier is visible in a stream: {chunk[:24]}"
        if any(secret in line for line in seen.logged):
            yield "an identifier is in a log line"
        if any(secret in repr(entry) for entry in seen.entries):
            yield "an identifier is in the record"
        if secret in repr(seen.state) or secret in seen.snapshot:
            yield "an identifier is in the state or in a checkpoint"


def fail_closed(seen: Observation, _: Referrals) -> Iterator[str]:
    """S5: any fault ends in the referral reply; never an exception, silence or an unguarded answer."""
    if seen.raised is not None:
        yield f"an exception reached the caller: {seen.raised}"
    if not str(seen.state.get("reply", "")).strip():
        yield "the turn ended in silence"
    # A third opinion that fails is no opinion; it only has to leave a trace.
    if _failed(seen) and seen.state.get("route") not in (_TO_PEOPLE if _opened(seen) else ("referred",)):
        yield f"after a fault the turn ended as {seen.state.get('route')!r}"
    silent = seen.chose("opinion") in {
        "malformed",
        *(c.outcome for c in seen.faults() if c.stop == "opinion"),
    }
    if silent and not seen.state.get("faults"):
        yield "an opinion that failed left no trace in the state"
    if seen.faults() and not seen.state.get("faults"):
        yield "a fault left no trace in the state"
    odd = {"leaky", "unknown_note", "no_line"}
    if any(c.outcome in odd for c in seen.choices) and seen.state.get("route") not in _TO_PEOPLE:
        yield "after nonsense the turn did not end in the referral"
    if not _opened(seen):
        if seen.state.get("route") == "held":
            yield "a turn is held although nobody was asked to look at it"
        if seen.state.get("reason") in {"held", "taken_over"}:
            yield "the reply says that a person reads it although nobody will"


def one_record(seen: Observation, _: Referrals) -> Iterator[str]:
    """S6: one entry a turn, before the reply leaves, with the route; none only where the record failed."""
    failed = any(c.stop == "record" and c.faulty for c in seen.choices)
    entries = [stored for stored in seen.entries if stored.entry.route != OPENED]
    opened = [what for _, what, _ in seen.calls if what == "opened"]
    if len(entries) != 1 and not (failed and not entries):
        yield f"the turn left {len(entries)} entries"
    if len(seen.entries) - len(entries) > len(opened) or len(opened) > 1:
        yield "the turn was opened more than once"
    if seen.released and not _opened_before(seen):
        yield "words were read before the entry that says so"
    if not entries and seen.state.get("route") == "answered":
        yield "an answer left without an entry"
    if _left_early(seen):
        yield "the reply left before the record was asked to keep its entry"
    if not entries and seen.state.get("record_id") is not None:
        yield "the reply names an entry that does not exist"
    if not seen.chain_ok:
        yield "the chain of the record does not verify"
    for stored in entries:
        yield from _misfits(seen, stored)


def _misfits(seen: Observation, stored: StoredEntry) -> Iterator[str]:
    """What an entry tells otherwise than it was."""
    if stored.entry.route != seen.state.get("route"):
        yield "the entry names another route than the reply took"
    if stored.record_id != seen.state.get("record_id"):
        yield "the reply does not name its entry"
    if bool(stored.entry.faults) != bool([c for c in seen.faults() if c.stop != "record"]) and not _odd(seen):
        yield "the entry does not tell of the faults"
    if _heard(seen) and "opinion.raised" not in stored.entry.rules:
        yield "the entry does not tell of the opinion that weighed"
    if (seen.chose("screen") in _GRAVE or _heard(seen)) and stored.entry.level not in {"crisis", "emergency"}:
        yield "the entry does not tell of the crisis"


def bounded(seen: Observation, _: Referrals) -> Iterator[str]:
    """S7: at most N drafts and T seconds a turn."""
    drafts = sum(1 for _, what, _ in seen.calls if what == "generate")
    if drafts > seen.limits.generations:
        yield f"{drafts} drafts were asked for; the bound is {seen.limits.generations}"
    fills = sum(1 for _, what, _ in seen.calls if what == "fill")
    if fills > 1:
        yield f"the notes were asked to fill {fills} times"
    most = seen.limits.turn_s + seen.limits.record_s
    if seen.seconds > most:
        yield f"the turn took {seen.seconds:.0f} s; the bound is {most:.0f} s"


def nobody_abandoned(turns: tuple[Observation, ...], referrals: Referrals) -> Iterator[str]:
    """S8: after a crisis the talk goes on in care mode, in other words each time, until the stated rule ends it."""
    caring, calm = False, 0
    previous = ""
    for number, seen in enumerate(turns, 1):
        level = "crisis" if _heard(seen) else seen.chose("screen")
        reply = str(seen.state.get("reply", ""))
        route = seen.state.get("route")
        if level in _GRAVE:
            caring, calm = True, 0
        elif caring and level == "none":
            caring, calm = (False, 0) if calm >= seen.limits.care_turns else (True, calm + 1)
        elif caring and level == "watch":
            calm = 0
        if caring:
            if route not in _TO_PEOPLE:
                yield f"turn {number} of a talk in care mode was not met by care"
            if reply == previous:
                yield f"turn {number} repeats the words of the turn before"
            if not seen.lines and reply != referrals.last_resort(str(seen.state.get("language"))):
                yield f"turn {number} of a talk in care mode names no help"
        elif not _failed(seen) and level in {"none", "watch"} and route != "answered":
            yield f"turn {number} is still referred although care mode is over"
        previous = reply


def _vetted(reply: str, referrals: Referrals, seen: Observation) -> bool:
    return referrals.is_vetted(reply) or reply == referrals.last_resort(str(seen.state.get("language")))


def _opened(seen: Observation) -> bool:
    """Whether the turn lies before a reviewer."""
    return seen.chose("hold") == "ok"


def _opened_before(seen: Observation) -> bool:
    """Whether the first words were read after their opening entry was kept."""
    kept = next((number for number, what, _ in seen.calls if what == "opened.done"), None)
    return kept is not None and kept <= seen.released[0][0]


def _left_early(seen: Observation) -> bool:
    """Whether a stream showed the reply before the record was asked."""
    asked = next((number for number, what, _ in seen.calls if what == "record"), None)
    return any(_REPLIED.search(chunk) and (asked is None or number < asked) for number, chunk in seen.chunks)


def _odd(seen: Observation) -> bool:
    """Outcomes that the stop itself turns into a fault."""
    return any(c.outcome in {"leaky", "unknown_note", "no_line", "malformed"} for c in seen.choices)


def _failed(seen: Observation) -> bool:
    """Whether a stop failed without which the turn cannot go on."""
    return any(c.stop not in _BESIDE for c in seen.faults())


def _heard(seen: Observation) -> bool:
    """Whether an opinion that raised the level was waited for; where a stop fails, the person is referred at once."""
    early = {"retrieve", "generate", "turn"}
    gone = any(c.stop in early for c in seen.faults()) or any(
        c.outcome == "unknown_note" for c in seen.choices
    )
    return seen.chose("opinion") in _RAISED and not gone


CLAUSES = (
    Clause(id="S1", title="screen first", check=screen_first),
    Clause(id="S2", title="crisis ends in people", check=crisis_ends_in_people),
    Clause(id="S3", title="only checked text leaves", check=only_checked_text),
    Clause(id="S4", title="identifiers stay home", check=identifiers_stay_home),
    Clause(id="S5", title="fail closed", check=fail_closed),
    Clause(id="S6", title="one record per turn", check=one_record),
    Clause(id="S7", title="bounded", check=bounded),
)
TALK_CLAUSE = "S8"
TALK_TITLE = "nobody is abandoned"
