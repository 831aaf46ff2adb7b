from __future__ import annotations

import pickle
from dataclasses import FrozenInstanceError, fields
from enum import StrEnum
from typing import Any

import pytest

from cbtguard.safety.errors import RecordError
from cbtguard.safety.record import TurnEntry
from cbtguard.safety.record.shapes import MAX_COUNT, MAX_ITEMS

VALUES: dict[str, Any] = {
    "turn_id": "t-1",
    "thread": "hmac:0f1e",
    "turn": 1,
    "at": "2025-01-31T08:00:00.000Z",
    "route": "reply",
    "reason": "checked",
    "level": "none",
    "kinds": ("sleep",),
    "subject": "self",
    "rules": ("risk.zh/12",),
    "language": "zh-Hans",
    "region": "CN",
    "writer": "org/model.v1@main:q4",
    "attempts": 1,
    "defects": (),
    "notes": ("note-1",),
    "lines": (),
    "faults": ("privacy:timeout:TimeoutError",),
    "redactions": {"PERSON": 2},
    "versions": {"rules": "0123456789ab"},
    "timings_ms": {"screen": 1.5},
    "review": None,
    "schema": 2,
}
DEFAULTS = {"review", "schema"}

STRINGS = ("turn_id", "thread", "route", "reason", "level", "subject", "language", "region", "writer")
TUPLES = ("kinds", "rules", "defects", "notes", "lines", "faults")
MAPPINGS = ("redactions", "versions", "timings_ms")

USER_TEXTS = (
    "我不想活了",
    "活",
    "I want to sleep",
    "word\n",
    "\tword",
    "what?",
    "don't",
    "half,half",
    "１２３",
    "naïve",
    "\u200b",
    "😢",
    "a\x00b",
    "{json}",
    "\udc80",
    "x" * 129,
)


def build(**changes: Any) -> TurnEntry:
    return TurnEntry(**{**VALUES, **changes})


def test_keeps_what_it_was_given() -> None:
    entry = build()
    assert entry.as_dict() == {k: list(v) if isinstance(v, tuple) else v for k, v in VALUES.items()}
    assert TurnEntry.from_dict(entry.as_dict()) == entry
    assert pickle.loads(pickle.dumps(entry)) == entry  # noqa: S301
    assert {field.name for field in fields(TurnEntry)} == set(VALUES)


def test_is_frozen_and_keyword_only() -> None:
    with pytest.raises(FrozenInstanceError):
        build().route = "other"  # type: ignore[misc]
    build_by_place: Any = TurnEntry
    with pytest.raises(TypeError):
        build_by_place(*VALUES.values())


def test_every_field_is_asked_for() -> None:
    for name in VALUES.keys() - DEFAULTS:
        with pytest.raises(TypeError):
            TurnEntry(**{k: v for k, v in VALUES.items() if k != name})


@pytest.mark.parametrize("text", USER_TEXTS)
def test_user_text_is_refused_in_every_place(text: str) -> None:
    attempts = [build_attempt(name, text) for name in (*STRINGS, "at")]
    attempts += [build_attempt(name, ("fine", text)) for name in TUPLES]
    attempts += [build_attempt(name, {text: VALUES[name][key]}) for name, key in key_of_mappings()]
    attempts += [build_attempt("versions", {"rules": text})]
    for error in attempts:
        assert error.code == "record.text"
        assert text not in str(error)
        assert text not in repr(error)
        assert error.__cause__ is None


def key_of_mappings() -> list[tuple[str, str]]:
    return [(name, next(iter(VALUES[name]))) for name in MAPPINGS]


def build_attempt(name: str, value: object) -> RecordError:
    with pytest.raises(RecordError, match=name) as caught:
        build(**{name: value})
    return caught.value


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("turn_id", ""),
        ("thread", ""),
        ("route", ""),
        ("writer", ""),
        ("kinds", ("",)),
        ("redactions", {"": 1}),
        ("level", None),
        ("reason", 3),
        ("region", b"CN"),
        ("notes", (None,)),
        ("versions", {"rules": None}),
        ("versions", {1: "x"}),
        ("at", "2025-01-31 08:00:00.000Z"),
        ("at", "2025-01-31T08:00:00Z"),
        ("at", "2025-01-31T08:00:00.000+08:00"),
        ("at", "2025-01-31T08:00:00.000"),
        ("at", ""),
    ],
)
def test_other_shapes_of_strings_are_refused(name: str, value: object) -> None:
    assert build_attempt(name, value).code == "record.text"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("turn", -1),
        ("turn", True),
        ("turn", 1.0),
        ("turn", "1"),
        ("attempts", MAX_COUNT + 1),
        ("attempts", None),
        ("kinds", "sleep"),
        ("kinds", ["sleep"]),
        ("kinds", {"sleep"}),
        ("rules", tuple(f"r{n}" for n in range(MAX_ITEMS + 1))),
        ("redactions", {"PERSON": -1}),
        ("redactions", {"PERSON": False}),
        ("redactions", [("PERSON", 1)]),
        ("versions", {f"v{n}": "1" for n in range(MAX_ITEMS + 1)}),
        ("timings_ms", {"screen": float("nan")}),
        ("timings_ms", {"screen": float("inf")}),
        ("timings_ms", {"screen": -0.1}),
        ("timings_ms", {"screen": True}),
        ("timings_ms", {"screen": "1"}),
        ("timings_ms", {"screen": 10**400}),
        ("at", "2025-02-30T08:00:00.000Z"),
        ("at", "2025-01-31T25:00:00.000Z"),
    ],
)
def test_numbers_and_containers_out_of_range_are_refused(name: str, value: object) -> None:
    assert build_attempt(name, value).code == "record.value"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("writer", None),
        ("reason", ""),
        ("level", ""),
        ("at", "2024-02-29T23:59:59.999+00:00"),
        ("notes", tuple(f"n{n}" for n in range(MAX_ITEMS))),
        ("turn", 0),
        ("attempts", MAX_COUNT),
        ("rules", ("x" * 128,)),
        ("language", "_.:+/@-"),
    ],
)
def test_edges_are_accepted(name: str, value: object) -> None:
    assert getattr(build(**{name: value}), name) == value


def test_values_become_plain_primitives() -> None:
    class Level(StrEnum):
        HIGH = "high"

    class Loud(str):
        __slots__ = ()

        def __str__(self) -> str:
            return "other"

    entry = build(level=Level.HIGH, kinds=(Level.HIGH,), subject=Loud("self"), timings_ms={"screen": 2})
    assert [type(v) for v in (entry.level, entry.kinds[0], entry.subject)] == [str, str, str]
    assert (entry.level, entry.kinds, entry.subject) == ("high", ("high",), "self")
    assert type(entry.timings_ms["screen"]) is float


def test_mappings_are_copied() -> None:
    versions = {"rules": "1"}
    entry = build(versions=versions)
    versions["rules"] = "2"
    entry.as_dict()["versions"]["rules"] = "3"
    assert entry.versions == {"rules": "1"}


@pytest.mark.parametrize("whole", [None, [], {}, {"turn_id": "t"}, {**VALUES, "text": "x"}])
def test_other_fields_are_refused(whole: object) -> None:
    with pytest.raises(RecordError) as caught:
        TurnEntry.from_dict(whole)
    assert caught.value.code == "record.value"
