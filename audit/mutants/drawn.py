"""Defects that are drawn from the data files: rules, operators, lines, texts, notes, patterns of the checker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cbtguard.audit.mutants.edits import Document, Edit, pairs
from cbtguard.audit.mutants.plan import source

if TYPE_CHECKING:
    from collections.abc import Callable

    from cbtguard.audit.mutants.plan import Found

_RULES = ("safety/risk/data/rules.zh.yaml", "safety/risk/data/rules.en.yaml")
_SCOPES = ("safety/risk/data/scopes.zh.yaml", "safety/risk/data/scopes.en.yaml")
_LINES = "safety/referral/data/directory.yaml"
_TEXTS = "safety/referral/data/texts/{}.yaml"
_CHECKER = "safety/structure/data/defects.yaml"
_LOWER = {"emergency": "crisis", "crisis": "watch", "watch": "none"}
_PROMISE = {
    "en": " You will certainly get well.",
    "zh-Hans": "你很快就能彻底好起来。",
    "zh-Hant": "你很快就能徹底好起來。",
}


def _open(file: str) -> Document:
    return Document.read(source(file))


def _rules(change: Callable[[Document, Any, int], list[tuple[str, Edit]]]) -> list[Found]:
    made: list[Found] = []
    for file in _RULES:
        document = _open(file)
        rules = document.node("rules")
        for place in range(len(rules.value)):
            name = dict(pairs(rules.value[place]))["id"].value
            made += [(file, f"rule {name}: {what}", edit) for what, edit in change(document, rules, place)]
    return made


def rules_deleted() -> list[Found]:
    """A whole rule is gone."""
    return _rules(lambda document, rules, place: [("deleted", document.without(rules, place))])


def rules_lowered() -> list[Found]:
    """A rule gives a lower level; none is no level of a rule, so watch stays out."""

    def lowered(document: Document, rules: Any, place: int) -> list[tuple[str, Edit]]:
        level = dict(pairs(rules.value[place]))["level"]
        lower = _LOWER[level.value]
        return [] if lower == "none" else [(f"{level.value} is now {lower}", document.instead(level, lower))]

    return _rules(lowered)


def patterns_removed() -> list[Found]:
    """One of several patterns of a rule is gone."""

    def removed(document: Document, rules: Any, place: int) -> list[tuple[str, Edit]]:
        listed = dict(pairs(rules.value[place]))["patterns"]
        many = len(listed.value)
        if many == 1:
            return []
        return [(f"pattern {n + 1} of {many} removed", document.without(listed, n)) for n in range(many)]

    return _rules(removed)


def scopes() -> list[Found]:
    """An operator or an innocent phrase is gone, an exception is gone, a kind of effect is exchanged."""
    made: list[Found] = []
    for file in _SCOPES:
        document = _open(file)
        listed = document.node("scopes")
        for place, node in enumerate(listed.value):
            entry = dict(pairs(node))
            name = entry["id"].value
            made.append((file, f"operator {name}: deleted", document.without(listed, place)))
            if "unless" in entry:
                made.append(
                    (file, f"operator {name}: its exception is gone", document.without_key(node, "unless"))
                )
            if "kinds" in entry:
                what = f"operator {name}: for all kinds of danger"
                made.append((file, what, document.without_key(node, "kinds")))
            if entry["effect"].value == "watch":
                edit = document.instead(entry["effect"], "cancel")
                made.append((file, f"operator {name}: cancels where it lowered", edit))
        innocent = document.node("innocent")
        for place in range(len(innocent.value)):
            edit = document.without(innocent, place)
            made.append((file, f"innocent phrases, group {place + 1}: deleted", edit))
    return made


def phone_lines() -> list[Found]:
    """A digit, the hours, the date of the check or the region of a line is another one; a line is gone."""
    document = _open(_LINES)
    listed = document.node("lines")
    made: list[Found] = []
    for place, node in enumerate(listed.value):
        entry = dict(pairs(node))
        name = entry["id"].value
        contact = entry["contact"]
        digits = [i for i, char in enumerate(contact.value) if char.isdigit()]
        if digits:
            at = digits[-1]
            digit = str((int(contact.value[at]) + 1) % 10)
            number = contact.value[:at] + digit + contact.value[at + 1 :]
            made.append((_LINES, f"line {name}: its last digit", document.instead(contact, f'"{number}"')))
        if entry["hours"].value == "24/7":
            made.append(
                (_LINES, f"line {name}: its hours", document.instead(entry["hours"], '"Mo-Fr 09:00-17:00"'))
            )
        if entry["verified_on"].value.startswith("20"):
            old = document.instead(entry["verified_on"], "2019-03")
            made.append((_LINES, f"line {name}: checked long ago", old))
        if place % 3 == 0:
            made.append((_LINES, f"line {name}: deleted", document.without(listed, place)))
        if place % 3 == 1:
            other = "GB" if entry["region"].value != "GB" else "US"
            made.append((_LINES, f"line {name}: of another region", document.instead(entry["region"], other)))
    return made


def referral_texts() -> list[Found]:
    """The slot of the lines is gone, a promise is put in, the grounding exercise is gone."""
    made: list[Found] = []
    for language, promise in _PROMISE.items():
        file = _TEXTS.format(language)
        document = _open(file)
        shared = document.node("crisis", "self", "shared")
        for n, node in enumerate(dict(pairs(shared))["help"].value):
            raw = document.text[node.start_mark.index : node.end_mark.index]
            gone = document.instead(node, raw.replace("{lines}", "...", 1))
            made.append((file, f"{language}, crisis help {n + 1}: the slot of the lines is gone", gone))
        for n, node in enumerate(dict(pairs(shared))["closing"].value):
            raw = document.text[node.start_mark.index : node.end_mark.index].rstrip()
            quoted = raw[-1] in "\"'"
            put = raw[:-1] + promise + raw[-1] if quoted else raw + promise
            made.append(
                (
                    file,
                    f"{language}, crisis closing {n + 1}: a promise is put in",
                    document.instead(node, put),
                )
            )
        for n, node in enumerate(dict(pairs(shared))["grounding"].value):
            other = {"en": "Please wait."}.get(
                language, "请等一下。" if language == "zh-Hans" else "請等一下。"
            )
            gone = document.instead(node, other)
            made.append((file, f"{language}, crisis grounding {n + 1}: the exercise is gone", gone))
    return made


def notes() -> list[Found]:
    """A note is without its caution, or says another thing than it did."""
    made: list[Found] = []
    for path in sorted(source("nodes/retrieval/data/notes").glob("*.yaml"))[::3]:
        file = f"nodes/retrieval/data/notes/{path.name}"
        document = _open(file)
        caution = document.node("not_for", "zh")
        made.append(
            (
                file,
                f"note {path.stem}: its caution in Chinese says nothing",
                document.instead(caution, "无。"),
            )
        )
        steps = document.node("steps", "en")
        if len(steps.value) > 1:
            made.append(
                (
                    file,
                    f"note {path.stem}: its last step in English is gone",
                    document.without(steps, -1 + len(steps.value)),
                )
            )
    return made


def checker_clauses() -> list[Found]:
    """One pattern of a code of the checker is gone, or what excuses its hits excuses all."""
    document = _open(_CHECKER)
    made: list[Found] = []
    for code, node in pairs(document.root):
        for key, value in pairs(node):
            if key in {"any", "zh", "en"} and hasattr(value, "flow_style") and len(value.value) > 1:
                for n in range(len(value.value)):
                    what = f"checker, {code}: pattern {n + 1} under {key} removed"
                    made.append((_CHECKER, what, document.without(value, n)))
    return made


KINDS: dict[str, Callable[[], list[Found]]] = {
    "rule_deleted": rules_deleted,
    "rule_lowered": rules_lowered,
    "pattern_removed": patterns_removed,
    "scope": scopes,
    "phone_line": phone_lines,
    "referral_text": referral_texts,
    "note": notes,
    "checker_clause": checker_clauses,
}
