"""Held turns: what a reviewer can do with one, tried on the compiled graphs, and the clauses on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from langgraph.types import Command

from cbtguard.graph.review.queue import ReviewQueue
from cbtguard.graph.verify.observe import Observation, observe
from cbtguard.graph.verify.script import Script
from cbtguard.graph.verify.services import NAME, SECRETS, WORDS, ScriptedQueue
from cbtguard.nodes import Limits
from cbtguard.nodes.holding import Policy
from cbtguard.nodes.reviewer import HUMAN, REVIEWED, STATUS_AFTER, Act, ItemState, Status
from cbtguard.safety.errors import CbtguardError
from cbtguard.safety.privacy import Vault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cbtguard.graph.verify.services import Scripted
    from cbtguard.safety.referral import Referrals

LIMITS = Limits(generations=1, care_turns=2)
DEADLINE_S = 900.0
ACTS = ("approve", "replace", "take_over", "release", "late", "garbage", "known_name", "again", "hand_back")
"""What comes in: the acts, one after the deadline, nonsense, words that hold a name of the talk, an act twice."""
_MODES = ("values", "updates", "messages", "tasks")
_REVIEWER = "0f1e" * 8
_DIGEST = "ab" * 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Acted:
    """All that could be seen of one reviewer's act."""

    turn: Observation
    came: str
    """One of :data:`ACTS`."""
    error: str | None
    """Code of the typed error; the type's name where it was none."""
    typed: bool
    item: ItemState
    """The item afterwards."""
    waits: bool
    """Whether the item's run waits for a reviewer."""
    entries: list[Any]
    """Entries that the act added."""
    chain_ok: bool
    kept: str
    """All that the checkpointer holds, as text."""
    faulty: bool
    """Whether a service failed during the act."""
    next: Observation | None
    """The talk's next turn, where it was taken over."""


async def act_on(graph: Any, review: Any, run: Scripted, *, now: Any) -> tuple[Observation, Acted | None]:
    """Run one turn that may be held, and where it is, one act of a reviewer on it.

    Args:
        graph: The compiled flow, with a checkpointer.
        review: The compiled graph of an item, with the same one.
        run: The services.
        now: Virtual time.
    """
    vault = Vault()

    async def saver() -> Any:
        return graph.checkpointer

    await _forget(graph.checkpointer)
    queue = ReviewQueue(
        policy=Policy.CRISIS,
        deadline_s=DEADLINE_S,
        services=run.reviewing(),
        saver=saver,
        limits=LIMITS,
        graph=review,
    )
    watched: dict[str, Any] = {"thread": "held", "vault": vault, "modes": _MODES, "now": now}
    scripted = ScriptedQueue(run, queue)
    seen = await observe(graph, run, LIMITS, reviews=scripted, **watched)
    item = str(seen.state.get("review") or "")
    if seen.state.get("route") != "held" or seen.chose("hold") != "ok":
        return seen, None
    came = run.script.pick("act", ACTS)
    entries, choices = sum(1 for _ in run.kept.entries()), len(run.script.choices)
    error: BaseException | None = None
    try:
        if came == "garbage":
            # Past the façade, as somebody who resumes the thread by hand would.
            await review.ainvoke(Command(resume={"act": "approve", "text": "-"}), _config(item))
        else:
            await _come(queue, run, item, came, vault)
    except Exception as raised:  # noqa: BLE001 - what got out is the finding
        error = raised
    faulty = any(choice.faulty for choice in run.script.choices[choices:])
    kept = await queue.state(item)
    added = list(run.kept.entries(start=entries + 1))
    if kept is None:
        raise LookupError("an item that was opened is gone")
    tuples = [str(kept_) async for kept_ in graph.checkpointer.alist(None)]
    waits = (await review.aget_state(_config(item))).next == ("review",)
    follow = None
    if kept["status"] == Status.TAKEN_OVER:
        follow = await observe(graph, run, LIMITS, reviews=scripted, turn_id="t2", **watched)
    code = error.code if isinstance(error, CbtguardError) else type(error).__name__ if error else None
    return seen, Acted(
        turn=seen,
        came=came,
        error=code,
        typed=error is None or isinstance(error, CbtguardError),
        item=kept,
        waits=waits,
        entries=added,
        chain_ok=run.kept.verify().ok,
        kept="\n".join(tuples),
        faulty=faulty,
        next=follow,
    )


def _config(item: str) -> Any:
    return {"configurable": {"thread_id": f"review-{item}"}}


async def _forget(saver: Any) -> None:
    for thread in ("held", "review-t1", "review-t2"):
        await saver.adelete_thread(thread)


async def _come(queue: ReviewQueue, run: Scripted, item: str, came: str, vault: Vault) -> None:
    named: dict[str, Any] = {"reviewer": _REVIEWER, "vault": vault}
    if came == "late":
        run.now += DEADLINE_S
        await queue.act(item, Act.RELEASE, **named)
    elif came == "known_name":
        await queue.act(item, Act.REPLACE, text=WORDS + NAME, digest=_DIGEST, **named)
    elif came == "again":
        await queue.act(item, Act.RELEASE, **named)
        await queue.act(item, Act.RELEASE, **named)
    elif came == "replace":
        await queue.act(item, Act.REPLACE, text=WORDS, digest=_DIGEST, **named)
    else:
        await queue.act(item, Act(came), **named)


