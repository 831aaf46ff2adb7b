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
from cbtguard.safety.record.review import Review
from cbtguard.safety.record.shapes import count, duration, identifier, identifiers, items, misshapen, moment

SCHEMA: Final = 2
"""Schema of the entries that this package writes. It reads and verifies schema 1 too."""

ADDED: Final = {"schema": 2, "review": 2}
"""Fields that came after schema 1, and the schema they came with."""


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
        review: What a reviewer did with the turn, or None. Not in schema 1.
        schema: Schema of the entry, 1 or 2. An entry of schema 1 was written by an earlier release; its
            JSON has neither `review` nor `schema`, so that its hash stays what it was.

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
    review: Review | None = None
    schema: int = SCHEMA

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
        self._check_schema()

    def as_dict(self) -> dict[str, Any]:
        """Return the entry as fresh JSON primitives, tuples as lists."""
        whole: dict[str, Any] = {}
        for name in fields_of(self.schema):
            value = getattr(self, name)
            if isinstance(value, tuple):
                value = list(value)
            elif isinstance(value, dict):
                value = dict(value)
            elif isinstance(value, Review):
                value = value.as_dict()
            whole[name] = value
        return whole

    @classmethod
    def from_dict(cls, whole: object) -> TurnEntry:
        """Return the entry of a mapping that `as_dict` or JSON gave.

        Raises:
            RecordError: ``record.value`` when a field is missing or unknown; as for the constructor else.
        """
        schema = whole.get("schema", 1) if isinstance(whole, dict) else None
        if not isinstance(whole, dict) or whole.keys() != set(fields_of(schema)):
            raise RecordError(
                "record.value",
                "The record entry does not have exactly the fields of a turn.",
                hint="Build entries with TurnEntry; it names the fields.",
            )
        values: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in whole.items()}
        values["schema"] = schema
        if values.get("review") is not None:
            values["review"] = Review.from_dict(values["review"])
        return cls(**values)

    def _check_schema(self) -> None:
        schema: object = self.schema
        if isinstance(schema, bool) or not isinstance(schema, int) or not 1 <= schema <= SCHEMA:
            raise misshapen("schema", f"a whole number from 1 to {SCHEMA}")
        if self.review is not None and (self.schema == 1 or not isinstance(self.review, Review)):
            raise misshapen("review", "a Review or None, and None in schema 1")
        object.__setattr__(self, "schema", int(schema))


FIELDS: Final = tuple(field.name for field in fields(TurnEntry))
"""Names of an entry's fields, in order."""

_OF_SCHEMA: Final = {
    schema: tuple(name for name in FIELDS if ADDED.get(name, 1) <= schema) for schema in range(1, SCHEMA + 1)
}


def fields_of(schema: object) -> tuple[str, ...]:
    """Return the names of the fields that an entry of a schema has, in order; those of the latest else."""
    return _OF_SCHEMA.get(schema, FIELDS) if isinstance(schema, int) else FIELDS


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEntry:
    """An entry with its place in the chain.

    Attributes:
        seq: Place from 1, without gaps.
        record_id: ``r{seq}-`` and the first 16 hex digits of `hash`.
        prev_hash: Hash of the entry before, or 64 zeros for the first.
        hash: SHA-256 (64 hex digits) over `seq`, `prev_hash` and the entry; see `chain.link`.
        entry: What the turn left behind.
        signature: Ed25519 signature of `seq` and `hash` as `signing` writes it, or None without a key.
    """

    seq: int
    record_id: str
    prev_hash: str
    hash: str
    entry: TurnEntry
    signature: str | None = None
