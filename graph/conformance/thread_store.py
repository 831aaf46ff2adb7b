"""The suite for thread stores: checkpointers in which talks are kept."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from functools import partial, wraps
from typing import TYPE_CHECKING, Any

from cbtguard.graph.build import compile_graph
from cbtguard.graph.conformance import bench
from cbtguard.graph.conformance.common import require, require_identifier, require_type
from cbtguard.graph.conformance.talker import AT, Talker
from cbtguard.graph.talks import USED_AT, Talks
from cbtguard.graph.verify.services import SECRETS
from cbtguard.safety.privacy.vault import Vault

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from langgraph.checkpoint.base import BaseCheckpointSaver

    from cbtguard.graph.conformance.report import ConformanceReport

_LATER = "2026-02-28T08:00:00.000Z"
_END = "2027-01-01T00:00:00.000Z"
_MARK = "最近总是睡不着"
"""Words of the message that are no personal data: they are in the state."""
_SAID = "草稿标记"
"""Words of the reply."""


def check_thread_store(
    make: Callable[[], Talks | BaseCheckpointSaver[Any] | Awaitable[Any]],
    *,
    reopen: Callable[[Talks], Awaitable[Talks]] | None = None,
    stored: Callable[[Talks], bytes] | None = None,
    sealed: bool = False,
    limit_s: float = bench.LIMIT_S,
) -> ConformanceReport:
    """Return whether a thread store goes on with talks, keeps them apart, holds no identifier and forgets for good.

    The real flow is run on it, with scripted services and an invented person.

    Args:
        make: Makes a store without talks, called in an event loop, once a check: `Talks`, or a checkpointer.
        reopen: Closes a store and opens it again, for one that outlives the process. Each store is closed at the end
            of its check too.
        stored: Returns all bytes that a store has on disk, for one that outlives the process.
        sealed: Whether what is stored should say nothing at all.
        limit_s: Longest one check may take.
    """
    trials: list[bench.Trial] = [
        goes_on,
        talks_apart,
        primitives_only,
        restores_no_objects,
        identifiers_stay_home,
        metadata_without_text,
        forgets,
        forgetting_nothing,
        starts_anew,
        finds_idle,
        many_at_once,
    ]
    if reopen is not None:
        trials += [partial(durable, reopen=reopen), partial(forgotten_for_good, reopen=reopen)]
    if stored is not None:
        trials += [partial(clean_bytes, stored=stored, sealed=sealed), partial(wiped, stored=stored)]
    return bench.run("thread store", lambda: Talker(make), trials, limit_s)


def _closing(trial: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    @wraps(trial)
    async def run(talker: Talker, **named: Any) -> None:
        try:
            await trial(talker, **named)
        finally:
            await talker.close()

    return run


@dataclass(frozen=True)
class _Foreign:
    """What no state holds."""

    text: str = "foreign"


@_closing
async def goes_on(talker: Any) -> None:
    """A talk goes on where it was: its number, its history, its care mode."""
    talks = await talker.store()
    vault = Vault()
    first = await talker.turn(talks, _name(1), vault, level="crisis")
    second = await talker.turn(talks, _name(1), vault)
    require(first["turn"] == 1, "a new talk does not begin with turn 1")
    require(second["turn"] == 2, "the second turn of a talk is not turn 2")
    require(len(second["history"]) == 2, "the history of a talk is lost")
    require(second["reason"] == "care", "care mode does not last from one turn to the next")


@_closing
async def talks_apart(talker: Any) -> None:
    """Nothing of one talk shows in another."""
    talks = await talker.store()
    await talker.turn(talks, _name(1), Vault(), level="crisis")
    other = await talker.turn(talks, _name(2), Vault())
    require(other["turn"] == 1, "a talk begins with the number of another")
    require(len(other["history"]) == 1, "a talk has the history of another")
    require(other["reason"] == "checked", "one talk is in the care mode of another")
    again = await talker.turn(talks, _name(1), Vault())
    require(again["turn"] == 2 and again["reason"] == "care", "a talk is changed by another")


@_closing
async def primitives_only(talker: Any) -> None:
    """What comes back is what was kept, and JSON primitives only."""
    talks = await talker.store()
    state = await talker.turn(talks, _name(1), Vault())
    found = await _values(talks, _name(1))
    require(found is not None, "a talk is not there after its turn")
    require(found == state, "the state comes back changed")
    require(json.loads(json.dumps(found)) == found, "the state does not consist of JSON primitives")


@_closing
async def restores_no_objects(talker: Any) -> None:
    """An object that found its way into the store is not made again."""
    talks = await talker.store()
    await talker.turn(talks, _name(1), Vault())
    kept = await talks.saver.aget_tuple(_config(_name(1)))
    require(kept is not None, "a talk is not there after its turn")
    values = {**kept.checkpoint["channel_values"], "history": [_Foreign()], "reply": _Foreign()}
    version = talks.saver.get_next_version(None, None)
    changed = {"history": version, "reply": version}
    checkpoint = {
        **kept.checkpoint,
        "channel_values": values,
        "channel_versions": {**kept.checkpoint["channel_versions"], **changed},
    }
    config = {"configurable": {**kept.config["configurable"], "checkpoint_ns": ""}}
    try:
        await talks.saver.aput(config, checkpoint, {"source": "update", "step": 99, "parents": {}}, changed)
        found = await _values(talks, _name(1))
    except Exception:  # noqa: BLE001 - any refusal will do
        found = None
    text = repr(found)
    require(_Foreign.__name__ not in text, "an object is made from what is stored")


@_closing
async def identifiers_stay_home(talker: Any) -> None:
    """No value of the vault is in anything that comes out of the store."""
    talks = await talker.store()
    for number in range(1, 3):
        await talker.turn(talks, _name(number), Vault(), level="crisis" if number == 2 else "none")
    seen = repr([kept async for kept in talks.saver.alist(None)])
    require(_MARK in seen, "the message is not in the store")
    require(not any(secret in seen for secret in SECRETS), "personal data is in a checkpoint")


@_closing
async def metadata_without_text(talker: Any) -> None:
    """Metadata lies in the clear even where the rest is sealed: identifiers, numbers and times only."""
    talks = await talker.store()
    await talker.turn(talks, _name(1), Vault())
    times = []
    async for kept in talks.saver.alist(None):
        for value in _leaves(dict(kept.metadata)):
            if isinstance(value, str):
                require_identifier(value, "a value of the metadata")
        times.append(kept.metadata.get(USED_AT))
    require(AT in times, "the metadata does not tell when the talk was used")


@_closing
async def forgets(talker: Any) -> None:
    """A forgotten talk has no checkpoint left, and no other talk loses one."""
    talks = await talker.store()
    for number in (1, 2):
        for _ in range(2):
            await talker.turn(talks, _name(number), Vault())
    before = await _values(talks, _name(2))
    found = await talks.forget(_name(1))
    require_type(found, int, "the number of forgotten checkpoints")
    require(found > 0, "forgetting a talk of two turns counts no checkpoint")
    require(await _values(talks, _name(1)) is None, "a forgotten talk is still there")
    left = [kept async for kept in talks.saver.alist(_config(_name(1)))]
    require(not left, "a forgotten talk has checkpoints left")
    require(await _values(talks, _name(2)) == before, "forgetting one talk changes another")
    await talks.wipe()
    require(await _values(talks, _name(2)) == before, "wiping changes a talk")


@_closing
async def forgetting_nothing(talker: Any) -> None:
    """Forgetting a talk that nobody knows counts 0, and forgetting twice does no harm."""
    talks = await talker.store()
    require(await talks.forget(_name(9)) == 0, "a talk that nobody knows is counted as forgotten")
    await talker.turn(talks, _name(1), Vault())
    await talks.forget(_name(1))
    require(await talks.forget(_name(1)) == 0, "a talk is forgotten twice")


@_closing
async def starts_anew(talker: Any) -> None:
    """After forgetting, the same name is a new talk: turn 1, no history, no care mode, disclosure."""
    talks = await talker.store()
    await talker.turn(talks, _name(1), Vault(), level="crisis")
    await talks.forget(_name(1))
    state = await talker.turn(talks, _name(1), Vault())
    require(state["turn"] == 1, "a forgotten talk goes on with its number")
    require(len(state["history"]) == 1, "a forgotten talk goes on with its history")
    require(state["reason"] == "checked", "a forgotten talk goes on in care mode")
    require(state["disclosed_turn"] == 1, "a forgotten talk is not told anew that this is a machine")


@_closing
async def finds_idle(talker: Any) -> None:
    """Talks that were last used before a time are found, and no others."""
    talks = await talker.store()
    require(await talks.idle(_END) == (), "a new store has idle talks")
    await talker.turn(talks, _name(1), Vault(), at=AT)
    await talker.turn(talks, _name(2), Vault(), at=AT)
    await talker.turn(talks, _name(2), Vault(), at=_LATER)
    await talker.turn(talks, _name(3), Vault(), at=_LATER)
    require(await talks.idle(AT) == (), "a talk is idle before its own time")
    require(await talks.idle(_LATER) == (_name(1),), "idle talks are not those that were last used before")
    require(await talks.idle(_END) == tuple(_name(n) for n in (1, 2, 3)), "an idle talk is not found")
    require(await talks.idle(_LATER, _name(1)) == (_name(1),), "an idle talk is not found by its name")
    require(await talks.idle(_LATER, _name(2)) == (), "a talk in use is idle when it is asked for by name")


@_closing
async def many_at_once(talker: Any) -> None:
    """Eight talks at once each keep their own."""
    talks = await talker.store()

    async def talk(number: int) -> None:
        vault = Vault()
        for turn in range(1, 4):
            state = await talker.turn(talks, _name(number), vault)
            require(state["turn"] == turn, "a turn is lost while other talks go on")

    await asyncio.gather(*(talk(number) for number in range(bench.AT_ONCE)))


@_closing
async def durable(talker: Any, *, reopen: Callable[[Talks], Awaitable[Talks]]) -> None:
    """After a restart a talk goes on where it was."""
    talks = await talker.store()
    before = await talker.turn(talks, _name(1), Vault(), level="crisis")
    again = await talker.adopt(reopen(talks))
    await again.check_key()
    require(await _values(again, _name(1)) == before, "a talk is not what it was before the restart")
    state = await talker.turn(again, _name(1), Vault(before["counters"]))
    require(state["turn"] == 2 and state["reason"] == "care", "a talk does not go on after a restart")


@_closing
async def forgotten_for_good(talker: Any, *, reopen: Callable[[Talks], Awaitable[Talks]]) -> None:
    """A talk that was forgotten does not come back with a restart."""
    talks = await talker.store()
    await talker.turn(talks, _name(1), Vault())
    await talks.forget(_name(1))
    again = await talker.adopt(reopen(talks))
    require(await _values(again, _name(1)) is None, "a forgotten talk comes back after a restart")


@_closing
async def clean_bytes(talker: Any, *, stored: Callable[[Talks], bytes], sealed: bool) -> None:
    """No personal data lies on the disk; where it is sealed, no word of message and reply either."""
    talks = await talker.store()
    for _ in range(2):
        await talker.turn(talks, _name(1), Vault())
    found = stored(talks)
    require(_name(1).encode() in found, "what is stored cannot be looked at: the talk is not in it")
    require(not any(_in(secret, found) for secret in SECRETS), "personal data lies on the disk")
    shows = _in(_MARK, found) or _in(_SAID, found)
    require(not (sealed and shows), "words of the message or the reply lie on the disk in the clear")


@_closing
async def wiped(talker: Any, *, stored: Callable[[Talks], bytes]) -> None:
    """After forgetting, neither words nor the name of a talk are among the bytes that are stored."""
    talks = await talker.store()
    for _ in range(3):
        await talker.turn(talks, _name(1), Vault())
    await talks.forget(_name(1))
    await talks.wipe()
    found = stored(talks)
    for left in (_MARK, _SAID, _name(1)):
        require(not _in(left, found), "words or the name of a forgotten talk lie on the disk")


async def _values(talks: Talks, thread: str) -> dict[str, Any] | None:
    graph = compile_graph(checkpointer=talks.saver)
    values = (await graph.aget_state(_config(thread))).values
    return dict(values) or None


def _config(thread: str) -> Any:
    return {"configurable": {"thread_id": thread}}


def _in(text: str, found: bytes) -> bool:
    """Whether a text lies among bytes, in any form that a store may write it in."""
    forms = (text.encode("utf-8"), text.encode("utf-16-le"), text.encode("unicode_escape"))
    return any(form in found for form in forms)


def _leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [leaf for key, part in value.items() for leaf in (key, *_leaves(part)) if leaf != ""]
    if isinstance(value, (list, tuple)):
        return [leaf for part in value for leaf in _leaves(part)]
    return [value]


def _name(number: int) -> str:
    """A name of a talk as the flow gives it: 32 hexadecimal digits."""
    return f"{number:032x}"