class Holding(Script):
    """Explores the turns that are held and what comes of them.

    All that a reviewer can do, and all that can fail meanwhile, follows on a hint and on a crisis; on a turn that
    came to be held in another way, fewer acts and no faults.
    """

    _PLAIN = frozenset({"screen=watch", "screen=crisis"})
    _FEW = ("approve", "replace", "release")

    def pick(self, stop: str, alternatives: tuple[str, ...]) -> str:
        """Return the outcome of one call of a service."""
        return super().pick(stop, self._few(stop, alternatives))

    def _few(self, stop: str, alternatives: tuple[str, ...]) -> tuple[str, ...]:
        acting = next((place for place, choice in enumerate(self.choices) if choice.stop == "act"), None)
        if stop == "hold" and acting is None:
            return alternatives
        before = self.choices[:acting]
        taken = [index for index, _ in self.taken[: len(before)]]
        odd = any(i and str(choice) not in self._PLAIN for i, choice in zip(taken, before, strict=True))
        if stop == "act":
            return self._FEW if odd else alternatives
        if acting is not None:
            return alternatives[:1] if odd or not stop.startswith("act_") else alternatives
        allowed = {
            "raise",
            "foreign",
            "nothing",
            "fail",
            "no_line",
            *(alternatives if stop == "screen" else ()),
        }
        return (alternatives[0], *(a for a in alternatives[1:] if a in allowed - {"missing", "cancel"}))


def reviewed(acted: Acted, referrals: Referrals) -> Iterator[tuple[str, str]]:
    """Yield clause and what is wrong, for one act of a reviewer."""
    for clause, check in (("S3", _text), ("S4", _identifiers), ("S5", _closed), ("S6", _recorded)):
        for what in check(acted):
            yield clause, what
    for what in _accompanied(acted, referrals):
        yield "S8", what


CLAUSES = ("S3", "S4", "S5", "S6", "S8")


def _text(acted: Acted) -> Iterator[str]:
    """S3: what a reviewer lets through is a checked draft or a person's own words, and nothing else is given."""
    given, status = acted.item["delivery"], acted.item["status"]
    if given is None:
        if status in {Status.APPROVED, Status.REPLACED}:
            yield "an act that gives a text gave none"
    elif status == Status.REPLACED:
        if given["text"] != WORDS or given["writer"] != HUMAN:
            yield "a reviewer's words are not given as they were written, marked as a person's"
    elif status == Status.APPROVED:
        passed = [mark for mark, place in acted.turn.drafts.items() if place is not None]
        if not any(mark in given["text"] for mark in passed) or given["writer"] == HUMAN:
            yield "an approved text is no draft that passed the check"
    else:
        yield f"an item that is {status} gives a text"
    if WORDS[:4] in acted.kept and status != Status.REPLACED:
        yield "words of a reviewer were kept that were not let through"


def _identifiers(acted: Acted) -> Iterator[str]:
    """S4: no identifier of the talk or of the reviewer's words is kept."""
    if any(secret in acted.kept for secret in SECRETS):
        yield "an identifier is in the checkpoint of an item"
    if any(secret in repr(entry) for entry in acted.entries for secret in SECRETS):
        yield "an identifier is in the entry of an act"


def _closed(acted: Acted) -> Iterator[str]:
    """S5: what is refused or fails is a typed error, and the item waits as before."""
    if not acted.typed and acted.came != "garbage":
        yield f"an exception without a code reached the reviewer: {acted.error}"
    if acted.error is not None and acted.item["status"] == Status.OPEN and not acted.waits:
        yield "after a refused act nobody can act any more"
    done = acted.item["status"] not in {Status.OPEN, Status.EXPIRED} and acted.came != "again"
    if acted.error is not None and done:
        yield "an act that was refused changed the item"
    if acted.faulty and acted.error is None:
        yield "a fault during an act was kept from the reviewer"
    if acted.error is None and acted.item["status"] == Status.OPEN:
        yield "an act that was not refused did nothing"
    if acted.came in {"garbage", "known_name", "hand_back"} and acted.item["status"] != Status.OPEN:
        yield f"{acted.came} closed the item"
    if acted.came == "late" and acted.item["status"] not in {Status.OPEN, Status.EXPIRED}:
        yield "an act after the deadline was done"


def _recorded(acted: Acted) -> Iterator[str]:
    """S6: one entry an act that was done, none for one that was not."""
    acts = [stored.entry.review.act for stored in acted.entries if stored.entry.review is not None]
    status = acted.item["status"]
    wanted = [] if status == Status.OPEN else [status]
    if acts != wanted:
        yield f"an item that is {status} has entries of the acts {acts}"
    if any(stored.entry.route != REVIEWED for stored in acted.entries):
        yield "the entry of an act names another route"
    if any(stored.entry.turn_id != acted.item["item"]["id"] for stored in acted.entries):
        yield "the entry of an act does not name its turn"
    if acted.item["record_ids"] != [stored.record_id for stored in acted.entries]:
        yield "the item does not name the entries of its acts"
    if not acted.chain_ok:
        yield "the chain of the record does not verify"
    if status != Status.OPEN and status not in {after.value for after in STATUS_AFTER.values()}:
        yield "an item is in a state that no act leads to"


def _accompanied(acted: Acted, referrals: Referrals) -> Iterator[str]:
    """S8: whoever is taken over by a person is held straight to that person, in vetted words."""
    if acted.item["status"] != Status.TAKEN_OVER:
        return
    follow = acted.next
    if follow is None:
        yield "the talk did not go on"
        return
    if follow.state.get("route") != "held" or not follow.state.get("review"):
        yield "a message to a person who took over was not laid before them"
    if any(what in {"generate", "retrieve", "check"} for _, what, _ in follow.calls):
        yield "the flow wrote although a person had taken over"
    if not referrals.is_vetted(str(follow.state.get("reply"))):
        yield "the reply in a talk that was taken over is no vetted text"
