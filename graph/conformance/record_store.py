"""The suite for record stores."""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from cbtguard.graph.conformance import bench, common
from cbtguard.graph.conformance.bench import UnmetError, call, in_thread, together
from cbtguard.graph.conformance.common import require, require_type
from cbtguard.safety.errors import RecordError
from cbtguard.safety.record import GENESIS, Anchor, ChainReport, StoredEntry, TurnEntry, verify_entries

if TYPE_CHECKING:
    from collections.abc import Callable

    from cbtguard.graph.conformance.report import ConformanceReport
    from cbtguard.safety.record import RecordStore

_EACH = 4
"""Entries that each of the callers at once appends."""
_WINDOWS: tuple[tuple[int, int | None, list[int]], ...] = (
    (1, None, [1, 2, 3, 4, 5]),
    (2, 2, [2, 3]),
    (4, 9, [4, 5]),
    (6, None, []),
    (1, 0, []),
)
"""Start, limit, and the places that are read of five."""


def check_record_store(
    make: Callable[[], RecordStore],
    *,
    reopen: Callable[[Any], RecordStore] | None = None,
    limit_s: float = bench.LIMIT_S,
) -> ConformanceReport:
    """Return whether a record store only appends, leaves no gap, keeps its chain and survives a restart.

    Args:
        make: Makes a store without entries; called once a check.
        reopen: Opens what a store that was closed had kept; given for a store that outlives the process.
        limit_s: Longest one check may take.
    """
    trials: list[bench.Trial] = [
        named,
        empty_at_first,
        seals,
        dense_under_threads,
        append_only,
        windows,
        verifies,
        anchored,
        refuses_other_things,
        closed,
    ]
    if reopen is not None:
        trials.append(partial(durable, reopen=reopen))
    return bench.run("record store", lambda: make, trials, limit_s)


async def named(make: Any) -> None:
    """The name is a record identifier."""
    store = await in_thread(make)
    await common.name(store)
    await call(store.close)


async def empty_at_first(make: Any) -> None:
    """A new store has no entries and a sound chain."""
    store = await in_thread(make)
    require(await _all(store) == [], "a new store has entries")
    report = await call(store.verify)
    require_type(report, ChainReport, "the report")
    require(report.ok and report.entries == 0, "a new store does not verify")
    await call(store.close)


async def seals(make: Any) -> None:
    """An entry comes back sealed: numbered from 1, linked, unchanged, and there at once."""
    store = await in_thread(make)
    before = GENESIS
    for number in range(1, 6):
        entry = _entry(number)
        stored = await call(store.append, entry)
        require_type(stored, StoredEntry, "the result")
        require(stored.seq == number, f"entry {number} has the place {stored.seq}")
        require(stored.prev_hash == before, "an entry does not follow the one before it")
        require(stored.entry == entry, "an entry was changed on its way into the record")
        require((await _all(store))[-1:] == [stored], "an entry that was appended is not there")
        before = stored.hash
    await call(store.close)


async def dense_under_threads(make: Any) -> None:
    """Eight callers at once leave no gap, share no place and lose no entry."""
    store = await in_thread(make)
    turns = [(_entry(number),) for number in range(1, bench.AT_ONCE * _EACH + 1)]
    stored: list[Any] = []
    for first in range(0, len(turns), bench.AT_ONCE):
        stored += await together(store.append, turns[first : first + bench.AT_ONCE])
    places = sorted(one.seq for one in stored)
    require(places == list(range(1, len(turns) + 1)), "places have gaps or were given twice")
    kept = await _all(store)
    require([one.seq for one in kept] == places, "entries are not read in the order of their places")
    require({one.entry.turn for one in kept} == set(range(1, len(turns) + 1)), "an entry is lost")
    require(all(a.hash == b.prev_hash for a, b in pairwise(kept)), "the chain is broken")
    require((await call(store.verify)).ok, "the chain does not verify")
    await call(store.close)


async def append_only(make: Any) -> None:
    """What was kept stays as it was, whatever is appended later, the same entry again included."""
    store = await in_thread(make)
    first = [await call(store.append, _entry(number)) for number in (1, 2, 3)]
    require((await call(store.append, _entry(2))).seq == 4, "an entry that was sent twice is not kept twice")
    await call(store.append, _entry(5))
    require((await _all(store))[:3] == first, "an earlier entry was changed")
    require(len(await _all(store)) == 5, "the store does not hold what was appended")
    await call(store.close)


