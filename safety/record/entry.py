"""What one turn leaves behind: a record entry of identifiers, counts and times, and no user text.

Every string of an entry must be an identifier. The pattern has no space, no quote, no bracket and no
letter outside ASCII, so a sentence, a Chinese word or a model's reply cannot enter by mistake. A pattern
judges the shape and not the meaning: an e-mail address or a telephone number has the shape of an
identifier, so callers pass names of rules, notes, lines and versions, and never a value they were sent.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Final

from cbtguard.safety.errors import RecordError
from cbtguard.safety.record.shapes import count, duration, identifier, identifiers, items, moment


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnEntry:
    """One turn of the flow, as JSON primitives.

    Strings match ``[A-Za-z0-9_.:+/@-]{0,128}``; `turn_id`, `thread`, `route`, a `writer` that is not None,
    items of tuples and keys of mappings are not empty. Values are copied and normalised on construction:
    members of a string enum become plain strings, whole milliseconds become floats.

    Attributes:
        turn_id: Identifier of the turn.
        thread: Keyed or hashed reference of the thread, never the caller's raw id.
        turn: Number of the turn in its thread, 0 or more.
        at: UTC time in ISO 8601 with milliseconds, ``2025-01-31T08:00:00.000Z`` or ``+00:00``.
        route: Way the turn took.
        reason: Why it took that way, such as ``crisis``, ``care``, ``checked``, ``fault``, ``no_note``.
        level: Risk level.
        kinds: Kinds of risk.
        subject: Whom the risk concerns.
        rules: Ids of the rules and signals that fired.
        language: Language tag.
        region: Region code.
        writer: Name of the writer, or None when no draft was asked for.
        attempts: Drafts asked for, 0 or more.
        defects: Codes of the structure defects found.
        notes: Ids of the technique notes used.
        lines: Ids of the referral lines given.
        faults: Faults of stops as ``stop:fault:cause``.
        redactions: Entity type to number of places redacted, 0 or more.
        versions: Part to version.
        timings_ms: Stop to milliseconds, finite and 0 or more.

    Raises:
        RecordError: ``record.text`` where a string has another shape, ``record.value`` where a number or
            a container is of another type or out of range. Neither message holds the value.
    """

    turn_id: str
    thread: str
    turn: int
    at: str
    route: str
    reason: str
    level: str
    kinds: tuple[str, ...]
    subject: str
    rules: tuple[str, ...]
    language: str
    region: str
    writer: str | None
    attempts: int
    defects: tuple[str, ...]
    notes: tuple[str, ...]
    lines: tuple[str, ...]
    faults: tuple[str, ...]
    redactions: dict[str, int]
    versions: dict[str, str]
    timings_ms: dict[str, float]

    def __post_init__(self) -> None:
        clean: dict[str, Any] = {
            "at": moment("at", self.at),
            "writer": None if self.writer is None else identifier("writer", self.writer, least=1),
            "redactions": {key: count("redactions", n) for key, n in items("redactions", self.redactions)},
            "versions": {key: identifier("versions", v) for key, v in items("versions", self.versions)},
            "timings_ms": {key: duration("timings_ms", t) for key, t in items("timings_ms", self.timings_ms)},
        }
        for name in ("turn_id", "thread", "route"):
            clean[name] = identifier(name, getattr(self, name), least=1)
        for name in ("reason", "level", "subject", "language", "region"):
            clean[name] = identifier(name, getattr(self, name))
        for name in ("turn", "attempts"):
            clean[name] = count(name, getattr(self, name))
        for name in ("kinds", "rules", "defects", "notes", "lines", "faults"):
            clean[name] = identifiers(name, getattr(self, name))
        for name, value in clean.items():
            object.__setattr__(self, name, value)

    def as_dict(self) -> dict[str, Any]:
        """Return the entry as fresh JSON primitives, tuples as lists."""
        whole: dict[str, Any] = {}
        for name in FIELDS:
            value = getattr(self, name)
            if isinstance(value, tuple):
                value = list(value)
            elif isinstance(value, dict):
                value = dict(value)
            whole[name] = value
        return whole

    @classmethod
    def from_dict(cls, whole: object) -> TurnEntry:
        """Return the entry of a mapping that `as_dict` or JSON gave.

        Raises:
            RecordError: ``record.value`` when a field is missing or unknown; as for the constructor else.
        """
        if not isinstance(whole, dict) or whole.keys() != set(FIELDS):
            raise RecordError(
                "record.value",
                "The record entry does not have exactly the fields of a turn.",
                hint="Build entries with TurnEntry; it names the fields.",
            )
        values: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in whole.items()}
        return cls(**values)


FIELDS: Final = tuple(field.name for field in fields(TurnEntry))
"""Names of an entry's fields, in order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEntry:
    """An entry with its place in the chain.

    Attributes:
        seq: Place from 1, without gaps.
        record_id: ``r{seq}-`` and the first 16 hex digits of `hash`.
        prev_hash: Hash of the entry before, or 64 zeros for the first.
        hash: SHA-256 (64 hex digits) over `seq`, `prev_hash` and the entry; see `chain.link`.
        entry: What the turn left behind.
    """

    seq: int
    record_id: str
    prev_hash: str
    hash: str
    entry: TurnEntry
