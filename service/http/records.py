"""The record over HTTP, for the scope audit: read, filtered, verified, exported. It holds no user text."""

from __future__ import annotations

import asyncio
import io
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from fastapi import APIRouter, Query, Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from cbtguard.safety.errors import InputError
from cbtguard.safety.record import to_csv, to_jsonl
from cbtguard.service.http.core import Auditing, core_of
from cbtguard.service.http.shapes import PROBLEMS, RecordsOut, VerifyOut

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from cbtguard.safety.record import RecordStore, StoredEntry

_WINDOW: Final = 5_000
"""Entries that one request reads; a filter that fits few of them goes on with ``next_after``."""
_VERIFY_S: Final = 3600.0
_CHUNK: Final = 500

router = APIRouter(tags=["record"], responses=PROBLEMS)


@router.get("/v1/records", response_model=RecordsOut)
async def records(
    request: Request,
    caller: Auditing,
    after: Annotated[int, Query(ge=0, le=2**53, description="Place behind which to begin.")] = 0,
    last: Annotated[int | None, Query(ge=1, le=500, description="Only the newest so many.")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    route: str | None = None,
    reason: str | None = None,
    level: str | None = None,
    since: Annotated[str | None, Query(description="UTC time, ISO 8601, from which on.")] = None,
    until: Annotated[str | None, Query(description="UTC time, ISO 8601, up to which.")] = None,
) -> JSONResponse:
    """List entries, oldest first."""
    del caller
    wanted = {"route": route, "reason": reason, "level": level}
    fits = {name: value for name, value in wanted.items() if value is not None}

    def read() -> dict[str, Any]:
        store = core_of(request).guard.services.record
        start = after + 1 if last is None else max(after + 1, newest(store) - last + 1)
        found: list[dict[str, Any]] = []
        place = start - 1
        for stored in store.entries(start=start, limit=_WINDOW):
            place = stored.seq
            if _fits(stored, fits, since, until):
                found.append(shown(stored))
                if len(found) == limit:
                    break
        more = next(iter(store.entries(start=place + 1, limit=1)), None) is not None
        return {"entries": found, "next_after": place if more else None}

    return JSONResponse(await core_of(request).run(read, 60))


@router.get("/v1/records/verify", response_model=VerifyOut)
async def verify(
    request: Request,
    caller: Auditing,
    head: Annotated[str | None, Query(description="A head noted earlier.", pattern="^[0-9a-f]{64}$")] = None,
) -> JSONResponse:
    """Walk the whole chain and name the first break."""
    del caller
    core = core_of(request)
    report = await core.run(lambda: core.guard.services.record.verify(expected_head=head), _VERIFY_S)
    return JSONResponse(
        {
            "ok": report.ok,
            "entries": report.entries,
            "head": report.head,
            "first_bad": report.first_bad,
            "reason": report.reason,
            "signed": report.signed,
        }
    )


@router.get(
    "/v1/records/export",
    response_class=Response,
    responses={200: {"description": "All entries", "content": {"application/jsonl": {}, "text/csv": {}}}},
)
async def export(
    request: Request,
    caller: Auditing,
    format: Literal["jsonl", "csv"] = "jsonl",  # noqa: A002 - its name outside
) -> Response:
    """Give all entries; the JSON Lines verify again, byte for byte, with `cbtguard log verify --export`."""
    del caller
    entries = iter(core_of(request).guard.services.record.entries())
    kind = "text/csv" if format == "csv" else "application/jsonl"
    return StreamingResponse(_lines(entries, format), media_type=kind)


@router.get("/v1/records/{record_id}", response_model=dict[str, Any])
async def record(request: Request, record_id: str, caller: Auditing) -> JSONResponse:
    """Give one entry."""
    del caller
    core = core_of(request)
    place, _, digits = record_id.removeprefix("r").partition("-")

    def read() -> StoredEntry | None:
        store = core.guard.services.record
        return next(iter(store.entries(start=int(place), limit=1)), None)

    sound = place.isascii() and place.isdecimal() and 0 < len(place) < 16 and int(place) > 0
    found = await core.run(read, 60) if sound and digits else None
    if found is None or found.record_id != record_id:
        raise InputError("input.record_unknown", "There is no entry with this id.", hint="See /v1/records.")
    return JSONResponse(shown(found))


def newest(store: RecordStore) -> int:
    """Return the place of the newest entry, 0 when there is none, in few reads."""

    def there(place: int) -> bool:
        return next(iter(store.entries(start=place, limit=1)), None) is not None

    low, high = 0, 1
    while there(high):
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if there(middle) else (low, middle)
    return low


def shown(stored: StoredEntry) -> dict[str, Any]:
    """Return an entry with its place in the chain, as the export writes it."""
    return {
        "seq": stored.seq,
        "record_id": stored.record_id,
        "prev_hash": stored.prev_hash,
        "hash": stored.hash,
        "entry": stored.entry.as_dict(),
        "signature": stored.signature,
    }


def _fits(stored: StoredEntry, fits: dict[str, str], since: str | None, until: str | None) -> bool:
    entry = stored.entry
    in_time = (since is None or entry.at >= since) and (until is None or entry.at <= until)
    return in_time and all(getattr(entry, name) == value for name, value in fits.items())


async def _lines(entries: Iterator[StoredEntry], form: str) -> AsyncIterator[bytes]:
    first = True
    while True:
        text = await asyncio.to_thread(_some, entries, form, first=first)
        if not text:
            return
        first = False
        yield text.encode()


def _some(entries: Iterator[StoredEntry], form: str, *, first: bool) -> str:
    some = list(islice(entries, _CHUNK))
    stream = io.StringIO(newline="")
    if form == "csv" and (some or first):
        to_csv(some, stream)
        text = stream.getvalue()
        # The header stands once.
        return text if first else text.partition("\n")[2]
    to_jsonl(some, stream)
    return stream.getvalue()