async def windows(make: Any) -> None:
    """Parts of the record can be read, and an impossible part is refused."""
    store = await in_thread(make)
    for number in range(1, 6):
        await call(store.append, _entry(number))
    for start, limit, places in _WINDOWS:
        found = await in_thread(partial(_read, store, start, limit))
        require([one.seq for one in found] == places, f"start {start} and limit {limit} give other entries")
    for start, limit in ((0, None), (-1, None), (1, -1)):
        await _require_refused(partial(_read, store, start, limit), "an impossible window")
    await call(store.close)


async def verifies(make: Any) -> None:
    """The entries are a chain that anybody can check with the public function."""
    store = await in_thread(make)
    for number in range(1, 5):
        await call(store.append, _entry(number))
    kept = await _all(store)
    require(verify_entries(kept).ok, "the entries are no chain that verify_entries accepts")
    report = await call(store.verify)
    require(
        report.ok and report.entries == 4 and report.head == kept[-1].hash, "verify reports another chain"
    )
    await call(store.close)


async def anchored(make: Any) -> None:
    """A head that was noted earlier is found again, and a foreign one is not."""
    store = await in_thread(make)
    stored = [await call(store.append, _entry(number)) for number in (1, 2, 3)]
    for one in stored:
        require((await call(store.verify, expected_head=one.hash)).ok, "a noted head is not found again")
    require(not (await call(store.verify, expected_head="f" * 64)).ok, "a foreign head is accepted")
    anchors = [Anchor.of(one) for one in stored]
    require((await call(store.verify, anchors=anchors)).ok, "anchors are not found again")
    misplaced = Anchor(seq=2, hash=stored[2].hash)
    require(not (await call(store.verify, anchors=[misplaced])).ok, "an anchor at another place is accepted")
    cut = Anchor(seq=4, hash="f" * 64)
    require(not (await call(store.verify, anchors=[cut])).ok, "an anchor beyond the last entry is accepted")
    await call(store.close)


async def refuses_other_things(make: Any) -> None:
    """What is no entry is not kept."""
    store = await in_thread(make)
    for thing in (None, "a sentence", {"turn": 1}):
        try:
            await call(store.append, thing)
        except Exception:  # noqa: BLE001, S112 - any refusal will do
            continue
        raise UnmetError("something that is no entry was kept")
    require(await _all(store) == [], "something that is no entry was kept")
    require((await call(store.append, _entry(1))).seq == 1, "a refused entry leaves a gap")
    await call(store.close)


async def closed(make: Any) -> None:
    """Closing twice does nothing; a closed store refuses everything else."""
    store = await in_thread(make)
    await call(store.append, _entry(1))
    await call(store.close)
    await call(store.close)
    await _require_refused(lambda: store.append(_entry(2)), "append after close")
    await _require_refused(lambda: list(store.entries()), "entries after close")
    await _require_refused(store.verify, "verify after close")


async def durable(make: Any, *, reopen: Callable[[Any], RecordStore]) -> None:
    """After a restart everything is there, and the chain goes on where it was."""
    store = await in_thread(make)
    stored = [await call(store.append, _entry(number)) for number in (1, 2, 3)]
    await call(store.close)
    again = await in_thread(lambda: reopen(store))
    require(await _all(again) == stored, "the entries are not what they were before the restart")
    require(
        (await call(again.verify, expected_head=stored[-1].hash)).ok,
        "the chain does not verify after a restart",
    )
    following = await call(again.append, _entry(4))
    require(
        following.seq == 4 and following.prev_hash == stored[-1].hash,
        "the chain does not go on after a restart",
    )
    await call(again.close)


def _read(store: Any, start: int, limit: int | None) -> list[Any]:
    return list(store.entries(start=start, limit=limit))


async def _all(store: Any) -> list[Any]:
    found: list[Any] = await in_thread(lambda: list(store.entries()))
    return found


async def _require_refused(work: Callable[[], Any], what: str) -> None:
    try:
        await in_thread(work)
    except RecordError:
        return
    except Exception as error:
        raise UnmetError(f"{what} raises {type(error).__name__}, not RecordError") from error
    raise UnmetError(f"{what} is not refused")


def _entry(turn: int) -> TurnEntry:
    return TurnEntry(
        turn_id=f"conformance-{turn}",
        thread="conformance",
        turn=turn,
        at="2026-01-31T08:00:00.000Z",
        route="answered",
        reason="checked",
        level="none",
        kinds=(),
        subject="self",
        rules=("rule.one", "rule/two"),
        language="zh-Hans",
        region="CN",
        writer="composer",
        attempts=1,
        defects=(),
        notes=("worry-time",),
        lines=(),
        faults=(),
        redactions={"PERSON": 2},
        versions={"detector": "rules@rules-0123"},
        timings_ms={"screen": 0.25, "record": 12.0},
    )
