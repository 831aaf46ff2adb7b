"""Resident identity numbers: mainland China (GB 11643), Hong Kong, Taiwan."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, ClassVar

from cbtguard.safety.privacy.entities import EntityType
from cbtguard.safety.privacy.recognisers.base import Rule, RuleRecogniser

if TYPE_CHECKING:
    import re

# GB 11643-1999: weights of the first 17 digits, and the check character for each remainder modulo 11.
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECKS = "10X98765432"
# Taiwan: the number each initial letter stands for.
_TAIWAN = {letter: 10 + place for place, letter in enumerate("ABCDEFGHJKLMNPQRSTUVXYWZIO")}
_UNCHECKED, _CHECKED = 0.3, 1.0


def _plain(written: str) -> str:
    return "".join(char for char in written.upper() if char.isalnum())


def _is_date(year: str, month: str, day: str) -> bool:
    try:
        return date(int(year), int(month), int(day)) is not None
    except ValueError:
        return False


def is_mainland(number: str) -> bool:
    """Return whether 18 characters hold a real date and the right check character."""
    if not _is_date(number[6:10], number[10:12], number[12:14]):
        return False
    total = sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, number[:17], strict=True))
    return _CHECKS[total % 11] == number[17]


def is_hong_kong(number: str) -> bool:
    """Return whether a Hong Kong number (one or two letters, six digits, check) adds up modulo 11."""
    body, check = number[:-1].rjust(8), number[-1]
    values = [36 if char == " " else int(char, 36) for char in body]
    total = sum(weight * value for weight, value in zip(range(9, 1, -1), values, strict=True))
    return (total + int(check, 36)) % 11 == 0


def is_taiwan(number: str) -> bool:
    """Return whether a Taiwan number (a letter, nine digits) adds up modulo 10."""
    letter = _TAIWAN[number[0]]
    digits = [letter // 10, letter % 10, *(int(char) for char in number[1:])]
    weights = (1, 9, 8, 7, 6, 5, 4, 3, 2, 1, 1)
    return sum(weight * digit for weight, digit in zip(weights, digits, strict=True)) % 10 == 0


class ResidentIdRecogniser(RuleRecogniser):
    """Resident identity numbers; a wrong check character needs a context word."""

    kind: ClassVar[EntityType] = EntityType.RESIDENT_ID
    key: ClassVar[str] = "resident_ids"

    def check(self, rule: Rule, match: re.Match[str]) -> float:
        """Return 1 for a right check character, a low score for a wrong one, 0 for no real date."""
        number = _plain(match.group())
        match rule.check:
            case "mainland_18":
                return _CHECKED if is_mainland(number) else _UNCHECKED
            case "mainland_15":
                real = "11" <= number[:2] <= "82" and _is_date(
                    f"19{number[6:8]}", number[8:10], number[10:12]
                )
                return rule.score if real else 0.0
            case "hong_kong":
                return rule.score if is_hong_kong(number) else 0.0
            case "taiwan":
                return rule.score if is_taiwan(number) else 0.0
            case _:
                return rule.score
