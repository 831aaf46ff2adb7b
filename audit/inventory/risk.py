"""The rules of the screen: each pattern, each operator and each disguise with a sentence that it must read."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from cbtguard.audit.inventory.patterns import RuleText, ScopeText, innocent_texts, rule_texts, scope_texts
from cbtguard.audit.inventory.witness import texts_for
from cbtguard.safety.risk.detector import RuleDetector
from cbtguard.safety.risk.normalise import normalise

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cbtguard.safety.risk.detector import Hits


@cache
def _detector() -> RuleDetector:
    return RuleDetector()


def _hits(text: str) -> Hits:
    return _detector().hits(normalise(text), text)


def _levels(text: str, rule: str) -> list[str]:
    return [signal.level.value for signal in _hits(text).signals if signal.rule == rule]


class Rules:
    """Every rule, with a probe for each of its patterns that no other pattern of it matches."""

    name = "rules"

    def take(self) -> dict[str, Any]:
        """Return the entries of the present release."""
        known = rule_texts()
        pool = [text for rule in known for text in rule.positive]
        made = {}
        for rule in known:
            says = [probe for i in range(len(rule.patterns)) if (probe := _probe(rule, i, pool))]
            fires = [text for text in rule.positive if rule.level in _levels(text, rule.id)]
            made[rule.id] = {
                "kind": rule.kind,
                "level": rule.level,
                "says": list(dict.fromkeys([*fires[:2], *says])),
            }
        return made

    def differs(self, name: str, expected: Any) -> list[str]:
        """Return which of its probes no longer fire the rule, and how."""
        told = []
        for text in expected["says"]:
            found = [one for one in _hits(text).signals if one.rule == name]
            if not found:
                told.append(f"the rule no longer sees {text!r}")
            elif expected["level"] not in {one.level.value for one in found}:
                told.append(f"{text!r} is {found[0].level.value} where it should be {expected['level']}")
            elif found[0].kind is None or found[0].kind.value != expected["kind"]:
                told.append(f"{text!r} is taken for another kind than {expected['kind']}")
        return told


def _probe(rule: RuleText, number: int, pool: Iterable[str]) -> str | None:
    own, others = rule.patterns[number], [p for i, p in enumerate(rule.patterns) if i != number]

    def alone(text: str) -> bool:
        plain = normalise(text).text
        if not own.search(plain) or any(other.search(plain) for other in others):
            return False
        return rule.level in _levels(text, rule.id)

    for source in (rule.positive, pool, texts_for(own.pattern)):
        found = next((text for text in source if alone(text)), None)
        if found is not None:
            return found
    return None


class Scopes:
    """Every operator, with a sentence that it must soften and one that it must leave alone."""

    name = "scopes"

    def take(self) -> dict[str, Any]:
        """Return the entries of the present release."""
        rules = rule_texts()
        pool = [text for rule in rules for text in (*rule.positive, *rule.negative)]
        seen = {text: {s.scope: (s.rule, s.level.value) for s in _hits(text).softened} for text in pool}
        plain = {r.language: [t for t in r.positive if r.level in _levels(t, r.id)] for r in rules}
        for rule in rules:
            plain[rule.language] += [
                t for t in rule.positive if r_in(t, rule) and t not in plain[rule.language]
            ]
        made = {}
        for scope in scope_texts():
            texts = (*pool, *_softening(scope, plain[scope.language]))
            entry: dict[str, Any] = {"effect": scope.effect, "settles": scope.settles, "kinds": scope.kinds}
            for text in texts:
                found = seen.get(text) or {s.scope: (s.rule, s.level.value) for s in _hits(text).softened}
                if scope.id in found:
                    rule_id, left = found[scope.id]
                    entry |= {"says": text, "rule": rule_id, "left": left}
                    entry |= _held_back(scope, text, rule_id)
                    break
            made[f"{scope.language}.{scope.id}"] = entry
        return made

    def differs(self, name: str, expected: Any) -> list[str]:
        """Return what the operator softens no longer, softens otherwise, or softens beyond its words."""
        now = next((one for one in scope_texts() if f"{one.language}.{one.id}" == name), None)
        if now is None:
            return ["the operator is missing"]
        told = [
            f"its {key} is {have!r} where it should be {expected[key]!r}"
            for key, have in (("effect", now.effect), ("settles", now.settles), ("kinds", now.kinds))
            if have != expected[key]
        ]
        if "says" in expected:
            left = {s.level.value for s in _hits(expected["says"]).softened if s.rule == expected["rule"]}
            if expected["left"] not in left:
                told.append(f"{expected['says']!r} is not softened to {expected['left']} any more")
        if "stays" in expected and not _levels(expected["stays"], expected["rule"]):
            told.append(f"{expected['stays']!r} is excused although it should not be")
        return told


def r_in(text: str, rule: RuleText) -> bool:
    """Whether a rule still sees its own example."""
    return rule.level in _levels(text, rule.id)


def _softening(scope: ScopeText, positive: list[str]) -> Iterator[str]:
    for form in ("before", "sentence", "around", "after"):
        pattern = getattr(scope, form)
        if pattern is None:
            continue
        for words in list(texts_for(pattern, tries=4)):
            for text in positive[::4]:
                yield text + words if form == "after" else words + text
                if form in {"sentence", "around"}:
                    yield f"{words}，{text}"


def _held_back(scope: ScopeText, text: str, rule: str) -> dict[str, str]:
    """A sentence that the operator would soften but for its own exception."""
    if scope.unless is None:
        return {}
    for words in list(texts_for(scope.unless, tries=8)):
        for tried in (f"{text}，{words}", f"{words}，{text}", f"{text} {words}"):
            hits = _hits(tried)
            full = [s for s in hits.signals if s.rule == rule]
            if full and not any(s.rule == rule for s in hits.softened):
                return {"stays": tried}
    return {}


class Innocent:
    """Every phrase that only looks dangerous."""

    name = "innocent"

    def take(self) -> dict[str, Any]:
        """Return the entries of the present release."""
        patterns = innocent_texts()
        made = {}
        for number, (language, pattern) in enumerate(patterns, 1):
            others = [other for _, other in patterns if other is not pattern]
            for text in texts_for(pattern.pattern):
                plain = normalise(text).text
                if (
                    pattern.search(plain)
                    and not any(o.search(plain) for o in others)
                    and _hits(text).innocent
                ):
                    made[f"{language}.{number}"] = {"says": text}
                    break
        return made

    def differs(self, name: str, expected: Any) -> list[str]:
        """Return that a phrase is no longer known to be harmless."""
        del name
        known = _hits(expected["says"]).innocent
        return [] if known else [f"{expected['says']!r} is no longer known to be harmless"]
