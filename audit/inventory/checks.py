"""The checker: every pattern of every code, and every clause beside them, with an answer that it must stop."""

from __future__ import annotations

import re
from functools import cached_property
from typing import Any

from cbtguard.audit.inventory.differ import differences
from cbtguard.audit.inventory.probes import probes
from cbtguard.audit.inventory.witness import texts_for
from cbtguard.safety.files import read_yaml
from cbtguard.safety.structure import Part, StructureChecker, releasable
from cbtguard.safety.structure.harm import DATA, find_harm
from cbtguard.safety.structure.model import Defect, PartFinding, Review

_LANGUAGES = ("any", "zh", "en")


def _codes(text: str, language: str) -> list[str]:
    return [one.code for one in find_harm(text, english=language == "en", reading=None)]


class Patterns:
    """Each pattern of each code, by words that no other pattern of the code matches; the rules alone, no model."""

    name = "checker"

    def take(self) -> dict[str, Any]:
        """Return code and number of the pattern to the words."""
        made: dict[str, Any] = {}
        for code, entry in read_yaml(DATA).items():
            listed = {key: _listed(entry.get(key)) for key in _LANGUAGES}
            every = [re.compile(one) for key in _LANGUAGES for one in listed[key]]
            for key in _LANGUAGES:
                for number, pattern in enumerate(listed[key], 1):
                    others = [one for one in every if one.pattern != pattern]
                    language = "en" if key == "en" else "zh"
                    for text in (*entry["positive"], *texts_for(pattern, tries=60)):
                        plain = text.lower()
                        alone = re.search(pattern, plain) and not any(o.search(plain) for o in others)
                        if alone and code in _codes(text, language):
                            made[f"{code}.{key}.{number}"] = {
                                "code": code,
                                "language": language,
                                "says": text,
                            }
                            break
            for number, text in enumerate(entry["negative"], 1):
                language = "zh" if re.search(r"[\u3400-\u9fff]", text) else "en"
                if code not in _codes(text, language):
                    made[f"{code}.harmless.{number}"] = {"not": code, "language": language, "says": text}
        return made

    def differs(self, name: str, expected: Any) -> list[str]:
        """Return that the words are no longer stopped, or stopped although they are harmless."""
        del name
        found = _codes(expected["says"], expected["language"])
        if "not" in expected:
            return [f"harmless words are taken for {expected['not']}"] if expected["not"] in found else []
        return [] if expected["code"] in found else [f"{expected['says']!r} is no longer {expected['code']}"]


def _listed(patterns: Any) -> list[str]:
    return [] if patterns is None else [patterns] if isinstance(patterns, str) else list(patterns)


class Answers:
    """Whole answers that people wrote: every defect, every part with the place it is seen in, how sure."""

    name = "answers"

    @cached_property
    def _checker(self) -> StructureChecker:
        return StructureChecker()

    def _seen(self, probe: dict[str, Any]) -> dict[str, Any]:
        named = {key: probe[key] for key in ("language", "notes", "citations", "danger") if key in probe}
        review = self._checker.check(probe["question"], probe["answer"], **named)
        return {
            "defects": sorted({one.code for one in review.defects}),
            "parts": {
                part.value: round(found.score, 3) for part, found in review.parts.items() if found.present
            },
        }

    def take(self) -> dict[str, Any]:
        """Return what the checker makes of each answer."""
        return {name: {**one, **self._seen(one)} for name, one in probes("answers").items()}

    def differs(self, name: str, expected: Any) -> list[str]:
        """Return what the checker finds otherwise."""
        del name
        return differences({key: expected[key] for key in ("defects", "parts")}, self._seen(expected))


class Beginnings:
    """How much of a draft may be read early, for each state of its first parts and each defect."""

    name = "prefix"

    def take(self) -> dict[str, Any]:
        """Return situation to the number of characters."""
        made: dict[str, Any] = {}
        for code in ("", "means", "diagnosis", "missing_strategy", "too_short", "loop"):
            made[f"two parts, {code or 'sound'}"] = _released((0, 8), (8, 16), code)
        made["one part"] = _released((0, 8), None, "")
        made["parts the wrong way round"] = _released((8, 16), (0, 8), "")
        made["parts that overlap"] = _released((0, 12), (8, 16), "")
        return made

    def differs(self, name: str, expected: Any) -> list[str]:
        """Return that another length may be read."""
        found = self.take().get(name)
        return [] if found == expected else [f"{found} characters may be read where it should be {expected}"]


def _released(first: tuple[int, int], second: tuple[int, int] | None, code: str) -> int:
    absent = PartFinding(present=False, evidence="", start=0, end=0, score=0.0)
    parts = dict.fromkeys(Part, absent)
    for part, span in ((Part.VALIDATION, first), (Part.KEY_THOUGHT, second)):
        if span is not None:
            parts[part] = PartFinding(present=True, evidence="", start=span[0], end=span[1], score=0.9)
    defects = (Defect(code=code, evidence="", reason="-", reason_zh="-"),) if code else ()
    return releasable("一二三四五六七。九十一二三四五。", Review(parts=parts, defects=defects))
