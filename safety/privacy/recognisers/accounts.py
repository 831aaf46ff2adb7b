"""Accounts: bank cards, WeChat, QQ."""

from __future__ import annotations

import re
from typing import ClassVar

from cbtguard.safety.privacy.entities import EntityType
from cbtguard.safety.privacy.recognisers.base import Rule, RuleRecogniser

_CHECKED = 0.7


def luhn(digits: str) -> bool:
    """Return whether digits pass the Luhn check (ISO/IEC 7812-1)."""
    total = 0
    for place, char in enumerate(reversed(digits)):
        value = int(char) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


class BankCardRecogniser(RuleRecogniser):
    """Bank cards of 16 to 19 digits; one that fails the Luhn check needs a context word."""

    kind: ClassVar[EntityType] = EntityType.BANK_CARD
    key: ClassVar[str] = "bank_cards"

    def check(self, rule: Rule, match: re.Match[str]) -> float:
        """Return a high score when the digits pass the Luhn check."""
        digits = "".join(char for char in match.group() if char.isdigit())
        return _CHECKED if luhn(digits) and len(set(digits)) > 2 else rule.score


class WechatRecogniser(RuleRecogniser):
    """WeChat accounts after a word for WeChat."""

    kind: ClassVar[EntityType] = EntityType.WECHAT
    key: ClassVar[str] = "wechat_ids"
    needs: ClassVar[re.Pattern[str]] = re.compile("[A-Za-z]")


class QqRecogniser(RuleRecogniser):
    """QQ numbers after the letters QQ."""

    kind: ClassVar[EntityType] = EntityType.QQ
    key: ClassVar[str] = "qq_numbers"
