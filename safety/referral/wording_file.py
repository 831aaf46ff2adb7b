"""A file of referral texts: from YAML to checked parts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from cbtguard.safety.files import read_yaml
from cbtguard.safety.referral.line_entry import malformed
from cbtguard.safety.referral.model import Channel, Reason
from cbtguard.safety.referral.mood import Mood
from cbtguard.safety.referral.rules import STATEMENT_CUES, Rules, fields
from cbtguard.safety.referral.wording import (
    AGAIN_BODIES,
    AGAIN_KINDS,
    AGAIN_OPENINGS,
    AGAIN_OWN,
    ANY,
    CARE_VARIANTS,
    LEAD_VARIANTS,
    VARIANTS,
    Plan,
    Wording,
)
from cbtguard.safety.risk.model import Kind, Level, Subject

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_SHARED = "shared"

_LISTS = ("help", "people", "grounding", "closing")
_WORDS = frozenset(
    {"or", "bullet", "bullet_without_contact", "notes", "notes_between", "inline", "sentence_gap"}
    | {"channels", "languages", "check_number"}
)
_TOP = frozenset(
    {"language", "words", "disclosure", "last_resort", "again", "care", "care_lead"}
) | frozenset({"fallback", "safety_note"})
_TOP_OPTIONAL = frozenset({"disclosure_again"})
_CONTACT = re.compile(r"[a-z]+\.[a-z]+|\d[\d -]*\d")


class _Reader:
    """Takes checked texts out of one parsed file."""

    def __init__(self, path: Path, rules: Rules) -> None:
        self.path = path
        self.rules = rules

    def mapping(self, entry: str, value: Any, keys: frozenset[str], optional: frozenset[str]) -> Any:
        if not isinstance(value, dict) or not keys <= set(value) <= keys | optional:
            raise malformed(
                self.path, entry, f"must have exactly {sorted(keys)}, may have {sorted(optional)}"
            )
        return value

    def text(self, entry: str, value: Any, needs: frozenset[str] = frozenset()) -> str:
        if not isinstance(value, str) or not value or value != value.strip():
            raise malformed(self.path, entry, "must be text without blanks around it")
        self.rules.check(self.path, entry, value)
        if not needs <= set(fields(self.path, entry, value)):
            raise malformed(self.path, entry, f"must name the fields {sorted(needs)}")
        return value

    def texts(
        self, entry: str, value: Any, fewest: int, needs: frozenset[str] = frozenset()
    ) -> tuple[str, ...]:
        if not isinstance(value, list) or len(value) < fewest:
            raise malformed(self.path, entry, f"must hold at least {fewest} texts")
        texts = tuple(self.text(f"{entry}/{i}", item, needs) for i, item in enumerate(value))
        if len(set(texts)) != len(texts):
            raise malformed(self.path, entry, "holds the same text twice")
        return texts


def read_wording(path: Path, rules: Rules, language: str) -> Wording:
    """Read and check the texts of one language.

    Raises:
        DataError: ``data.unreadable`` or ``data.malformed``, naming the file and the entry.
    """
    reader = _Reader(path, rules)
    data = reader.mapping("top", read_yaml(path), _TOP | {Level.CRISIS, Level.EMERGENCY}, _TOP_OPTIONAL)
    if data["language"] != language:
        raise malformed(path, "language", f"must be {language!r}")
    plans: dict[tuple[str, str, str], Plan] = {}
    also: dict[tuple[str, str], str] = {}
    for level in (Level.CRISIS, Level.EMERGENCY):
        by_subject = reader.mapping(level, data[level], frozenset(Subject), frozenset())
        for subject, items in by_subject.items():
            entry = f"{level}/{subject}"
            reader.mapping(entry, items, frozenset({_SHARED, *Kind}), frozenset())
            for kind in Kind:
                plans[level, subject, kind] = _plan(reader, f"{entry}/{kind}", items[kind], items[_SHARED])
                if level == Level.CRISIS:
                    also[subject, kind] = reader.text(f"{entry}/{kind}/also", items[kind].get("also"))
    fallback = reader.mapping("fallback", data["fallback"], frozenset({"tail", *Reason}), frozenset())
    notes = reader.mapping("safety_note", data["safety_note"], frozenset({ANY, *Kind}), frozenset())
    leads = reader.mapping("care_lead", data["care_lead"], frozenset(Mood), frozenset())
    way = frozenset({"line", "emergency"})
    again, again_body = _again(reader, data["again"], way)
    wording = Wording(
        language=language,
        words=_words(reader, data["words"]),
        disclosure=reader.text("disclosure", data["disclosure"]),
        disclosure_again=reader.text("disclosure_again", data.get("disclosure_again", data["disclosure"])),
        last_resort=_last_resort(reader, data["last_resort"]),
        plans=plans,
        also=also,
        again=again,
        again_body=again_body,
        care=reader.texts("care", data["care"], CARE_VARIANTS, way),
        care_lead={m: reader.texts(f"care_lead/{m}", leads[m], LEAD_VARIANTS) for m in Mood},
        fallback={r: reader.texts(f"fallback/{r}", fallback[r], VARIANTS) for r in Reason},
        tail=reader.texts("fallback/tail", fallback["tail"], VARIANTS, frozenset({"lines"})),
        safety_note={k: reader.text(f"safety_note/{k}", notes[k], way) for k in (ANY, *Kind)},
    )
    for entry, whole, groups in _wholes(wording):
        missing = rules.missing_cues(whole, groups)
        if missing:
            raise malformed(path, entry, f"holds no cue of the groups {', '.join(missing)}")
    return wording


def _plan(reader: _Reader, entry: str, own: Any, shared: Any) -> Plan:
    reader.mapping(entry, own, frozenset({"opening", "ask", "now"}), frozenset({"also", *_LISTS}))
    reader.mapping(f"{entry.rsplit('/', 1)[0]}/{_SHARED}", shared, frozenset(_LISTS), frozenset())
    lists = {
        key: reader.texts(
            f"{entry}/{key}",
            own.get(key, shared[key]),
            VARIANTS,
            frozenset({"lines"}) if key == "help" else frozenset(),
        )
        for key in _LISTS
    }
    return Plan(
        opening=reader.texts(f"{entry}/opening", own["opening"], VARIANTS),
        ask=reader.text(f"{entry}/ask", own["ask"]),
        now=reader.text(f"{entry}/now", own["now"]),
        **lists,
    )


def _again(
    reader: _Reader, data: Any, way: frozenset[str]
) -> tuple[dict[tuple[str, str], tuple[str, ...]], dict[tuple[str, str], tuple[str, ...]]]:
    openings: dict[tuple[str, str], tuple[str, ...]] = {}
    bodies: dict[tuple[str, str], tuple[str, ...]] = {}
    for subject, item in reader.mapping("again", data, frozenset(Subject), frozenset()).items():
        entry = f"again/{subject}"
        reader.mapping(entry, item, frozenset({"opening", "body"}), frozenset({"own"}))
        first = reader.mapping(f"{entry}/opening", item["opening"], AGAIN_KINDS, frozenset())
        own = reader.mapping(f"{entry}/own", item.get("own", {}), frozenset(), AGAIN_KINDS)
        shared = reader.texts(f"{entry}/body", item["body"], AGAIN_BODIES, way)
        for kind in AGAIN_KINDS:
            openings[subject, kind] = reader.texts(f"{entry}/opening/{kind}", first[kind], AGAIN_OPENINGS)
            bodies[subject, kind] = (
                reader.texts(f"{entry}/own/{kind}", own[kind], AGAIN_OWN, way) if kind in own else shared
            )
    return openings, bodies


def _words(reader: _Reader, words: Any) -> Any:
    reader.mapping("words", words, _WORDS, frozenset())
    for key, needs in {
        "bullet": {"contact", "name", "notes"},
        "bullet_without_contact": {"name", "notes"},
        "notes": {"notes"},
        "inline": {"contact", "name"},
    }.items():
        if not isinstance(words[key], str) or set(fields(reader.path, f"words/{key}", words[key])) != needs:
            raise malformed(reader.path, f"words/{key}", f"must be text with the fields {sorted(needs)}")
    reader.text("words/check_number", words["check_number"])
    reader.mapping("words/channels", words["channels"], frozenset(Channel), frozenset())
    if not isinstance(words["languages"], dict):
        raise malformed(reader.path, "words/languages", "must be a mapping")
    return words


def _last_resort(reader: _Reader, data: Any) -> str:
    reader.mapping("last_resort", data, frozenset({"contacts", "text"}), frozenset())
    text, contacts = data["text"], data["contacts"]
    if not isinstance(text, str) or not isinstance(contacts, list):
        raise malformed(reader.path, "last_resort", "must have a text and a list of contacts")
    rest = text
    for contact in sorted(contacts, key=len, reverse=True):
        if not isinstance(contact, str) or not _CONTACT.fullmatch(contact) or contact not in text:
            raise malformed(reader.path, "last_resort", "must list contacts that stand in its text")
        rest = rest.replace(contact, "")
    if set(fields(reader.path, "last_resort", rest)):
        raise malformed(reader.path, "last_resort", "must not leave anything open")
    # What is left after the listed contacts must hold no digit, like any other text.
    reader.rules.check(reader.path, "last_resort", rest[: reader.rules.longest])
    reader.rules.check(reader.path, "last_resort", rest[reader.rules.longest :])
    return text


def _wholes(wording: Wording) -> Iterator[tuple[str, str, frozenset[str]]]:
    """Yield the id, the whole text with its fields open, and the cues it needs (none: all of them)."""
    for (level, subject, kind), plan in wording.plans.items():
        for v in range(VARIANTS):
            parts = (plan.opening[v], plan.ask, plan.now, plan.help[v], plan.people[v], plan.closing[v])
            yield f"{level}/{subject}/{kind}/{v}", "\n".join(parts), frozenset()
    for (subject, kind), bodies in wording.again_body.items():
        for index, text in enumerate(bodies):
            yield f"again/{subject}/{kind}/body/{index}", text, frozenset()
    for index, text in enumerate(wording.care):
        yield f"care/{index}", text, frozenset()
    for kind, text in wording.safety_note.items():
        yield f"safety_note/{kind}", text, frozenset()
    for index, text in enumerate(wording.tail):
        yield f"fallback/tail/{index}", text, STATEMENT_CUES
    yield "last_resort", wording.last_resort, STATEMENT_CUES
