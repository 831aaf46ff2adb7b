"""E-mail and IP addresses.

Presidio's own e-mail recogniser is not used: it asks the network for a list of domain endings and takes
Chinese characters before an address as part of it.
"""

from __future__ import annotations

import ipaddress
import re
from typing import ClassVar

from cbtguard.safety.privacy.entities import EntityType
from cbtguard.safety.privacy.recognisers.base import Rule, RuleRecogniser


class EmailRecogniser(RuleRecogniser):
    """E-mail addresses, also with their marks spelled out."""

    kind: ClassVar[EntityType] = EntityType.EMAIL
    key: ClassVar[str] = "emails"
    needs: ClassVar[re.Pattern[str]] = re.compile("[A-Za-z]")


class IpAddressRecogniser(RuleRecogniser):
    """IP addresses, version 4 and 6."""

    kind: ClassVar[EntityType] = EntityType.IP_ADDRESS
    key: ClassVar[str] = "ip_addresses"

    def may_hold(self, text: str) -> bool:
        """Return whether there is a mark that every address has."""
        return text.count(".") > 2 or text.count(":") > 1

    def check(self, rule: Rule, match: re.Match[str]) -> float:
        """Return 0 for what is no address, such as a time of day."""
        try:
            written = match.group()
            ipaddress.ip_address(written.partition(":")[0] if "." in written else written)
        except ValueError:
            return 0.0
        return rule.score
