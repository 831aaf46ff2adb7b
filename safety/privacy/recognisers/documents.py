"""Numbers on papers: passports, number plates, student and staff numbers."""

from __future__ import annotations

import re
from typing import ClassVar

from cbtguard.safety.privacy.entities import EntityType
from cbtguard.safety.privacy.recognisers.base import Rule, RuleRecogniser

_PLATE_DIGITS = 3


class PassportRecogniser(RuleRecogniser):
    """Passports and travel permits; all of them need a context word."""

    kind: ClassVar[EntityType] = EntityType.PASSPORT
    key: ClassVar[str] = "passports"


class PlateRecogniser(RuleRecogniser):
    """Number plates: Chinese ones, old and new-energy, by their form; others beside a word for a plate."""

    kind: ClassVar[EntityType] = EntityType.PLATE
    key: ClassVar[str] = "plates"

    def check(self, rule: Rule, match: re.Match[str]) -> float:
        """Return 0 for a word that only looks like a plate: it has too few digits."""
        if rule.check != "plate":
            return rule.score
        return rule.score if len(re.findall("[0-9]", match.group("tail"))) >= _PLATE_DIGITS else 0.0


class StudentNumberRecogniser(RuleRecogniser):
    """Student, examinee, staff and patient numbers after a word that says so."""

    kind: ClassVar[EntityType] = EntityType.STUDENT_NUMBER
    key: ClassVar[str] = "student_numbers"
